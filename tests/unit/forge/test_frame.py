"""The words around a forged task's parts."""

from random import Random

import pytest

from termforge.forge.frame import RUN_BY_ANOTHER, instruction
from termforge.forge.skill import Check, Fragment


def part(body: str) -> Fragment:
    return Fragment("Do it", "Write it.", (), (), (Check("it", body),), ("/app/it/x",))


@pytest.mark.parametrize(
    ("bodies", "said"),
    [
        (["assert table('/app/it/x')"], False),
        (["assert output_of('/app/it/x.sh') == []"], True),
        (["assert lines('/app/it/x')", "assert run_agent(['awk', '-f', '/app/it/x']).stdout"], True),
    ],
)
def test_who_writes_a_program_is_told_as_whom_it_runs(bodies: list[str], said: bool) -> None:
    for seed in range(10):
        assert (RUN_BY_ANOTHER in instruction(Random(seed), [part(body) for body in bodies])) is said
