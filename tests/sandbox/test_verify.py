"""Grading on real sandboxes: what an agent leaves behind can fail a task, never pass it."""

import hashlib
import time
from collections.abc import Callable

import pytest

from termforge.errors import VerifierError
from termforge.sandbox.protocol import Engine, Sandbox
from termforge.schemas import File, Image, ImageRecipe, Limits, Provenance, TerminalTask, Test, Verdict, Verifier
from termforge.verify import MAX_UNGRADED_FILES, Left, collect, verify, verify_files

RECIPE = ImageRecipe(name="host", recipe="")
FAKE = '{"id": "test_outputs.py::test_it", "passed": true, "message": ""}'

Start = Callable[..., Sandbox]
Grade = Callable[..., Verdict]


def terminal_task(source: str, *ids: str, **changes: object) -> TerminalTask:
    verifier = {
        "files": (
            File(path="/tests/test_outputs.py", content=source.encode()),
            File(path="/tests/data/secret", content=b"s3cret"),
        ),
        "tests": tuple(Test(id=f"test_outputs.py::{name}") for name in ids or ("test_it",)),
    }
    return TerminalTask(
        image=RECIPE,
        instruction="Do it.",
        verifier=Verifier(**(verifier | {name: value for name, value in changes.items() if name != "graded_paths"})),
        graded_paths=changes.get("graded_paths", ("/app",)),
        provenance=Provenance(source="forge", generator="test@1"),
    )


def graded(engine: Engine, sandbox: Sandbox, source: str, *ids: str, **changes: object) -> Verdict:
    return verdict_on(terminal_task(source, *ids, **changes), sandbox, engine)


def verdict_on(task: TerminalTask, sandbox: Sandbox, engine: Engine) -> Verdict:
    verdict = verify(task, collect(task, sandbox), sandbox, engine)
    assert verdict is not None
    return verdict


def bash(sandbox: Sandbox, script: str) -> None:
    finished = sandbox.run(["bash", "-c", script], timeout_s=60)
    assert finished.exit_code == 0, finished.stderr.decode()


@pytest.fixture
def grade(engine: Engine, start: Start) -> Grade:
    """Grade what a script and some files leave in a fresh sandbox."""

    def grade(
        source: str, *ids: str, script: str = "", files: dict[str, str] | None = None, **changes: object
    ) -> Verdict:
        laid = [File(path=path, content=text.encode(), mode=0o755) for path, text in (files or {}).items()]
        sandbox = start(files=laid)
        if script:
            bash(sandbox, script)
        return graded(engine, sandbox, source, *ids, **changes)

    return grade


def message(verdict: Verdict) -> str:
    (result,) = verdict.results
    return result.message


# Verdicts


def test_results_weights_and_partial_credit_are_kept(engine: Engine, start: Start) -> None:
    tests = """
import os, pytest
def test_there(): assert os.path.isfile("/app/there")
def test_absent(): assert os.path.isfile("/app/absent"), "nothing of that name"
@pytest.mark.parametrize("x", [1, 2, "a b"])
def test_each(x): assert x != 2
def test_skipped(): pytest.skip("because")
@pytest.mark.xfail
def test_expected_to_fail(): assert False
@pytest.fixture
def breaks_late():
    yield
    raise OSError("late")
def test_torn_down(breaks_late): pass
"""
    weights = {
        "test_there": 3.0,
        "test_absent": 2.0,
        "test_each[1]": 1.0,
        "test_each[2]": 1.0,
        "test_each[a b]": 1.0,
        "test_skipped": 0.5,
        "test_expected_to_fail": 0.5,
        "test_torn_down": 0.5,
        "test_unknown": 0.5,
    }
    ids = tuple(Test(id=f"test_outputs.py::{name}", weight=weight) for name, weight in weights.items())
    sandbox = start(files=[File(path="/app/there", content=b"")])
    verdict = graded(engine, sandbox, tests, tests=ids, threshold=0.6)
    results = {result.id.split("::")[1]: result for result in verdict.results}
    assert {name for name, result in results.items() if result.passed} == {
        "test_there",
        "test_each[1]",
        "test_each[a b]",
    }
    assert {name: result.weight for name, result in results.items()} == weights
    assert verdict.score == pytest.approx(0.5)
    assert not verdict.solved
    assert "nothing of that name" in results["test_absent"].message
    assert results["test_unknown"].message == "missing"
    assert graded(engine, sandbox, tests, tests=ids, threshold=0.5).solved


