"""Recipes, records and what a build is given; no engine needed."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from termforge.errors import InputError, SetupError
from termforge.images import (
    DOMAIN_IMAGES,
    HOST,
    IMAGES,
    PROBE,
    BuiltImage,
    Inventory,
    built,
    dockerfile,
    parse_probe,
    recipe_of,
)
from termforge.images import build as building
from termforge.images import recipe as recipes
from termforge.images.record import write
from termforge.schemas import Domain, Image
from termforge.stages.machine import inventory_of

INVENTORY = Inventory(apt={"bash": "5.2"}, python={"pip": "23", "pytest": "9.2.0"}, pip=("pytest",), commands=("bash",))


def record(recipe: str) -> BuiltImage:
    return BuiltImage(
        image=Image(name="security", recipe=recipe, digest="sha256:1", inventory=INVENTORY.hash),
        inventory=INVENTORY,
        base="bootstrapped",
        dockerfile="FROM x",
        bytes=1,
        built="2026-01-01T00:00:00+00:00",
    )


def test_eleven_domains_share_nine_images() -> None:
    assert set(DOMAIN_IMAGES) == set(Domain.__args__)  # type: ignore[attr-defined]
    assert set(DOMAIN_IMAGES.values()) == set(IMAGES)
    assert len(IMAGES) == 9
    assert recipe_of("model-training") == recipe_of("data-science")
    assert recipe_of("dependency-management") == recipe_of("software-engineering")


def test_every_image_is_locked_with_pytest_and_tmux_in_the_base() -> None:
    locks = recipes.lock()
    assert set(locks) == {"base", *IMAGES}
    assert "pytest" in locks["base"].python
    assert "tmux" in locks["base"].apt


def test_each_image_has_its_own_recipe() -> None:
    assert len({recipe_of(domain).recipe for domain in DOMAIN_IMAGES}) == 9


@pytest.fixture
def other_recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of images/ that a test may change."""
    for name in ("base", *IMAGES):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text(dockerfile(name))
    (tmp_path / "recipes.lock").write_text(recipes.render_lock(recipes.lock()))
    monkeypatch.setattr(recipes, "folder", lambda: tmp_path)
    for cached in (recipes.lock, recipes.recipe):
        cached.cache_clear()
    yield tmp_path
    for cached in (recipes.lock, recipes.recipe):
        cached.cache_clear()


def test_a_lock_survives_being_written_and_read(other_recipes: Path) -> None:
    before = recipes.lock()
    (other_recipes / "recipes.lock").write_text(recipes.render_lock(before))
    recipes.lock.cache_clear()
    assert recipes.lock() == before


@pytest.mark.parametrize("change", ["own Dockerfile", "base Dockerfile", "own pin", "base pin"])
def test_a_recipe_changes_with_its_own_and_the_bases_content(other_recipes: Path, change: str) -> None:
    before = recipes.recipe("security"), recipes.recipe("debugging")
    name = "base" if change.startswith("base") else "security"
    if change.endswith("Dockerfile"):
        (other_recipes / name / "Dockerfile").write_text(dockerfile(name) + "# changed\n")
    else:
        locks = recipes.lock()
        pinned = locks[name].model_copy(update={"python": {**locks[name].python, "new": "1"}})
        (other_recipes / "recipes.lock").write_text(recipes.render_lock({**locks, name: pinned}))
    for cached in (recipes.lock, recipes.recipe):
        cached.cache_clear()
    after = recipes.recipe("security"), recipes.recipe("debugging")
    assert after[0] != before[0]
    assert (after[1] != before[1]) == change.startswith("base")


def test_a_damaged_lock_is_named(other_recipes: Path) -> None:
    (other_recipes / "recipes.lock").write_text("[base.apt]\nbash = 5")
    recipes.lock.cache_clear()
    with pytest.raises(SetupError, match=r"recipes\.lock is damaged"):
        recipes.lock()


def test_an_unknown_image_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="data-science"):
        recipes.recipe("no-such")


def test_no_image_holds_files_of_a_task() -> None:
    for name in ("base", *IMAGES):
        copied = [line for line in dockerfile(name).splitlines() if line.startswith(("COPY", "ADD"))]
        assert copied == ["COPY host/ /host/", "COPY --from=python /installed /"]


