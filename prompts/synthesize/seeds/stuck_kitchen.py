"""debugging, concurrency

A restaurant's order system hangs at busy hours. Its log tells which worker asked for, was given and gave back which
resource (a station, a printer, the till), each of which one worker holds at a time, while others wait in the order in
which they asked. From the log find the first entry after which some workers can never go on, which workers and
resources are caught in the circle, and who waits behind them without being part of it.
"""

Event = tuple[str, str, str]
"""Worker, `ask` or `give back`, resource. What is free or becomes free is given at once."""


def first_deadlock(log: list[Event]) -> tuple[int, list[str], list[str]] | None:
    """Number of the entry from 0, the workers in the circle, and those behind it."""
    holder: dict[str, str] = {}
    queues: dict[str, list[str]] = {}
    for number, (worker, action, resource) in enumerate(log):
        queue = queues.setdefault(resource, [])
        if action == "ask":
            queue.append(worker)
        else:
            del holder[resource]
        if queue and resource not in holder:
            holder[resource] = queue.pop(0)
        waits = {waiting: holder[name] for name, line in queues.items() for waiting in line}
        if circle := _circle(waits, worker):
            behind = [other for other in waits if other not in circle and circle & _chain(waits, other)]
            return number, sorted(circle), sorted(behind)
    return None


def _chain(waits: dict[str, str], worker: str) -> set[str]:
    seen: set[str] = set()
    while worker in waits and worker not in seen:
        seen.add(worker)
        worker = waits[worker]
    return seen | {worker}


def _circle(waits: dict[str, str], worker: str) -> set[str]:
    """The circle through a worker, or nothing."""
    chain = _chain(waits, waits[worker]) if worker in waits else set()
    return chain if worker in chain and all(waits.get(other) in chain for other in chain) else set()
