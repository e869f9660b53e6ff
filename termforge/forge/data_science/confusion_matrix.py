"""Data science: predictions are joined with the truth, counted in a confusion matrix, and scored class by class."""

from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

THEMES = (
    ("image", "img", ("badger", "deer", "fox", "hare", "marten", "owl", "roe", "wolf")),
    ("ticket", "t", ("access", "billing", "bug", "delivery", "feature", "outage", "refund", "spam")),
    ("cell", "c", ("blast", "debris", "eosinophil", "lymphocyte", "monocyte", "neutrophil", "platelet", "smear")),
    ("clip", "clip", ("alarm", "applause", "engine", "music", "rain", "silence", "speech", "wind")),
)


class Case(NamedTuple):
    noun: str
    truth: dict[str, str]
    predictions: list[tuple[str, str, int]]
    """Item, class, score in per cent; several of an item have different scores."""

    @property
    def matched(self) -> list[tuple[str, str, str, int]]:
        best: dict[str, tuple[str, int]] = {}
        for item, label, score in self.predictions:
            if item not in best or score > best[item][1]:
                best[item] = label, score
        return [(item, self.truth[item], *best[item]) for item in sorted(self.truth) if item in best]


def make(random: Random, setting: Setting) -> Fragment:
    case, folder = _drawn(random, setting.level), setting.folder
    columns = (Column(case.noun, "key"), Column("truth", "word"), Column("predicted", "word"), Column("score", "whole"))
    rows = tuple((item, truth, label, str(score)) for item, truth, label, score in case.matched)
    matched = Table(f"{folder}/matched.csv", columns, rows)
    predictions = [f"{item},{label},{score}" for item, label, score in case.predictions]
    return Fragment(
        title=f"Score the {case.noun} classifier",
        brief=_brief(folder, case),
        files=(
            text_file(f"{folder}/truth.csv", _csv("item,class", [",".join(pair) for pair in case.truth.items()])),
            text_file(f"{folder}/predictions.csv", _csv("item,class,score", predictions)),
        ),
        steps=_steps(random, folder, case),
        checks=_checks(folder, matched),
        outputs=(matched.path, f"{folder}/confusion.csv", f"{folder}/scores.csv"),
        offers=(matched,),
    )


def _csv(header: str, lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in [header, *lines])


def _drawn(random: Random, level: int) -> Case:
    """One class is never predicted, another never true; some items are on one side only, some predicted twice."""
    noun, prefix, labels = random.choice(THEMES)
    unpredicted, untrue, *common = random.sample(labels, 4 + level)
    items = [f"{prefix}{number}" for number in random.sample(range(100, 1000), 18 + 8 * level)]
    truth = {item: random.choice(common) for item in items} | dict.fromkeys(items[:2], unpredicted)
    best = {
        item: label if label != unpredicted and random.random() < 0.6 else random.choice(common)
        for item, label in truth.items()
    }
    best[items[3]] = untrue
    scores = {item: random.randint(40, 99) for item in items}
    predictions = [(item, best[item], scores[item]) for item in items[:-2]]
    predictions += [(f"{prefix}{number}", random.choice(common), 50) for number in random.sample(range(10, 100), 2)]
    twice = random.sample(items[4:-2], 2 + level)
    predictions += [(item, random.choice(common), scores[item] - random.randint(1, 30)) for item in twice]
    return Case(noun, truth, random.sample(predictions, len(predictions)))


def _brief(folder: str, case: Case) -> str:
    return f"""\
`{folder}/truth.csv` (`item,class`) holds what each {case.noun} really is, `{folder}/predictions.csv`
(`item,class,score`) what a classifier said. An item that was predicted several times counts with its highest score
alone; items that are in one of the files only do not count.

- Write `{folder}/matched.csv` with the header `{case.noun},truth,predicted,score`, sorted by item in byte order.
- Write `{folder}/confusion.csv`: the header is `truth` and all classes that occur in either class column of
  `matched.csv`, in byte order; then a row for each of these classes in the same order: the class, and for each column
  how many items of this true class were predicted as that class.
- Write `{folder}/scores.csv` with the header `class,support,predicted,correct,precision,recall,f1`, same order of
  classes. `support` counts items that are truly of the class, `predicted` items predicted as it, `correct` both.
  Precision correct/predicted, recall correct/support and F1 2 correct/(support + predicted) are given in whole
  thousandths, rounded down, and 0 where the divisor is 0."""


