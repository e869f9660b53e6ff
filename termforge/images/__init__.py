"""The nine domain images: what they are made of, what was built of them here, and how.

Read `recipe` (Dockerfiles and lock: the same on every machine), then `record` (what was built here, its inventory),
`build` and `bootstrap` (with any Docker engine, with or without a registry), `rootfs` (the same image for bubblewrap).
`python -m termforge.images` builds and lists them.
"""

from termforge.images.recipe import DOMAIN_IMAGES, HOST, IMAGES, dockerfile, recipe_of
from termforge.images.record import PROBE, BuiltImage, Inventory, built, parse_probe
from termforge.images.rootfs import rootfs

__all__ = [
    "DOMAIN_IMAGES",
    "HOST",
    "IMAGES",
    "PROBE",
    "BuiltImage",
    "Inventory",
    "built",
    "dockerfile",
    "parse_probe",
    "recipe_of",
    "rootfs",
]
