import random
import tracemalloc

import numpy as np
import pytest

from termforge.adapt.near_duplicates import NearDuplicates


def shingles(text: str) -> set[tuple[str, ...]]:
    words = text.lower().split()
    return {tuple(words[place : place + 3]) for place in range(len(words) - 2)}


def jaccard(one: str, other: str) -> float:
    return len(shingles(one) & shingles(other)) / len(shingles(one) | shingles(other))


def text_of(seed: int, words: int = 120) -> list[str]:
    source = random.Random(seed)
    return [f"word{source.randrange(10_000)}" for _ in range(words)]


def altered(words: list[str], changes: int) -> list[str]:
    places = random.Random(changes).sample(range(len(words)), changes)
    return [f"other{place}" if place in places else word for place, word in enumerate(words)]


@pytest.mark.parametrize("changes", [0, 1, 3, 10, 40])
def test_signatures_estimate_the_share_of_common_shingles(changes: int) -> None:
    pairs = [(text_of(seed), altered(text_of(seed), changes)) for seed in range(40)]
    texts = [(" ".join(one), " ".join(other)) for one, other in pairs]
    told = NearDuplicates(0.8)
    estimated = [np.mean(np.equal(*told.signatures(pair))) for pair in texts]
    assert np.mean(estimated) == pytest.approx(np.mean([jaccard(*pair) for pair in texts]), abs=0.03)


def test_the_first_of_nearly_equal_texts_is_new_and_the_others_are_repeated() -> None:
    texts = [" ".join(altered(text_of(seed), changes)) for seed in range(200) for changes in (0, 1, 2)]
    assert list(NearDuplicates(0.8).repeated(texts)) == [n for kept in range(200) for n in (None, kept, kept)]


def test_texts_that_differ_enough_are_all_new() -> None:
    texts = [" ".join(altered(text_of(seed), changes)) for seed in range(100) for changes in (0, 40)]
    assert set(NearDuplicates(0.8).repeated(texts)) == {None}


def test_case_and_punctuation_do_not_count() -> None:
    assert list(NearDuplicates(1.0).repeated(['One, two: "three four?"', "one two three FOUR"])) == [None, 0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Compute 3 + 4 * 5.", "Compute 3 * 4 - 5."),
        ("Solve x^2 - 5x + 6 = 0.", "Solve x^2 + 5x - 6 = 0."),
        ("What is 2(3 + 4) - 5?", "What is (2*3) + 4 - 5?"),
        ("What is 5! + 3?", "What is 5 + 3?"),
    ],
)
def test_signs_tell_problems_apart(one: str, other: str) -> None:
    assert list(NearDuplicates(0.8).repeated([one, other])) == [None, None]


def test_many_texts_take_little_memory() -> None:
    texts = (" ".join(text_of(seed, words=20)) for seed in range(4_000))
    tracemalloc.start()
    told = NearDuplicates(0.8)
    assert set(told.repeated(texts)) == {None}
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept / 4_000 < 1_300


def test_short_and_empty_texts_are_told_apart() -> None:
    assert list(NearDuplicates(0.8).repeated(["yes", "no", "", "yes", "?"])) == [None, None, None, 0, 2]


def test_answers_are_the_same_in_every_run_and_whatever_the_batches() -> None:
    texts = [" ".join(altered(text_of(number % 300), number % 7)) for number in range(1_000)]
    told = NearDuplicates(0.8)
    assert list(NearDuplicates(0.8).repeated(texts)) == [next(told.repeated([text])) for text in texts]
