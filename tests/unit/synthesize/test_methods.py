"""Which names of methods give something away."""

import pytest

from termforge.synthesize.methods import given_away


@pytest.mark.parametrize(
    ("sentence", "name"),
    [
        ("Search it with BFS.", "bfs"),
        ("Use a depth-first search.", "depth first search"),
        ("Find the way using A*.", "a*"),
        ("Integrate by RK4.", "rk4"),
        ("Apply KMP.", "kmp"),
        ("Filter it via an FFT.", "fft"),
        ("Match names by their edit distance.", "edit distance"),
        ("Use Levenshtein.", "levenshtein"),
        ("Group them with k-means.", "k means"),
        ("Solve it by linear programming.", "linear programming"),
        ("Use a greedy choice.", "greedy"),
        ("It is solved with a memoized function.", "memoized"),
        ("Implement a sliding window.", "sliding window"),
        ("Solve it using finite differences.", "finite difference"),
        ("Order them by Kahn's algorithm.", "kahn algorithm"),
        ("Find it by DynamicProgramming.", "dynamic programming"),
    ],
)
def test_a_method_that_is_named_as_a_means_is_given_away(sentence: str, name: str) -> None:
    assert given_away(f"Read the file. {sentence}", "") == {name}


def test_elsewhere_a_method_is_given_away_where_the_solution_names_it_too() -> None:
    assert given_away("A binary search would do.", "") == set()
    assert given_away("A binary search would do.", "def binary_search(): ...") == {"binary search"}


@pytest.mark.parametrize(
    "sentence",
    [
        "Report the Kruskal-Wallis statistic by group.",
        "Write the Cholesky factor with 6 decimals.",
        "Print the nodes by depth-first order.",
        "Report the edit distance of each pair.",
        "Run 200 steps of gradient descent.",
        "Integrate with Runge-Kutta at the given step.",
        "List the names within edit distance 2, and group them by k-means with k = 3.",
        "Sort by index of coincidence, with a Bloom filter of 1024 bits.",
        "Model the desk with its priority queue.",
        "Send it to the customer named Kahn, by Horner and with Prim.",
        "The script tries to read with retries.",
        "The Kahnweiler prize, retrieval, and the heaps of sorts.",
        "Compute the SHA-256 and the Kaplan-Meier estimate by a t-test.",
        "Use a star rating; match by data*.",
    ],
)
def test_what_defines_a_result_or_only_sounds_like_a_method_is_not(sentence: str) -> None:
    assert given_away(sentence, sentence) == set()