def test_a_record_is_found_again(tmp_path: Path) -> None:
    written = record(recipe_of("security").recipe)
    write(written, tmp_path)
    assert built(recipe_of("security"), tmp_path) == written
    assert built(recipe_of("security"), tmp_path).inventory == INVENTORY


def test_a_missing_stale_or_damaged_record_names_the_command_that_builds(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"not built.*termforge\.images build security"):
        built(recipe_of("security"), tmp_path)
    write(record("another"), tmp_path)
    with pytest.raises(SetupError, match="another recipe"):
        built(recipe_of("security"), tmp_path)
    (tmp_path / "images/security.json").write_text("{")
    with pytest.raises(SetupError, match="damaged"):
        built(recipe_of("security"), tmp_path)


def test_an_inventory_is_probed_with_the_interpreter_that_runs() -> None:
    probed = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, check=True)
    inventory = parse_probe(probed.stdout)
    assert inventory.python["pytest"] == pytest.__version__
    assert {"pytest", "json", "docker"} <= set(inventory.modules)
    assert "sh" in inventory.commands


def test_the_host_has_an_inventory_too() -> None:
    assert "sh" in inventory_of(HOST).commands


def test_an_unreadable_inventory_is_an_error() -> None:
    with pytest.raises(SetupError, match="inventory"):
        parse_probe(b"Traceback")


def test_an_inventorys_hash_follows_versions() -> None:
    newer = INVENTORY.model_copy(update={"apt": {"bash": "5.3"}})
    assert newer.hash != INVENTORY.hash


def test_a_lock_entry_holds_what_an_image_adds() -> None:
    base = Inventory(apt={"bash": "5.2", "libc6": "2.36"}, python={"pytest": "9"}, pip=("pytest",), commands=())
    above = Inventory(
        apt={"bash": "5.2", "libc6": "2.37", "gcc": "12"},
        python={"pytest": "9", "numpy": "2", "yaml": "6"},
        pip=("numpy", "pytest"),
        commands=(),
    )
    locked = above.locked(base)
    assert locked.apt == {"libc6": "2.37", "gcc": "12"}
    assert locked.python == {"numpy": "2"}


def test_apt_versions_beside_the_lock_are_listed() -> None:
    locked = recipes.lock()["security"]
    drifted = locked.model_copy(update={"apt": {**locked.apt, "nmap": "0.1", "novel": "1"}})
    assert building._drift("security", locked) == ()
    assert [line.split(":")[0] for line in building._drift("security", drifted)] == ["nmap", "novel"]


def test_other_python_packages_than_the_locks_fail_the_build() -> None:
    with pytest.raises(SetupError, match="pytest"):
        building._check_pip("base", INVENTORY.model_copy(update={"python": {"pytest": "1"}}))


def context(name: str) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(building._context(name, {"pytest": "9.2.0"}))) as tar:
        return {member.name: tar.extractfile(member).read().decode() for member in tar}  # type: ignore[union-attr]


def test_pip_is_held_to_the_lock_and_reaches_the_index_as_this_machine_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authorities = tmp_path / "ca.crt"
    authorities.write_text("-----CERTIFICATE-----")
    own = tmp_path / "pip.conf"
    own.write_text(
        "[global]\nextra-index-url = file:///opt/x https://second/simple\nquiet = 1\n[install]\ntimeout = 9\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(own))
    monkeypatch.setenv("PIP_CERT", str(authorities))
    monkeypatch.setenv("PIP_INDEX_URL", "https://first/simple")
    files = context("base")
    assert files["Dockerfile"] == dockerfile("base")
    assert files["host/constraints.txt"] == "pytest==9.2.0\n"
    assert files["host/certificates.crt"] == "-----CERTIFICATE-----"
    settings = dict(line.split(" = ") for line in files["host/pip.conf"].splitlines()[1:])
    assert settings["index-url"] == "https://first/simple"
    assert settings["extra-index-url"] == "https://second/simple"
    assert settings["timeout"] == "9"
    assert settings["cert"] == "/host/certificates.crt"
    assert settings["constraint"] == "/host/constraints.txt"
    assert "quiet" not in settings


def test_proxies_travel_as_dockers_predefined_arguments() -> None:
    found = building._proxies({"HTTPS_PROXY": "http://p:1", "no_proxy": "x", "PATH": "/bin"})
    assert found == {"https_proxy": "http://p:1", "HTTPS_PROXY": "http://p:1", "no_proxy": "x", "NO_PROXY": "x"}
    assert building._proxies({}) == {}
