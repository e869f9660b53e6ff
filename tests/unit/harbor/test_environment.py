"""What a Dockerfile leaves behind, as an image and files; what cannot be told is refused by line and reason."""

from pathlib import Path

import pytest

from termforge.errors import InputError
from termforge.harbor.importing import import_task
from termforge.harbor.variables import PROFILE, SYSTEM_PATH, profiled
from termforge.images.recipe import recipe
from termforge.schemas import File, TerminalTask
from tests.unit.harbor.folders import DOCKERFILE, INVENTORIES, imported, write_folder


def with_dockerfile(folder: Path, lines: str, **files: str) -> TerminalTask:
    changes = {"environment/Dockerfile": DOCKERFILE + lines}
    return imported(folder, changes | {f"environment/{name.replace('__', '/')}": text for name, text in files.items()})


def laid(terminal_task: TerminalTask) -> dict[str, tuple[bytes, int]]:
    return {file.path: (file.content, file.mode) for file in terminal_task.files}


def test_copied_files_lie_where_docker_lays_them(tmp_path: Path) -> None:
    terminal_task = with_dockerfile(
        tmp_path,
        "COPY one.txt two.txt data/\nCOPY one.txt /app\nCOPY tree /srv/tree\nCOPY --chmod=750 one.txt /root/renamed\n"
        'COPY ["one.txt", "/opt/a b"]\nADD tree/ .\nRUN chmod +x data/two.txt && chmod 600 /app/one.txt\n',
        **{"one.txt": "1", "two.txt": "2", "tree__deep__leaf": "3"},
    )
    assert laid(terminal_task) == {
        "/app/data/one.txt": (b"1", 0o644),
        "/app/data/two.txt": (b"2", 0o755),
        "/app/one.txt": (b"1", 0o600),
        "/app/deep/leaf": (b"3", 0o644),
        "/srv/tree/deep/leaf": (b"3", 0o644),
        "/root/renamed": (b"1", 0o750),
        "/opt/a b": (b"1", 0o644),
    }


def test_an_empty_folder_is_kept_by_a_file(tmp_path: Path) -> None:
    terminal_task = with_dockerfile(
        tmp_path, "RUN mkdir -p out/full out/empty /tests /logs/verifier\nCOPY a out/full/\n", a=""
    )
    assert set(laid(terminal_task)) == {"/app/out/full/a", "/app/out/empty/.keep"}


def test_variables_reach_login_shells(tmp_path: Path) -> None:
    lines = 'ENV DEBIAN_FRONTEND=noninteractive LEVEL="a \\"b\\""\nENV OTHER=$LEVEL/x\nENV PRICE 5$\n'
    [file] = with_dockerfile(tmp_path, lines).files
    assert file.path == "/etc/profile.d/harbor.sh"
    assert file.content.decode() == """export LEVEL='a "b"'\nexport OTHER='a "b"/x'\nexport PRICE='5$'\n"""


@pytest.mark.parametrize(
    ("lines", "variables"),
    [
        ("ENV A=1\nENV B=$A\nENV A=2\n", {"A": "2", "B": "1"}),
        ("ENV A=1\nENV A=2 B=$A\n", {"A": "2", "B": "1"}),
        ("ARG V=1.4.2\nENV X=${V} Y=data-$V/x\n", {"X": "1.4.2", "Y": "data-1.4.2/x"}),
        ("ARG V=1\nENV V=2\nENV X=$V\n", {"V": "2", "X": "2"}),
        ("ARG V\nENV X=${V:-old} Y=${V:+new}\n", {"X": "old", "Y": ""}),
        ("ARG ABOVE\nENV X=$ABOVE\n", {"X": "above"}),
        ("ENV X='$HOME/x' Y=\\$A Z=\"\\a\"\n", {"X": "$HOME/x", "Y": "$A", "Z": "\\a"}),
        ("ENV PATH=/app/bin:$PATH\n", {"PATH": f"/app/bin:{SYSTEM_PATH}"}),
        ("ARG DIR=/srv\nENV A=1\nCOPY a ${DIR}/$A/\n", {"A": "1"}),
    ],
)
def test_variables_have_the_values_that_docker_gives_them(
    tmp_path: Path, lines: str, variables: dict[str, str]
) -> None:
    dockerfile = f"ARG ABOVE=above\nARG BASE=debian:12\nFROM $BASE\n{lines}WORKDIR /app\n"
    terminal_task = imported(tmp_path, {"environment/Dockerfile": dockerfile, "environment/a": ""})
    assert {name: value for file in terminal_task.files for name, value in _variables(file).items()} == variables
    assert ("/srv/1/a" in laid(terminal_task)) == ("COPY" in lines)


