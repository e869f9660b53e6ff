"""file-operations, combinatorial optimization

An observatory writes its files to tapes of one size. Files may not be split, and files of one night must lie on one
tape. Find the smallest number of tapes and an assignment that reaches it; a night that fits on no tape is reported
and left out. There are at most fourteen nights a batch, so that the true minimum is wanted and not an estimate.
"""


def pack(nights: dict[str, list[int]], tape: int) -> tuple[list[list[str]], list[str]]:
    """Names of the nights on each tape, and the nights that fit on none."""
    sizes = {night: sum(files) for night, files in nights.items()}
    names = sorted(night for night, size in sizes.items() if size <= tape)
    best: dict[int, tuple[int, int, int]] = {0: (0, 0, 0)}
    for chosen in range(1, 1 << len(names)):
        options = []
        for place, night in enumerate(names):
            if chosen >> place & 1:
                tapes, filled, _ = best[chosen & ~(1 << place)]
                fits = tapes and filled + sizes[night] <= tape
                options.append((tapes, filled + sizes[night], place) if fits else (tapes + 1, sizes[night], place))
        best[chosen] = min(options)
    return _boxes(names, best), sorted(set(nights) - set(names))


def _boxes(names: list[str], best: dict[int, tuple[int, int, int]]) -> list[list[str]]:
    chosen = (1 << len(names)) - 1
    boxes: list[list[str]] = [[] for _ in range(best[chosen][0])]
    while chosen:
        tapes, _, place = best[chosen]
        boxes[tapes - 1].append(names[place])
        chosen &= ~(1 << place)
    return [sorted(box) for box in boxes]
