import pytest

from termforge import prompts
from termforge.errors import InputError
from termforge.schemas import DOMAINS, Domain
from termforge.synthesize.taxonomy import FILE, read_taxonomy, taxonomy

TEXT = prompts.load(FILE).text
VARIANTS: tuple[Domain, ...] = ("dependency-management", "model-training")


def test_the_nine_domains_and_both_variants_have_thirty_primitives_each_over_six_dimensions() -> None:
    assert tuple(taxonomy().domains) == (*DOMAINS, *VARIANTS)
    for domain, module in taxonomy().domains.items():
        assert len({skill.name for skill in module.skills}) == len(module.skills) >= 30, domain
        assert {skill.dimension for skill in module.skills} == set(taxonomy().dimensions)
        assert len(module.focus) == 5
    assert len(taxonomy().dimensions) == 6


def test_no_two_primitives_of_a_domain_say_the_same() -> None:
    for module in taxonomy().domains.values():
        assert len({skill.what for skill in module.skills}) == len(module.skills)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        (
            "      mathematical:\n        resample",
            "      magical:\n        resample",
            "domains.data-processing.skills.* 'alg",
        ),
        ("        stream-large-files:", "        Stream Files:", "domains.data-processing.skills.*pattern"),
        ("        external-sorting:", "        stream-large-files:", "'stream-large-files' stands twice"),
        ("        external-sorting: ", "        merge-by-fuzzy-key: ", "skills: .*named twice: merge-by-fuzzy-key"),
        ("  data-querying:\n", "  cooking:\n", "domains.cooking"),
        ("      - streams and files larger than memory\n", "", "domains.data-processing.focus: .*at least 5"),
        ("    title: Data Processing\n", "", "domains.data-processing.title: Field required"),
        (
            "        mask-personal-fields: replace",
            "        mask-personal-fields:\n        other: replace",
            "what: .*string",
        ),
        ("domains:\n", "domains: [\n", "line"),
    ],
)
def test_a_damaged_taxonomy_is_refused_with_file_and_field(old: str, new: str, place: str) -> None:
    assert old in TEXT
    with pytest.raises(InputError, match=rf"{FILE}.*{place}"):
        read_taxonomy(TEXT.replace(old, new, 1), FILE)


def test_a_domain_with_too_few_primitives_is_refused() -> None:
    start, end = TEXT.index("      algorithmic:\n        merge"), TEXT.index("      systems:\n        stream")
    with pytest.raises(InputError, match=r"domains\.data-processing\.skills: .*at least 30"):
        read_taxonomy(TEXT[:start] + TEXT[end:], FILE)


def test_a_domain_without_primitives_of_a_dimension_is_refused() -> None:
    start, end = TEXT.index("      web and security:\n        mask"), TEXT.index("  data-querying:")
    with pytest.raises(InputError, match="data-processing has no skill that is web and security"):
        read_taxonomy(TEXT[:start] + TEXT[end:], FILE)