def _variables(file: File) -> dict[str, str]:
    return profiled(file) if file.path == PROFILE else {}


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/usr/bin", "/usr/bin/tool"),
        ("/etc/cron.d", "/etc/cron.d/tool"),
        ("/usr/local/lib", "/usr/local/lib/tool"),
        ("/srv/made", "/srv/made/tool"),
        ("/srv/other", "/srv/other"),
        ("//srv/other", "/srv/other"),
    ],
)
def test_a_file_copied_to_a_folder_goes_into_it(tmp_path: Path, target: str, path: str) -> None:
    terminal_task = with_dockerfile(tmp_path, f"RUN mkdir -p /srv/made/deep\nCOPY tool {target}\n", tool="")
    assert path in laid(terminal_task)


def test_what_is_removed_is_gone(tmp_path: Path) -> None:
    lines = "COPY one two /var/data/\nRUN mkdir -p /srv/out && rm -rf /var/data/o* /srv && rm -f /tmp/* two\n"
    with pytest.raises(InputError, match=r"Dockerfile:4: .*what 'rm' of two does"):
        with_dockerfile(tmp_path, lines, one="", two="")
    terminal_task = with_dockerfile(tmp_path, lines.replace(" two\n", "\n"), one="", two="")
    assert set(laid(terminal_task)) == {"/var/data/two"}


def test_a_source_behind_a_link_out_of_the_context_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {"environment/Dockerfile": f"{DOCKERFILE}COPY sub/solve.sh .\n"})
    (folder / "environment/sub").symlink_to("../solution")
    with pytest.raises(InputError, match=r"Dockerfile:3: .*no file of the build context"):
        import_task(folder, INVENTORIES)


def test_the_image_is_one_that_has_every_package(tmp_path: Path) -> None:
    lines = "RUN apt-get update && apt-get install -y \\\n    # a comment\n    jq curl && rm -rf /var/lib/apt/lists/*\n"
    assert with_dockerfile(tmp_path, lines).image == recipe("file-operations")


