"""scientific-computing, chemistry

A weak acid with several dissociation steps is titrated with a strong base. From the volumes, the concentrations and
the constants of dissociation compute the pH after each addition, from the pure acid to a large excess of base, with
the water's own dissociation and the growing volume taken into account, to three decimals. Then find the volume at
which the curve is steepest.
"""

WATER = 1e-14


def ph(acid_ml: float, acid: float, base_ml: float, base: float, constants: list[float]) -> float:
    """`acid` and `base` in mol/l before mixing."""
    volume = acid_ml + base_ml
    held, sodium = acid * acid_ml / volume, base * base_ml / volume

    def excess(value: float) -> float:
        """Positive charge minus negative, which falls as the pH rises."""
        hydrogen = 10**-value
        return hydrogen + sodium - WATER / hydrogen - held * _charges(hydrogen, constants)

    low, high = -2.0, 16.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return (low + high) / 2


def _charges(hydrogen: float, constants: list[float]) -> float:
    """How many protons a molecule has lost on average."""
    terms = [1.0]
    for constant in constants:
        terms.append(terms[-1] * constant / hydrogen)
    return sum(number * term for number, term in enumerate(terms)) / sum(terms)


def steepest(acid_ml: float, acid: float, base: float, constants: list[float], volumes: list[float]) -> float:
    """Of the given volumes the middle of the pair between which the pH rises fastest."""
    values = [ph(acid_ml, acid, volume, base, constants) for volume in volumes]
    slopes = [(values[i + 1] - values[i]) / (volumes[i + 1] - volumes[i]) for i in range(len(volumes) - 1)]
    place = slopes.index(max(slopes))
    return (volumes[place] + volumes[place + 1]) / 2
