"""Software engineering: a unit test file that accepts a module and rejects every implementation that breaks a rule."""

from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step


class Fault(NamedTuple):
    name: str
    right: str
    wrong: str


class Module(NamedTuple):
    name: str
    source: str
    """Its docstring states all rules."""
    faults: tuple[Fault, ...]
    public: str
    """What it defines."""
    tests: str
    """Body of a TestCase that tells right from every fault."""


MODULES = (
    Module(
        "ranges",
        '''"""Sets of whole numbers written as text.

parse("3,7-9") is [3, 7, 8, 9]: ascending, each number once. Parts may overlap and come in any order, blanks around
them do not count, and a range includes both ends. The empty text is []. A range that runs downwards, such as "9-7",
raises ValueError. Numbers are never negative.
"""


def parse(text):
    found = set()
    for part in text.split(","):
        if not part.strip():
            continue
        first, _, last = part.strip().partition("-")
        last = last or first
        if int(first) > int(last):
            raise ValueError(part)
        found.update(range(int(first), int(last) + 1))
    return sorted(found)
''',
        (
            Fault("end_left_out", "int(last) + 1", "int(last)"),
            Fault("repeats", "return sorted(found)", "return sorted([*found, *found])[: 2 * len(found) - 1]"),
            Fault("input_order", "return sorted(found)", "return list(dict.fromkeys(found))"),
            Fault("downward_allowed", "int(first) > int(last)", "False"),
            Fault("equal_ends_refused", "int(first) > int(last)", "_ and int(first) >= int(last)"),
            Fault("empty_refused", "if not part.strip():", "if part.isspace():"),
        ),
        "parse",
        """
    def test_range(self):
        self.assertEqual(parse("3,7-9"), [3, 7, 8, 9])

    def test_overlap_and_order(self):
        self.assertEqual(parse("40, 7-9 ,8-10,3, 8"), [3, 7, 8, 9, 10, 40])

    def test_equal_ends(self):
        self.assertEqual(parse("5-5"), [5])

    def test_empty(self):
        self.assertEqual(parse(""), [])

    def test_downwards(self):
        with self.assertRaises(ValueError):
            parse("9-7")
""",
    ),
    Module(
        "bounded",
        '''"""A cache of limited size.

Cache(size) keeps at most `size` pairs. put(key, value) stores a pair, replacing the value of a key that is there; if
there are then too many, the pair whose key was least recently put or got is dropped. get(key) gives the value or None;
asking for a key counts as its use, unless it is missing. len(cache) is the number of pairs.
"""


class Cache:
    def __init__(self, size):
        self.size = size
        self.pairs = {}

    def put(self, key, value):
        self.pairs.pop(key, None)
        self.pairs[key] = value
        if len(self.pairs) > self.size:
            del self.pairs[next(iter(self.pairs))]

    def get(self, key):
        if key not in self.pairs:
            return None
        self.pairs[key] = value = self.pairs.pop(key)
        return value

    def __len__(self):
        return len(self.pairs)
''',
        (
            Fault("one_too_many", "len(self.pairs) > self.size", "len(self.pairs) > self.size + 1"),
            Fault("get_is_no_use", "self.pairs[key] = value = self.pairs.pop(key)", "value = self.pairs[key]"),
            Fault("put_is_no_use", "self.pairs.pop(key, None)", "pass"),
            Fault("drops_newest", "next(iter(self.pairs))", "next(reversed(self.pairs))"),
            Fault("missing_raises", "return None", "raise KeyError(key)"),
            Fault(
                "never_replaces",
                "self.pairs.pop(key, None)\n        self.pairs[key] = value\n",
                "self.pairs.setdefault(key, value)\n",
            ),
        ),
        "Cache",
        """
    def test_limit(self):
        cache = Cache(2)
        for key in "abc":
            cache.put(key, key * 2)
        self.assertEqual(len(cache), 2)
        self.assertIsNone(cache.get("a"))
        self.assertEqual(cache.get("c"), "cc")

    def test_got_is_kept(self):
        cache = Cache(2)
        cache.put("a", 1)
        cache.put("b", 2)
        self.assertEqual(cache.get("a"), 1)
        cache.put("c", 3)
        self.assertEqual(cache.get("a"), 1)
        self.assertIsNone(cache.get("b"))

    def test_put_again(self):
        cache = Cache(2)
        cache.put("a", 1)
        cache.put("b", 2)
        cache.put("a", 7)
        cache.put("c", 3)
        self.assertEqual(cache.get("a"), 7)
        self.assertIsNone(cache.get("b"))
""",
    ),
    Module(
        "wrapping",
        '''"""Text in lines of limited width.

wrap(text, width) breaks a text into lines of at most `width` characters, as full as possible. Words are parted by any
white space, which is written as one blank; a line neither starts nor ends with a blank. A word longer than the width
is cut, each piece but the last being `width` long; it starts a line of its own, and so does what follows its last piece
only if it does not fit beside it. Text without words gives [].
"""


def wrap(text, width):
    lines = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
            continue
        while len(word) > width:
            lines.append(word[:width])
            word = word[width:]
        lines.append(word)
    return lines
''',
        (
            Fault("width_refused", "+ len(word) <= width", "+ len(word) < width"),
            Fault("blank_not_counted", "len(lines[-1]) + 1 + len(word)", "len(lines[-1]) + len(word)"),
            Fault("double_blank", '" " + word', '"  " + word'),
            Fault("never_cut", "while len(word) > width:", "while False:"),
            Fault("exact_word_cut", "while len(word) > width:", "while len(word) >= width:"),
            Fault("white_space", "text.split()", 'text.split(" ")'),
        ),
        "wrap",
        """
    def test_full_lines(self):
        self.assertEqual(wrap("ab cd ef ghi", 5), ["ab cd", "ef", "ghi"])
        self.assertEqual(wrap("ab cd", 4), ["ab", "cd"])

    def test_white_space(self):
        self.assertEqual(wrap("  a \\n  b ", 9), ["a b"])
        self.assertEqual(wrap("  ", 9), [])

    def test_long_words(self):
        self.assertEqual(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"])
        self.assertEqual(wrap("abc", 3), ["abc"])
""",
    ),
)


