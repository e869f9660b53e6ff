"""What the loop tells the model beside terminal output: Terminus 2's short protocol texts, word for word."""

from termforge.agent.protocol import ReplyFormat


def feedback(error: str, warning: str) -> str:
    """Errors and warnings of a reply as one text; empty when there are none."""
    if not error:
        return f"WARNINGS: {warning}" if warning else ""
    return f"ERROR: {error}\nWARNINGS: {warning}" if warning else f"ERROR: {error}"


def parse_error(error: str, warning: str, reply_format: ReplyFormat) -> str:
    wanted = "JSON response" if reply_format == "json" else "response"
    return (
        f"Previous response had parsing errors:\n{feedback(error, warning)}\n\n"
        f"Please fix these issues and provide a proper {wanted}."
    )


def with_warnings(warning: str, text: str) -> str:
    """`text`, preceded by the reply's warnings where there are any."""
    return f"Previous response had warnings:\n{feedback('', warning)}\n\n{text}" if warning else text


def confirmation(output: str, reply_format: ReplyFormat) -> str:
    again = {
        "json": 'include "task_complete": true in your JSON response again.',
        "xml": "include <task_complete>true</task_complete> again.",
    }
    return (
        f"Current terminal state:\n{output}\n\n"
        "Are you sure you want to mark the task as complete? This will trigger your solution to be graded and you "
        f"won't be able to make any further corrections. If so, {again[reply_format]}"
    )


def output_too_long(max_tokens: int | None, warning: str) -> str:
    """`warning`: what the parser says of the part that had arrived."""
    limit = "the maximum output length" if max_tokens is None else f"{max_tokens} tokens"
    text = (
        f"ERROR!! NONE of the actions you just requested were performed because you exceeded {limit}. "
        f"Your outputs must be less than {limit}. "
        f"Re-issue this request, breaking it into chunks each of which is less than {limit}."
    )
    return f"{text}\n\nParser warnings from your truncated response:\n{warning}" if warning else text


NO_SESSION = "Current Terminal Screen:\nno server running on /tmp/tmux-0/default\n"
"""What Terminus 2 records, and never sends, after the last shell exited: its tmux client's complaint."""
