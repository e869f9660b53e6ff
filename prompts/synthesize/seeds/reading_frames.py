"""scientific-computing, molecular biology

A short piece of DNA may hold a gene on either strand and in any of three phases. Find all stretches that begin with a
start codon and end with the first stop codon in phase, and that code for at least a given number of amino acids; of
those that share an end keep the longest. Give place, strand and protein in the one-letter code, with places counted
on the strand that was read, and treat letters other than the four bases as codons that code for X.
"""

BASES = "TCAG"
AMINO_ACIDS = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
CODE = {a + b + c: AMINO_ACIDS[16 * i + 4 * j + k] for i, a in enumerate(BASES) for j, b in enumerate(BASES)
        for k, c in enumerate(BASES)}  # fmt: skip
PAIRS = str.maketrans("ACGT", "TGCA")


def genes(dna: str, shortest: int) -> list[tuple[int, int, str, str]]:
    """(start, end, strand, protein), half open and counted from 0 on the given strand, in order of start."""
    found = [(start, end, "+", protein) for start, end, protein in _on_strand(dna.upper(), shortest)]
    back = dna.upper().translate(PAIRS)[::-1]
    found += [(len(dna) - end, len(dna) - start, "-", protein) for start, end, protein in _on_strand(back, shortest)]
    return sorted(found)


def _on_strand(dna: str, shortest: int) -> list[tuple[int, int, str]]:
    found = []
    for phase in range(3):
        start, protein = -1, ""
        for place in range(phase, len(dna) - 2, 3):
            letter = CODE.get(dna[place : place + 3], "X")
            if start < 0 and letter == "M":
                start, protein = place, ""
            if letter == "*":
                if start >= 0 and len(protein) >= shortest:
                    found.append((start, place + 3, protein))
                start = -1
            protein += letter
    return found
