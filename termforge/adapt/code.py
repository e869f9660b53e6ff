"""Code prompts (paper, section 3.1), graded with the source's own tests where it has them.

Tests are of a function or of a whole program (termforge/adapt/given_tests.py). What the agent wrote runs as another
user and never in the process that knows the tests (termforge/adapt/candidate.py).
"""

from termforge.adapt import given_tests
from termforge.adapt.kind import TESTS_FILE, Kind, Parts, Text, Texts, beside_the_tests, step, test_file, written
from termforge.adapt.sources import Prompt
from termforge.python_source import parsed
from termforge.schemas import Step, Test, Verifier

SOLUTION = "/app/solution.py"
TIMEOUT_S = 600.0
"""Of all tests together; each run of the program has ten seconds."""
FUNCTION_TESTS = (Test(id=f"{TESTS_FILE}::test_the_checks_of_the_source_pass"),)
CASE_TESTS = (
    Test(id=f"{TESTS_FILE}::test_the_first_case", weight=0.2),
    Test(id=f"{TESTS_FILE}::test_every_case", weight=0.8),
)

FUNCTION_CHECKS = """\
from candidate import function
{helpers}
{name} = function({name!a})
{checks}


def test_the_checks_of_the_source_pass():
    check({name})
"""

CASE_CHECKS = """\
from candidate import output, same_lines

CASES = %s


def test_the_first_case():
    given, expected = CASES[0]
    assert same_lines(output(given), expected)


def test_every_case():
    for number, (given, expected) in enumerate(CASES, start=1):
        assert same_lines(output(given), expected), f"case {number} of {len(CASES)}"
"""


def texts(prompt: Prompt) -> Texts:
    """Test file for a function, test file for a program, and the keystrokes that write the source's solution."""
    program = whole_program(prompt)
    checks = function_checks(prompt)
    by_cases = None if checks or prompt.entry_point else case_checks(prompt)
    return checks, by_cases, program and written(SOLUTION, program)


def function_checks(prompt: Prompt) -> bytes | None:
    """The prompt's own code stands before the tests, which may use helpers that it defines; where it begins the
    function asked for, what the agent wrote takes its place."""
    found = prompt.tests and given_tests.function_checks(prompt.tests, prompt.entry_point, prompt.text)
    if not found or not found.name.isidentifier():
        return None
    helpers = prompt.text if is_python(prompt.text) else ""
    checks = FUNCTION_CHECKS.format(helpers=helpers, name=found.name, checks=found.source)
    return checks.encode() if is_python(checks) else None


def case_checks(prompt: Prompt) -> bytes | None:
    cases = given_tests.program_cases(prompt.tests or "null")
    return (CASE_CHECKS % ascii(cases)).encode() if cases else None


def whole_program(prompt: Prompt) -> str | None:
    """The source's solution; where it is the rest of a function that the prompt begins, with that before it."""
    solution = (prompt.solution or "").strip("\n")
    if solution.startswith("```"):
        solution = solution.partition("\n")[2].rpartition("```")[0]
    named = f"def {prompt.entry_point}(" if prompt.entry_point else ""
    for program in (solution, f"{prompt.text}\n{solution}"):
        if solution and named in program and is_python(program):
            return program
    return None


def is_python(text: str) -> bool:
    try:
        parsed(text)
    except SyntaxError:
        return False
    return True


def parts(texts: Texts) -> Parts:
    by_function, by_cases, keystrokes = texts
    checks, tests = (by_function, FUNCTION_TESTS) if by_function else (by_cases, CASE_TESTS)
    files = (test_file(checks), beside_the_tests("candidate.py")) if checks else ()
    return Parts(
        verifier=Verifier(files=files, tests=tests, timeout_s=TIMEOUT_S) if files else None,
        solution=_solution(keystrokes) if keystrokes else None,
    )


def _solution(keystrokes: Text) -> tuple[Step, ...]:
    writing = "The task is fully described by its text, and the program can be written in one go."
    look = f"The program is written; {SOLUTION} should now be valid Python."
    return (
        step(writing, f"Write the whole program to {SOLUTION}.", keystrokes),
        step(look, "Compile it without running it.", f"python3 -m py_compile {SOLUTION} && wc -l {SOLUTION}\n"),
    )


KIND = Kind(
    name="code",
    version=2,
    suffix=f"Write Python code to solve the problem. Please place the solution code in a file named `{SOLUTION}`.",
    output=SOLUTION,
    image="software-engineering",
    texts=texts,
    parts=parts,
    essence=str,
    given_tests=(0, 1),
)
