"""Builds the images with any Docker engine's own builder: the base, then the domains, each from a context in memory.

How this machine reaches Debian and PyPI (proxy, index, certificates) is lent to the build and stays out of the images:
proxies as Docker's predefined arguments, pip's settings as files of a stage that the final image does not contain.
Credentials in them lie in the engine's cache until the build ends, then that stage is removed.
"""

import configparser
import io
import os
import ssl
import tarfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from termforge.errors import SandboxError, SetupError
from termforge.images.bootstrap import Ground, ground
from termforge.images.recipe import BASE, IMAGES, Locked, dockerfile, lock, recipe
from termforge.images.record import PROBE, BuiltImage, Inventory, built, parse_probe, record_path, write
from termforge.sandbox.docker_api import connect, speaking
from termforge.schemas import Image
from termforge.state import default_state

UNLOCKED = "unlocked"
"""Tag of an image that was built to make the lock; gone as soon as the lock is built."""
BASE_LABEL = "termforge.base"
STAGE_LABEL = "termforge.stage=python"
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy")
_PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")


def build(
    names: tuple[str, ...] = IMAGES, *, state: Path | None = None, console: Console | None = None, locked: bool = True
) -> dict[str, BuiltImage]:
    """Build the named images and the base, record them under `state`; what is built already is only recorded.

    With `locked` false the newest versions are installed instead of the lock's.

    Raises: SetupError when there is no engine, a step of a Dockerfile fails, or pip did not install what the lock says.
    """
    console = console or Console()
    state = state or default_state()
    for name in names:
        dockerfile(name)  # an unknown name is refused before the first minute is spent
    client = connect()
    done: dict[str, BuiltImage] = {}
    try:
        for name in (BASE, *(name for name in names if name != BASE)):
            done[name] = _build_one(client, name, done.get(BASE), state, console, locked=locked)
    finally:
        with speaking(SetupError):
            client.images.prune(filters={"label": STAGE_LABEL, "dangling": True})
        client.close()
    return done


def _build_one(
    client: Any, name: str, base: BuiltImage | None, state: Path, console: Console, *, locked: bool
) -> BuiltImage:
    start = time.monotonic()
    tag = f"termforge/{name}:{recipe(name).recipe if locked else UNLOCKED}"
    if not (locked and client.images.list(name=tag)):
        constraints = _constraints(name) if locked else {}
        log = record_path(name, state).with_suffix(".log")
        below = Ground(base.image.digest, base.base) if base else ground(client, console)
        _run_build(client, name, tag, below, _context(name, constraints), log, console, fresh=not locked)
    with speaking(SetupError):
        image = client.images.get(tag)
        known = _known(name, image.id, state) if locked else None
        if known is not None:
            _say_what_is_there(known, "built already", console)
            return known
        image.tag(f"termforge/{name}", "latest")
        if locked and client.images.list(name=f"termforge/{name}:{UNLOCKED}"):
            client.images.remove(f"termforge/{name}:{UNLOCKED}")
        probe = ["python3", "-c", PROBE]
        output = client.containers.run(tag, probe, network_mode="none", remove=True, stderr=False)
    record = _record(name, image, parse_probe(output), base, time.monotonic() - start, locked=locked)
    if locked:
        _check_pip(name, record.inventory)
    write(record, state)
    _say_what_is_there(record, f"ready after {record.seconds:.0f} s", console)
    return record


def _known(name: str, digest: str, state: Path) -> BuiltImage | None:
    try:
        record = built(recipe(name), state)
    except SetupError:
        return None
    return record if record.image.digest == digest else None


def _run_build(
    client: Any,
    name: str,
    tag: str,
    below: Ground,
    context: bytes,
    log: Path,
    console: Console,
    *,
    fresh: bool,
) -> None:
    start = time.monotonic()
    log.parent.mkdir(parents=True, exist_ok=True)
    with speaking(SandboxError), log.open("w", encoding="utf-8") as lines:
        events = client.api.build(
            fileobj=io.BytesIO(context),
            custom_context=True,
            tag=tag,
            buildargs={**_proxies(os.environ), "BASE": below.name},
            labels={BASE_LABEL: below.kind},
            nocache=fresh,
            network_mode="host",
            rm=True,
            forcerm=True,
            decode=True,
        )
        for event in events:
            lines.write(event.get("stream", "") or event.get("error", ""))
            lines.flush()
            if event.get("stream", "").startswith("Step "):
                step = " ".join(event["stream"].split())[:110]
                console.print(f"{name}: {time.monotonic() - start:4.0f} s  {step}", markup=False, highlight=False)
            if "error" in event:
                raise SetupError(f"the image {name!r} could not be built; the end of {log}:\n{_tail(log)}")


