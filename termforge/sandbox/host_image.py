"""The pseudo-image `host`: this machine's own /usr read-only, with a generated /etc and empty /app, /tmp, /root, /home.

Laid once into the state folder: a skeleton that each sandbox copies (some thirty small files), and /opt/termforge with
the grader's Python and pytest. Nothing else of this machine is to be seen inside.
"""

import compileall
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from termforge.errors import SetupError
from termforge.images import Inventory, parse_probe
from termforge.images.record import PROBE
from termforge.schemas import digest
from termforge.state import sandbox_uid

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/termforge/bin"
"""The last one has python3 where this machine's own /usr has none that will do."""
LAYOUT = 1
"""Raised when what is laid changes."""

_TOP_LEVEL = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC_COPIED = (
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ssl/openssl.cnf", "services", "protocols",
    "mime.types", "magic", "inputrc", "debian_version", "perl", "terminfo", "vim",
)  # fmt: skip
_PROMPT = "PS1='\\u@\\h:\\w\\$ '\n"
_ETC = {
    "passwd": "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost termforge\n::1 localhost\n",
    "hostname": "termforge\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n",
    "shells": "/bin/sh\n/bin/bash\n",
    "profile": f'export PATH={PATH}\n[ -z "$PS1" ] || {_PROMPT}',
    "bash.bashrc": f'[ -z "$PS1" ] || {_PROMPT}',
}
_EMPTY = (
    "app", "root", "home", "run", "srv", "mnt", "media", "proc", "dev", "sys", "usr", "var/log", "var/lib", "var/cache",
    "etc/alternatives",
)  # fmt: skip
_PYTEST = ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "test", "tests", "idlelib", "turtledemo", "site-packages", "*.a")


class Interpreter(NamedTuple):
    """A Python for inside."""

    path: str
    """On this machine."""
    prefix: str
    """Folder to copy it from; empty where it lies in /usr and is there anyway."""
    version: str
    """As in the name of its library folder: `3.11`."""


class HostImage(NamedTuple):
    skeleton: Path
    binds: tuple[tuple[str, str], ...]
    """What is mounted read-only: here, inside."""


def lay(state: Path) -> HostImage:
    """The folders of the pseudo-image, made the first time and when something they depend on has changed.

    Raises: SetupError when this machine has no Python or pytest that can be used inside.
    """
    python = interpreter()
    packages = _pytest_packages()
    key = digest([LAYOUT, *python, *((str(path), path.stat().st_mtime_ns) for path in packages), _stamps()])[:16]
    folder = lay_once(state / "host" / key, lambda fresh: _fill(fresh, python, packages))
    merged = [f"/{name}" for name in _TOP_LEVEL if Path(f"/{name}").is_dir() and not Path(f"/{name}").is_symlink()]
    laid = (("termforge", "/opt/termforge"), ("alternatives", "/etc/alternatives"))
    binds = (("/usr", "/usr"), *((path, path) for path in merged), *((str(folder / name), at) for name, at in laid))
    return HostImage(folder / "skeleton", binds)


def lay_once(target: Path, fill: Callable[[Path], None]) -> Path:
    """`target`, filled by whoever comes first; a half-filled folder is never seen."""
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=".laying-"))
        try:
            fill(fresh)
            fresh.chmod(0o755)
            fresh.rename(target)
        except OSError:
            if not target.is_dir():
                raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return target


@cache
def inventory() -> Inventory:
    """What is inside, probed with the Python that the agent will have."""
    python = interpreter().path
    ask = [python, "-I", "-c", PROBE]
    probe = subprocess.run(ask, env={"PATH": PATH}, capture_output=True, check=False, timeout=120)
    if probe.returncode != 0:
        raise SetupError(f"{python} cannot list what this machine has: {probe.stderr.decode(errors='replace')[-400:]}")
    return parse_probe(probe.stdout)


@cache
def interpreter() -> Interpreter:
    """The machine's own Python where it is recent enough for pytest, else the one that runs this, to be copied."""
    own = _version("/usr/bin/python3")
    if own >= (3, 11):
        return Interpreter("/usr/bin/python3", "", f"{own[0]}.{own[1]}")
    running = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Interpreter(str(running), "" if running.is_relative_to("/usr") else sys.base_prefix, version)


def _version(path: str) -> tuple[int, ...]:
    if not Path(path).exists():
        return ()
    ask = [path, "-I", "-c", "import sys; print(*sys.version_info[:2])"]
    answer = subprocess.run(ask, capture_output=True, text=True, check=False, timeout=60)
    return tuple(int(number) for number in answer.stdout.split())


