from pathlib import Path

import pytest

from termforge.errors import InputError
from termforge.images import Inventory
from termforge.schemas import DOMAINS, Domain, ImageRecipe
from termforge.synthesize import Environment, Reason, seed_requests, skill_requests
from termforge.synthesize.lint import MAX_TESTS, MIN_TESTS
from termforge.synthesize.prompt import GENERATORS, conversation, describe, remedies
from termforge.synthesize.reply import MAX_REPLY_KB
from termforge.synthesize.seed import own_seeds
from termforge.synthesize.taxonomy import taxonomy
from tests.golden.synthesis import ENVIRONMENT, FILE, SKILL, rendered


def test_skill_requests_combine_three_to_five_different_skills_of_one_domain() -> None:
    requests = list(skill_requests(90, seed="1"))
    assert {request.domain for request in requests[:9]} == set(DOMAINS)
    for request in requests:
        assert 3 <= len(request.skills) == len(set(request.skills)) <= 5
        assert set(request.skills) <= {skill.name for skill in taxonomy().module(request.domain).skills}
    assert len({request.skills for request in requests}) > 80
    assert {request.difficulty for request in requests} == {"easy", "medium", "mixed"}


def test_a_request_can_be_made_again_alone_and_another_seed_makes_another() -> None:
    assert list(skill_requests(5, seed="1")) == list(skill_requests(50, seed="1"))[:5]
    assert list(skill_requests(5, seed="2")) != list(skill_requests(5, seed="1"))


def test_skill_requests_are_the_same_on_every_python() -> None:
    first = next(skill_requests(1, ["security"], seed="golden"))
    assert first.skills == ("fuzz-a-parser", "entropy-analysis", "deleted-data-recovery")


def test_both_ninth_domains_and_the_releases_further_one_can_be_asked_for() -> None:
    domains: list[Domain] = ["dependency-management", "system-administration", "model-training"]
    assert [request.domain for request in skill_requests(3, domains, seed="1")] == domains


def test_the_difficulties_can_be_chosen() -> None:
    assert {request.difficulty for request in skill_requests(20, seed="1", difficulties=["mixed"])} == {"mixed"}
    assert {request.difficulty for request in seed_requests(difficulties=["easy", "mixed"])} == {"easy", "mixed"}


def test_a_domain_without_a_module_is_refused() -> None:
    with pytest.raises(InputError, match="cooking"):
        list(skill_requests(1, ["cooking"], seed="1"))  # type: ignore[list-item]


def test_seeds_are_asked_for_once_and_then_again_at_other_difficulties_until_all_are_used_up() -> None:
    once = list(seed_requests())
    many = list(seed_requests(count=3 * len(once)))
    assert {request.seed_problem for request in once} == set(own_seeds())
    assert list(seed_requests(count=3)) == once[:3]
    assert many[: len(once)] == once
    assert len(many) == len({request.origin for request in many})
    assert len({(request.seed_problem, request.difficulty) for request in many}) == len(many)


def test_more_tasks_than_seeds_can_make_are_refused() -> None:
    with pytest.raises(InputError, match="121 tasks from seeds: 40 problems at 3 difficulties make 120 at most"):
        list(seed_requests(count=3 * len(own_seeds()) + 1))


def test_the_random_seed_decides_which_problems_come_first() -> None:
    first, again, other = (list(seed_requests(seed=seed, count=10)) for seed in ("1", "1", "2"))
    assert first == again
    assert {request.seed_problem for request in first} != {request.seed_problem for request in other}


