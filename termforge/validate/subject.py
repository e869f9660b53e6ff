"""A task before the gates that need sandboxes, and what the earlier ones found out about it."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from random import Random

from termforge.errors import SandboxError
from termforge.findings import Fate, Mutant, kill_rate
from termforge.images import Inventory
from termforge.sandbox.protocol import Engine, Sandbox
from termforge.schemas import File, TerminalTask, TestResult, Verdict, Verifier
from termforge.validate import mutants
from termforge.validate.cheaters import cheats, laid_with
from termforge.validate.outcome import named_paths, results
from termforge.validate.played import Played
from termforge.verify import Left, collect, verify, verify_files

MIN_KILL_RATE = 0.6
NEW_FILE = 0o644
NO_TESTS = "the task has no tests"


class NotRun(Exception):
    """Why a gate has nothing to look at."""


class Subject:
    def __init__(self, terminal_task: TerminalTask, engine: Engine, inventory: Inventory | None) -> None:
        self.task, self.engine, self.inventory = terminal_task, engine, inventory
        self.mutants: list[Mutant] = []
        self._solved: Played | None = None

    @property
    def verifier(self) -> Verifier:
        """Raises: NotRun for a task without tests."""
        if self.task.verifier is None:
            raise NotRun(NO_TESTS)
        return self.task.verifier

    def _solve(self, seed: str, *, fresh: bool = False) -> Played:
        """Raises: NotRun for a task without tests or solution; as Played does."""
        if self.verifier and not self.task.solution:
            raise NotRun("the task has no solution")
        return Played(self.task, self.engine, seed, fresh=fresh)

    def no_op_fails(self) -> str:
        """Grade an untouched sandbox: nothing may pass, and every test must fail by an assertion of its own.

        Where there are files it must start even if there are no tests.
        """
        if not self.task.files and self.task.verifier is None:
            raise NotRun(NO_TESTS)
        try:
            sandbox = self._start(self.task.files)
        except SandboxError as error:
            self._start(()).close()  # or it is the machine's fault
            return f"no sandbox starts with its files: {error}"
        with closing(sandbox):
            return self._untouched_fails(sandbox)

    def _start(self, files: Iterable[File]) -> Sandbox:
        task, image = self.task, self.engine.image(self.task.image)
        return self.engine.start(image, files=tuple(files), limits=task.limits, needs=task.needs)

    def _untouched_fails(self, sandbox: Sandbox) -> str:
        verifier = self.verifier
        verdict = verify(self.task, collect(self.task, sandbox), sandbox, self.engine)
        assert verdict is not None, verifier
        if earned := _earned(verdict):
            return f"passes without any work: {earned}"
        if crashed := [result.id for result in verdict.results if not _asserted(result)]:
            return f"does not fail by an assertion: {', '.join(crashed)}"
        return ""

    def oracle_passes(self) -> str:
        played = self._solve("gate-0")
        self._solved = played if played.solved else None
        return played.fault

    def steady(self, runs: int) -> str:
        """Solve again and again, and grade the last time in a new interpreter.

        Bubblewrap's graders are forked from one process: what depends on its hash seed is the same in all of them.
        """
        if runs < 2:
            raise NotRun("one run of the solution was asked for")
        for run in range(1, runs):
            fresh = run == runs - 1
            played = self._solve(f"gate-{run}", fresh=fresh)
            if played.fault:
                where = " in a new interpreter" if fresh else ""
                return f"passed at first, but not in run {run + 1}{where}: {played.fault}"
        return ""

    def cheaters_fail(self) -> str:
        """Where results belong is known from the solution's run, else from the paths that the instruction names."""
        if self.verifier.live:
            raise NotRun("the tests look at more than files")
        known = results(self.task, self._solved.files) if self._solved else {}
        tried = cheats(self.task, self._modes(known))
        if not tried:
            raise NotRun("no path of a result is known")
        for name, files in tried.items():
            verdict = self._graded(laid_with(self.task, files))
            # A copy that is right in its place did that part of the work, and may earn as much.
            right = any(file == known.get(file.path) for file in files)
            if (verdict.solved or not right) and (earned := _earned(verdict)):
                return f"{name} pass: {earned}"
        return self._controls_fail()

    def _modes(self, known: Mapping[str, File]) -> dict[str, int]:
        """Of what cheaters put where: as the solution made new files, and as the task laid its own."""
        laid = {file.path: file for file in self.task.files}
        modes = {path: laid.get(path, file).mode for path, file in known.items()}
        return modes or dict.fromkeys(named_paths(self.task), NEW_FILE)

    def _controls_fail(self) -> str:
        """What was once found to pass without work may earn something by now, but must not solve the task."""
        for control in self.task.controls:
            if self._graded(laid_with(self.task, control.files)).solved:
                return f"{control.name} is judged solved"
        return ""

    def mutants_die(self, most: int) -> str:
        """Fills `mutants`; how many survive decides."""
        if not most:
            raise NotRun("mutants were not asked for")
        if self._solved is None or self.verifier.live:
            raise NotRun("the tests look at more than files" if self._solved else "the task has no solution")
        random = Random(f"mutants-{self.task.id}")
        self.mutants = [*self._played(most, self._solved, random), *self._of_results(most, self._solved, random)]
        rate = kill_rate(self.mutants)
        if rate is None:
            raise NotRun("every mutant leaves the same files" if self.mutants else "there is nothing to mutate")
        survivors = [f"{mutant.kind} ({mutant.what})" for mutant in self.mutants if mutant.fate == "survived"]
        return "" if rate >= MIN_KILL_RATE else f"{rate:.0%} of the mutants die; {'; '.join(survivors)} survived"

    def _graded(self, files: list[File]) -> Verdict:
        return verify_files(self.task, self.verifier, Left(files), self.engine.image(self.task.image), self.engine)

    def _played(self, most: int, solved: Played, random: Random) -> list[Mutant]:
        made = list(mutants.played(self.task, random))
        found = []
        for kind, what, solution in random.sample(made, min(most, len(made))):
            played = Played(self.task.model_copy(update={"solution": solution}), self.engine, "mutant")
            fate = _fate(played.solved, same=played.files == solved.files)
            found.append(Mutant(kind=kind, what=what, fate=fate))
        return found

    def _of_results(self, most: int, solved: Played, random: Random) -> list[Mutant]:
        made = list(mutants.of_results(self.task, results(self.task, solved.files), random))
        found = []
        for kind, what, changed in random.sample(made, min(most, len(made))):
            verdict = self._graded(_with(solved.files, changed))
            found.append(Mutant(kind=kind, what=what, fate=_fate(verdict.solved, same=False)))
        return found


def _with(files: Iterable[File], changed: Mapping[str, bytes | None]) -> list[File]:
    """The files with some of them changed, or gone."""
    contents = ((file, changed.get(file.path, file.content)) for file in files)
    return [file.model_copy(update={"content": content}) for file, content in contents if content is not None]


def _fate(solved: bool, same: bool) -> Fate:
    if not solved:
        return "killed"
    return "equivalent" if same else "survived"


def _earned(verdict: Verdict) -> str:
    """What a verdict gives for nothing."""
    passed = [result.id for result in verdict.results if result.passed]
    return ", ".join(passed) or ("judged solved" if verdict.solved else "")


def _asserted(result: TestResult) -> bool:
    """By pytest's last line: `file:line: exception`."""
    return result.message.rstrip().endswith((": AssertionError", ": Failed"))
