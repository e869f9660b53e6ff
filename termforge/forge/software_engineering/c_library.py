"""Software engineering: build C sources into a static and a shared library that export their interface and no more."""

from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import File, Step

PROJECTS = {
    "tally": ("gross", "net", "levy", "rebate"),
    "orbit": ("phase", "period", "drift", "node"),
    "clockwork": ("strike", "wind", "tick", "chime"),
    "ferry": ("fare", "crew", "berth", "delay"),
}


class Library(NamedTuple):
    name: str
    version: str
    public: dict[str, tuple[int, int]]
    """f(n) = factor * hidden(n) + offset, by the function's name."""
    hidden: int
    """What the helper that must not be exported adds to its argument."""

    @property
    def major(self) -> str:
        return self.version.partition(".")[0]

    def value(self, function: str, n: int) -> int:
        factor, offset = self.public[function]
        return factor * (n + self.hidden) + offset


def make(random: Random, setting: Setting) -> Fragment:
    library = _drawn(random, setting.level)
    folder, root = setting.folder, f"{setting.folder}/dist"
    shared = f"{root}/lib/lib{library.name}.so"
    files = _sources(folder, library)
    return Fragment(
        title=f"Build lib{library.name}",
        brief=_brief(folder, library),
        files=files,
        steps=_steps(random, folder, library),
        checks=_checks(random, root, library, files[0].content.decode()),
        outputs=(
            f"{root}/lib/lib{library.name}.a",
            shared,
            f"{shared}.{library.major}",
            f"{root}/include/{library.name}.h",
            f"{root}/lib/pkgconfig/{library.name}.pc",
        ),
    )


def _drawn(random: Random, level: int) -> Library:
    name = random.choice(sorted(PROJECTS))
    functions = random.sample(PROJECTS[name], 1 + level)
    version = ".".join(str(random.randint(1, 9)) for _ in range(3))
    public = {f"{name}_{function}": (random.randint(2, 9), random.randint(10, 99)) for function in functions}
    return Library(name, version, public, random.randint(3, 30))


def _sources(folder: str, library: Library) -> tuple[File, ...]:
    name = library.name
    prototypes = "".join(f"int {function}(int n);\n" for function in library.public)
    bodies = {
        function: f'#include "{name}.h"\n#include "shared.h"\n\n'
        f"int {function}(int n)\n{{\n    return {factor} * {name}_shift(n) + {offset};\n}}\n"
        for function, (factor, offset) in library.public.items()
    }
    helper = f'#include "shared.h"\n\nint {name}_shift(int n)\n{{\n    return n + {library.hidden};\n}}\n'
    files = {
        f"{name}.h": f"#ifndef {name.upper()}_H\n#define {name.upper()}_H\n\n{prototypes}\n#endif\n",
        "shared.h": f"/* Not part of the interface. */\nint {name}_shift(int n);\n",
        "shared.c": helper,
        **{f"{function}.c": body for function, body in bodies.items()},
    }
    return tuple(text_file(f"{folder}/src/{path}", text) for path, text in files.items())


def _brief(folder: str, library: Library) -> str:
    name, major, version = library.name, library.major, library.version
    return f"""\
Build version {version} of the C library `{name}` from `{folder}/src` and lay it out below `{folder}/dist`. Its
interface is what `{name}.h` declares; `shared.h` and what it declares are internal.
- `{folder}/dist/lib/lib{name}.a`: a static library of all sources.
- `{folder}/dist/lib/lib{name}.so.{major}`: a shared library with just this soname, whose defined dynamic symbols are
  exactly the functions of the interface, without symbol versions.
- `{folder}/dist/lib/lib{name}.so`: an equal copy of it for the linker, since the package cannot hold links.
- `{folder}/dist/include/{name}.h`: the header, unchanged, as the only file in that folder.
- `{folder}/dist/lib/pkgconfig/{name}.pc`: with it, `pkg-config --modversion {name}` prints `{version}`, and the flags
  of `pkg-config --cflags --libs {name}` are enough for `gcc` to compile and link a program that includes
  `<{name}.h>`."""


