"""data-processing, accounting

A cooperative pays one heating bill a month and splits it over its flats by the units on their meters, in whole cents.
Rounded one by one the shares do not add up to the bill. Give every flat its exact share rounded down or up, so that
the parts add up to the cent, those that lose most by rounding down are rounded up first, and among equals the lower
flat number comes first. Credits, which are negative bills, are split by the same rule with the sign turned round.
"""


def split(cents: int, units: dict[int, int]) -> dict[int, int]:
    """Cents by flat."""
    sign, bill, total = (-1 if cents < 0 else 1), abs(cents), sum(units.values())
    shares = {flat: bill * amount // total for flat, amount in units.items()}
    left = bill - sum(shares.values())
    by_loss = sorted(units, key=lambda flat: (-(bill * units[flat] % total), flat))
    for flat in by_loss[:left]:
        shares[flat] += 1
    return {flat: sign * share for flat, share in shares.items()}
