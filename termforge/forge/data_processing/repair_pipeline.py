"""Data processing: a pipeline of several small files no longer follows its manual; the repaired one is run anew."""

from random import Random

from termforge.forge.damage import Damage, damaged, mend
from termforge.forge.data_processing.pipelines import PIPELINES, Pipeline
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file
from termforge.schemas import Step


def make(random: Random, setting: Setting) -> Fragment:
    name = random.choice(sorted(PIPELINES))
    pipeline, folder = PIPELINES[name], f"{setting.folder}/{name}"
    faults = random.sample(pipeline.faults, min(1 + setting.level, 3))
    damages = [Damage(f"{folder}/{fault.name}", fault.right, fault.wrong, fault.cause) for fault in faults]
    sample = pipeline.draw(random, 10)
    healthy = [text_file(f"{folder}/{file}", text) for file, text in pipeline.files.items()]
    return Fragment(
        title=f"Mend the {name} pipeline",
        brief=_brief(folder, pipeline),
        files=(
            *damaged(healthy, damages),
            text_file(f"{folder}/example.in", _joined(sample)),
            text_file(f"{folder}/example.out", _joined(pipeline.reference(sample))),
        ),
        steps=_steps(random, folder, pipeline, damages),
        checks=_checks(random, folder, pipeline, sample[1:]),
        outputs=tuple(dict.fromkeys([*(damage.path for damage in damages), f"{folder}/evening.out"])),
    )


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _brief(folder: str, pipeline: Pipeline) -> str:
    return f"""\
`{folder}/run.sh`, a bash script, reads lines from standard input and writes a report to standard output, with the
help of other files in `{folder}`. Last week its reports were still right; since then some of the files were edited.
Mend them in place so that any valid input gives the report that this manual describes:

{pipeline.manual.strip()}

`{folder}/example.in` is an input and `{folder}/example.out` the report that it must give. Names are in byte order. The
script must go on ending with status 0, from any working directory. It will be run on inputs that are not shown here.
Take `{folder}/example.in`, leave out its first line, and write what the mended script reports for the rest to
`{folder}/evening.out`."""


def _steps(random: Random, folder: str, pipeline: Pipeline, damages: list[Damage]) -> tuple[Step, ...]:
    causes = "; ".join(damage.cause for damage in damages)
    compare = run(f"timeout 5 bash {folder}/run.sh < {folder}/example.in | diff - {folder}/example.out && echo equal")
    return (
        step(
            random,
            (
                "I reproduce the trouble with the example first, then read all stages.",
                "Expected output is at hand, so the first thing is to see how the actual one differs.",
            ),
            ("Run the example through a diff and print the sources.", "Compare, then read every file."),
            compare,
            run(f"cd {folder}; tail -n +1 {' '.join(pipeline.files)}; cd /app"),
        ),
        step(
            random,
            (f"Reading stage by stage against the manual I find: {causes}.", f"These edits are wrong: {causes}."),
            ("Undo just these edits and compare again.", "Replace each wrong text, then repeat the diff."),
            mend(damages),
            compare,
        ),
        step(
            random,
            ("The example agrees. What is left is the report for the shortened input.", "Fixed; now the last file."),
            ("Cut the first line off and save the report.", "Feed the rest of the example and show the report."),
            run(f"tail -n +2 {folder}/example.in | bash {folder}/run.sh > {folder}/evening.out"),
            run(f"cat {folder}/evening.out"),
        ),
    )


def _checks(random: Random, folder: str, pipeline: Pipeline, rest: list[str]) -> tuple[Check, ...]:
    return (
        *(_run_anew(f"unseen_{size}", folder, pipeline, pipeline.draw(random, size)) for size in (0, 12, 40)),
        Check(
            "evening_report",
            f"assert lines({folder + '/evening.out'!r}) == {literal(pipeline.reference(rest))}",
        ),
    )


def _run_anew(name: str, folder: str, pipeline: Pipeline, given: list[str]) -> Check:
    report = {line: place for place, line in enumerate(pipeline.reference(given))}
    return Check(
        name,
        f"report = output_of({folder + '/run.sh'!r}, {_joined(given)!r})\n"
        f"places = {{line: place for place, line in enumerate(report)}}\n"
        f"assert_same(places, {literal(report)})",
        2.0,
    )


SKILL = Skill(
    name="data-processing/repair-pipeline",
    domain="data-processing",
    folders=("nightly", "pipeline", "report-job", "stages"),
    tools=("bash", "timeout", "sed", "sort", "join", "awk", "grep", "cut", "dirname", "python3", "diff", "tail", "cat"),
    make=make,
    repairs=True,
)
