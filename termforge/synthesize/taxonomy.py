"""The skill taxonomy: what the teacher is told of each domain, and the primitives that tasks are composed of.

prompts/synthesize/taxonomy.yaml holds it as data; everything is checked when it is loaded.
"""

from functools import cache
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from termforge import prompts
from termforge.errors import InputError
from termforge.schemas import Domain, Record

FILE = "synthesize/taxonomy.yaml"
MIN_SKILLS = 30

Difficulty = Literal["easy", "medium", "mixed"]
"""The three levels of the paper's release; what they mean is ours."""

Dimension = Literal["algorithmic", "systems", "data processing", "mathematical", "testing", "web and security"]
"""The six of the paper (section 4.2)."""

Words = Annotated[str, Field(min_length=1)]


class Skill(Record):
    """A primitive of a domain."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    dimension: Dimension
    what: Words


class DomainModule(Record):
    """What the prompts say of a domain."""

    title: Words
    about: Words
    focus: Annotated[tuple[Words, ...], Field(min_length=5, max_length=5)]
    skills: Annotated[tuple[Skill, ...], Field(min_length=MIN_SKILLS)]

    @field_validator("skills", mode="before")
    @classmethod
    def _from_groups(cls, groups: Any) -> Any:
        """In the file skills stand grouped: dimension, then name and what it is."""
        if not isinstance(groups, dict) or not all(isinstance(group, dict) for group in groups.values()):
            raise ValueError("not a mapping of dimensions to names and what they are")
        return [
            {"name": name, "dimension": dimension, "what": what}
            for dimension, group in groups.items()
            for name, what in group.items()
        ]

    @field_validator("skills")
    @classmethod
    def _named_once(cls, skills: tuple[Skill, ...]) -> tuple[Skill, ...]:
        names = [skill.name for skill in skills]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"named twice: {', '.join(twice)}")
        return skills


class Taxonomy(Record):
    dimensions: tuple[Dimension, ...]
    difficulties: dict[Difficulty, Words]
    """What the teacher is told that each means."""
    domains: dict[Domain, DomainModule]

    @model_validator(mode="after")
    def _all_dimensions_serve(self) -> "Taxonomy":
        for domain, module in self.domains.items():
            if idle := set(self.dimensions) - {skill.dimension for skill in module.skills}:
                raise ValueError(f"{domain} has no skill that is {', '.join(sorted(idle))}")
        return self

    def module(self, domain: Domain) -> DomainModule:
        """Raises: InputError for a domain that the taxonomy lacks."""
        if domain not in self.domains:
            raise InputError(f"the skill taxonomy has no domain {domain!r}; it has {', '.join(self.domains)}")
        return self.domains[domain]


@cache
def taxonomy() -> Taxonomy:
    return read_taxonomy(prompts.load(FILE).text, FILE)


def read_taxonomy(text: str, name: str) -> Taxonomy:
    """Raises: InputError naming file and field."""
    try:
        return Taxonomy.model_validate(yaml.load(text, _StrictLoader))
    except yaml.YAMLError as error:
        raise InputError(f"{name}: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InputError(f"{name}, {'.'.join(map(str, first['loc'])) or 'as a whole'}: {first['msg']}") from error


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error, not the last one's victory."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)
