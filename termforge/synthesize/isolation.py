"""Nothing that the agent sees may give the solution away (paper: "solution isolation").

What the agent sees is the instruction and the files; what is *said* to it is the instruction, prose, and remarks in
other files (prose.py). The seed's own problem may always be repeated. Refused are:

- a passage of the reference, PASSAGE words in a row (or all of a shorter one of SHORTEST words) of which half are
  different words, anywhere: a row of zeros is no passage;
- the name of a function that the reference, where it is Python, defines, said; plain words are none (`mean` is one,
  `decay_time` is not), nor are names in the texts of the tests: fields, and functions that the task asks for;
- a method, said as a means or named by the reference, the tests or the info as well (methods.py);
- a result of the tests, told (results.py). What a data file holds is not told: results often stand among the inputs;
- a file named as an answer key, unless it belongs to a project's own tests, and an instruction that speaks of the tests
  behind the task, as against those of a project below /app.
"""

import ast
import re

from termforge.python_source import parsed
from termforge.schemas import File
from termforge.synthesize.lint import parsed_tests
from termforge.synthesize.methods import given_away, named
from termforge.synthesize.prose import said
from termforge.synthesize.reply import MalformedReply, Reason, Sections
from termforge.synthesize.request import SeedProblem
from termforge.synthesize.results import results, told, values

PASSAGE = 12
SHORTEST = 6

_TESTS_MENTIONED = re.compile(
    r"(?<![\w/.~-])/tests\b|\btest_outputs\b"
    r"|\b(?:hidden|secret|unseen) (?:unit )?(?:checks?|tests?)\b"
    r"|\btests? will (?:check|compare|grade|verify)\b"
    r"|\bwill be (?:checked|evaluated|graded|judged|tested|validated|verified)"
    r" (?:automatically|by (?:\w+ ){0,3}(?:checkers?|graders?|pytest|tests?))\b"
    r"|\bautograder\b|\bgrading (?:scripts?|tests?)\b",
    re.IGNORECASE,
)
_KEY_NAME = re.compile(
    r"solution|(?:reference|sample)_?solutions?|answers?|answer_?keys?|ground_?truth"
    r"|expected|(?:expected|correct)_?(?:outputs?|results?|answers?|values?|report)"
)
_SOLUTIONS = re.compile(r"solutions\.(?:py|ipynb|sh|sql|c|cc|cpp|go|rs|rb|pl|js|ts|java|jl|r|awk|md)")
"""The plural of data is chemistry."""
_NO_PLAIN_WORD = re.compile(r"[A-Za-z]\w*(?:_\w|[a-z][A-Z])\w*")


def check_isolation(sections: Sections, files: tuple[File, ...], seed: SeedProblem | None) -> None:
    """Raises: MalformedReply."""
    problem, reference = (seed.problem, seed.reference) if seed else ("", "")
    if mention := _TESTS_MENTIONED.search(sections.instruction):
        raise MalformedReply(Reason.TESTS_MENTIONED, mention[0])
    if key := next((file.path for file in files if _is_answer_key(file.path)), None):
        raise MalformedReply(Reason.ANSWER_KEY, key)
    seen = "\n".join([sections.instruction, *(file.content.decode() for file in files)])
    if passages := (_passages(reference) - _passages(problem)) & _passages(seen, _passage_length(reference)):
        raise MalformedReply(Reason.REFERENCE_LEAKED, " ".join(min(passages)))
    all_said = "\n\n".join([sections.instruction, *(said(file) for file in files)])
    tests = parsed_tests(sections.tests)
    if names := (_functions(reference) - _identifiers(problem) - _identifiers(_texts(tests))) & _identifiers(all_said):
        raise MalformedReply(Reason.REFERENCE_LEAKED, min(names))
    solution = "\n".join([reference, sections.tests, sections.info])
    if methods := given_away(all_said, solution) - named(problem):
        raise MalformedReply(Reason.METHOD_NAMED, ", ".join(sorted(methods)))
    if both := (results(tests) - values(problem)) & told(all_said):
        raise MalformedReply(Reason.RESULT_TOLD, ", ".join(sorted(map(str, both)))[:200])


def _is_answer_key(path: str) -> bool:
    """By the name of the file or of a folder; hidden ones and numbered versions are no others."""
    *folders, name = path.lower().replace("-", "_").split("/")
    if {"test", "tests"} & set(folders):
        return False
    stems = [re.sub(r"_?v?\d{1,2}$", "", part.lstrip(".").split(".")[0]) for part in (*folders, name)]
    return any(_KEY_NAME.fullmatch(stem) for stem in stems) or bool(_SOLUTIONS.fullmatch(name.lstrip(".")))


def _passage_length(reference: str) -> int:
    return max(SHORTEST, min(PASSAGE, len(_words(reference))))


def _passages(text: str, length: int = 0) -> set[tuple[str, ...]]:
    words = _words(text)
    length = length or _passage_length(text)
    runs = {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}
    return {run for run in runs if 2 * len({word for word in run if not word.isdecimal()}) >= length}


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _identifiers(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def _functions(reference: str) -> set[str]:
    try:
        nodes = list(ast.walk(parsed(reference)))
    except SyntaxError:
        return set()  # told in words
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef) and _NO_PLAIN_WORD.fullmatch(node.name)}


def _texts(tests: ast.Module) -> str:
    constants = [node.value for node in ast.walk(tests) if isinstance(node, ast.Constant)]
    return "\n".join(value for value in constants if isinstance(value, str))