def make(random: Random, setting: Setting) -> Fragment:
    module, folder = random.choice(MODULES), setting.folder
    faults = random.sample(module.faults, len(module.faults))
    shown, hidden = faults[: 1 + setting.level], faults[1 + setting.level :]
    path = f"{folder}/tests/test_{module.name}.py"
    return Fragment(
        title=f"Unit tests for {module.name}.py that miss nothing",
        brief=_brief(folder, module, path),
        files=(
            text_file(f"{folder}/src/{module.name}.py", module.source),
            *(
                text_file(f"{folder}/wrong/{number}/{module.name}.py", _broken(module, fault))
                for number, fault in enumerate(shown, 1)
            ),
        ),
        steps=_steps(random, folder, module, path),
        checks=_checks(module, path, shown, hidden),
        outputs=(path,),
    )


def _broken(module: Module, fault: Fault) -> str:
    return module.source.replace(fault.right, fault.wrong)


def _brief(folder: str, module: Module, path: str) -> str:
    return f"""\
`{folder}/src/{module.name}.py` is right; its docstring states its rules. Write `{path}`, tests with the standard
library's `unittest` that import it by its name (`{module.name}`) and are run as

    PYTHONPATH=DIRECTORY python3 {path}

where the directory holds an implementation. The status must be 0 for the right one and 1 for any that breaks a rule of
the docstring. Each folder in `{folder}/wrong` holds one that does; there are others, each of which breaks one rule for
ordinary arguments. At least three test methods have to run. Tests must go by what the
implementation does, not by its text."""


def _steps(random: Random, folder: str, module: Module, path: str) -> tuple[Step, ...]:
    suite = (
        f"import unittest\n\nfrom {module.name} import {module.public}\n\n\nclass RulesTest(unittest.TestCase):\n"
        f"{module.tests.strip(chr(10))}\n\n\nunittest.main()"
    )
    tried = f"for d in {folder}/src {folder}/wrong/*; do PYTHONPATH=$d python3 -B {path} 2>&1 | tail -n 1; done"
    return (
        Step(
            analysis=random.choice(
                (
                    "The docstring is the specification; the wrong versions show what kind of slip to expect.",
                    "I read the rules first, then how the known wrong versions differ from the right one.",
                )
            ),
            plan=random.choice(("Print the module, diff the wrong ones.", "cat the source; diff each wrong folder.")),
            commands=(
                run(f"cat {folder}/src/{module.name}.py"),
                run(f"diff -r {folder}/src {folder}/wrong/1"),
                run(f"ls {folder}/wrong; grep -c . {folder}/wrong/*/*.py"),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    "Every sentence of the docstring becomes an assertion, boundaries included, so unseen slips fail "
                    "as well.",
                    "I go through the rules one by one and pick an argument at the boundary of each.",
                )
            ),
            plan=random.choice(
                (
                    "Write the suite; it must pass for src and fail for each wrong folder.",
                    "Type the tests and run them against all implementations at hand.",
                )
            ),
            commands=(run(f"mkdir -p {folder}/tests"), write(path, suite), run(tried, 3.0)),
        ),
    )


def _checks(module: Module, path: str, shown: list[Fault], hidden: list[Fault]) -> tuple[Check, ...]:
    half = (len(hidden) + 1) // 2
    groups = {"given_ones": shown, "others": hidden[:half], "more_others": hidden[half:]}
    return tuple(
        _check(name, module, path, {fault.name: _broken(module, fault) for fault in faults})
        for name, faults in groups.items()
        if faults
    )


def _check(name: str, module: Module, path: str, wrong: dict[str, str]) -> Check:
    """Each implementation is laid where the tests run; the right one goes along, or failing always would do."""
    return Check(
        name,
        "import shlex\n\nfrom termforge_grader import run_agent\n\n"
        f"tests = content({path!r})\n"
        f"for name, source in {literal({'the right one': module.source, **wrong})}.items():\n"
        f"    lay = f'printf %s {{shlex.quote(source)}} > {module.name}.py'\n"
        f"    found = run_agent(['bash', '-c', lay + '; PYTHONPATH=$PWD exec python3 {path}'])\n"
        "    assert found.returncode == (0 if name == 'the right one' else 1), f'{name}: {found.returncode}'\n"
        "    ran = [line.split()[1] for line in found.stderr.splitlines() if line.startswith('Ran ')]\n"
        "    assert [count for count in ran if int(count) >= 3], f'{name}: {ran} tests ran'",
        2.0,
    )


SKILL = Skill(
    name="software-engineering/catch-mutants",
    domain="software-engineering",
    folders=("unit-tests", "test-suite", "qa", "specs"),
    tools=("cat", "diff", "ls", "grep", "mkdir", "python3", "tail"),
    make=make,
)