def _steps(random: Random, folder: str, case: Case) -> tuple[Step, ...]:
    look = step(
        random,
        (
            "Two files have to be brought together by item; I check their layout and whether items repeat.",
            "Before joining I need to know which items were predicted more than once.",
        ),
        ("Show the first lines of both files and the repeated items.", "Head of both files, then uniq -d on items."),
        run(f"head {folder}/truth.csv {folder}/predictions.csv"),
        run(f"cut -d, -f1 {folder}/predictions.csv | sort | uniq -d"),
    )
    joined = step(
        random,
        (
            "Sorting predictions by item and falling score puts the one that counts first; join drops the rest.",
            "After a sort by item and descending score, sort -u with a stable order keeps the best of each item.",
        ),
        ("Sort both sides, join them, look at the result.", "Make matched.csv with sort and join."),
        run(f"tail -n +2 {folder}/truth.csv | sort -t, -k1,1 > /tmp/truth.sorted"),
        run(
            f"tail -n +2 {folder}/predictions.csv | sort -t, -k1,1 -k3,3nr | sort -t, -k1,1 -s -u"
            " > /tmp/predictions.sorted"
        ),
        run(f"echo {case.noun},truth,predicted,score > {folder}/matched.csv"),
        run(f"join -t, /tmp/truth.sorted /tmp/predictions.sorted >> {folder}/matched.csv"),
        run(f"cat {folder}/matched.csv"),
    )
    scored = step(
        random,
        (
            "Everything else are counts over matched.csv. The classes of both columns together give the order.",
            "One awk pass counts pairs, row sums and column sums; the list of classes comes from both columns.",
        ),
        ("Collect the classes, then write both tables.", "Write the awk program and run it."),
        write("/tmp/score.awk", _awk(folder)),
        run(f"tail -n +2 {folder}/matched.csv | cut -d, -f2,3 | tr , '\\n' | sort -u > /tmp/classes"),
        run(f"awk -F, -f /tmp/score.awk /tmp/classes {folder}/matched.csv"),
        run(f"cat {folder}/confusion.csv {folder}/scores.csv"),
    )
    return look, joined, scored


def _awk(folder: str) -> str:
    return f"""
function share(part, all) {{ return all ? int(1000 * part / all) : 0 }}
NR == FNR {{ class[++n] = $1; next }}
FNR > 1 {{ pair[$2, $3]++; support[$2]++; predicted[$3]++ }}
END {{
    line = "truth"
    for (i = 1; i <= n; i++) line = line "," class[i]
    print line > "{folder}/confusion.csv"
    print "class,support,predicted,correct,precision,recall,f1" > "{folder}/scores.csv"
    for (i = 1; i <= n; i++) {{
        c = line = class[i]
        for (j = 1; j <= n; j++) line = line "," pair[c, class[j]] + 0
        print line > "{folder}/confusion.csv"
        s = support[c] + 0; p = predicted[c] + 0; t = pair[c, c] + 0
        print c "," s "," p "," t "," share(t, p) "," share(t, s) "," share(2 * t, s + p) > "{folder}/scores.csv"
    }}
}}
"""


def _checks(folder: str, matched: Table) -> tuple[Check, ...]:
    pairs = [(row[1], row[2]) for row in matched.rows]
    classes = sorted({label for pair in pairs for label in pair})
    confusion = [["truth", *classes]]
    confusion += [[truth, *(str(pairs.count((truth, label))) for label in classes)] for truth in classes]
    scores = [["class", "support", "predicted", "correct", "precision", "recall", "f1"]]
    scores += [_score(label, pairs) for label in classes]
    rows = [list(row) for row in matched.rows]
    return (
        Check("matched", f"assert table({matched.path!r}) == {literal([matched.header, *rows])}", 2.0),
        Check("confusion", f"assert table({folder + '/confusion.csv'!r}) == {literal(confusion)}", 2.0),
        Check("scores", f"assert table({folder + '/scores.csv'!r}) == {literal(scores)}", 2.0),
    )


def _score(label: str, pairs: list[tuple[str, str]]) -> list[str]:
    support = sum(truth == label for truth, _ in pairs)
    predicted = sum(said == label for _, said in pairs)
    correct = pairs.count((label, label))
    shares = ((correct, predicted), (correct, support), (2 * correct, support + predicted))
    return [label, *map(str, (support, predicted, correct)), *(str(1000 * a // b if b else 0) for a, b in shares)]


SKILL = Skill(
    name="data-science/confusion-matrix",
    domain="data-science",
    folders=("classifier", "predictions", "model-scores", "labelling"),
    tools=("cat", "head", "tail", "cut", "sort", "uniq", "join", "tr", "awk"),
    make=make,
    offers=(Table,),
)
