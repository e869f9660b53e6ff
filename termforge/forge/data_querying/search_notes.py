"""Data querying: words are searched in a tree of texts, and files and words ranked by what was found (grep)."""

import re
from random import Random

from termforge.forge.artifacts import Tree
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

TOPICS = ("pump", "budget", "harvest", "bridge", "vaccine", "turbine", "archive", "permit")
FILLERS = (
    "the meeting was moved to Tuesday",
    "nobody answered the last letter",
    "prices rose again this quarter",
    "photographs are kept in the blue box",
    "the report is due before winter",
)
PLACES = ("2023", "2024", "letters", "minutes", "drafts/old", "drafts")
WORD = re.compile(rb"(?<![A-Za-z0-9_])[A-Za-z0-9]{3,12}(?![A-Za-z0-9_])")


def make(random: Random, setting: Setting) -> Fragment:
    given = setting.given if isinstance(setting.given, Tree) else None
    tree = given or _draw(random, setting)
    words = _words(random, tree, 2 + setting.level)
    return Fragment(
        title=f"Search {tree.path.rsplit('/', 1)[1]} for {len(words)} words",
        brief=_brief(setting.folder, tree, words, given=given is not None),
        files=() if given else tree.files,
        steps=_steps(random, setting.folder, tree, words),
        checks=_checks(setting.folder, tree, words),
        outputs=tuple(f"{setting.folder}/{name}.txt" for name in ("hits", "first", "words")),
    )


def _draw(random: Random, setting: Setting) -> Tree:
    """Topics stand in any casing, at line ends, next to punctuation, and inside of longer words."""
    path = f"{setting.folder}/{random.choice(('notes', 'mail', 'papers'))}"
    files = []
    for number in range(6 + 3 * setting.level):
        lines = []
        for _ in range(random.randint(3, 6)):
            topic = random.choice(TOPICS)
            shown = (topic, topic.upper(), topic.capitalize(), f"{topic}s", f"re{topic}", f"{topic}-day", f"({topic})")
            picked = " ".join(random.choice(shown) for _ in range(random.randint(0, 2)))
            lines.append(f"{random.choice(FILLERS)} {picked}".strip())
        name = f"{random.choice(PLACES)}/note {number}" if number % 4 == 0 else f"{random.choice(PLACES)}/n{number:02d}"
        files.append(text_file(f"{path}/{name}.{random.choice(('txt', 'md'))}", "".join(f"{line}\n" for line in lines)))
    return Tree(path, tuple(files))


def _words(random: Random, tree: Tree, count: int) -> list[str]:
    """Words that occur, those in several files first."""
    files: dict[str, int] = {}
    for content in tree.contents.values():
        for word in sorted({found.decode().lower() for found in WORD.findall(content)}):
            files[word] = files.get(word, 0) + 1
    known = [word for word in TOPICS if word in files]
    if len(known) >= count:
        return sorted(random.sample(known, count))
    common = sorted(files, key=lambda word: (-min(files[word], 2), word))[: 6 * count]
    return sorted(random.sample(common, min(count, len(common))))


def _found(word: str, content: bytes) -> list[int]:
    """Line numbers, from 1, one for each occurrence."""
    pattern = re.compile(rb"(?<![A-Za-z0-9_])" + word.encode() + rb"(?![A-Za-z0-9_])", re.IGNORECASE)
    lines = content.split(b"\n")
    return [number for number, line in enumerate(lines, 1) for _ in pattern.findall(line)]


def _brief(folder: str, tree: Tree, words: list[str], *, given: bool) -> str:
    source = f"`{tree.path}`, which another part of this job produces," if given else f"`{tree.path}`"
    return f"""\
Search all files below {source} for the words {", ".join(f"`{word}`" for word in words)}. Casing does not matter; a word
counts only where neither a letter, a digit nor `_` stands directly before or after it. Each occurrence is a hit, also
several in one line. Paths are relative to `{tree.path}`, without a leading `./`; texts sort in byte order.

- `{folder}/hits.txt`: a line `<hits> <path>` for each file with a hit of any of the words, most hits first, equal ones
by path.
- `{folder}/first.txt`: a line `<line number> <path>` for each of these files, with the number of the first line that
has a hit, sorted by path.
- `{folder}/words.txt`: a line `<word> <files> <hits>` for each of the words in the order above: in how many files it
occurs and how often in all."""


def _steps(random: Random, folder: str, tree: Tree, words: list[str]) -> tuple[Step, ...]:
    script, pattern = f"{folder}/search.sh", "|".join(words)
    return (
        step(
            random,
            (
                "How many files are there, and what do hits look like in context?",
                "I look at the tree and at some matches before I count.",
            ),
            ("Count the files and show a few matches.", "List the tree and grep once."),
            run(f"find {tree.path} -type f | wc -l"),
            run(f"grep -r -n -i -w -E '{pattern}' {tree.path} | head -n 15"),
        ),
        step(
            random,
            (
                "grep -o prints every occurrence on its own line, so counting lines counts hits; -w keeps longer "
                "words out, and -m stops at the first line.",
                "Counting occurrences needs grep -o with wc, not grep -c. Names may contain blanks, so I read them "
                "line by line.",
            ),
            ("Write a script for the three lists, run it, and show them.", "Loop over the files, count, sort, print."),
            run(f"mkdir -p {folder}"),
            write(script, _script(folder, tree, words)),
            run(f"bash {script}", 2.0),
            run(f"head {folder}/hits.txt {folder}/first.txt {folder}/words.txt"),
        ),
    )


def _script(folder: str, tree: Tree, words: list[str]) -> str:
    return f"""
export LC_ALL=C
cd {tree.path}
rm -f {folder}/*.txt
find . -type f | cut -c 3- | sort | while IFS= read -r path; do
    hits=$(grep -a -o -i -w -E '{"|".join(words)}' "$path" | wc -l)
    if [ $hits != 0 ]; then
        echo "$hits $path" >> {folder}/hits.txt
        line=$(grep -a -n -i -w -m 1 -E '{"|".join(words)}' "$path" | cut -d : -f 1)
        echo "$line $path" >> {folder}/first.txt
    fi
done
sort -s -k 1,1nr -o {folder}/hits.txt {folder}/hits.txt
for word in {" ".join(words)}; do
    files=$(grep -r -a -l -i -w $word . | wc -l)
    echo "$word $files $(grep -r -a -o -h -i -w $word . | wc -l)" >> {folder}/words.txt
done
"""


def _checks(folder: str, tree: Tree, words: list[str]) -> tuple[Check, ...]:
    found = {path: [_found(word, content) for word in words] for path, content in tree.contents.items()}
    hits = {path: sum(map(len, each)) for path, each in found.items() if any(each)}
    ranked = [f"{hits[path]} {path}" for path in sorted(hits, key=lambda path: (-hits[path], path))]
    first = [f"{min(min(each) for each in found[path] if each)} {path}" for path in sorted(hits)]
    counted = [
        f"{word} {sum(bool(each[place]) for each in found.values())} {sum(len(each[place]) for each in found.values())}"
        for place, word in enumerate(words)
    ]
    return tuple(
        Check(name, f"assert lines({f'{folder}/{name}.txt'!r}) == {literal(expected)}", 2.0)
        for name, expected in (("hits", ranked), ("first", first), ("words", counted))
    )


SKILL = Skill(
    name="data-querying/search-notes",
    domain="data-querying",
    folders=("search", "lookup", "concordance", "retrieval"),
    tools=("bash", "mkdir", "grep", "find", "sort", "cut", "head", "wc", "rm"),
    make=make,
    reads=Tree,
)
