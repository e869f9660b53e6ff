"""data-querying, bibliometrics

From a table of papers and their authors, find how far each researcher is from a given one: co-authors are at distance
one, their co-authors at distance two, and so on. Give the distance and in how many ways it can be walked with the
fewest steps, counting two researchers who wrote several papers together as one step. A paper with more than a stated
number of authors says nothing of who knows whom and is left out.
"""

from collections import defaultdict


def distances(papers: dict[str, list[str]], start: str, most_authors: int) -> dict[str, tuple[int, int]]:
    """(distance, number of shortest ways) of everybody within reach."""
    known = defaultdict(set)
    for authors in papers.values():
        if len(set(authors)) <= most_authors:
            for author in authors:
                known[author] |= set(authors) - {author}
    ways, reached, frontier, distance = {start: 1}, {start: (0, 1)}, [start], 0
    while frontier:
        distance += 1
        nearer: dict[str, int] = defaultdict(int)
        for author in frontier:
            for other in known[author] - reached.keys():
                nearer[other] += ways[author]
        ways.update(nearer)
        reached.update({author: (distance, count) for author, count in nearer.items()})
        frontier = list(nearer)
    return reached