def test_no_two_seeds_are_asked_for_by_one_name(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    path.write_text("".join(f'{{"id": "{name}", "problem": "p"}}\n' for name in ("a", "a again 1", "a-1", "a-1-1")))
    assert len({request.origin for request in seed_requests(path, count=12)}) == 12


def test_a_seed_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    path.write_text('{"id": "moon", "problem": "Weigh the moon."}\n', encoding="utf-8-sig")
    assert [request.origin for request in seed_requests(path)] == ["seed moon-0"]


def test_the_prompts_are_the_golden_ones_of_their_version() -> None:
    """Changed words need a new version in GENERATORS; then `make golden`."""
    assert rendered() == FILE.read_text()
    assert FILE.read_text().split("\n")[:2] == list(GENERATORS.values())


def test_a_skill_prompt_names_its_skills_the_image_and_the_rules() -> None:
    system, user = conversation(SKILL, ENVIRONMENT)
    assert (system.role, user.role) == ("system", "user")
    assert "Security task builder" in system.content
    for tag in ("instruction", "files", "tests", "weights", "test_requirements", "info"):
        assert f"<{tag}>\n" in system.content
    for words in ("**decode-layers**", "curl 7.88", "cryptography 47.0", "Image `security`", "Difficulty: mixed"):
        assert words in user.content


def test_the_limits_that_a_reply_is_held_to_are_told() -> None:
    system = conversation(SKILL, ENVIRONMENT)[0].content
    for words in (f"Between {MIN_TESTS} and {MAX_TESTS} plain", f"at most about {MAX_REPLY_KB} kB", "have 120 seconds"):
        assert words in system


def test_an_image_is_described_by_what_its_recipe_names_and_not_by_what_that_drags_in() -> None:
    names = {"gdb": "1", "libc6": "2", "gcc-12-base": "3", "strace": "4"}
    inventory = Inventory(apt=names, python={"numpy": "5", "pluggy": "6"}, commands=())
    text = describe(Environment(ImageRecipe(name="debugging", recipe="0"), inventory))
    assert "packages: gdb 1, strace 4\n" in text
    assert "packages: numpy 5\n" in text


def test_every_fault_of_a_reply_has_a_remedy_and_no_other_failure_has() -> None:
    none = {Reason.EMPTY_REPLY, Reason.CONTEXT_EXCEEDED, Reason.BUDGET_EXHAUSTED, Reason.TEACHER_UNAVAILABLE}
    assert remedies().keys() == set(Reason) - none


def test_a_reference_reaches_the_teacher_and_braces_in_a_problem_are_only_text(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    path.write_text('{"id": "1", "domain": "debugging", "problem": "{{ 7 * 6 }}", "reference": "answer 41"}\n')
    (request,) = seed_requests(path)
    _, user = conversation(request, ENVIRONMENT)
    assert "{{ 7 * 6 }}" in user.content
    assert "answer 41" in user.content


def test_domain_field_reference_and_name_of_a_seed_may_be_absent(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    path.write_text('\n{"problem": "Weigh the moon."}\n{"problem": "p", "field": "astronomy"}')
    first, second = sorted(seed_requests(path), key=lambda request: request.origin)
    assert (first.origin, first.domain) == ("seed line 2-0", "scientific-computing")
    assert "eyes only" not in conversation(first, ENVIRONMENT)[1].content
    assert "Field of knowledge: astronomy" in conversation(second, ENVIRONMENT)[1].content


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("", "no seed problem"),
        ('{"id": "1", "domain": "debugging", "problem": "p"}\n{"id": ', "line 2"),
        ('{"id": "1", "domain": "cooking", "problem": "p"}', "line 1, domain"),
        ('{"id": "1", "domain": "debugging"}', "line 1, problem"),
        ('{"id": "1", "problem": " "}', "line 1, problem"),
        ('{"id": "1", "domain": "debugging", "problem": "p", "hint": "h"}', "line 1, hint"),
        ('{"id": "1", "problem": "p"}\n{"id": "1", "problem": "q"}', "line 2, id"),
    ],
)
def test_a_malformed_seed_file_is_refused_with_line_and_field(tmp_path: Path, content: str, place: str) -> None:
    path = tmp_path / "seeds.jsonl"
    path.write_text(content)
    with pytest.raises(InputError, match=place):
        list(seed_requests(path))


def test_a_seed_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.jsonl"):
        list(seed_requests(tmp_path / "absent.jsonl"))