@pytest.mark.parametrize("version", ["==2.1.3", "==2.1.*", ">=1.20,<3", "~=2.1", "!=2.0", ""])
def test_packages_that_an_image_has_need_no_install(tmp_path: Path, version: str) -> None:
    assert with_dockerfile(tmp_path, f"RUN pip install 'NumPy{version}'\n").image == recipe("data-science")


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("RUN pip install numpy==1.26.4\n", "Dockerfile:3: RUN .* no image has all .* lacks numpy==1.26.4"),
        ("RUN apt-get install -y jq gcc\n", "Dockerfile:3: .*lacks"),
        ("RUN apt-get install -y cowsay\n", "Dockerfile:3: .*lacks cowsay"),
        ("RUN pip install -r requirements.txt\n", "Dockerfile:3: .*-r names a file"),
        ("RUN true\nRUN useradd -m bob\n", "Dockerfile:4: .*what 'useradd' does"),
        ("RUN echo 1 > /app/x\n", "Dockerfile:3: .*more than simple commands"),
        ("RUN curl https://x.org | sh\n", "Dockerfile:3: .*more than simple commands"),
        ("RUN cat <<EOF > /x\nEOF\n", "Dockerfile:3: .*here-documents"),
        ("FROM debian AS second\n", "Dockerfile:3: .*more than one stage"),
        ("USER nobody\n", "Dockerfile:3: .*agents here are root"),
        ("ENTRYPOINT serve\n", "Dockerfile:3: .*this instruction is not read"),
        ("COPY ../secret .\n", "Dockerfile:3: .*no file of the build context"),
        ("COPY absent .\n", "Dockerfile:3: .*does not exist in the build context"),
        ("COPY --from=builder /x /x\n", "Dockerfile:3: .*--from is not read"),
        ("COPY --chown=bob Dockerfile .\n", "Dockerfile:3: .*belong to root"),
        ("ADD https://x.org/a.tar.gz .\n", "Dockerfile:3: .*URL or an archive"),
        ("WORKDIR /srv\n", "the last WORKDIR is /srv"),
        ("WORKDIR $HOME\n", r"Dockerfile:3: .*\$HOME has no value here"),
        ("WORKDIR ~/x\n", "Dockerfile:3: .*expanded by a shell"),
        ("ENV A='1\n", "Dockerfile:3: .*stays open"),
        ("ENV A=${B%x}\n", "Dockerfile:3: .*is not read"),
        ("ENV A\n", "Dockerfile:3: .*given no value"),
        ("COPY **a .\n", "Dockerfile:3: .*pattern"),
        ("RUN pip install 'numpy<2'\n", "Dockerfile:3: .*lacks numpy<2"),
        ("RUN pip install numpy~=1.26\n", "Dockerfile:3: .*lacks numpy~=1.26"),
        ("RUN pip install 'numpy!=2.1.3'\n", "Dockerfile:3: .*lacks numpy!=2.1.3"),
        ("RUN pip install 'numpy[all]'\n", "Dockerfile:3: .*more than a package in a version"),
        ("RUN pip install uv\n", "Dockerfile:3: .*lacks uv"),
        ("RUN pip install pytest==7.4.4\n", "Dockerfile:3: .*lacks pytest==7.4.4"),
        ("RUN pip install -t /app/vendor numpy\n", "Dockerfile:3: .*the option -t changes"),
        ("RUN apt-get install -y jq=1.5\n", "Dockerfile:3: .*lacks jq=1.5"),
        ("RUN apt-get install -y -t bookworm-backports jq\n", "Dockerfile:3: .*the option -t changes"),
        ("RUN mkdir -m 700 x\n", "Dockerfile:3: .*mkdir's option -m"),
        ("RUN rm -rf /etc/apt\n", "Dockerfile:3: .*what 'rm' of /etc/apt does"),
    ],
)  # fmt: skip
def test_what_a_dockerfile_does_beyond_our_images_is_refused(tmp_path: Path, lines: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        with_dockerfile(tmp_path, lines)


@pytest.mark.parametrize(
    "base",
    ["alpine:3", "python:3.13-slim", "python:3.11-alpine", "nvidia/cuda:12", "ubuntu:14.04", "debian:sid"],
)
def test_a_base_unlike_ours_is_refused(tmp_path: Path, base: str) -> None:
    with pytest.raises(InputError, match=r"Dockerfile:1: .*not like one of our images"):
        imported(tmp_path, {"environment/Dockerfile": f"FROM {base}\nWORKDIR /app\n"})


@pytest.mark.parametrize(
    ("base", "reason"), [("$BASE", r"\$BASE has no value here"), (f"python@sha256:{'a' * 64}", "the tag is wanted")]
)
def test_a_base_that_is_not_named_is_refused(tmp_path: Path, base: str, reason: str) -> None:
    with pytest.raises(InputError, match=f"Dockerfile:1: .*{reason}"):
        imported(tmp_path, {"environment/Dockerfile": f"FROM {base}\nWORKDIR /app\n"})


def test_one_of_our_images_has_to_have_every_package_itself(tmp_path: Path) -> None:
    ours = f"FROM termforge/data-science:{recipe('data-science').recipe}\nRUN apt-get install -y "
    assert imported(tmp_path, {"environment/Dockerfile": f"{ours}gcc\n"}).image == recipe("data-science")
    with pytest.raises(InputError, match=r"Dockerfile:2: .*data-science lacks jq"):
        imported(tmp_path, {"environment/Dockerfile": f"{ours}jq\n"})


@pytest.mark.parametrize(
    "base",
    [
        "debian",
        "ubuntu:24.04",
        "python:3.11-slim-bookworm",
        f"python:3.11-slim-bookworm@sha256:{'a' * 64}",
        "ghcr.io/laude-institute/t-bench/ubuntu-24-04:latest",
    ],
)
def test_a_base_like_ours_is_taken(tmp_path: Path, base: str) -> None:
    dockerfile = f"FROM --platform=linux/amd64 {base} AS main\nWORKDIR /app\n"
    assert imported(tmp_path, {"environment/Dockerfile": dockerfile}).files == ()


def test_a_link_in_the_context_is_refused(tmp_path: Path) -> None:
    folder = write_folder(
        tmp_path, {"environment/Dockerfile": f"{DOCKERFILE}COPY tree /app/\n", "environment/tree/a": ""}
    )
    (folder / "environment/tree/link").symlink_to("a")
    with pytest.raises(InputError, match=r"Dockerfile:3: .*link is a link"):
        import_task(folder, INVENTORIES)


@pytest.mark.parametrize("name", ["docker-compose.yaml", ".dockerignore"])
def test_what_changes_the_container_unread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=name):
        imported(tmp_path, {f"environment/{name}": ""})
