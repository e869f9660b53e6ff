"""System administration: three layers of settings become one, with the origin of each and what is redundant."""

from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

SETTINGS = {
    "net": ("port", "backlog", "timeout", "address", "keepalive"),
    "log": ("level", "path", "rotate", "format"),
    "cache": ("size", "ttl", "path"),
    "auth": ("provider", "realm", "attempts", "lifetime"),
    "mail": ("relay", "sender", "retries"),
    "tls": ("protocol", "certificate", "key"),
}
LAYERS = (("defaults", "site", "host"), ("vendor", "cluster", "node"), ("base", "region", "machine"))
WORDS = ("strict", "relaxed", "daily", "weekly", "internal", "/srv/shared", "/var/lib/app", "eu north", "off", "on")
GONE = "none"


class Layers(NamedTuple):
    names: tuple[str, str, str]
    """The weakest first."""
    values: list[dict[str, str]]
    """Of each layer, by `section.key`."""

    def effective(self) -> list[list[str]]:
        """Key, value and the layer that it comes from, sorted by key."""
        found: dict[str, list[str]] = {}
        for name, values in zip(self.names, self.values, strict=True):
            for key, value in values.items():
                if value == GONE:
                    found.pop(key, None)
                elif key not in found or found[key][1] != value:
                    found[key] = [key, value, name]
        return sorted(found.values())

    def redundant(self) -> list[list[str]]:
        """Layer and key of what changes nothing."""
        rows, held = [], dict[str, str]()
        for name, values in zip(self.names, self.values, strict=True):
            rows += [[name, key] for key, value in values.items() if held.get(key, GONE) == value]
            held |= values
        return sorted(rows)


def make(random: Random, setting: Setting) -> Fragment:
    layers = _drawn(random, setting.level)
    folder = setting.folder
    return Fragment(
        title="Merge layered settings",
        brief=_brief(folder, layers),
        files=tuple(
            text_file(f"{folder}/{name}.ini", _ini(random, values))
            for name, values in zip(layers.names, layers.values, strict=True)
        ),
        steps=_steps(random, folder, layers),
        checks=_checks(folder, layers),
        outputs=tuple(f"{folder}/{name}" for name in ("effective.ini", "origins.csv", "redundant.csv")),
    )


def _drawn(random: Random, level: int) -> Layers:
    """Every way of a layer to treat what lies below it occurs: change, repeat, take away, bring back."""
    sections = random.sample(sorted(SETTINGS), 2 + level)
    keys = [f"{section}.{key}" for section in sections for key in SETTINGS[section]]
    base = {key: _value(random) for key in random.sample(keys, len(keys) - 1)}
    middle, top = dict[str, str](), dict[str, str]()
    for place, key in enumerate(random.sample(sorted(base), len(base))):
        way = place if place < 5 else random.randrange(9)
        if way < 4:
            middle[key] = (_value(random), base[key], GONE, GONE)[way]
        if way in (0, 3, 4):
            top[key] = (middle.get(key, ""), "", "", base[key], GONE)[way]
        elif way == 5:
            top[key] = _value(random)
    (missing,) = set(keys) - set(base)
    top[missing] = random.choice((GONE, _value(random)))
    return Layers(random.choice(LAYERS), [base, middle, top])


def _value(random: Random) -> str:
    return random.choice((random.choice(WORDS), str(random.randint(1, 9000)), f"{random.randint(1, 90)}s"))


def _ini(random: Random, values: dict[str, str]) -> str:
    lines = []
    for section in {key.split(".")[0]: None for key in values}:
        own = [key for key in values if key.startswith(f"{section}.")]
        lines += [f"[{section}]", *(f"{key.split('.')[1]} = {values[key]}" for key in random.sample(own, len(own))), ""]
    return "\n".join(["; managed by hand", *lines])


def _brief(folder: str, layers: Layers) -> str:
    first, second, third = layers.names
    return f"""\
An application reads its settings from `{folder}/{first}.ini`, `{second}.ini` and `{third}.ini` (in the same folder, in
this order). A value in a later file replaces that of an earlier one; the value `{GONE}` takes the setting away, as if
no file so far had it, and a later file may set it again. Settings are called `<section>.<key>`.
- Write `{folder}/effective.ini`, an INI file (sections in brackets, `key = value`) with the settings as they are in the
  end; settings that were taken away are not in it.
- Write `{folder}/origins.csv` with the header `setting,value,file` and a row for each of them, sorted by setting in
  byte order; `file` is the file (without `.ini`) that gave it this value: where a later file only repeats the value,
  the earlier one.
- Write `{folder}/redundant.csv` with the header `file,setting`: all settings in a file that change nothing, because the
  value is what the earlier files alone have made it, or because they take away what is not there at that point; what
  later files do does not count. Sort by file, then by setting, both in byte order."""