def _steps(random: Random, folder: str, library: Library) -> tuple[Step, ...]:
    name = library.name
    root, full = f"{folder}/dist", f"lib{library.name}.so.{library.major}"
    exported = " ".join(f"{function};" for function in library.public)
    metadata = f"""
prefix={root}
libdir=${{prefix}}/lib
includedir=${{prefix}}/include

Name: {name}
Description: The {name} library
Version: {library.version}
Libs: -L${{libdir}} -l{name}
Cflags: -I${{includedir}}
"""
    return (
        Step(
            analysis=random.choice(
                (
                    "The header says what is to be exported; the sources show the helper that has to stay hidden.",
                    "I look at the interface and at the one internal function before choosing how to hide it.",
                )
            ),
            plan=random.choice(("Print the headers, list the sources.", "Headers first, then what calls the helper.")),
            commands=(
                run(f"head -n 20 {folder}/src/*.h"),
                run(f"grep -n {name}_shift {folder}/src/*.c"),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    "Position-independent objects serve both libraries. A linker version script without a name makes "
                    "everything local except the interface.",
                    "I compile once with -fPIC and hide the helper with an anonymous version script.",
                )
            ),
            plan=random.choice(
                (
                    "Compile outside /app, archive, link with soname and script, copy.",
                    "Objects in /tmp; then ar, gcc -shared; names and symbols are checked at the end.",
                )
            ),
            commands=(
                run(f"mkdir -p {root}/lib/pkgconfig {root}/include /tmp/objects; cd /tmp/objects"),
                run(f"gcc -O2 -fPIC -c {folder}/src/*.c", 2.0),
                run(f"ar rcs {root}/lib/lib{name}.a *.o"),
                run(f"echo '{{ global: {exported} local: *; }};' > exports.map"),
                run(
                    f"gcc -shared -Wl,-soname,{full} -Wl,--version-script,exports.map -o {root}/lib/{full} *.o",
                    1.0,
                ),
                run(f"cd {root}/lib; cp {full} lib{name}.so"),
            ),
        ),
        Step(
            analysis=random.choice(
                (
                    "What is left are the header and the file for pkg-config; then the result has to be looked at.",
                    "The libraries stand. Users find them through pkg-config, so that file comes next.",
                )
            ),
            plan=random.choice(
                ("Install the header, write the .pc file, inspect.", "Header, .pc, then readelf, nm and pkg-config.")
            ),
            commands=(
                run(f"install -m u=rw,go=r {folder}/src/{name}.h {root}/include/"),
                write(f"pkgconfig/{name}.pc", metadata),
                run(f"readelf -d {full} | grep SONAME; nm -D --defined-only {full}"),
                run(f"pkg-config --with-path={root}/lib/pkgconfig --cflags --libs {name}; cd /app"),
            ),
        ),
    )


def _checks(random: Random, root: str, library: Library, header: str) -> tuple[Check, ...]:
    name, library_path = library.name, f"{root}/lib/lib{library.name}.so"
    given = random.sample(range(-40, 200), 2)
    calls = "".join(f'    printf("%d\\n", {function}({n}));\n' for function in library.public for n in given)
    program = f"#include <stdio.h>\n#include <{name}.h>\n\nint main(void)\n{{\n{calls}    return 0;\n}}\n"
    printed = [str(library.value(function, n)) for function in library.public for n in given]
    packaged = f"export PKG_CONFIG_PATH={root}/lib/pkgconfig; pkg-config --modversion {name} || exit 1; "
    run_it = f"LD_LIBRARY_PATH={root}/lib ./app"
    needed = f"readelf -d app | grep -o 'lib{name}[^]]*'"
    soname = f"readelf -d {library_path} | sed -n 's/.*SONAME.*\\[\\(.*\\)\\]/\\1/p'"
    symbols = f"nm -D --defined-only {library_path} | sed 's/.* //' | LC_ALL=C sort"
    return (
        _check(
            "static", f"gcc -I{root}/include -o app -x c - -x none {root}/lib/lib{name}.a && ./app", program, printed
        ),
        _check(
            "shared",
            f"gcc -I{root}/include -o app -x c - -x none -L{root}/lib -l{name} && {needed} && {run_it}",
            program,
            [f"lib{name}.so.{library.major}", *printed],
        ),
        _check("symbols", f"{soname}; {symbols}", "", [f"lib{name}.so.{library.major}", *sorted(library.public)]),
        _check(
            "layout",
            f"{soname}; cmp {library_path} {library_path}.{library.major} && cat {root}/include/*; ls {root}/include",
            "",
            [f"lib{name}.so.{library.major}", *header.splitlines(), f"{name}.h"],
        ),
        _check(
            "pkg_config",
            f"{packaged}gcc -o app -x c - -x none $(pkg-config --cflags --libs {name}) && {run_it}",
            program,
            [library.version, *printed],
        ),
    )


def _check(name: str, command: str, program: str, expected: list[str]) -> Check:
    return Check(
        name,
        "from termforge_grader import run_agent\n\n"
        f"program = {program!r}\n"
        f"found = run_agent(['bash', '-c', {command!r}], stdin=program)\n"
        f"assert found.stdout.splitlines() == {literal(expected)}, found.stderr[-400:]",
    )


SKILL = Skill(
    name="software-engineering/c-library",
    domain="software-engineering",
    folders=("clib", "native", "sdk", "libbuild"),
    tools=("head", "grep", "mkdir", "gcc", "ar", "cp", "install", "readelf", "nm", "pkg-config"),
    make=make,
)
