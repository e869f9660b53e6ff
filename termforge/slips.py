"""Realistic mistakes of an agent, each followed by its recovery; none changes where the solution ends.

A slip of a step is a list of replies that together do what the step does. A mistyped command must not exist, a wrong
path must not either, and a flag is only dropped from a command that reads. Kinds that a step gives no occasion for are
not played.
"""

import re
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from termforge.agent.protocol import render
from termforge.schemas import Command, Step

MISTYPED = {
    "awk": "akw",
    "cat": "cta",
    "cut": "ctu",
    "find": "fnid",
    "grep": "gerp",
    "head": "haed",
    "mkdir": "mkdri",
    "python3": "pyhton3",
    "sed": "sde",
    "sha256sum": "sha265sum",
    "tail": "tial",
}
READERS = ("cat", "head", "wc", "grep", "sed", "ls", "awk", "find")
HASTE_S = 0.1


class Slip(NamedTuple):
    kind: str
    replies: tuple[str, ...]


class _Scene(NamedTuple):
    random: Random
    step: Step
    first: bool
    final: bool
    """The step is the last one: its recovery completes the task."""

    def reply(self, analysis: str, plan: str, commands: tuple[Command, ...], *, done: bool = True) -> str:
        """`done`: with this reply the step is carried out, so that the last one may complete the task."""
        return render(analysis, plan, commands, task_complete=self.final and done)

    def choose(self, *texts: str) -> str:
        return self.random.choice(texts)


def slip_of(kind: str, random: Random, step: Step, *, first: bool, final: bool) -> Slip | None:
    """The replies of one kind of slip at a step; None where the step gives no occasion for it."""
    replies = _MAKERS[kind](_Scene(random, step, first, final))
    return None if replies is None else Slip(kind, replies)


def _typo(scene: _Scene) -> tuple[str, ...] | None:
    """The shell does not know the command; from there on the step is repeated."""
    step = scene.step
    words = [_first_word(command) for command in step.commands]
    places = [place for place, word in enumerate(words) if word in MISTYPED]
    if not places:
        return None
    place = scene.random.choice(places)
    right = words[place]
    wrong = MISTYPED[right]
    before, command = step.commands[:place], step.commands[place]
    mistyped = command.model_copy(update={"keystrokes": wrong + command.keystrokes[len(right) :]})
    analysis = scene.choose(
        f"The shell reports that `{wrong}` was not found: I transposed letters of `{right}`.",
        f"`{wrong}: command not found` - a typing mistake, it has to be `{right}`.",
        f"That was a slip of the fingers. `{wrong}` does not exist; I meant `{right}`.",
    )
    plan = scene.choose(
        f"Repeat the command with `{right}`" + (" and go on with the rest." if step.commands[place + 1 :] else "."),
        "Type it again, correctly this time. " + step.plan,
    )
    return (
        scene.reply(step.analysis, step.plan, (*before, mistyped), done=False),
        scene.reply(analysis, plan, step.commands[place:]),
    )


def _wrong_path(scene: _Scene) -> tuple[str, ...] | None:
    """A file is looked at where it is not; the reading command is then repeated with the real path."""
    step = scene.step
    places = [
        (place, path)
        for place, command in enumerate(step.commands)
        if (path := _only_path(command)) and _first_word(command) in READERS
    ]
    if not places:
        return None
    place, path = scene.random.choice(places)
    folder, _, name = path.rpartition("/")
    wrong = scene.choose(f"{folder}s/{name}", f"/data{path.removeprefix('/app')}", f"{folder}/_{name}")
    command = step.commands[place]
    lost = command.model_copy(update={"keystrokes": command.keystrokes.replace(path, wrong)})
    analysis = scene.choose(
        f"`{wrong}` does not exist. The right path is `{path}`; I wrote it from memory.",
        f"There is no such file: I asked for `{wrong}` instead of `{path}`.",
        f"The error shows that my path was wrong. It has to be `{path}`.",
    )
    plan = scene.choose("Use the correct path.", f"Read `{path}` and go on.", "Run the same command on the right path.")
    return (
        scene.reply(step.analysis, step.plan, (*step.commands[:place], lost), done=False),
        scene.reply(analysis, plan, step.commands[place:]),
    )


def _missing_flag(scene: _Scene) -> tuple[str, ...] | None:
    """A reading command without the option that it needs."""
    step = scene.step
    dropped = [(place, *without) for place, command in enumerate(step.commands) if (without := _without_flag(command))]
    if not dropped:
        return None
    place, keystrokes, complaint = scene.random.choice(dropped)
    bare = step.commands[place].model_copy(update={"keystrokes": keystrokes})
    plan = scene.choose("Run it again with the option.", "Repeat the command as it should have been.")
    return (
        scene.reply(step.analysis, step.plan, (*step.commands[:place], bare), done=False),
        scene.reply(complaint, plan, step.commands[place:]),
    )