def _script(folder: str, layers: Layers) -> str:
    return f"""
cd {folder}
for file in {" ".join(layers.names)}; do
    git config -f $file.ini --list | sed "s/=/|/; s/^/$file|/"
done > all
awk -F'|' '
    {{ now = ($2 in value) ? value[$2] : "{GONE}" }}
    now == $3 {{ print $1 "," $2 > "redundant"; next }}
    $3 == "{GONE}" {{ delete value[$2]; next }}
    {{ value[$2] = $3; file[$2] = $1 }}
    END {{ for (key in value) print key "," value[key] "," file[key] }}' all | sort > origins
(echo setting,value,file; cat origins) > origins.csv
(echo file,setting; sort -t, -k 1,1 -k 2,2 redundant) > redundant.csv
rm -f effective.ini
while IFS=, read -r key value file; do
    git config -f effective.ini "$key" "$value"
done < origins
rm all origins redundant
"""


def _steps(random: Random, folder: str, layers: Layers) -> tuple[Step, ...]:
    first, second, third = (f"{folder}/{name}.ini" for name in layers.names)
    look = Step(
        analysis=random.choice(
            (
                "The files are in the format that git config reads, which flattens them to section.key=value.",
                "I read the three files; git config can list INI files of this kind as flat settings.",
            )
        ),
        plan=random.choice(("Print the weakest file and list the others.", "List all three, the weakest first.")),
        commands=(run(f"cat {first}"), run(f"git config -f {second} --list"), run(f"git config -f {third} --list")),
    )
    merge = Step(
        analysis=random.choice(
            (
                "With all settings in one list, in the order of the files, a single pass keeps the value that holds at "
                "each point: equal means redundant, none means taken away.",
                "A setting that was taken away counts like one that never was, so a lookup with none as its default "
                "covers both kinds of redundancy.",
            )
        ),
        plan=random.choice(
            ("Flatten, merge with awk, and write back with git config.", "Script the merge and run it.")
        ),
        commands=(write(f"{folder}/merge.sh", _script(folder, layers)), run(f"bash {folder}/merge.sh", 2.0)),
    )
    check = Step(
        analysis=random.choice(
            ("The merged file should list the same settings as the report.", "I compare the results.")
        ),
        plan="List the merged settings and read both reports.",
        commands=(
            run(f"git config -f {folder}/effective.ini --list | sort"),
            run(f"cat {folder}/origins.csv {folder}/redundant.csv"),
        ),
    )
    return look, merge, check


def _checks(folder: str, layers: Layers) -> tuple[Check, ...]:
    effective = layers.effective()
    sections: dict[str, dict[str, str]] = {}
    for key, value, _ in effective:
        section, name = key.split(".")
        sections.setdefault(section, {})[name] = value
    ini = f"""\
import configparser

parser = configparser.ConfigParser(interpolation=None)
try:
    parser.read_string(content('{folder}/effective.ini'))
except configparser.Error as error:
    raise AssertionError(f'not an INI file: {{error}}') from None
found = {{section: dict(parser[section]) for section in parser.sections() if parser.options(section)}}
assert_same(found, {literal(sections)})"""
    return (
        Check("effective", ini, 3.0),
        Check(
            "origins",
            f"origins = table('{folder}/origins.csv')\nassert origins[0] == ['setting', 'value', 'file']\n"
            f"assert origins[1:] == {literal(effective)}",
            2.0,
        ),
        Check(
            "redundant",
            f"assert table('{folder}/redundant.csv') == {literal([['file', 'setting'], *layers.redundant()])}",
        ),
    )


SKILL = Skill(
    name="system-administration/layered-settings",
    domain="system-administration",
    folders=("settings", "layers", "app-config", "overrides"),
    tools=("cat", "git", "bash", "sed", "awk", "sort", "rm"),
    make=make,
)
