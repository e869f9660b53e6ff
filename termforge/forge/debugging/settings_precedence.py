"""Debugging: a shell script that merges layers of settings lets the wrong layer win, or reads a line wrongly."""

from random import Random
from typing import NamedTuple

from termforge.forge.damage import Damage, damaged
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file
from termforge.schemas import Command, Step

KEYS = ("PORT", "HOST", "WORKERS", "TIMEOUT", "REGION", "LOG_LEVEL", "BANNER", "CACHE_DIR", "PROXY", "QUOTA")
VALUES = ("amber", "auto", "cold", "delta", "east", "fast", "full", "large", "lean", "local", "north", "strict", "warm")
NAMES = ("settings", "resolve", "launchenv", "effective")

SOURCE = """\
#!/bin/bash
# Effective settings of a service; PRECEDENCE.md says which layer wins.
# usage: NAME.sh DIRECTORY [KEY=VALUE ...]
export LC_ALL=C
declare -A value origin
trim() {
    local text=$1
    text="${text#"${text%%[![:blank:]]*}"}"
    printf '%s' "${text%"${text##*[![:blank:]]}"}"
}
assign() {
    local key rest
    key=$(trim "${1%%=*}")
    rest=$(trim "${1#*=}")
    key=${key^^}
    if [ -z "$rest" ]; then
        unset "value[$key]" "origin[$key]"
    else
        value[$key]=$rest
        origin[$key]=$2
    fi
}
load() {
    while IFS= read -r line || [ -n "$line" ]; do
        [[ $line =~ ^[[:blank:]]*(#|$) ]] && continue
        assign "$line" "$(basename "$1")"
    done < "$1"
}
directory=$1
shift
load "$directory/defaults.conf"
for file in "$directory"/conf.d/*.conf; do
    load "$file"
done
[ -f "$directory/site.conf" ] && load "$directory/site.conf"
for pair in "$@"; do
    assign "$pair" argument
done
for key in "${!value[@]}"; do
    echo "$key=${value[$key]} (${origin[$key]})"
done | sort
"""


class Case(NamedTuple):
    layers: dict[str, str]
    """By path below the directory, in the order of precedence."""
    arguments: list[str]
    directory: str = "."


class Fault(NamedTuple):
    rule: str
    right: str
    wrong: str
    cause: str
    layer: str
    """Where the telling line stands: a file, or `argument`."""
    telling: str


FAULTS = (
    Fault(
        "equals_sign_in_value",
        'key=$(trim "${1%%=*}")',
        'key=$(trim "${1%=*}")',
        "the key ends at the last equals sign instead of the first",
        "site.conf",
        "OPTIONS=-Xa=1 -Xb=2",
    ),
    Fault(
        "keys_in_any_case",
        "key=${key^^}",
        "key=${key,,}",
        "keys are turned into small letters",
        "conf.d/20-team.conf",
        "Retries=4",
    ),
    Fault(
        "empty_value_removes",
        'if [ -z "$rest" ]; then',
        'if [ -z "$key" ]; then',
        "the test for an empty value looks at the key",
        "site.conf",
        "LEGACY=",
    ),
    Fault(
        "last_line_without_newline",
        'while IFS= read -r line || [ -n "$line" ]; do',
        "while IFS= read -r line; do",
        "a last line without a line end is dropped",
        "defaults.conf",
        "ZONE=last",
    ),
    Fault(
        "indented_comments",
        "^[[:blank:]]*(#|$)",
        "^(#|$)",
        "comments and blank lines that are indented are taken for settings",
        "conf.d/10-base.conf",
        "   # NOTE=not a setting",
    ),
    Fault(
        "backslashes",
        "IFS= read -r line",
        "IFS= read line",
        "read without -r eats backslashes",
        "conf.d/20-team.conf",
        r"SHARE=\\store\in",
    ),
    Fault(
        "order_of_names",
        'in "$directory"/conf.d/*.conf; do',
        'in $(ls -r "$directory"/conf.d/*.conf); do',
        "the files of conf.d are read in reverse order",
        "conf.d/10-base.conf",
        "TIER=gold",
    ),
    Fault(
        "arguments_with_blanks",
        'for pair in "$@"; do',
        "for pair in $*; do",
        "arguments are split at their blanks",
        "argument",
        "MOTTO=slow but steady",
    ),
)
LAYERS = ("defaults.conf", "conf.d/10-base.conf", "conf.d/20-team.conf", "site.conf")