def _record(
    name: str, image: Any, inventory: Inventory, base: BuiltImage | None, seconds: float, *, locked: bool
) -> BuiltImage:
    added = inventory.locked(base.inventory if base else None)
    return BuiltImage(
        image=Image(name=name, recipe=recipe(name).recipe, digest=image.id, inventory=inventory.hash),
        inventory=inventory,
        base=image.labels[BASE_LABEL],
        dockerfile=dockerfile(name),
        bytes=image.attrs["Size"],
        seconds=round(seconds, 1),
        built=datetime.now(UTC).isoformat(timespec="seconds"),
        drift=_drift(name, added) if locked else (),
    )


def _drift(name: str, here: Locked) -> tuple[str, ...]:
    """Where apt gave another version than the lock says, one line each."""
    wanted = lock().get(name, Locked()).apt
    return tuple(
        f"{package}: {here.apt.get(package, 'absent')} here, {wanted.get(package, 'absent')} in the lock"
        for package in sorted({package for package, _ in here.apt.items() ^ wanted.items()})
    )


def _check_pip(name: str, inventory: Inventory) -> None:
    wanted = _constraints(name)
    here = {package: inventory.python[package] for package in inventory.pip}
    if wanted and here != wanted:
        differing = sorted({package for package, _ in here.items() ^ wanted.items()})
        raise SetupError(
            f"the image {name!r} does not have the lock's Python packages ({', '.join(differing)}): "
            "after a change of its Dockerfile run `python -m termforge.images lock`"
        )


def _constraints(name: str) -> dict[str, str]:
    """Python versions that the lock wants in an image, the base's included."""
    locks = lock()
    return {**locks.get(BASE, Locked()).python, **locks.get(name, Locked()).python}


def _context(name: str, constraints: Mapping[str, str]) -> bytes:
    """The build context: the Dockerfile, and under host/ what only the Python stage sees."""
    settings = _pip_settings(os.environ)
    certificates = _certificates(os.environ)
    if certificates:
        settings["cert"] = "/host/certificates.crt"
    pins = "".join(f"{package}=={version}\n" for package, version in sorted(constraints.items()))
    contents = {
        "Dockerfile": dockerfile(name).encode(),
        "host/pip.conf": _pip_conf(settings).encode(),
        "host/constraints.txt": pins.encode(),
        "host/certificates.crt": certificates,
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in contents.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _pip_conf(settings: Mapping[str, str]) -> str:
    fixed = {
        "constraint": "/host/constraints.txt",
        "disable-pip-version-check": "true",
        "no-cache-dir": "true",
        "progress-bar": "off",
        "root-user-action": "ignore",
    }
    return "[global]\n" + "".join(f"{key} = {value}\n" for key, value in {**fixed, **settings}.items())


def _pip_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """How this machine's pip reaches an index: its configuration files, then its environment; no local folders."""
    settings: dict[str, str] = {}
    for path in _pip_files(environment):
        parser = configparser.RawConfigParser()
        parser.read(path, encoding="utf-8")
        for section in ("global", "install"):
            if parser.has_section(section):
                settings |= {key: value for key, value in parser.items(section) if key in _PIP_SETTINGS}
    for key in _PIP_SETTINGS:
        settings[key] = environment.get(f"PIP_{key.upper().replace('-', '_')}") or settings.get(key, "")
    settings["index-url"] = settings["index-url"] or environment.get("UV_DEFAULT_INDEX", "")
    remote = {
        key: " ".join(word for word in value.split() if not word.startswith(("file:", "/")))
        for key, value in settings.items()
    }
    return {key: value for key, value in remote.items() if value}


def _pip_files(environment: Mapping[str, str]) -> Iterator[Path]:
    home = Path.home()
    yield Path("/etc/pip.conf")
    yield home / ".pip/pip.conf"
    yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf"
    if environment.get("PIP_CONFIG_FILE"):
        yield Path(environment["PIP_CONFIG_FILE"])


def _certificates(environment: Mapping[str, str]) -> bytes:
    """The authorities this machine trusts, as PEM; empty where no bundle is found (then Debian's own count)."""
    named = (environment.get(name) for name in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"))
    for path in (*named, ssl.get_default_verify_paths().cafile):
        if path and Path(path).is_file():
            return Path(path).read_bytes()
    return b""


def _proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Docker's predefined build arguments: they reach RUN but neither the image nor its history."""
    found = {name: environment.get(name) or environment.get(name.upper()) for name in _PROXIES}
    return {spelt: value for name, value in found.items() if value for spelt in (name, name.upper())}


def _say_what_is_there(record: BuiltImage, how: str, console: Console) -> None:
    inventory = record.inventory
    console.print(
        f"{record.image.name}: {how}: {record.bytes / 1e6:.0f} MB, {len(inventory.apt)} Debian and "
        f"{len(inventory.pip)} Python packages (base {record.base})",
        markup=False,
    )
    if record.drift:
        console.print(
            f"{record.image.name}: {len(record.drift)} Debian packages differ from images/recipes.lock (Debian's "
            f"archive keeps only the newest version); recorded. First: {record.drift[0]}",
            markup=False,
        )


def _tail(log: Path, lines: int = 25) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
