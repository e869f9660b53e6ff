"""Software engineering: generate lookup code in three languages from a table, so that it need not be kept by hand."""

from random import Random

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

TOPICS = {
    "error": ("code", "severity", "retries", ("fatal", "soft", "notice")),
    "port": ("service", "protocol", "number", ("tcp", "udp", "sctp")),
    "currency": ("iso", "zone", "digits", ("euro", "asia", "gulf")),
    "unit": ("symbol", "quantity", "rank", ("mass", "length", "time")),
}


def make(random: Random, setting: Setting) -> Fragment:
    given = setting.given if isinstance(setting.given, Table) else None
    table = given or _drawn(random, setting)
    folder = setting.folder
    key, word = table.places("key")[0], random.choice(table.places("word"))
    value = random.choice(table.places("whole", "money"))
    return Fragment(
        title="Lookup code generated from a table",
        brief=_brief(folder, table, key, word, value, produced=given is not None),
        files=() if given else (text_file(table.path, table.text),),
        steps=_steps(random, folder, table, key, word, value),
        checks=_checks(random, folder, table, key, word, value),
        outputs=(f"{folder}/lookup.sh", f"{folder}/lookup.sql", f"{folder}/lookup.json"),
    )


def _drawn(random: Random, setting: Setting) -> Table:
    topic = random.choice(sorted(TOPICS))
    key, word, value, words = TOPICS[topic]
    columns = (Column(key, "key"), Column(value, "whole"), Column(word, "word"))
    names = random.sample(range(10, 99), 8 + 4 * setting.level)
    rows = tuple((f"{topic[0].upper()}{name}", str(random.randint(0, 60)), random.choice(words)) for name in names)
    return Table(f"{setting.folder}/{topic}s.csv", columns, rows)


def _brief(folder: str, table: Table, key: int, word: int, value: int, *, produced: bool) -> str:
    names = table.header
    whence = f"`{table.path}`, which another part of this job produces" if produced else f"`{table.path}`"
    return f"""\
Three programs need what is in {whence}, a CSV file whose cells need no quotes. Generate for them, from its columns
`{names[key]}` (unique), `{names[word]}` and `{names[value]}`:
- `{folder}/lookup.sh`, a bash script with one argument, a key: it prints `<{names[word]}> <{names[value]}>` as they are
  written in the row with that `{names[key]}`, and ends with status 0. For any other key it prints `unknown` and ends
  with status 3. It is shipped alone and must not read the table.
- `{folder}/lookup.sql`: statements for SQLite that create the table `lookup` with the text columns `name`, `kind` and
  `value`, `name` being its primary key, and fill it with a row for each row of the table, the cells as they are
  written.
- `{folder}/lookup.json`: an object that holds for each `{names[word]}` an object from `{names[key]}` to
  `{names[value]}` (a string, as written)."""


