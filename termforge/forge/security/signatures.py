"""Security: check HMAC signatures of files against a ring of keys, some revoked, and sign anew what is genuine."""

import hmac
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Tree
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

DIGESTS = ("sha256", "sha384", "sha512")
SENDERS = ("billing", "courier", "partner-a", "partner-b", "sensor-hub", "archive", "till", "warehouse")
THEMES = {
    "deliveries": ("invoice", "receipt", "reminder", "statement"),
    "inbox": ("order", "change", "cancel", "query"),
    "telemetry": ("pump", "valve", "meter", "relay"),
}
KINDS = (
    *(("valid", False), ("valid", False), ("forged", True), ("revoked", True), ("unsigned", False)),
    *(("unknown-key", False), ("forged", False), ("valid", False)),
)
"""Verdict, and whether the key is a revoked one. Forged comes before revoked, so a forgery with such a key is first."""


class Key(NamedTuple):
    name: str
    secret: str
    """Hexadecimal."""
    state: str


class Signed(NamedTuple):
    path: str
    """Relative to the root."""
    content: bytes
    key: str
    mac: str
    verdict: str


class Post(NamedTuple):
    folder: str
    root: str
    digest: str
    keys: tuple[Key, ...]
    signed: tuple[Signed, ...]

    @property
    def active(self) -> Key:
        return next(key for key in self.keys if key.state == "active")


def make(random: Random, setting: Setting) -> Fragment:
    given = isinstance(setting.given, Tree)
    tree = setting.given if isinstance(setting.given, Tree) else _drawn(random, setting)
    post = _signed(random, setting, tree)
    folder = setting.folder
    lines = [f"{one.key}:{one.mac}:{one.path}" for one in post.signed if one.verdict != "unsigned"]
    keys = [f"{key.name},{key.state},{key.secret}" for key in post.keys]
    return Fragment(
        title="Check signatures and sign again",
        brief=_brief(post, "which another part of this job produces" if given else "all that came in today"),
        files=(
            *(() if given else tree.files),
            text_file(f"{folder}/keys.csv", "".join(f"{line}\n" for line in ("key,state,secret", *keys)), 0o600),
            text_file(f"{folder}/received.sig", "".join(f"{line}\n" for line in random.sample(lines, len(lines)))),
        ),
        steps=_steps(random, post),
        checks=_checks(post),
        outputs=(f"{folder}/verdicts.csv", f"{folder}/outgoing.sig"),
    )


def _drawn(random: Random, setting: Setting) -> Tree:
    theme = random.choice(sorted(THEMES))
    root = f"{setting.folder}/{theme}"
    files = {
        f"{root}/{random.choice(SENDERS)}/{random.choice(THEMES[theme])}-{random.randint(100, 999)}.txt": "".join(
            f"{random.choice(THEMES[theme])} {random.randrange(10**5)}\n" for _ in range(random.randint(2, 5))
        )
        for _ in range(7 + 2 * setting.level)
    }
    return Tree(root, tuple(text_file(path, files[path]) for path in sorted(files)))


def _signed(random: Random, setting: Setting, tree: Tree) -> Post:
    digest = random.choice(DIGESTS)
    states = ("active", "retired", "revoked", "retired", "revoked")[: 3 + (setting.level > 1) + (setting.level > 2)]
    names = random.sample(range(10, 99), len(states))
    keys = tuple(
        Key(f"k{name}", "".join(random.choices("0123456789abcdef", k=64)), state)
        for name, state in zip(names, states, strict=True)
    )
    kinds = [KINDS[place % len(KINDS)] for place in range(len(tree.files))]
    signed = tuple(
        _received(random, path, content, verdict, digest, [key for key in keys if (key.state == "revoked") == revoked])
        for (path, content), (verdict, revoked) in zip(
            tree.contents.items(), random.sample(kinds, len(kinds)), strict=True
        )
    )
    return Post(setting.folder, tree.path, digest, tuple(random.sample(keys, len(keys))), signed)


def _received(random: Random, path: str, content: bytes, verdict: str, digest: str, keys: list[Key]) -> Signed:
    """Signed with one of these keys; a forger sends a genuine code for other bytes."""
    key = random.choice(keys)
    message = random.choice((content + b" ", content[1:], content.upper() + b"\n")) if verdict == "forged" else content
    name = "k" + str(random.randint(100, 999)) if verdict == "unknown-key" else key.name
    return Signed(path, content, name, _mac(key, message, digest), verdict)


def _mac(key: Key, content: bytes, digest: str) -> str:
    return hmac.new(bytes.fromhex(key.secret), content, digest).hexdigest()


def _brief(post: Post, whose: str) -> str:
    return f"""\
Each line of `{post.folder}/received.sig` is `KEY:CODE:PATH`: the name of a key, an HMAC-{post.digest.upper()} in
lower-case hex over the bytes of the file, and the file's path relative to `{post.root}` ({whose}).
`{post.folder}/keys.csv` lists the keys, their state and their secrets; the secret is hex and stands for the bytes it
encodes.

Write `{post.folder}/verdicts.csv` with the header `path,verdict`: one row for each regular file at any depth below
`{post.root}`, sorted by path in byte order. The verdict is the first of these that holds: `unsigned` if no line names
the file; `unknown-key` if its key is not listed; `forged` if the code is not the one that this key gives; `revoked` if
the key's state is that; else `valid` (keys that are `retired` still verify).

Write `{post.folder}/outgoing.sig` in the format of `received.sig`: a line for each valid file, signed anew with the one
key whose state is `active`, sorted by path in byte order."""


