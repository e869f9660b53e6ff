"""What a solution types and a test says: programs, library calls, and tokens without numbers, names and paths."""

import ast
import re
import sys
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from termforge.forge.skill import Fragment, Skill

HEREDOC = re.compile(r"^(?P<line>.*)<<\s*['\"]?(?P<end>\w+)['\"]?(?P<rest>.*)\n(?P<body>(?:.*\n)*?)(?P=end)$", re.M)
QUOTED = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"")
LEADING = (
    r"^|[|;&({`]|\$\(|!\s|^\s*[\w*|.?-]+\)\s|(?<=\s)-exec\s|\b(?:then|do|else|elif|if|while|until|env|timeout\s+\d+)\s"
    r"|\bxargs(?:\s+\S+)*?\s"
)
"""What stands before a command: a line's start, operators, a branch of `case`, the shell's words, other commands."""
MANY = frozenset({"git", "openssl"})
VERB = re.compile(r"\b(git|openssl)(?:\s+-[cC]\s+\S+)*\s+([a-z][a-z0-9-]*)")
PATH = re.compile(
    r"(?:[\w.*~${}-]*/)+[\w.*${}-]*"
    r"|\b[\w-]+\.(?:c|cfg|conf|csv|db|h|html|ini|json|jsonl|md|mk|out|py|sh|sql|toml|tsv|txt|xml|ya?ml)\b"
)
NUMBER = re.compile(r"\b(?:0x[0-9a-f]+|\d+(?:\.\d+)?(?:e-?\d+)?)\b")
BOUND = re.compile(r"\b([A-Za-z_]\w*)(?=\s*(?:[-+*/%|&]?=(?!=)|\+\+))|\$\{?([A-Za-z_]\w*)|\b(?:for|def|read) (\w+)")
TOKEN = re.compile(r"\w+|[^\w\s]")


class Typed(NamedTuple):
    shell: str
    """Lines at the prompt and of shell scripts."""
    python: tuple[str, ...]


def typed(fragment: Fragment) -> Typed:
    """A solution's here-documents told apart by what runs them; data and other languages are in neither field."""
    text = keystrokes(fragment)
    shell, python = [HEREDOC.sub(r"\g<line>\g<rest>", text)], re.findall(r"python3 -c '([^']*)'", text)
    for document in HEREDOC.finditer(text):
        target = re.search(r"> *\S+\.(py|sh)\b", document["line"] + document["rest"])
        language = target[1] if target else document["line"].split()[0]
        if language in ("py", "python3"):
            python.append(document["body"])
        elif language in ("sh", "bash"):
            shell.append(document["body"])
    return Typed("\n".join(shell), tuple(python))


def keystrokes(fragment: Fragment) -> str:
    return "".join(command.keystrokes for step in fragment.steps for command in step.commands)


def programs(skill: Skill, shell: str) -> set[str]:
    """Declared tools at command position: what a script merely mentions, and a shell's own words, do not count.

    What is many programs under one name counts by its commands: `git bisect`, `openssl x509`.
    """
    bare = QUOTED.sub(_substitutions, re.sub(r"^\s*#.*$|\\\n", " ", shell, flags=re.M))
    tools = "|".join(re.escape(tool) for tool in sorted(skill.tools, reverse=True))
    # The word itself is looked at and not consumed: it may lead in another command, as xargs does.
    command = re.compile(rf"(?:{LEADING})\s*(?:\w+=\S*\s+)*(?=({tools})(?![\w./=-]))", re.M)
    found = set(command.findall(bare)) if tools else set()
    return found - MANY | {f"{name} {verb}" for name, verb in VERB.findall(bare) if name in found}


def _substitutions(quoted: re.Match[str]) -> str:
    """Of a quoted text, the commands that the shell runs inside it."""
    return "q" if quoted[0].startswith("'") else "q" + " ".join(re.findall(r"\$\([^()\"]*", quoted[0]))


def perl_modules(keystrokes: str) -> set[str]:
    """Modules that Perl programs load, function by function where they are named: `List::Util::sum`."""
    loaded = re.findall(r"(?:^|; )use ([A-Z]\w*(?:::\w+)+)(?: qw\(([^)]*)\))?;", keystrokes, re.M)
    return {f"{module}::{name}" for module, names in loaded for name in names.split()} | {
        module for module, names in loaded if not names
    }


def library_calls(skill: Skill, source: str) -> set[str]:
    """Calls on imported modules by full name, as `csv.reader`; methods of values do not count, nor modules of the task.

    Raises: SyntaxError: the skill types a broken program.
    """
    tree = ast.parse(source)
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= dict(_bound_by(name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            imported |= {name.asname or name.name: f"{node.module}.{name.name}" for name in node.names}
    called = {_dotted(node.func, imported) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    known = {*sys.stdlib_module_names, *skill.modules}
    return {name for name in called if "." in name and name.split(".")[0] in known}


def _bound_by(name: ast.alias) -> tuple[str, str]:
    """`import a.b` binds `a`; `import a.b as c` binds `c` to `a.b`."""
    root = name.name.split(".")[0]
    return (name.asname, name.name) if name.asname else (root, root)


def _dotted(function: ast.expr, imported: dict[str, str]) -> str:
    """Full name of an imported function; empty for anything else."""
    if isinstance(function, ast.Attribute):
        base = _dotted(function.value, imported)
        return f"{base}.{function.attr}" if base else ""
    if isinstance(function, ast.Name) and function.id in imported:
        return imported[function.id]
    return ""


def masked(text: str) -> list[str]:
    """Tokens of a text: every path is `PATH`, every number `0`, every name that is bound or expanded in it `NAME`."""
    bare = NUMBER.sub("0", PATH.sub("PATH", text.replace("\\n", "\n")))
    bound = {name for groups in BOUND.findall(bare) for name in groups if name}
    return ["NAME" if token in bound else token for token in TOKEN.findall(bare)]


def steady(texts: Sequence[str]) -> frozenset[str]:
    """Masked tokens of one skill's texts, one a seed; what fewer than a third of them hold is a drawn name, too."""
    counts = Counter(token for text in texts for token in set(masked(text)))
    return frozenset(token if 3 * count >= len(texts) else "NAME" for token, count in counts.items())


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)
