"""The words around the parts of a forged task: who asks, in what order, and what holds for all parts."""

from collections.abc import Sequence
from random import Random

from termforge.forge.checks import runs_programs
from termforge.forge.skill import Fragment, run
from termforge.schemas import Step

TEAMS = (
    "a furniture wholesaler's back office",
    "a regional water authority",
    "the platform team of a payments company",
    "a university's research computing group",
    "a hospital laboratory",
    "a logistics start-up",
    "the operations desk of a news site",
    "an energy cooperative",
    "a museum's digital archive",
    "a maker of industrial sensors",
    "a city transit agency",
    "a small hosting provider",
)
OCCASIONS = (
    "A colleague has left and these jobs of theirs are still open.",
    "An audit starts tomorrow and the following has to be ready by then.",
    "The weekly maintenance round is due.",
    "A migration to a new host is under way and these loose ends block it.",
    "The overnight automation failed, so its work has to be done by hand this once.",
    "A partner asked for the results below and the inputs have just been copied over.",
    "Several tickets were bundled for one session at the terminal.",
    "A new release is planned and these items are on its checklist.",
)
OPENINGS = (
    "You work at a terminal for {team}. {occasion}",
    "{occasion} The machine belongs to {team}; all material lies below `/app`.",
    "This machine is used by {team}. {occasion} Everything you need is under `/app`.",
    "Please take care of the following for {team}. {occasion}",
)
CLOSINGS = (
    "Paths are absolute; create folders that do not exist. All parts count on their own, and there is no network.",
    "The parts are checked separately. Work offline with what is installed, and write every file exactly where it is "
    "asked for.",
    "Helper scripts may stay where they are. Each result is checked by itself; there is no network access.",
    "Intermediate files do no harm where a part does not forbid them. Each part is looked at by itself, and everything "
    "can be done offline.",
)
RUN_BY_ANOTHER = (
    "What the checks run of your work, they run as another user, who needs permission to read it and cannot write "
    "below `/app`."
)
HEADINGS = ("## {number}. {title}", "### Part {number}: {title}", "**{number}) {title}**", "# {title}")


def instruction(random: Random, parts: Sequence[Fragment]) -> str:
    opening = random.choice(OPENINGS).format(team=random.choice(TEAMS), occasion=random.choice(OCCASIONS))
    heading = random.choice(HEADINGS)
    sections = [
        f"{heading.format(number=number, title=part.title)}\n\n{_unwrapped(part.brief)}"
        for number, part in enumerate(parts, 1)
    ]
    closing = [random.choice(CLOSINGS), *([RUN_BY_ANOTHER] if any(map(runs_programs, parts)) else [])]
    return "\n\n".join([opening, *sections, " ".join(closing)]) + "\n"


def overview(random: Random, parts: Sequence[Fragment]) -> Step:
    """The first reply: look round before the first part."""
    titles = _listed([f'"{part.title}"' for part in parts])
    return Step(
        analysis=random.choice(
            (
                f"The task has {len(parts)} parts: {titles}. I have not seen any of the material yet.",
                f"I start with an empty screen. There are {len(parts)} separate jobs, {titles}, and all inputs "
                "should be below /app.",
                f"Nothing has been done so far. I will go through the parts in order: {titles}.",
                f"Before I touch anything I want to know what /app contains. The jobs are {titles}.",
            )
        ),
        plan=random.choice(
            (
                "List all files below /app with their sizes, then begin with the first part.",
                "Get an overview of the files; each part has its own folder.",
                "Look at the directory tree first, so that I use the right paths later.",
            )
        ),
        commands=(run("cd /app"), run("find /app -type f | sort | head -n 60"), run("ls -l /app")),
    )


def review(random: Random, parts: Sequence[Fragment]) -> Step:
    """The last reply: every output is there."""
    outputs = [path for part in parts for path in part.outputs]
    shown = outputs if len(outputs) <= 10 else outputs[:10]
    return Step(
        analysis=random.choice(
            (
                "All parts are done. One last listing shows whether every requested file is in its place.",
                "The last part's output agrees with what I expected. Before finishing I confirm that the "
                "deliverables exist.",
                "Each result has been looked at as it was made. What is left is to make sure that no file is missing "
                "or empty.",
            )
        ),
        plan=random.choice(
            (
                "List the requested outputs; if all are there, the task is complete.",
                "Check existence and sizes of the outputs, then finish.",
            )
        ),
        commands=(run("ls -l " + " ".join(shown)),),
    )


def _listed(items: Sequence[str]) -> str:
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def _unwrapped(text: str) -> str:
    """Paragraphs and list items on one line each; lines that are indented by four blanks stay."""
    lines: list[str] = []
    for line in text.strip().split("\n"):
        starts = (
            not lines or not line or not lines[-1] or line.startswith(("- ", "    ")) or lines[-1].startswith("    ")
        )
        if starts:
            lines.append(line.rstrip())
        else:
            lines[-1] += f" {line.strip()}"
    return "\n".join(lines)