def _fill(folder: Path, python: Interpreter, packages: list[Path]) -> None:
    _fill_skeleton(folder / "skeleton", python)
    _fill_termforge(folder / "termforge", python, packages)
    if Path("/etc/alternatives").is_dir():
        shutil.copytree("/etc/alternatives", folder / "alternatives", symlinks=True)
    else:
        (folder / "alternatives").mkdir()


def _fill_skeleton(root: Path, python: Interpreter) -> None:
    for name in _EMPTY:
        (root / name).mkdir(parents=True)
    for name in ("tmp", "var/tmp"):
        (root / name).mkdir()
        (root / name).chmod(0o1777)
    (root / "root").chmod(0o700)
    if os.geteuid() == 0:
        os.chown(root / "root", sandbox_uid(), sandbox_uid())  # who copies it
    (root / "opt/termforge").mkdir(parents=True)
    for name in _TOP_LEVEL:
        here = Path("/", name)
        if here.is_symlink():
            (root / name).symlink_to(here.readlink())
        elif here.is_dir():
            (root / name).mkdir()
    _fill_etc(root / "etc")


def _fill_etc(etc: Path) -> None:
    for name in _ETC_COPIED:
        source = Path("/etc", name)
        (etc / name).parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, etc / name, symlinks=True)
        elif source.is_file():
            shutil.copy(source, etc / name)
    for name, text in _ETC.items():
        (etc / name).write_text(text)
    (etc / "localtime").symlink_to("/usr/share/zoneinfo/Etc/UTC")
    (etc / "mtab").symlink_to("/proc/mounts")
    (etc / "os-release").symlink_to("../usr/lib/os-release")


def _fill_termforge(root: Path, python: Interpreter, packages: list[Path]) -> None:
    """A virtual environment whose folder of programs is called `grader`; a copied Python takes pytest into itself."""
    for name in ("grader", "bin", "inside"):
        (root / name).mkdir(parents=True)
    library = f"lib/python{python.version}"
    if python.prefix:
        site = _copy_python(Path(python.prefix), root / "base", python) / "site-packages"
        _link_copy(root, Path(python.path).name)
    else:
        site = root / library / "site-packages"
        site.mkdir(parents=True)
        home = f"home = {Path(python.path).parent}\ninclude-system-site-packages = false\n"
        (root / "pyvenv.cfg").write_text(home)
        (root / "grader/python").symlink_to(python.path)
    for package in packages:
        if package.is_dir():
            shutil.copytree(package, site / package.name, ignore=_LEFT_OUT)
        else:
            shutil.copyfile(package, site / package.name)
    compileall.compile_dir(site, quiet=2, stripdir=str(root), prependdir="/opt/termforge")


def _copy_python(prefix: Path, target: Path, python: Interpreter) -> Path:
    """The interpreter and its library, nothing installed beside them; returns the library's folder."""
    (target / "bin").mkdir(parents=True)
    shutil.copy(python.path, target / "bin")
    library = f"lib/python{python.version}"
    shutil.copytree(prefix / library, target / library, ignore=_LEFT_OUT, symlinks=True)
    for shared_library in (prefix / "lib").glob("libpython*.so*"):
        shutil.copy(shared_library, target / "lib", follow_symlinks=False)
    return target / library


def _link_copy(root: Path, name: str) -> None:
    """As a program that finds its shared library: the path built into the interpreter is another machine's now."""
    program = root / "bin/python3"
    program.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH=/opt/termforge/base/lib exec /opt/termforge/base/bin/{name} "$@"\n')
    program.chmod(0o755)
    (root / "grader/python").symlink_to("../bin/python3")


def _pytest_packages() -> list[Path]:
    """Where the running environment has pytest and what it needs; all of it is pure Python."""
    found = {name: importlib.util.find_spec(name) for name in _PYTEST}
    if missing := [name for name, spec in found.items() if spec is None or spec.origin is None]:
        raise SetupError(f"the grader's tests need {', '.join(missing)}: `pip install termforge[grader]`")
    files = [Path(spec.origin) for spec in found.values() if spec is not None and spec.origin is not None]
    return [file.parent if file.name == "__init__.py" else file for file in files]


def _stamps() -> list[float]:
    watched = (Path(interpreter().path), Path("/etc/ld.so.cache"), Path("/etc/alternatives"))
    return [path.stat().st_mtime for path in watched if path.exists()]
