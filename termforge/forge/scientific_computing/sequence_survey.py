"""Scientific computing: DNA sequences of a FASTA file: composition, reverse complements, k-mers, restriction sites."""

from collections import Counter
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

SITES = {"EcoRI": "GAATTC", "BamHI": "GGATCC", "HindIII": "AAGCTT", "PstI": "CTGCAG", "SmaI": "CCCGGG"}
SOURCES = (("contigs", "contig"), ("amplicons", "amp"), ("plasmids", "pl"), ("clones", "clone"))
COMPLEMENT = str.maketrans("ACGT", "TGCA")


class Case(NamedTuple):
    file: str
    sequences: dict[str, str]
    """Upper case, by id, in the order of the file."""
    k: int
    least: int
    """K-mers that occur so often are listed."""
    site: str


def make(random: Random, setting: Setting) -> Fragment:
    case, folder = _drawn(random, setting.level), setting.folder
    source = f"{folder}/{case.file}.fa"
    columns = (Column("id", "key"), Column("class", "word"), Column("length", "whole"), Column("gc", "whole"))
    table = Table(f"{folder}/composition.csv", columns, tuple(_row(*item) for item in case.sequences.items()))
    return Fragment(
        title=f"Survey the {case.file}",
        brief=_brief(folder, source, case),
        files=(text_file(source, _fasta(random, case)),),
        steps=_steps(random, folder, source, case),
        checks=_checks(folder, case, table),
        outputs=(table.path, f"{folder}/reverse.txt", f"{folder}/kmers.txt", f"{folder}/sites.txt"),
        offers=(table,),
    )


def _drawn(random: Random, level: int) -> Case:
    """A balanced sequence is among them, the site occurs, once across a line break, and unknown bases are frequent."""
    file, prefix = random.choice(SOURCES)
    site = random.choice(sorted(SITES))
    sequences = {}
    for number in random.sample(range(10, 100), 9 + 2 * level):
        weights = random.choice((("ACGT", "ACGT"), ("AATT", "ACGT"), ("CGCG", "ACGT")))
        drawn = [random.choice(random.choice(weights)) for _ in range(random.randint(24, 40 + 20 * level))]
        if random.random() < 0.3:
            drawn[random.randrange(len(drawn))] = "N"
        sequences[f"{prefix}{number}"] = "".join(drawn)
    first, second, third, fourth = random.sample(sorted(sequences), 4)
    sequences[first] = "ACGT" * random.randint(5, 8)
    sequences[second] = sequences[second][:17] + SITES[site] + sequences[second][17:]
    sequences[third] = SITES[site] + sequences[third] + SITES[site]
    k = random.choice((2, 3))
    counts = Counter(kmer for sequence in sequences.values() for kmer in _kmers(sequence, k))
    ranked = sorted(counts.values(), reverse=True)
    least = ranked[min(len(ranked), 12) - 1]
    sequences[fourth] += "N" * (least + k)
    return Case(file, sequences, k, least, site)


def _kmers(sequence: str, k: int) -> list[str]:
    windows = [sequence[place : place + k] for place in range(len(sequence) - k + 1)]
    return [window for window in windows if "N" not in window]


def _row(name: str, sequence: str) -> tuple[str, ...]:
    gc, at = (sum(map(sequence.count, bases)) for bases in ("GC", "AT"))
    kind = "GC-rich" if gc > at else "AT-rich" if gc < at else "balanced"
    return name, kind, str(len(sequence)), str(gc)


def _fasta(random: Random, case: Case) -> str:
    """Lines of 20 bases, some in lower case, those with the site always."""
    records = []
    for name, sequence in case.sequences.items():
        lines = [sequence[place : place + 20] for place in range(0, len(sequence), 20)]
        shown = [line.lower() if random.random() < 0.3 or SITES[case.site] in line else line for line in lines]
        records.append("\n".join([f">{name} len={len(sequence)}", *shown]))
    return "\n".join(records) + "\n"


def _brief(folder: str, source: str, case: Case) -> str:
    return f"""\
`{source}` is a FASTA file: a header line `>` with the id up to the first blank, then the sequence on one or more lines.
Lower and upper case mean the same; `N` is an unknown base.

- Write `{folder}/composition.csv` with the header `id,class,length,gc`, in the order of the file: the length (N
  included), the number of G and C, and the class: `GC-rich` with more G and C than A and T, `AT-rich` with fewer,
  `balanced` with equally many.
- Write `{folder}/reverse.txt`: the reverse complement of each sequence, one a line in upper case, in the order of the
  file; N stays N.
- Write `{folder}/kmers.txt`: each word of {case.k} bases that occurs at least {case.least} times in all sequences
  together, overlapping occurrences counted, words with N left out and no word reaching over two sequences: a line
  `<count> <word>`, largest count first, equal counts in byte order of the words.
- Write `{folder}/sites.txt`: the ids of the sequences that contain the site of {case.site}, {SITES[case.site]}, one a
  line, in the order of the file."""


