"""data-querying, manufacturing

A database holds which assembly contains how many of which part; assemblies contain assemblies. For an order of
several products find how many of each bought part are needed, what they cost, and through how many levels each is
reached at most. Some assemblies are marked as kept in stock in a certain number: those are used up first, and what
they contain need not be bought. An assembly that contains itself through others is an error and has to be named.
"""


class Loop(Exception):
    """Names an assembly that contains itself."""


def requirements(
    contains: dict[str, dict[str, int]], order: dict[str, int], stock: dict[str, int]
) -> dict[str, tuple[int, int]]:
    """(number, deepest level) of each bought part; what is ordered is on level 0."""
    levels = dict.fromkeys(order, 0)
    for name in _from_the_top(contains, order):
        for part in contains.get(name, {}):
            levels[part] = max(levels.get(part, 0), levels[name] + 1)
    needed = dict(order)
    bought = {}
    for name in _from_the_top(contains, order):
        number = max(0, needed.get(name, 0) - stock.get(name, 0))
        for part, each in contains.get(name, {}).items():
            needed[part] = needed.get(part, 0) + number * each
        if name not in contains and number:
            bought[name] = (number, levels[name])
    return bought


def _from_the_top(contains: dict[str, dict[str, int]], order: dict[str, int]) -> list[str]:
    """Everything below the order, each after all that contains it."""
    done: list[str] = []
    open_now: list[str] = []

    def visit(name: str) -> None:
        if name in open_now:
            raise Loop(name)
        if name in done:
            return
        open_now.append(name)
        for part in sorted(contains.get(name, {})):
            visit(part)
        open_now.pop()
        done.append(name)

    for name in sorted(order):
        visit(name)
    return done[::-1]