def make(random: Random, setting: Setting) -> Fragment:
    faults = _compatible(random.sample(FAULTS, min(3, setting.level + 1)))
    folder = setting.folder
    script = text_file(f"{folder}/{random.choice(NAMES)}.sh", SOURCE)
    damages = [Damage(script.path, fault.right, fault.wrong, fault.cause) for fault in faults]
    example = _case(random, faults)
    return Fragment(
        title="Settings from the wrong layer",
        brief=_brief(folder, script.path, example),
        files=(
            *damaged([script], damages),
            text_file(f"{folder}/PRECEDENCE.md", MANUAL),
            *(text_file(f"{folder}/example/{name}", text) for name, text in example.layers.items()),
            text_file(f"{folder}/example.expected", "".join(f"{line}\n" for line in _effective(example))),
        ),
        steps=_steps(random, folder, script.path, example, damages),
        checks=_checks(random, folder, script.path, faults, example),
        outputs=(script.path,),
    )


def _compatible(faults: list[Fault]) -> list[Fault]:
    """Two faults of one line cannot be laid together."""
    rules = [fault.rule for fault in faults]
    return [fault for fault in faults if fault.rule != "backslashes" or "last_line_without_newline" not in rules]


def _case(random: Random, faults: list[Fault]) -> Case:
    """Every layer sets some keys of the layers before it; with each fault comes the line that shows it."""
    keys = random.sample(KEYS, 6)
    lines: dict[str, list[str]] = {}
    for place, layer in enumerate((*LAYERS, "argument")):
        lines[layer] = [f"{key}={random.choice(VALUES)}" for key in keys[place : 6 if place == 0 else place + 2]]
    lines["defaults.conf"] += ["", "# may be removed by the site", "LEGACY = yes"]
    for fault in faults:
        lines[fault.layer].append(fault.telling)
    arguments = lines.pop("argument")
    layers = {layer: "\n".join(own) + "\n" for layer, own in lines.items()}
    layers["defaults.conf"] = layers["defaults.conf"].rstrip("\n")
    return Case(layers, arguments)


def _sparse_case(random: Random) -> Case:
    """No site.conf, blanks in names and round keys and values, and arguments that are read like lines."""
    keys = random.sample(KEYS, 4)
    first, second, third, fourth = (f"{key}={random.choice(VALUES)}" for key in keys)
    spaced = f"{keys[2]}  =  {random.choice(VALUES)}"
    layers = {
        "defaults.conf": f"{first}\n{second}\n{third}\n",
        "conf.d/10-base.conf": f"{fourth}\n",
        "conf.d/20 own.conf": f"{spaced}\n",
    }
    return Case(layers, [f" {keys[0].lower()} = {random.choice(VALUES)}", f"{keys[1]}="], "its settings")


def _effective(case: Case) -> list[str]:
    found: dict[str, tuple[str, str]] = {}
    given = [(line, layer.rpartition("/")[2]) for layer, text in case.layers.items() for line in text.split("\n")]
    for line, layer in [*given, *((pair, "argument") for pair in case.arguments)]:
        key, _, value = (part.strip(" \t") for part in line.partition("="))
        if not line.strip(" \t") or line.strip(" \t").startswith("#"):
            continue
        if value:
            found[key.upper()] = value, layer
        else:
            found.pop(key.upper(), None)
    return sorted(f"{key}={value} ({layer})" for key, (value, layer) in found.items())


MANUAL = """\
# Precedence

Layers, a later one wins: `defaults.conf`, every `conf.d/*.conf` in byte order of the names, `site.conf` if there is
one, the arguments after the directory.

- A line is `KEY=VALUE`; the key ends at the first `=`. Blanks around key and value do not count. Backslashes are plain
  characters. A last line without a line end counts like any other.
- Empty lines, and lines whose first character that is not blank is `#`, mean nothing.
- Keys are turned into capital letters. A value that is empty removes the key as set by earlier layers.
- Output: `KEY=VALUE (layer)` for each key left, sorted as bytes; the layer is the name of the file, or `argument`.
"""


