"""The shards of a stage, side by side."""

from collections.abc import Callable

from prefect.futures import PrefectFuture, wait

from termforge.schemas import Part
from termforge.stages.plan import ShardPlan
from termforge.stopping import stoppable


def parts_of(plan: ShardPlan, submit: Callable[[int], PrefectFuture[Part]]) -> list[Part]:
    """What `submit` comes to for each shard, in order; a Ctrl-C lets them end early (termforge/stopping.py).

    Raises: what the first shard that failed did, when all have ended.
    """
    with stoppable():
        shards = [submit(shard) for shard in plan.shards]
        wait(list(shards))
    return [shard.result() for shard in shards]