@pytest.mark.parametrize("tests", ["import no_such_module\ndef test_it(): pass", "def test_it(:", "1 / 0"])
def test_tests_that_cannot_be_collected_pass_nothing(grade: Grade, tests: str) -> None:
    verdict = grade(tests)
    assert (verdict.score, verdict.solved, verdict.error) == (0.0, False, None)
    assert any(word in message(verdict) for word in ("no_such_module", "SyntaxError", "ZeroDivisionError"))


def test_a_run_that_reports_nothing_says_nothing_about_the_agent(grade: Grade) -> None:
    with pytest.raises(VerifierError, match="SystemExit"):
        grade("raise SystemExit(0)")


def test_a_time_limit_fails_what_was_not_reported_in_time(grade: Grade) -> None:
    tests = "import time\ndef test_quick(): pass\ndef test_slow(): time.sleep(60)"
    verdict = grade(tests, "test_quick", "test_slow", timeout_s=2.0)
    assert [result.passed for result in verdict.results] == [True, False]
    assert verdict.results[1].message == "the tests ran out of time"
    assert (verdict.score, verdict.solved, verdict.error) == (0.5, False, None)


def test_a_message_of_broken_characters_is_kept_as_far_as_it_goes(grade: Grade) -> None:
    verdict = grade("def test_it(): assert False, 'bad \\udcff name'")
    assert "bad ? name" in message(verdict)
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


def test_tests_that_are_killed_fail(grade: Grade) -> None:
    """As the kernel does when what was left does not fit into memory."""
    verdict = grade("import os, signal\ndef test_it(): os.kill(os.getpid(), signal.SIGKILL)")
    assert (verdict.solved, verdict.error) == (False, None)
    assert "killed" in message(verdict)


def test_a_process_that_dies_under_the_tests_fails_them(grade: Grade) -> None:
    """`os._exit(0)` in a test gives exit code 0, which passes nothing."""
    verdict = grade("import os\ndef test_a(): pass\ndef test_b(): os._exit(0)", "test_a", "test_b")
    assert [result.passed for result in verdict.results] == [True, False]


def test_a_task_without_tests_has_no_verdict(engine: Engine, start: Start) -> None:
    ungraded = terminal_task("").model_copy(update={"verifier": None})
    sandbox = start(files=[File(path="/app/answer", content=b"42")])
    left = collect(ungraded, sandbox)
    assert verify(ungraded, left, sandbox, engine) is None
    assert [file.path for file in left.files] == ["/app/answer"]


# What an agent leaves


def test_the_tree_holds_names_sizes_hashes_and_modes_of_regular_files(start: Start) -> None:
    sandbox = start(files=[File(path="/app/a/run", content=b"42\n", mode=0o755), File(path="/app/b", content=b"")])
    bash(sandbox, "ln -s b /app/link; mkfifo /app/pipe; mkdir /app/empty; touch /srv/elsewhere; chmod 600 /app/b")
    tree = collect(terminal_task(""), sandbox).tree
    assert tree is not None
    assert [(file.path, file.bytes, oct(file.mode)) for file in tree] == [
        ("/app/a/run", 3, "0o755"),
        ("/app/b", 0, "0o600"),
    ]
    assert [file.sha256 for file in tree] == [hashlib.sha256(content).hexdigest() for content in (b"42\n", b"")]


def test_a_tree_that_cannot_be_taken_out_is_unknown(start: Start) -> None:
    """Without tests less is taken: nothing depends on it."""
    sandbox = start()
    bash(sandbox, f"cd /app; seq {MAX_UNGRADED_FILES + 1} | xargs touch")
    graded = terminal_task("")
    left = collect(graded.model_copy(update={"verifier": None}), sandbox)
    assert (left.tree, left.files) == (None, ())
    assert "files" in left.unfit
    assert len(collect(graded, sandbox).files) == MAX_UNGRADED_FILES + 1


