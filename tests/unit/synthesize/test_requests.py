from pathlib import Path

import pytest

from termforge.errors import InputError
from termforge.images import Inventory
from termforge.schemas import DOMAINS, ImageRecipe
from termforge.synthesize import Environment, SynthesisRequest, seed_requests, skill_requests
from termforge.synthesize.request import conversation, dimensions, taxonomy

ENVIRONMENT = Environment(
    ImageRecipe(name="security", recipe="0123456789abcdef"),
    Inventory(apt={"curl": "7.88", "libc6": "2.36"}, python={"numpy": "2.1"}, commands=("curl",)),
)


def test_the_taxonomy_covers_the_nine_domains_with_tagged_skills() -> None:
    assert tuple(sorted(taxonomy())) == tuple(sorted(DOMAINS))
    for module in taxonomy().values():
        assert len(module.focus) == 5
        assert len({skill.name for skill in module.skills}) == len(module.skills) >= 8
        assert {skill.dimension for skill in module.skills} <= set(dimensions())
    assert len(dimensions()) == 6
    used = {skill.dimension for module in taxonomy().values() for skill in module.skills}
    assert used == set(dimensions())


def test_skill_requests_combine_three_to_five_different_skills_of_one_domain() -> None:
    requests = list(skill_requests(90, seed="1"))
    assert {request.domain for request in requests[:9]} == set(DOMAINS)
    for request in requests:
        assert 3 <= len(request.skills) == len(set(request.skills)) <= 5
        assert set(request.skills) <= {skill.name for skill in taxonomy()[request.domain].skills}
    assert len({request.skills for request in requests}) > 80
    assert {request.difficulty for request in requests} == {"easy", "medium", "hard"}


def test_a_request_can_be_made_again_alone_and_another_seed_makes_another() -> None:
    assert list(skill_requests(5, seed="1")) == list(skill_requests(50, seed="1"))[:5]
    assert list(skill_requests(5, seed="2")) != list(skill_requests(5, seed="1"))


def test_skill_requests_are_the_same_on_every_python() -> None:
    first = next(skill_requests(1, ["security"], seed="golden"))
    assert first.skills == ("log-forensics", "weak-cryptanalysis", "exploit-regression-test")


def test_a_domain_without_a_module_is_refused() -> None:
    with pytest.raises(InputError, match="model-training"):
        list(skill_requests(1, ["model-training"], seed="1"))


def test_the_own_seeds_cover_every_domain_and_have_references() -> None:
    problems = [request.seed_problem for request in seed_requests()]
    assert {problem.domain for problem in problems if problem} == set(DOMAINS)
    assert all(problem and problem.reference for problem in problems)
    assert len(list(seed_requests(count=3))) == 3


def test_a_skill_prompt_names_its_skills_the_image_and_the_rules() -> None:
    request = SynthesisRequest(
        origin="o", domain="security", difficulty="hard", skills=("decode-layers", "log-forensics", "permission-audit")
    )
    system, user = conversation(request, ENVIRONMENT)
    assert (system.role, user.role) == ("system", "user")
    assert "Security task builder" in system.content
    for tag in ("instruction", "files", "tests", "weights", "test_requirements", "info"):
        assert f"<{tag}>\n" in system.content
    for words in ("**decode-layers**", "curl 7.88", "numpy 2.1", "Image `security`", "Difficulty: hard"):
        assert words in user.content
    assert "libc6" not in user.content


def test_a_reference_reaches_the_teacher_and_braces_in_a_problem_are_only_text(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    path.write_text('{"id": "1", "domain": "debugging", "problem": "{{ 7 * 6 }}", "reference": "answer 41"}\n')
    (request,) = seed_requests(path)
    _, user = conversation(request, ENVIRONMENT)
    assert "{{ 7 * 6 }}" in user.content
    assert "answer 41" in user.content


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("", "no seed problem"),
        ('{"id": "1", "domain": "debugging", "problem": "p"}\n{"id": ', "line 2"),
        ('{"id": "1", "domain": "cooking", "problem": "p"}', "line 1, domain"),
        ('{"id": "1", "domain": "debugging"}', "line 1, problem"),
        ('{"id": "1", "domain": "debugging", "problem": "p", "hint": "h"}', "line 1, hint"),
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