def _steps(random: Random, folder: str, table: Table, key: int, word: int, value: int) -> tuple[Step, ...]:
    fields = f"-v key={key + 1} -v kind={word + 1} -v value={value + 1}"
    shell = """
BEGIN { FS = ","; quote = "\\047"; print "case ${1-} in" }
NR == 1 { next }
{ print quote $key quote ") echo " quote $kind " " $value quote " ;;" }
END { print "*) echo unknown; exit 3 ;;\\nesac" }
"""
    rows = f'split($0, cell, ","); print "INSERT INTO lookup VALUES (" q cell[{key + 1}] q'
    sql = (
        "sed -e 1d"
        f' {table.path} | awk -v q="\'" \'{{ {rows} ", " q cell[{word + 1}] q ", " q cell[{value + 1}] q ");" }}\''
        f" >> {folder}/lookup.sql"
    )
    nested = f'reduce (inputs | split(",")) as $row ({{}}; .[$row[{word}]][$row[{key}]] = $row[{value}])'
    schema = "CREATE TABLE lookup (name TEXT PRIMARY KEY, kind TEXT, value TEXT);"
    first = table.rows[0][key]
    return (
        Step(
            analysis=random.choice(
                (
                    "Everything is generated from three columns, so I look at the header and where they stand.",
                    "The generators address columns by position; the header tells me which.",
                )
            ),
            plan=random.choice(("Number the header's cells, show some rows.", "Header by line, then a few rows.")),
            commands=(run(f"head -n 1 {table.path} | tr , '\\n' | nl"), run(f"head -n 6 {table.path}")),
        ),
        Step(
            analysis=random.choice(
                (
                    "A case statement is the natural lookup in bash, and awk can write it; cells stand in single "
                    "quotes in both shell and SQL.",
                    "I generate the shell script from an awk program and the SQL rows from another.",
                )
            ),
            plan=random.choice(
                ("Write the generator for bash and run it; then the SQL.", "Generate lookup.sh, then lookup.sql.")
            ),
            commands=(
                run(f"mkdir -p {folder}"),
                write(f"{folder}/shell.awk", shell),
                run(f"awk -f {folder}/shell.awk {fields} {table.path} > {folder}/lookup.sh"),
                run(f"echo '{schema}' > {folder}/lookup.sql"),
                run(sql),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    "For the JSON, jq reads the lines raw and reduces them into nested objects.",
                    "jq can build the nested object from raw lines; the header is its first, unread input.",
                )
            ),
            plan=random.choice(
                ("Reduce with jq, then try all three results.", "Write the JSON and probe each artefact once.")
            ),
            commands=(
                run(f"jq -R '{nested}' {table.path} > {folder}/lookup.json"),
                run(f"bash {folder}/lookup.sh '{first}'"),
                run(f"sqlite3 :memory: '.read {folder}/lookup.sql' 'SELECT kind, count(*) FROM lookup GROUP BY kind'"),
                run(f"jq 'map_values(length)' {folder}/lookup.json"),
            ),
        ),
    )


def _checks(random: Random, folder: str, table: Table, key: int, word: int, value: int) -> tuple[Check, ...]:
    rows = sorted((row[key], row[word], row[value]) for row in table.rows)
    asked = random.sample(rows, min(4, len(rows)))
    nested: dict[str, dict[str, str]] = {}
    for name, kind, cell in rows:
        nested.setdefault(kind, {})[name] = cell
    script, unknown = f"{folder}/lookup.sh", asked[0][0] + "0"
    while any(unknown == name for name, _, _ in rows):
        unknown += "0"
    shipped = ", ".join(repr(name) for name, _, _ in rows)
    return (
        Check(
            "shell",
            f"for key, shown in {literal({name: f'{kind} {cell}' for name, kind, cell in asked})}.items():\n"
            f"    assert output_of({script!r}, arguments=[key]) == [shown]\n"
            f"assert all(key in content({script!r}) for key in ({shipped}))\n"
            # A remark that names the source is good manners.
            f"code = [line for line in lines({script!r}) if not line.lstrip().startswith('#')]\n"
            f"assert {table.path.rpartition('/')[2]!r} not in ' '.join(code)",
            3.0,
        ),
        Check(
            "shell_unknown",
            f"for key in {['', unknown, asked[0][1] + '*', '*']!r}:\n"
            f"    assert output_of({script!r}, arguments=[key], status=3) == ['unknown']",
            2.0,
        ),
        Check(
            "sql",
            "import sqlite3\n\n"
            "database = sqlite3.connect(':memory:')\n"
            "try:\n"
            f"    database.executescript(content({folder + '/lookup.sql'!r}))\n"
            "    rows = database.execute('SELECT name, kind, value FROM lookup ORDER BY name').fetchall()\n"
            "    keys = [row[1] for row in database.execute('PRAGMA table_info(lookup)') if row[5]]\n"
            "except sqlite3.Error as error:\n"
            "    raise AssertionError(f'lookup.sql: {error}') from None\n"
            f"assert rows == {literal(rows)}\n"
            "assert keys == ['name']",
            3.0,
        ),
        Check("json", f"assert_same(document({folder + '/lookup.json'!r}), {literal(nested)})", 2.0),
    )


SKILL = Skill(
    name="software-engineering/generated-lookup",
    domain="software-engineering",
    folders=("codegen", "generated", "lookup", "constants"),
    tools=("head", "tr", "nl", "mkdir", "awk", "sed", "jq", "bash", "sqlite3"),
    make=make,
    reads=Table,
)
