"""Scripts that run pytest and write what it says; any that does more is refused by line and reason."""

from pathlib import Path

import pytest

from termforge.errors import InputError
from tests.unit.harbor.folders import TEST_SH, imported


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("apt-get update", "service nginx start", r"test\.sh:2: .*what 'service' does"),
        ("apt-get update", "python3 /tests/prepare.py", r"test\.sh:2: .*what 'python3' does"),
        ("apt-get update", "cp /tests/data /app", r"test\.sh:2: .*what 'cp' does"),
        ("apt-get update", 'if [ "$(cat /app/x)" = 1 ]; then', r"test\.sh:2: "),
        ("apt-get update", "set -e; rm -rf /app", r"test\.sh:2: "),
        ("apt-get update", "echo $(rm -rf /app)", r"test\.sh:2: "),
        ("$? -eq 0 ]", "$? -eq 0 -a -f /app/x ]", r"test\.sh:16: "),
        ("-rA", "-p plugin", r"test\.sh:10: .*pytest's option -p"),
        ("-rA", "-k answer", r"test\.sh:10: .*pytest's option -k"),
        ("-p 3.13", "--with-requirements=/tests/r.txt", r"test\.sh:10: .*uvx's option --with-requirements"),
        ("-w pytest==8.4.1", "-w cowsay", "no image has all packages; .* lacks cowsay"),
        ("/tests/test_outputs.py", "/tests/other.py", "holds no tests"),
        ("/tests/test_outputs.py", "/tests/test_outputs.py::test_other", "single checks of a shell script have no ids"),
    ],
)
def test_a_test_script_that_does_more_than_run_pytest_is_refused(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        imported(tmp_path, {"tests/test.sh": TEST_SH.replace(old, new)})


@pytest.mark.parametrize(
    "script",
    [
        "cd /app\npytest -v /tests/test_outputs.py\nRC=$?\n"
        "if [ $RC -eq 0 ]; then echo 1 > /logs/verifier/reward.txt; fi\n",
        "set -uo pipefail\npip install pytest==8.4.1 --break-system-packages\nif python3 -m pytest /tests; then\n"
        "    echo 1.0 > /logs/verifier/reward.txt\nelse\n    echo 0 > /logs/verifier/reward.txt\nfi\nexit 0\n",
        "uv venv .tbench\nsource .venv/bin/activate\nuv pip install pytest==8.4.1\n"
        'uv run pytest "$TEST_DIR/test_outputs.py" -rA --tb=short\n'
        'if [ "$?" -ne 0 ]; then\n  echo 0 > "/logs/verifier/reward.txt"\n  exit 1\nelse\n'
        '  echo passed\n  echo "1" > "/logs/verifier/reward.txt"\nfi\n',
        "echo 0 > /logs/verifier/reward.txt\nset +e\npytest /tests\nCODE=$?\nset -e\necho done\n"
        'if [[ "${CODE}" == 0 ]]; then echo 1 > /logs/verifier/reward.txt; fi\nexit $CODE\n',
    ],
)
def test_usual_scripts_are_understood(tmp_path: Path, script: str) -> None:
    verifier = imported(tmp_path, {"tests/test.sh": f"#!/bin/bash\n{script}"}).verifier
    assert verifier is not None
    assert [test.id for test in verifier.tests] == ["test_outputs.py::test_answer"]


def test_a_script_that_checks_by_itself_is_refused(tmp_path: Path) -> None:
    script = "#!/bin/bash\nif [ -f /app/x ]; then\necho 1 > /logs/verifier/reward.txt\nfi\n"
    with pytest.raises(InputError, match=r"test\.sh:2: if \[ -f /app/x \]"):
        imported(tmp_path, {"tests/test.sh": script})


REWARDS = "if [ {} ]; then\necho {} > /logs/verifier/reward.txt\nelse\necho {} > /logs/verifier/reward.txt\nfi\n"
RUN = "pytest /tests/test_outputs.py\n"


@pytest.mark.parametrize(
    "script",
    [
        RUN,
        RUN + REWARDS.format("$? -ne 0", 1, 0),
        RUN + REWARDS.format("$? -eq 0", 0, 1),
        RUN + REWARDS.format("$? -eq 0", 1, 1),
        RUN + RUN + REWARDS.format("$? -eq 0", 1, 0),
        RUN + "echo done\n" + REWARDS.format("$? -eq 0", 1, 0),
        RUN + "CODE=$?\n" + REWARDS.format("$? -eq 0", 1, 0),
        RUN + "CODE=$?\n" + REWARDS.format("$OTHER -eq 0", 1, 0),
        REWARDS.format("$? -eq 0", 1, 0),
        RUN + REWARDS.format("$? -eq 0", 1, 0) + "echo 1 > /logs/verifier/reward.txt\n",
        "exit 0\n" + RUN + REWARDS.format("$? -eq 0", 1, 0),
    ],
)
def test_a_reward_that_is_not_the_runs_status_is_refused(tmp_path: Path, script: str) -> None:
    with pytest.raises(InputError, match=r"test\.sh: the reward is not 1 where one run of pytest passes"):
        imported(tmp_path, {"tests/test.sh": f"#!/bin/bash\n{script}"})


def test_what_the_tests_alone_are_given_may_be_the_graders(tmp_path: Path) -> None:
    assert imported(tmp_path, {"tests/test.sh": TEST_SH.replace("-w pytest==8.4.1", "-w uv==0.9 -w 'numpy<2'")})
