"""Software engineering: a pyproject.toml that neither parses nor agrees with the sources is made fit for a release."""

import tomllib
from random import Random
from typing import NamedTuple

from termforge.forge.damage import Damage, damaged
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file
from termforge.schemas import File, Step


class Project(NamedTuple):
    package: str
    about: str
    needs: tuple[str, str]
    """Distributions that it imports."""
    data: str
    """Ending of the data files it ships."""


PROJECTS = (
    Project("tidemark", "Tide tables for small harbours", ("click", "rich"), "json"),
    Project("hayloft", "Stock lists of a farm shop", ("attrs", "tabulate"), "csv"),
    Project("signalbox", "Plans of model railways", ("pydantic", "httpx"), "svg"),
    Project("inkwell", "Labels for archive boxes", ("jinja2", "pillow"), "tex"),
)
KEYWORDS = ("offline", "terminal", "records", "planning", "tables", "prints")


def make(random: Random, setting: Setting) -> Fragment:
    project, folder = random.choice(PROJECTS), setting.folder
    version = f"{random.randint(1, 5)}.{random.randint(2, 9)}.{random.randint(1, 9)}"
    python, keywords = f"3.{random.randint(9, 12)}", random.sample(KEYWORDS, 3)
    healthy = text_file(f"{folder}/pyproject.toml", _metadata(project, version, python, keywords))
    drawn = [random.choice(_unreadable(healthy.path, keywords)), *_drawn(random, setting, project, version, python)]
    return Fragment(
        title=f"Metadata of {project.package} for its release",
        brief=_brief(folder, project),
        files=(*damaged([healthy], drawn), *_sources(folder, project, version, python)),
        steps=_steps(random, folder, project, drawn),
        checks=_checks(healthy.path, healthy.content.decode(), drawn),
        outputs=(healthy.path,),
    )


def _drawn(random: Random, setting: Setting, project: Project, version: str, python: str) -> list[Damage]:
    return random.sample(_untrue(f"{setting.folder}/pyproject.toml", project, version, python), 1 + setting.level)


def _metadata(project: Project, version: str, python: str, keywords: list[str]) -> str:
    words = ", ".join(f'"{word}"' for word in keywords)
    return f"""\
[build-system]
requires = ["setuptools>=68"]
build-backend = "setuptools.build_meta"

[project]
name = "{project.package}"
version = "{version}"
description = "{project.about}"
readme = "README.md"
requires-python = ">={python}"
keywords = [{words}]
dependencies = [
    "{project.needs[0]}>=1.2",
    "{project.needs[1]}>=0.9",
]

[project.scripts]
{project.package} = "{project.package}.cli:main"

[tool.setuptools.package-data]
{project.package} = ["data/*.{project.data}"]
"""


def _unreadable(path: str, keywords: list[str]) -> list[Damage]:
    """One of them is always drawn, so that nothing at all can be read before the repair."""
    first, second, _ = keywords
    return [
        Damage(path, f'"{first}", "{second}"', f'"{first}" "{second}"', "a comma is missing between two keywords"),
        Damage(path, 'readme = "README.md"', 'readme = README.md"', "the string of readme is never opened"),
        Damage(
            path, "[project.scripts]", "(project.scripts]", "the header of the scripts opens with the wrong bracket"
        ),
        Damage(path, 'build-backend = "set', "build-backend = set", "the build backend lost its opening quote"),
    ]


def _untrue(path: str, project: Project, version: str, python: str) -> list[Damage]:
    major, minor, patch = version.split(".")
    name = project.package
    return [
        Damage(
            path,
            f'version = "{version}"',
            f'version = "{major}.{int(minor) - 1}.{patch}"',
            "the version is not the one of the changelog",
        ),
        Damage(path, f"{name}.cli:main", f"{name}.cli:run", "the script names a function that cli.py does not define"),
        Damage(
            path,
            f'requires-python = ">={python}"',
            'requires-python = ">=3.6"',
            "the least Python is lower than the README promises",
        ),
        Damage(
            path,
            f'"{project.needs[1]}>=0.9"',
            '"colour-names>=0.9"',
            f"{project.needs[1]} is imported, but another distribution is listed in its place",
        ),
        Damage(path, f"data/*.{project.data}", "data/*.txt", "the data files have another ending than the pattern"),
        Damage(
            path, f'name = "{name}"', f'name = "{name}-old"', "the distribution bears another name than the package"
        ),
    ]


