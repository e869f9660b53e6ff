"""data-science, social choice

A village chooses a site for its new well. Everybody ranks the sites, ties allowed, and sites that are left out rank
below the others. A site is stronger than another when there is a chain of majorities from it to the other whose
weakest link is larger than that of any chain back. Order the sites by it and name all that nobody is stronger than,
even where the majorities run in a circle.
"""

Ballot = list[list[str]]
"""Groups of equally liked sites, best first."""


def strengths(sites: list[str], ballots: list[tuple[int, Ballot]]) -> dict[tuple[str, str], int]:
    """`ballots`: (voters, ballot). Of the strongest chain from one site to another."""
    ranks = [
        (voters, {site: place for place, group in enumerate(ballot) for site in group}) for voters, ballot in ballots
    ]
    prefer = {
        (a, b): sum(voters for voters, rank in ranks if rank.get(a, len(sites)) < rank.get(b, len(sites)))
        for a in sites
        for b in sites
        if a != b
    }
    paths = {(a, b): votes if votes > prefer[b, a] else 0 for (a, b), votes in prefer.items()}
    for via in sites:
        for a, b in paths:
            if via not in (a, b):
                paths[a, b] = max(paths[a, b], min(paths[a, via], paths[via, b]))
    return paths


def winners(sites: list[str], ballots: list[tuple[int, Ballot]]) -> list[str]:
    paths = strengths(sites, ballots)
    return [a for a in sites if all(paths[a, b] >= paths[b, a] for b in sites if b != a)]