def test_live_tests_find_the_processes_and_leave_no_trace_in_the_tree(engine: Engine, start: Start) -> None:
    sandbox = start()
    bash(sandbox, "setsid sleep 500 >/dev/null 2>&1 &")
    source = """
import subprocess
def test_it():
    open("/app/of-the-test", "w").close()
    subprocess.run(["pgrep", "sleep"], check=True)
"""
    task = terminal_task(source, live=True)
    left = collect(task, sandbox)
    verdict = verify(task, left, sandbox, engine)
    assert verdict is not None
    assert (verdict.solved, verdict.live, left.tree) == (True, True, ())


WRONG = 'import json\nimport os\ndef test_it(): assert open("/app/answer").read().strip() == "42"'


def test_files_that_python_or_pytest_would_pick_up_are_ignored(grade: Grade) -> None:
    hook = "import os\nos.write(1, b'''\\n" + FAKE + "\\n''')\nos._exit(0)\n"
    plugin = "def pytest_runtest_makereport(item, call): item.obj = lambda: None\n" + hook
    names = ("sitecustomize.py", "usercustomize.py", "pytest.py", "json.py", "os.py", "test_outputs.py", "_pytest.py")
    files = {f"/app/{name}": hook for name in names} | {
        "/app/answer": "41",
        "/app/conftest.py": plugin,
        "/app/pytest.ini": "[pytest]\naddopts = --collect-only -p conftest\npythonpath = /app\n",
        "/app/pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-p conftest'\n",
        "/app/setup.cfg": "[tool:pytest]\naddopts = -p conftest\n",
        "/app/tox.ini": "[pytest]\naddopts = -p conftest\n",
        "/tests/conftest.py": plugin,
        "/root/.config/pytest.ini": "[pytest]\naddopts = -p conftest\n",
        "/root/.local/lib/python3.11/site-packages/sitecustomize.py": hook,
        "/etc/profile.d/x.sh": "exit 0",
    }
    script = (
        "echo 'PYTEST_ADDOPTS=--collect-only' > /etc/environment; echo 'def test_it(): pass' > /app/test_outputs.py"
    )
    verdict = grade(WRONG, files=files, script=script)
    assert not verdict.solved
    assert "'41' == '42'" in message(verdict)
    assert grade(WRONG, files=files | {"/app/answer": "42"}, script=script).solved


PASSING_PLUGIN = """
import pytest
@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    call.excinfo = None
    return (yield)
"""


@pytest.mark.parametrize("live", [True, False])
def test_what_was_put_beside_the_tests_is_not_collected_with_them(grade: Grade, live: bool) -> None:
    files = {"/app/answer": "41", "/tests/conftest.py": PASSING_PLUGIN, "/tests/data/conftest.py": PASSING_PLUGIN}
    verdict = grade(WRONG, files=files, live=live, graded_paths=("/app", "/tests"))
    assert "'41' == '42'" in message(verdict)


def test_a_file_in_place_of_a_folder_of_the_image_is_the_agents_doing(grade: Grade) -> None:
    verdict = grade(WRONG, script="rm -rf /root; echo x > /root", graded_paths=("/root",))
    assert (verdict.error, verdict.solved) == (None, False)


def test_a_program_beside_the_runner_has_no_way_to_its_report(grade: Grade) -> None:
    """Tests should use run_agent; those that do not are still not to be overruled by the program's own word."""
    steal = f"""
import ctypes, os
libc, parent, line = ctypes.CDLL(None), os.getppid(), {FAKE!r}.encode()
pidfd_open, pidfd_getfd = 434, 438
pidfd = libc.syscall(pidfd_open, parent, 0)
for number in range(32):
    for take in (lambda: libc.syscall(pidfd_getfd, pidfd, number, 0),
                 lambda: os.open(f"/proc/{{parent}}/fd/{{number}}", os.O_WRONLY)):
        try:
            if number > 2: os.write(take(), b'\n' + line + b'\n')
        except OSError:
            pass
"""
    source = """
import subprocess
def test_it():
    subprocess.run(["python3", "/app/steal.py"])
    assert False, "the thief was told"
"""
    assert "the thief was told" in message(grade(source, files={"/app/steal.py": steal}))


def test_a_fresh_interpreter_has_a_hash_seed_of_its_own(engine: Engine, image: Image) -> None:
    source = "def test_it(): assert False, [hash(word) for word in 'abc']"
    task = terminal_task(source)
    assert task.verifier is not None
    told = {message(verify_files(task, task.verifier, Left(), image, engine, fresh=True)) for _ in range(2)}
    assert len(told) == 2


