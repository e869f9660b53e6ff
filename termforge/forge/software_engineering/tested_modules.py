"""Small modules with stated rules: another implementation that keeps them, faults that break one, and tests."""

from typing import NamedTuple


class Fault(NamedTuple):
    name: str
    right: str
    wrong: str


class Module(NamedTuple):
    name: str
    source: str
    """Its docstring states all rules."""
    rewritten: str
    """Keeps the same rules in another way."""
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
        """\
def parse(text):
    numbers = []
    for part in filter(None, map(str.strip, text.split(","))):
        first, _, last = part.partition("-")
        low, high = int(first), int(last or first)
        if high < low:
            raise ValueError(text)
        numbers += range(low, high + 1)
    return sorted(set(numbers))
""",
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
        """\
from collections import OrderedDict


class Cache:
    def __init__(self, size):
        self._most, self._held = size, OrderedDict()

    def put(self, key, value):
        self._held[key] = value
        self._held.move_to_end(key)
        if len(self) > self._most:
            self._held.popitem(last=False)

    def get(self, key):
        if key in self._held:
            self._held.move_to_end(key)
        return self._held.get(key)

    def __len__(self):
        return len(self._held)
""",
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
is cut, each piece but the last being `width` long; it starts a new line, and the next word goes beside its last piece
if it fits. Text without words gives [].
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
        """\
def wrap(text, width):
    done, line = [], ""
    for word in text.split():
        if line and len(f"{line} {word}") > width:
            done.append(line)
            line = ""
        line = f"{line} {word}".lstrip()
        while len(line) > width:
            done.append(line[:width])
            line = line[width:]
    return [*done, line] if line else done
""",
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