def _malformed(scene: _Scene) -> tuple[str, ...]:
    """A reply that is not JSON, in a way no parser mends; nothing is executed, so it is sent again."""
    step = scene.step
    good = scene.reply(step.analysis, step.plan, step.commands)
    broken = scene.choose(
        good.replace('",\n  "plan"', '"\n  "plan"', 1),
        good.replace('"analysis": "', '"analysis": ', 1),
        good.replace('",\n  "commands": [', '",\n  "commands": [,', 1),
    )
    analysis = scene.choose(
        "My last reply was not valid JSON, so nothing was executed. ",
        "The previous response could not be parsed and no command has run. I send it again in the proper form. ",
        "I made a mistake in the JSON. The state of the terminal has not changed. ",
    )
    return broken, scene.reply(analysis + step.analysis, step.plan, step.commands)


def _premature(scene: _Scene) -> tuple[str, ...] | None:
    """The task is called complete too early, after some work, and the claim is withdrawn when asked."""
    if scene.first or scene.final:
        return None
    step = scene.step
    analysis = scene.choose(
        "No, that was too early: I finished one step, but other requirements of the instruction are still open.",
        "I should not have marked the task as complete. Compared with the instruction, there is still work to do.",
        "On reflection the work is not finished. I take the completion back and continue.",
    )
    plan = scene.choose(
        "Look at what exists so far, then go on with the remaining work.",
        "List the current state and continue with the next open item.",
    )
    return (
        render(step.analysis, step.plan, step.commands, task_complete=True),
        scene.reply(analysis, plan, (Command(keystrokes="ls -l /app\n", duration_s=0.5),)),
    )


def _forgotten_newline(scene: _Scene) -> tuple[str, ...] | None:
    """The last command sits at the prompt until Enter is sent."""
    step = scene.step
    if not step.commands or not step.commands[-1].keystrokes.endswith("\n"):
        return None
    *before, last = step.commands
    waiting = last.model_copy(update={"keystrokes": last.keystrokes.removesuffix("\n")})
    analysis = scene.choose(
        "The last command stands at the prompt but has not run: I left out the newline.",
        "Nothing happened after my last command because its keystrokes did not end with a newline.",
        "The terminal still waits for the end of the line that I typed.",
    )
    plan = scene.choose("Send the missing newline.", "Press Enter so that the line is executed.")
    return (
        scene.reply(step.analysis, step.plan, (*before, waiting), done=False),
        scene.reply(analysis, plan, (Command(keystrokes="\n", duration_s=last.duration_s),)),
    )


def _haste(scene: _Scene) -> tuple[str, ...] | None:
    """Too short a wait, then an empty command to wait for the rest."""
    step = scene.step
    if not step.commands:
        return None
    *before, last = step.commands
    hurried = last.model_copy(update={"duration_s": HASTE_S})
    analysis = scene.choose(
        "I gave the last command only a tenth of a second, so what I see may not be all of its output.",
        "The wait was very short. Before I judge the result I make sure that the command has finished.",
        "It is not certain that the command had ended when the screen was read.",
    )
    plan = scene.choose("Wait a little without typing anything.", "Send no keys and look at the terminal again.")
    return (
        scene.reply(step.analysis, step.plan, (*before, hurried), done=False),
        scene.reply(analysis, plan, (Command(keystrokes="", duration_s=max(1.0, last.duration_s)),)),
    )


def _first_word(command: Command) -> str:
    return command.keystrokes.split(maxsplit=1)[0] if command.keystrokes.strip() else ""


def _only_path(command: Command) -> str:
    """The path below /app that a plain reading line names; empty for lines that write, chain or name several."""
    line = command.keystrokes.rstrip("\n")
    if "\n" in line or re.search(r"[><;&]", line):
        return ""
    paths: list[str] = re.findall(r"(?<=\s)/app/\S+", line)
    return paths[0] if len(paths) == 1 and "*" not in paths[0] else ""


def _without_flag(command: Command) -> tuple[str, str] | None:
    """Keystrokes less one option, and what the agent then notices."""
    line = command.keystrokes.rstrip("\n")
    if "\n" in line or re.search(r"[><;&|]", line):
        return None
    if found := re.match(r"head -n \d+ (/app/\S+)$", line):
        return (
            f"head -n {found[1]}\n",
            f"head took `{found[1]}` for the number of lines, because I left the number out.",
        )
    if re.match(r"sed -n '\d+,\d+p' /app/\S+$", line):
        return line.replace("sed -n ", "sed ") + "\n", "Without -n sed prints the whole file, and the range twice."
    if re.match(r"grep -rnE '[^']+' /app/\S+$", line):
        return line.replace(
            "grep -rnE", "grep -nE"
        ) + "\n", "grep complains about a directory: it needs -r to go into it."
    if re.match(r"diff -r /app/\S+ /app/\S+$", line):
        return (
            line.replace("diff -r", "diff") + "\n",
            "Without -r diff only names the common subdirectories instead of comparing what is in them.",
        )
    return None


_MAKERS: dict[str, Callable[[_Scene], tuple[str, ...] | None]] = {
    "typo": _typo,
    "wrong path": _wrong_path,
    "missing flag": _missing_flag,
    "malformed reply": _malformed,
    "premature completion": _premature,
    "forgotten newline": _forgotten_newline,
    "haste": _haste,
}
SLIPS = tuple(_MAKERS)
