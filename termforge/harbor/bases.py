"""Which bases of a Dockerfile are like one of our images: ours themselves, and Debian-like ones of about their age."""

import re
from typing import NamedTuple

from termforge.images import IMAGES
from termforge.images.recipe import recipe

WORKING = "/app"
OURS = re.compile(r"termforge/(?P<image>[\w-]+):(?P<recipe>\w+)")
DEBIAN_LIKE = re.compile(
    r"(?:docker\.io/)?(?:library/)?(?:"
    r"debian(?::(?:latest|stable|bullseye|bookworm|trixie|1[123](?:\.\d+)?)(?:-[\w.-]+)?)?"
    r"|ubuntu(?::(?:latest|jammy|noble|2[24]\.04)(?:-[\w.-]+)?)?"
    r"|python:3\.11(?!\d|.*(?:alpine|windows))[\w.-]*)"
)
"""Ours are Debian 12 with Python 3.11: a base that promises another Python is another place."""
DEBIAN_LIKE_IN_APP = re.compile(r"ghcr\.io/(?:laude-institute|harbor-framework)/t-bench/(?:ubuntu-\S+|python-3-11\S*)")


class Base(NamedTuple):
    image: str
    """One of ours, by name; empty for one that is only like them."""
    working: str


def read_base(text: str) -> Base:
    """What follows FROM, options and a stage's name included.

    Raises: ValueError for a base unlike ours.
    """
    name, _, pinned = re.sub(r"^--platform=\S+\s+|\s+as\s+\S+$", "", text, flags=re.IGNORECASE).partition("@")
    if pinned and ":" not in name:
        raise ValueError("a digest does not tell what the base is like: the tag is wanted beside it")
    if ours := OURS.fullmatch(name):
        if ours["image"] not in IMAGES or recipe(ours["image"]).recipe != ours["recipe"]:
            raise ValueError("no image has this recipe here")
        return Base(ours["image"], WORKING)
    if DEBIAN_LIKE_IN_APP.fullmatch(name):
        return Base("", WORKING)
    if not DEBIAN_LIKE.fullmatch(name):
        raise ValueError("this base is not like one of our images (Debian 12 with Python 3.11)")
    return Base("", "/")
