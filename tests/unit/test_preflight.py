"""Preflight: what it says of this machine is checked elsewhere by using it; here, what it says of others."""

import sys
from pathlib import Path

import pytest

from termforge import preflight
from termforge.errors import SetupError
from termforge.preflight import bubblewrap_findings, choose_engine, main, namespaces, refusal
from termforge.sandbox.docker_engine import Docker


@pytest.fixture
def nothing_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")


def kernel(proc: Path, **files: str) -> Path:
    """A /proc with these settings, `__` for a slash."""
    for name, text in files.items():
        path = proc / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return proc


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({"sys__kernel__apparmor_restrict_unprivileged_userns": "1\n"}, "AppArmor"),
        ({"sys__kernel__unprivileged_userns_clone": "0\n"}, "unprivileged_userns_clone=1"),
        ({"sys__user__max_user_namespaces": "0\n"}, "user.max_user_namespaces"),
        (
            {"sys__user__max_user_namespaces": "9\n", "self__status": "NoNewPrivs:\t0\nSeccomp:\t2\n"},
            "seccomp=unconfined",
        ),
        ({"sys__user__max_user_namespaces": "9\n", "self__status": "Seccomp:\t0\n"}, "Use a Docker engine"),
    ],
)
def test_the_cause_of_a_refusal_is_named_with_its_remedy(tmp_path: Path, files: dict[str, str], word: str) -> None:
    cause, remedy = refusal(kernel(tmp_path, **files))
    assert word in f"{cause} {remedy}"


@pytest.mark.usefixtures("nothing_on_path")
def test_missing_programs_are_named_with_their_packages() -> None:
    said = "\n".join(map(str, bubblewrap_findings()))
    assert "apt-get install bubblewrap" in said
    assert "apt-get install tmux" in said


@pytest.mark.docker
def test_a_machine_without_linux_falls_back_to_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    (finding,) = bubblewrap_findings()
    assert "darwin" in finding.cause
    engine = choose_engine("auto")
    assert isinstance(engine, Docker)
    engine.close()


@pytest.mark.usefixtures("nothing_on_path", "no_docker")
def test_a_machine_without_anything_is_told_every_cause() -> None:
    with pytest.raises(SetupError, match=r"(?s)bubblewrap.*tmux.*Docker"):
        choose_engine("auto")


@pytest.mark.usefixtures("no_docker")
def test_docker_asked_for_is_not_replaced() -> None:
    with pytest.raises(SetupError, match="Docker"):
        choose_engine("docker")


@pytest.mark.usefixtures("no_docker")
def test_the_exit_code_says_whether_sandboxes_can_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--engine", "docker"]) == 1
    assert capsys.readouterr().out.startswith("NO  Docker engine")


@pytest.mark.bubblewrap
def test_a_machine_with_namespaces_gets_bubblewrap() -> None:
    assert namespaces().fine
    assert choose_engine("auto").name == "bubblewrap"


@pytest.mark.bubblewrap
def test_a_namespace_that_cannot_be_had_is_found_by_trying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_NAMESPACES", "echo refused here >&2; exit 1")
    assert "refused here" in namespaces().cause