def _steps(random: Random, folder: str, source: str, case: Case) -> tuple[Step, ...]:
    return (
        step(
            random,
            (
                "Sequences are broken over lines and mixed in case; a form with one record a line is what I need.",
                "I look at the records first, then at the bases that occur.",
            ),
            ("Show the file's head, its number of records and its alphabet.", "Head, records, alphabet."),
            run(f"head {source}"),
            run(f"grep -c '^>' {source}"),
            run(f"grep -v '^>' {source} | fold -w 1 | sort | uniq -c"),
        ),
        step(
            random,
            (
                "Unfolded to one `id sequence` line each, everything else is a short pipeline: counts in awk, "
                "complements with rev and tr.",
                "awk joins the lines of a record; from that, composition and reverse complement follow directly.",
            ),
            ("Unfold, then write composition and reverse complements.", "Make the flat file and the first two tables."),
            run(
                f'awk \'/^>/ {{printf "%s%s ", (NR > 1 ? "\\n" : ""), substr($1, 2); next}} '
                f'{{printf "%s", toupper($0)}} END {{print ""}}\' {source} > /tmp/flat'
            ),
            write("/tmp/composition.awk", _awk()),
            run(f"awk -f /tmp/composition.awk /tmp/flat > {folder}/composition.csv"),
            run(f"cut -d ' ' -f2 /tmp/flat | rev | tr ACGT TGCA > {folder}/reverse.txt"),
            run(f"cat {folder}/composition.csv"),
        ),
        step(
            random,
            ("Left are overlapping words and the site.", "Words come from sliding a window, sites from a plain match."),
            ("Count k-mers, search the site, view both.", "sort and uniq count the words; awk finds the site."),
            run(
                f"awk '{{for (i = 1; i <= length($2) - {case.k} + 1; i++) print substr($2, i, {case.k})}}' /tmp/flat"
                f" | grep -v N | sort | uniq -c | awk '$1 >= {case.least} {{print $1, $2}}'"
                f" | sort -k1,1nr -k2,2 > {folder}/kmers.txt"
            ),
            run(f"grep {SITES[case.site]} /tmp/flat | cut -d ' ' -f1 > {folder}/sites.txt"),
            run(f"cat {folder}/kmers.txt {folder}/sites.txt"),
        ),
    )


def _awk() -> str:
    return """
BEGIN { print "id,class,length,gc" }
{
    n = length($2)
    gc = gsub(/[GC]/, "", $2)
    at = gsub(/[AT]/, "", $2)
    class = gc > at ? "GC-rich" : gc < at ? "AT-rich" : "balanced"
    print $1 "," class "," n "," gc
}
"""


def _checks(folder: str, case: Case, table: Table) -> tuple[Check, ...]:
    rows = [list(row) for row in table.rows]
    reverse = [sequence[::-1].translate(COMPLEMENT) for sequence in case.sequences.values()]
    counts = Counter(kmer for sequence in case.sequences.values() for kmer in _kmers(sequence, case.k))
    frequent = sorted((-count, kmer) for kmer, count in counts.items() if count >= case.least)
    words = [f"{-count} {kmer}" for count, kmer in frequent]
    sites = [name for name, sequence in case.sequences.items() if SITES[case.site] in sequence]
    return (
        Check("composition", f"assert table({table.path!r}) == {literal([table.header, *rows])}", 2.0),
        Check("reverse_complements", f"assert lines({folder + '/reverse.txt'!r}) == {literal(reverse)}", 2.0),
        Check("words", f"assert lines({folder + '/kmers.txt'!r}) == {literal(words)}", 2.0),
        Check("sites", f"assert lines({folder + '/sites.txt'!r}) == {literal(sites)}"),
    )


SKILL = Skill(
    name="scientific-computing/sequence-survey",
    domain="scientific-computing",
    folders=("sequences", "genome", "fasta", "sequencing"),
    tools=("cat", "head", "grep", "fold", "sort", "uniq", "awk", "cut", "rev", "tr"),
    make=make,
    offers=(Table,),
)