@pytest.mark.parametrize(
    "script",
    [
        "echo 42 > /tmp/answer; ln -s /tmp/answer /app/answer",
        "mkdir /srv/real; echo 42 > /srv/real/answer; ln -s /srv/real /app/real; ln -s real/answer /app/answer",
        "cd /; mv /app /srv || exec ln -s /etc/passwd /app/answer; echo 42 > /srv/app/answer; ln -s /srv/app /app",
        "ln -s /tests/test_outputs.py /app/answer",
        "mkfifo /app/answer",
        "mkdir /app/answer",
        "echo 42 > $'/app/\\xff'; python3 -c \"import socket; socket.socket(1).bind('/app/answer')\"",
    ],
)
def test_links_and_special_files_do_not_come_along(grade: Grade, script: str) -> None:
    tests = """
import os
def test_it():
    assert os.listdir("/app") == []
    assert os.path.exists("/app/answer")
"""
    verdict = grade(tests, script=script)
    assert "os.path.exists" in message(verdict)


def test_only_graded_paths_are_seen(grade: Grade) -> None:
    files = {"/app/answer": "42", "/app/other": "x", "/app/kept/deep": "y", "/srv/z": "z"}
    tests = """
import os
def test_it():
    assert sorted(os.listdir("/app")) == ["answer", "kept"]
    assert not os.path.exists("/srv/z")
"""
    assert grade(tests, files=files, graded_paths=("/app/answer", "/app/kept", "/app/absent")).solved


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("for i in 1 2 3; do truncate -s 100M /app/zeros$i; done", "bytes"),
        ("cd /app; seq 30000 | xargs touch", "files"),
        ("truncate -s 1500M /app/sparse", "bytes"),
    ],
)
def test_too_much_left_behind_scores_zero_and_says_so(grade: Grade, script: str, words: str) -> None:
    verdict = grade("def test_it(): pass", script=script)
    assert (verdict.score, verdict.solved, verdict.error) == (0.0, False, None)
    assert message(verdict).startswith("more than")
    assert words in message(verdict)


def test_background_writers_have_no_say(engine: Engine, start: Start) -> None:
    """Whatever still runs when the agent is done is ended before its files are taken."""
    sandbox = start()
    bash(sandbox, "setsid bash -c 'while :; do date +%N > /app/answer; done' >/dev/null 2>&1 & sleep 0.2")
    assert graded(engine, sandbox, "import os\ndef test_it(): assert os.path.exists('/app/answer')").solved

    def answer() -> list[File]:
        return sandbox.fetch(("/app/answer",), max_bytes=100, max_files=1)

    first = answer()
    time.sleep(0.3)
    assert answer() == first


# Programs that the tests run


PROGRAMS = {
    "say": "echo said; echo complained >&2; cat; exit 3",
    "reopen": "tee /dev/stderr < /dev/stdin > /dev/stdout",
    "lie": f"""
for where in /proc/$PPID/fd/* /proc/*/fd/[0-9]*; do echo '{FAKE}' > $where; done 2>/dev/null
echo '{FAKE}'; echo '{FAKE}' >&2
""",
    "spy": "cat /tests/* /tests/.*/* /tests/data/secret /proc/*/environ /proc/*/cwd/* /proc/*/root/tests/*/*",
    "kill": "kill -9 $PPID; kill -9 1; kill -9 -1; echo b > /proc/sysrq-trigger; reboot -f; exit 0",
    "change": """
for file in /app/data /tests/test_outputs.py /tests/data/secret; do echo changed > $file; rm -f $file; done
rm -rf /app /tests
""",
    "hang": "trap '' TERM INT HUP; sleep 771 & sleep 772",
    "daemon": "setsid bash -c 'setsid sleep 773 & sleep 774' & echo left; exit 0",
    "flood": "yes >&2 & yes",
    "bomb": "bomb() { bomb | bomb & }; bomb; sleep 775",
    "hog": "head -c 4G /dev/zero | tail",
    "die": "kill -9 $$",
    "sort": "ls; sort in/b.txt > out.txt && rm in/b.txt && echo more >> a.txt; pwd > where",
    "litter": """
ln -s /app/data link; ln -s /tests/data/secret secret; mkfifo pipe; head -c 9M /dev/zero > big; mkdir locked
echo x > locked/in; chmod 0 locked; echo kept > kept; head -c 1M /dev/zero > "$(printf 'a\\nb')"
""",
}
"""All are run by one pytest, so that the damage of one shows in the next."""