def _steps(random: Random, post: Post) -> tuple[Step, ...]:
    folder, script = post.folder, f"{post.folder}/check.sh"
    look = step(
        random,
        (
            "I need to see the key ring and how the signature lines are built. Secrets in hex must be given to "
            "openssl as hexkey, not as text.",
            "First the formats: which keys there are, in which state, and what the signature list looks like.",
        ),
        ("Show the keys without their secrets, some signatures and the files.",),
        run(f"cut -d , -f 1,2 {folder}/keys.csv"),
        run(f"cut -c -70 {folder}/received.sig | head -n 8"),
        run(f"find {post.root} -type f | sort | head -n 40"),
    )
    judge = step(
        random,
        (
            f"openssl dgst computes the HMAC with -macopt hexkey. I walk over all files, find the line and the key, "
            f"and apply the rules in their order; the active key is {post.active.name}.",
            f"For each file I look up its line and its key's state and secret, recompute the code and compare. Valid "
            f"ones get a second code, made with {post.active.name}.",
        ),
        (f"Write {script}, run it, and print both results.", "One shell loop over the sorted paths does both files."),
        write(script, _script(post)),
        run(f"bash {script}", 2.0),
        run(f"cat {folder}/verdicts.csv"),
    )
    check = step(
        random,
        (
            "The counts by verdict should be plausible, and as many lines signed as files are valid.",
            f"{sum(one.verdict == 'valid' for one in post.signed)} files should be valid; the new list must be as "
            "long and name one key only.",
        ),
        ("Count the verdicts, and the keys in the new list.",),
        run(f"tail -n +2 {folder}/verdicts.csv | rev | cut -d , -f 1 | rev | sort | uniq -c"),
        run(f"cut -d : -f 1 {folder}/outgoing.sig | sort | uniq -c"),
    )
    return look, judge, check


def _script(post: Post) -> str:
    return f"""
set -u
export LC_ALL=C
cd {post.folder}
code() {{
    openssl dgst -{post.digest} -mac HMAC -macopt "hexkey:$1" -r "{post.root}/$2" | cut -d ' ' -f 1
}}
active=$(awk -F, '$2 == "active" {{ print $1 }}' keys.csv)
active_secret=$(awk -F, '$2 == "active" {{ print $3 }}' keys.csv)
: > outgoing.sig
echo path,verdict > verdicts.csv
find {post.root} -type f -printf '%P\\n' | sort | while IFS= read -r path; do
    IFS=: read -r key given _ <<< "$(awk -F: -v path="$path" '$3 == path' received.sig)"
    IFS=, read -r name state secret <<< "$(awk -F, -v key="$key" '$1 == key' keys.csv)"
    if [ -z "$key" ]; then
        verdict=unsigned
    elif [ -z "$name" ]; then
        verdict=unknown-key
    elif [ "$(code "$secret" "$path")" != "$given" ]; then
        verdict=forged
    elif [ "$state" = revoked ]; then
        verdict=revoked
    else
        verdict=valid
        echo "$active:$(code "$active_secret" "$path"):$path" >> outgoing.sig
    fi
    echo "$path,$verdict" >> verdicts.csv
done
"""


def _checks(post: Post) -> tuple[Check, ...]:
    verdicts, outgoing = f"{post.folder}/verdicts.csv", f"{post.folder}/outgoing.sig"
    judged = [f"{one.path},{one.verdict}" for one in post.signed]
    bad = [row for row in judged if not row.endswith(",valid")]
    active = post.active
    again = [
        f"{active.name}:{_mac(active, one.content, post.digest)}:{one.path}"
        for one in post.signed
        if one.verdict == "valid"
    ]
    return (
        Check(
            "rejected",
            f"assert [row for row in lines({verdicts!r})[1:] if not row.endswith(',valid')] == {literal(bad)}",
            2.0,
        ),
        Check("verdicts", f"assert lines({verdicts!r}) == {literal(['path,verdict', *judged])}", 2.0),
        Check(
            "signed_files",
            f"signed = [line.split(':', 2) for line in lines({outgoing!r}) if line.count(':') == 2]\n"
            f"assert [path for _, _, path in signed] == {literal([line.split(':', 2)[2] for line in again])}\n"
            f"assert {{key for key, _, _ in signed}} == {{{active.name!r}}}",
        ),
        Check("new_signatures", f"assert lines({outgoing!r}) == {literal(again)}", 3.0),
    )


SKILL = Skill(
    name="security/signatures",
    domain="security",
    folders=("signatures", "webhooks", "authenticity", "mac-check"),
    tools=("awk", "bash", "cat", "cut", "find", "head", "openssl", "rev", "sort", "tail", "uniq"),
    make=make,
    reads=Tree,
)
