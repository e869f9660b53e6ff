"""system-administration, scheduling

A small computing group shares a few machines with different numbers of cores. Jobs arrive with a need for cores and a
run time, in the order of their submission; a later short job may run earlier only if it does not delay the start of
the first one in the queue. Plan which job runs where and when, and report how long each waited. Of machines on which
a job can start, the first by name is taken.
"""

Job = tuple[str, int, int, int]
"""Name, moment of submission, cores, minutes."""
Run = tuple[str, int, int]
"""Machine, start, end."""


def plan(machines: dict[str, int], jobs: list[Job]) -> dict[str, Run]:
    """Jobs in order of submission, each of which fits on some machine."""
    runs: dict[str, Run] = {}
    cores = {name: need for name, _, need, _ in jobs}
    now = 0
    while len(runs) < len(jobs):
        for job in [job for job in jobs if job[0] not in runs and job[1] <= now]:
            queue = [other for other in jobs if other[0] not in runs and other[1] <= now]
            if (machine := _place(machines, runs, cores, queue[0], job, now)) is not None:
                runs[job[0]] = (machine, now, now + job[3])
        moments = [end for _, _, end in runs.values()] + [job[1] for job in jobs]
        now = min((moment for moment in moments if moment > now), default=now)
    return runs


def _place(
    machines: dict[str, int], runs: dict[str, Run], cores: dict[str, int], head: Job, job: Job, now: int
) -> str | None:
    """Where the job can start now without delaying the head of the queue."""
    reserved = None if job == head else _reservation(machines, runs, cores, head, now)
    for machine in sorted(machines):
        if _free(machines, runs, cores, machine, now) < job[2]:
            continue
        if reserved is None or reserved[0] != machine or now + job[3] <= reserved[1]:
            return machine
        if _free(machines, runs, cores, machine, reserved[1]) - head[2] >= job[2]:
            return machine
    return None


def _free(machines: dict[str, int], runs: dict[str, Run], cores: dict[str, int], machine: str, at: int) -> int:
    return machines[machine] - sum(
        cores[name] for name, (place, _, end) in runs.items() if place == machine and end > at
    )


def _reservation(
    machines: dict[str, int], runs: dict[str, Run], cores: dict[str, int], head: Job, now: int
) -> tuple[str, int]:
    """The machine on which the head starts earliest, and when."""
    ends = sorted({now, *(end for _, _, end in runs.values() if end > now)})
    return next(
        (machine, moment)
        for moment in ends
        for machine in sorted(machines)
        if _free(machines, runs, cores, machine, moment) >= head[2]
    )