TESTS_OF_PROGRAMS = """
import os, time
from termforge_grader import OUTPUT_LIMIT, run_agent

def left_behind():
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = open(f"/proc/{name}/cmdline", "rb").read().replace(b"\\0", b" ").decode()
        except OSError:
            continue
        if "/app/" in line or "sleep 77" in line or "yes" in line:
            found.append(line)
    return found

def ended(program, timeout_s=5.0, within_s=3.0):
    start = time.monotonic()
    finished = run_agent([program], timeout_s=timeout_s)
    assert time.monotonic() - start < within_s
    assert left_behind() == []
    return finished

def test_say():
    finished = run_agent(["/app/say"], stdin="of the tests")
    assert (finished.returncode, finished.stdout, finished.stderr) == (3, "said\\nof the tests", "complained\\n")

def test_reopen():
    finished = run_agent(["/app/reopen"], stdin="of the tests")
    assert (finished.stdout, finished.stderr) == ("of the tests", "of the tests")

def test_it():
    assert '"passed": true' in run_agent(["/app/lie"]).stdout
    assert False, "the lie was told"

def test_spy():
    finished = run_agent(["/app/spy"])
    assert "s3cret" not in finished.stdout and "left_behind" not in finished.stdout

def test_kill():
    run_agent(["/app/kill"], timeout_s=2.0)
    assert run_agent(["/app/say"]).returncode == 3

def test_change():
    run_agent(["/app/change"])
    assert open("/app/data").read() == "as left"
    assert open("/tests/data/secret").read() == "s3cret"

def test_hang():
    assert ended("/app/hang", timeout_s=0.5).returncode == -9

def test_daemon():
    finished = ended("/app/daemon")
    assert (finished.returncode, finished.stdout) == (0, "left\\n")

def test_flood():
    finished = ended("/app/flood", timeout_s=0.5)
    assert finished.returncode == -9
    assert len(finished.stdout) == len(finished.stderr) == OUTPUT_LIMIT

def test_bomb():
    assert ended("/app/bomb", timeout_s=0.5, within_s=6.0).returncode == -9

def test_hog():
    assert ended("/app/hog", within_s=20.0).returncode != 0

def test_die():
    assert run_agent(["/app/die"]).returncode == 137

def test_sort():
    finished = run_agent(["/app/sort"], files={"a.txt": "A\\n", "in/b.txt": "b\\na\\n"})
    assert finished.stdout.split() == ["a.txt", "in"]
    assert finished.files.pop("where").startswith("/tmp/")
    assert finished.files == {"a.txt": "A\\nmore\\n", "out.txt": "a\\nb\\n"}

def test_litter():
    files = run_agent(["/app/litter"], timeout_s=5.0).files
    assert {"link", "secret", "pipe"}.isdisjoint(files)
    assert sum(map(len, files.values())) <= OUTPUT_LIMIT
    assert "s3cret" not in "".join(files.values())

def test_absent():
    assert run_agent(["/app/no-such-program"]).returncode != 0

def test_afterwards():
    assert run_agent(["/app/say"]).returncode == 3
"""


def test_hostile_programs_get_nowhere(engine: Engine, start: Start) -> None:
    """Fake results, spying, killing, hanging, daemons, floods: each fails alone, and the lie is not believed."""
    names = [f"test_{name}" for name in (*PROGRAMS, "absent", "afterwards") if name != "lie"]
    files = [
        File(path=f"/app/{name}", content=f"#!/bin/bash\n{text}\n".encode(), mode=0o755)
        for name, text in PROGRAMS.items()
    ]
    sandbox = start(files=[*files, File(path="/app/data", content=b"as left", mode=0o666)])
    bash(sandbox, "chmod 777 /app")
    small = terminal_task(TESTS_OF_PROGRAMS, "test_it", *names).model_copy(update={"limits": Limits(memory_mb=512)})
    verdict = verdict_on(small, sandbox, engine)
    results = {result.id.split("::")[1]: result for result in verdict.results}
    assert "the lie was told" in results.pop("test_it").message
    assert {name: result.message for name, result in results.items() if not result.passed} == {}
