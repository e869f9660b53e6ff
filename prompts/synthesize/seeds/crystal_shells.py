"""scientific-computing, materials science

A simulation of a crystal lists atoms in a box that repeats itself in all directions. For each kind of atom tell how
many neighbours of each kind it has on average within a given distance, counting images of the atoms in neighbouring
boxes, an atom's own images among them, even where the distance is larger than the box. Distances that are equal to
nine digits belong to the same shell; list the first shells with their distances and numbers.
"""

from collections import Counter
from itertools import product
from math import ceil, sqrt

Atom = tuple[str, float, float, float]


def shells(
    atoms: list[Atom], box: tuple[float, float, float], reach: float
) -> dict[tuple[str, str], dict[float, float]]:
    """By kind and kind of neighbour: distance, rounded to nine digits, to the average number of neighbours."""
    images = list(product(*(range(-ceil(reach / side) - 1, ceil(reach / side) + 2) for side in box)))
    kinds = Counter(atom[0] for atom in atoms)
    found: Counter[tuple[str, str, float]] = Counter()
    for one, other in product(atoms, atoms):
        for image in images:
            parts = [other[i + 1] + image[i] * box[i] - one[i + 1] for i in range(3)]
            distance = sqrt(sum(part * part for part in parts))
            if 1e-9 < distance <= reach + 1e-9:
                found[one[0], other[0], round(distance, 9)] += 1
    result: dict[tuple[str, str], dict[float, float]] = {}
    for (kind, near, distance), count in sorted(found.items()):
        result.setdefault((kind, near), {})[distance] = count / kinds[kind]
    return result
