"""Prompt sources that are known by name: where they lie, and what their columns hold (prompts/adapt/sources.yaml)."""

from collections.abc import Mapping
from functools import cache

import yaml

from termforge.adapt.adapt import KindName
from termforge.adapt.sources import ColumnMapping
from termforge.prompts import load
from termforge.schemas import Record


class KnownSource(Record):
    about: str
    kind: KindName
    prompts: str
    mapping: ColumnMapping


@cache
def known_sources() -> Mapping[str, KnownSource]:
    sources = yaml.safe_load(load("adapt/sources.yaml").text)
    return {name: KnownSource.model_validate(source) for name, source in sources.items()}