def _brief(folder: str, script: str, example: Case) -> str:
    arguments = "\n".join(f"    {pair}" for pair in example.arguments)
    return f"""\
`{script}` prints the effective settings of a service, and what it prints is not what `{folder}/PRECEDENCE.md` promises.
Mend it in place; it stays a bash script and takes the same arguments. `{folder}/example.expected` is exactly what it
must print for the directory `{folder}/example` and these arguments after it:

{arguments}

It will be run on other directories and arguments; each directory holds at least `defaults.conf` and one file in
`conf.d`."""


def _steps(random: Random, folder: str, script: str, example: Case, damages: list[Damage]) -> tuple[Step, ...]:
    arguments = " ".join(f"'{pair}'" for pair in example.arguments)
    compare = run(f"bash {script} {folder}/example {arguments} | diff - {folder}/example.expected && echo same", 1.0)
    causes = "; ".join(damage.cause for damage in damages)
    return (
        Step(
            analysis=random.choice(
                (
                    "The manual tells what should come out; I read it beside the script and the example's layers.",
                    "First the manual, then the source with numbers of lines, then the layers of the example.",
                )
            ),
            plan=random.choice(("Print manual, script and example.", "Read the manual, the script, and the layers.")),
            commands=(
                run(f"cat {folder}/PRECEDENCE.md"),
                run(f"cat -n {script}"),
                run(f"head -n 20 {folder}/example/*.conf {folder}/example/conf.d/*"),
            ),
        ),
        Step(
            analysis=random.choice((f"Line by line: {causes}.", f"The script departs from the manual here: {causes}.")),
            plan=random.choice(
                (
                    "Each is a change within a line; apply them as a patch and compare again.",
                    "Type a patch without context for these lines, apply it, and diff once more.",
                )
            ),
            commands=(_patch(script, damages), compare),
        ),
    )


def _patch(script: str, damages: list[Damage]) -> Command:
    """A normal diff; no damage changes the number of lines."""
    (broken,) = damaged([text_file(script, SOURCE)], damages)
    pairs = zip(broken.content.decode().splitlines(), SOURCE.splitlines(), strict=True)
    hunks = [f"{n}c{n}\n< {wrong}\n---\n> {right}\n" for n, (wrong, right) in enumerate(pairs, 1) if wrong != right]
    return Command(keystrokes=f"patch {script} <<'EOF'\n{''.join(hunks)}EOF\n", duration_s=0.5)


def _checks(random: Random, folder: str, script: str, faults: list[Fault], example: Case) -> tuple[Check, ...]:
    cases = {fault.rule: [_case(random, [fault])] for fault in faults}
    cases["all_layers"] = [_case(random, faults), _sparse_case(random)]
    shown = (
        f"found = output_of({script!r}, arguments=[{folder + '/example'!r}, *{example.arguments!r}])\n"
        f"assert found == {literal(_effective(example))}"
    )
    return Check("example", shown), *(_check(name, script, own) for name, own in cases.items())


def _check(name: str, script: str, cases: list[Case]) -> Check:
    """The layers are laid where the script runs, by the user who runs it."""
    trials = [(case.directory, case.layers, case.arguments, _effective(case)) for case in cases]
    return Check(
        name,
        "import shlex\n\nfrom termforge_grader import run_agent\n\n"
        f"for directory, layers, arguments, shown in {literal(trials)}:\n"
        "    quoted = [(shlex.quote(f'{directory}/{layer}'), shlex.quote(text)) for layer, text in layers.items()]\n"
        "    lay = ''.join(f'printf %s {text} > {path}; ' for path, text in quoted)\n"
        f'    command = f\'mkdir -p "$1/conf.d"; {{lay}} bash {script} "$@"\'\n'
        "    found = run_agent(['bash', '-c', command, 'launch', directory, *arguments])\n"
        "    assert found.stdout.splitlines() == shown",
        2.0,
    )


SKILL = Skill(
    name="debugging/settings-precedence",
    domain="debugging",
    folders=("launcher", "env-layers", "service-env", "configs"),
    tools=("bash", "diff", "cat", "head", "patch", "basename", "sort"),
    make=make,
    repairs=True,
)
