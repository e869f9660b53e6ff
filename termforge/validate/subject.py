"""A task before the gates that need sandboxes, and what the earlier ones found out about it."""

from random import Random

from termforge.errors import SandboxError, VerifierError
from termforge.findings import Fate, Mutant, kill_rate
from termforge.oracle import Oracle
from termforge.rollout import RolloutConfig, play
from termforge.sandbox.protocol import Engine, started
from termforge.schemas import File, TerminalTask, TestResult, Verdict, Verifier
from termforge.validate import mutants
from termforge.validate.cheaters import cheats, laid_with
from termforge.validate.outcome import named_paths, results
from termforge.verify import Left, collect, verify, verify_files

MIN_KILL_RATE = 0.6
PATIENCE = 5.0
"""That the machine is busy shall not make a sound task unsound; waits end with the work, so it costs nothing else."""


class NotRun(Exception):
    """Why a gate has nothing to look at."""


class Played:
    """A solution's run: how it ended, what it left, what the tests said."""

    def __init__(self, terminal_task: TerminalTask, engine: Engine, seed: str) -> None:
        """Raises: SandboxError, TerminalError, AgentFailure, VerifierError where the run says nothing."""
        run = play(terminal_task, RolloutConfig(), engine, Oracle(terminal_task, seed=seed, patience=PATIENCE))
        self.ending, self.detail, self.verdict = run.episode.ending, run.episode.detail, run.verdict
        if self.ending.infrastructure:
            raise SandboxError(f"{self.ending}: {self.detail}")
        if self.verdict is not None and self.verdict.error is not None:
            raise VerifierError(self.verdict.error)
        self.files: list[File] = list(run.left.files) if run.left is not None else []

    @property
    def solved(self) -> bool:
        return self.verdict is not None and self.verdict.solved

    @property
    def fault(self) -> str:
        """Empty when solved."""
        if self.solved:
            return ""
        failed = [result.id for result in self.verdict.results if not result.passed] if self.verdict else []
        return f"unsolved ({self.ending}) {self.detail} {', '.join(failed)}".strip()


class Subject:
    def __init__(self, terminal_task: TerminalTask, engine: Engine) -> None:
        self.task, self.engine = terminal_task, engine
        self.mutants: list[Mutant] = []
        self._solved: Played | None = None

    @property
    def verifier(self) -> Verifier:
        """Raises: NotRun for a task without tests."""
        if self.task.verifier is None:
            raise NotRun("the task has no tests")
        return self.task.verifier

    def _solve(self, seed: str) -> Played:
        """Raises: NotRun for a task without tests or solution; as Played does."""
        if self.verifier and self.task.solution is None:
            raise NotRun("the task has no solution")
        return Played(self.task, self.engine, seed)

    def no_op_fails(self) -> str:
        """Grade an untouched sandbox: nothing may pass, and every test must fail by an assertion of its own."""
        task, verifier, image = self.task, self.verifier, self.engine.image(self.task.image)
        with started(self.engine, image, files=task.files, limits=task.limits, needs=task.needs) as sandbox:
            left = collect(task, sandbox)
            verdict = verify(task, left, sandbox, self.engine)
        assert verdict is not None, verifier
        if passed := [result.id for result in verdict.results if result.passed]:
            return f"passes without any work: {', '.join(passed)}"
        if crashed := [result.id for result in verdict.results if not _asserted(result)]:
            return f"does not fail by an assertion: {', '.join(crashed)}"
        return ""

    def oracle_passes(self) -> str:
        played = self._solve("gate-0")
        self._solved = played if played.solved else None
        return played.fault

    def steady(self, runs: int) -> str:
        if runs < 2:
            raise NotRun("one run of the solution was asked for")
        for run in range(1, runs):
            if fault := self._solve(f"gate-{run}").fault:
                return f"passed at first, but run {run + 1}: {fault}"
        return ""

    def cheaters_fail(self) -> str:
        """Where results belong is known from the solution's run, else from the paths that the instruction names."""
        verifier = self.verifier
        if verifier.live:
            raise NotRun("the tests look at more than files")
        known = results(self.task, self._solved.files) if self._solved else {}
        paths = sorted(known) or named_paths(self.task)
        tried = cheats(self.task, paths)
        if not tried:
            raise NotRun("no path of a result is known")
        for name, files in tried.items():
            verdict = self._graded(files)
            if passed := [result.id for result in verdict.results if result.passed]:
                return f"{name} pass: {', '.join(passed)}"
        return self._controls_fail()

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
        right = results(self.task, self._solved.files)
        random = Random(f"mutants-{self.task.id}")
        self.mutants = [*self._played(most, right, random), *self._of_results(most, right, random)]
        rate = kill_rate(self.mutants)
        if rate is None or rate >= MIN_KILL_RATE:
            return ""
        survivors = [f"{mutant.kind} ({mutant.what})" for mutant in self.mutants if mutant.fate == "survived"]
        return f"{rate:.0%} of the mutants die; {'; '.join(survivors)} survived"

    def _graded(self, files: list[File]) -> Verdict:
        image = self.engine.image(self.task.image)
        return verify_files(self.task, self.verifier, Left(files), image, self.engine)

    def _played(self, most: int, right: dict[str, File], random: Random) -> list[Mutant]:
        made = list(mutants.played(self.task, random))
        found = []
        for kind, what, solution in random.sample(made, min(most, len(made))):
            played = Played(self.task.model_copy(update={"solution": solution}), self.engine, "mutant")
            same = results(self.task, played.files) == right
            found.append(Mutant(kind=kind, what=what, fate=_fate(played.solved, same)))
        return found

    def _of_results(self, most: int, right: dict[str, File], random: Random) -> list[Mutant]:
        assert self._solved is not None
        left = {file.path: file for file in self._solved.files}
        made = list(mutants.of_results(self.task, right, random))
        found = []
        for kind, what, changed in random.sample(made, min(most, len(made))):
            new = {
                path: left[path].model_copy(update={"content": content})
                for path, content in changed.items()
                if content is not None
            }
            files = [file for path, file in (left | new).items() if changed.get(path, b"") is not None]
            verdict = self._graded(files)
            found.append(Mutant(kind=kind, what=what, fate=_fate(verdict.solved, same=False)))
        return found


def _fate(solved: bool, same: bool) -> Fate:
    if not solved:
        return "killed"
    return "equivalent" if same else "survived"


def _asserted(result: TestResult) -> bool:
    """By pytest's last line: `file:line: exception`."""
    return result.message.rstrip().endswith((": AssertionError", ": Failed"))