def _sources(folder: str, project: Project, version: str, python: str) -> tuple[File, ...]:
    package = f"{folder}/src/{project.package}"
    first, second = project.needs
    readme = f"# {project.package}\n\n{project.about}. Needs Python {python} or later.\n"
    changelog = f"# Changes\n\n## {version}\n\n- smaller output\n\n## 0.9.0\n\n- first release\n"
    return (
        text_file(f"{folder}/README.md", readme),
        text_file(f"{folder}/CHANGELOG.md", changelog),
        text_file(f"{package}/__init__.py", f'"""{project.about}."""\n'),
        text_file(f"{package}/cli.py", f"import {first}\n\n\ndef main():\n    print({first}.__name__)\n"),
        text_file(f"{package}/output.py", f"import {second}\n\n\ndef show(table):\n    {second}.show(table)\n"),
        text_file(f"{package}/data/first.{project.data}", "sample\n"),
    )


def _brief(folder: str, project: Project) -> str:
    return f"""\
`{folder}/pyproject.toml` is to be released, but tools cannot even read it, and some of what it says is untrue. Mend it
in place; change only what is wrong and keep every other value and all keys.
- It must be valid TOML (check it with Python's `tomllib`).
- `project.name` is the name of the package below `{folder}/src`; `project.version` is the newest version of
  `{folder}/CHANGELOG.md` (the topmost one); `project.requires-python` is `>=` and the version that `README.md` names.
- `project.dependencies` lists exactly the distributions that the sources import (they have the same names). Where an
  entry names the wrong distribution, only the name is wrong: its place and its minimum version stay.
- The one entry of `project.scripts` is called like the package and names the function of `cli.py`.
- `tool.setuptools.package-data` has one pattern `data/*.<ending>` that fits the files in the package's folder
  `data`."""


def _steps(random: Random, folder: str, project: Project, damages: list[Damage]) -> tuple[Step, ...]:
    causes = "; ".join(damage.cause for damage in damages)
    parse = "import sys, tomllib; print(tomllib.load(sys.stdin.buffer))"
    path = f"{folder}/pyproject.toml"
    return (
        Step(
            analysis=random.choice(
                (
                    "The metadata must be compared with the sources, so I print it together with what they say.",
                    "I read the file, then the facts it has to agree with: imports, functions, data, documents.",
                )
            ),
            plan=random.choice(("Print the metadata, grep the facts.", "cat the file; grep imports and versions.")),
            commands=(
                run(f"cat -n {path}"),
                run(f"grep -rnE '^(import|def) ' {folder}/src"),
                run(f"grep -n Python {folder}/README.md; grep -n '^## ' {folder}/CHANGELOG.md"),
                run(f"ls {folder}/src {folder}/src/{project.package}/data"),
            ),
        ),
        Step(
            analysis=random.choice((f"I find: {causes}.", f"Beside the sources, these are wrong: {causes}.")),
            plan=random.choice(
                (
                    "Replace each text with perl, in which quotes need no care, and let tomllib read the result.",
                    "One literal substitution each with perl -pi; then parse the file.",
                )
            ),
            commands=(
                *(run(_substitution(damage)) for damage in damages),
                run(f"python3 -c '{parse}' < {path}", 1.0),
            ),
        ),
    )


def _substitution(damage: Damage) -> str:
    return f"perl -pi -e 's{{\\Q{damage.wrong}\\E}}{{{damage.right}}}' {damage.path}"


def _checks(path: str, healthy: str, damages: list[Damage]) -> tuple[Check, ...]:
    metadata = tomllib.loads(healthy)
    project = metadata["project"]
    read = (
        f"import tomllib\n\ntext = content({path!r})\n"
        "try:\n    found = tomllib.loads(text)\n"
        'except tomllib.TOMLDecodeError as error:\n    raise AssertionError(f"not TOML: {error}") from None\n'
    )
    names = {key: project[key] for key in ("name", "version", "requires-python")}
    lists = {key: project[key] for key in ("dependencies", "keywords")}
    scripts = {"scripts": project["scripts"], "readme": project["readme"], "description": project["description"]}
    return (
        *(
            Check(
                name,
                f"{read}project = found.get('project', {{}})\n"
                f"for key, value in {literal(expected)}.items():\n"
                "    assert project.get(key) == value, f'project.{key} is {project.get(key)!r}'",
            )
            for name, expected in (("names", names), ("lists", lists), ("scripts", scripts))
        ),
        Check("whole", f"{read}assert_same(found, {literal(metadata)})", 3.0),
    )


SKILL = Skill(
    name="software-engineering/packaging-metadata",
    domain="software-engineering",
    folders=("release-check", "pyproject", "metadata", "distribution"),
    tools=("cat", "grep", "ls", "perl", "python3"),
    make=make,
    repairs=True,
)
