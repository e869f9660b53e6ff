"""Runs a task's tests inside the grader's sandbox and reports each on a descriptor that only this process has.

Stdlib and pytest only: this file is laid into the sandbox, not imported by termforge. Standard output is taken over
before pytest starts; what tests or agent code print goes to standard error.
"""

import ctypes
import json
import linecache
import os
import sys
from collections.abc import Generator

PR_SET_DUMPABLE = 4
ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
"""What tests start, as the same user, has no way to this process's memory and descriptors."""

here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
report = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
os.environ.pop("PYTEST_ADDOPTS", None)
sys.dont_write_bytecode = True
sys.path.insert(0, here)

import pytest  # noqa: E402


class Reporter:
    """One line of JSON a test, written when its teardown is over; a test that never gets there stays missing."""

    def __init__(self) -> None:
        self.failures: dict[str, str] = {}
        self.called: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.failed and call.excinfo is not None:
            report.longrepr = _told(call.excinfo)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.called.add(report.nodeid)
        elif not report.passed:
            self.failures.setdefault(report.nodeid, report.longreprtext[-2000:] or report.outcome)
        if report.when == "teardown":
            self._say(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            _line({"broken": report.nodeid, "message": report.longreprtext[-2000:]})

    def _say(self, nodeid: str) -> None:
        passed = nodeid in self.called and nodeid not in self.failures
        _line({"id": nodeid, "passed": passed, "message": self.failures.get(nodeid, "" if passed else "not run")})


def _told(error: pytest.ExceptionInfo[BaseException]) -> str:
    """The line, what went wrong in it and, last, where: `file:line: exception`. Pytest's own way costs far more."""
    place = (error.traceback.filter(error) or error.traceback)[-1]
    path, number = str(place.path), place.lineno + 1
    return f"> {linecache.getline(path, number).strip()}\n{error.exconly()}\n{path}:{number}: {error.typename}"


def _line(content: dict[str, object]) -> None:
    report.write(json.dumps(content) + "\n")
    report.flush()


UNUSED = ("cacheprovider", "threadexception", "unraisableexception")
"""Plugins that only cost: the last two collect garbage at the end, again and again."""

tests = sys.argv[1]
options = ["-q", "--tb=no", *(f"-pno:{plugin}" for plugin in UNUSED), "-c", "/dev/null", "--rootdir", tests]
status = pytest.main([*options, tests], plugins=[Reporter()])
_line({"finished": int(status)})
