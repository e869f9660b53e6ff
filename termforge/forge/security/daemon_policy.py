"""Security: bring an SSH daemon's configuration back to a policy; the first value of an option counts."""

from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

SAFE = {
    "PermitRootLogin": ("no", "yes", "prohibit-password"),
    "PasswordAuthentication": ("no", "yes"),
    "PermitEmptyPasswords": ("no", "yes"),
    "X11Forwarding": ("no", "yes"),
    "MaxAuthTries": ("3", "6", "10"),
    "LoginGraceTime": ("30", "120", "0"),
    "ClientAliveInterval": ("300", "0", "7200"),
    "AllowTcpForwarding": ("no", "yes", "all"),
    "AllowAgentForwarding": ("no", "yes"),
    "PermitUserEnvironment": ("no", "yes"),
    "HostbasedAuthentication": ("no", "yes"),
    "IgnoreRhosts": ("yes", "no"),
    "StrictModes": ("yes", "no"),
    "LogLevel": ("VERBOSE", "QUIET", "INFO"),
}
"""By option: what policies ask for, then what is found instead."""
OTHERS = (
    "Port {port}",
    "AddressFamily inet",
    "ListenAddress 10.20.{port}.4",
    "HostKey /etc/ssh/ssh_host_ed25519_key",
    "SyslogFacility AUTH",
    "AuthorizedKeysFile .ssh/authorized_keys",
    "Subsystem sftp internal-sftp",
    "PrintMotd no",
    "TCPKeepAlive yes",
    "Banner /etc/issue.net",
    "AllowGroups ops release",
    "UseDNS no",
)
MATCHES = (
    ("Match Group release", "    AllowTcpForwarding yes", "    X11Forwarding no"),
    ("Match User backup", "    PasswordAuthentication yes", "    MaxAuthTries 2"),
    ("Match Address 10.20.0.0/16", "    PermitRootLogin prohibit-password", "    LogLevel DEBUG"),
)
HOLDERS = ("sshd_config", "sshd_config.edge", "bastion.conf", "sshd.conf")


class Option(NamedTuple):
    name: str
    wanted: str
    lines: tuple[str, ...]
    """As they stand before the first Match, in order."""

    @property
    def found(self) -> str:
        """The first line counts."""
        return self.lines[0].split()[1] if self.lines else "unset"


class Daemon(NamedTuple):
    path: str
    policy: str
    options: tuple[Option, ...]
    """In byte order of the names."""
    head: tuple[str, ...]
    """Every line before the first Match, those of the policy's options included."""
    blocks: tuple[str, ...]

    @property
    def kept(self) -> list[str]:
        """Lines before the first Match that the policy does not mean."""
        meant = {line for option in self.options for line in option.lines}
        return [line for line in self.head if line not in meant]

    @property
    def deviations(self) -> list[str]:
        return [f"{one.name},{one.found},{one.wanted}" for one in self.options if one.found != one.wanted]


def make(random: Random, setting: Setting) -> Fragment:
    folder = setting.folder
    daemon = _drawn(random, setting)
    policy = random.sample(daemon.options, len(daemon.options))
    return Fragment(
        title="Bring the SSH daemon back to the policy",
        brief=_brief(folder, daemon),
        files=(
            text_file(daemon.path, "".join(f"{line}\n" for line in (*daemon.head, *daemon.blocks))),
            text_file(daemon.policy, "".join(f"{option.name}={option.wanted}\n" for option in policy)),
        ),
        steps=_steps(random, folder, daemon),
        checks=_checks(folder, daemon),
        outputs=(daemon.path, f"{folder}/deviations.csv"),
    )


def _drawn(random: Random, setting: Setting) -> Daemon:
    names = random.sample(sorted(SAFE), 6 + 2 * setting.level)
    kinds = ["right", "wrong", "missing", "shadowed", "spelled", "commented", "twice", "indented"]
    options = []
    for place, name in enumerate(names):
        wanted, *bad = SAFE[name]
        kind = kinds[place] if place < len(kinds) else random.choice(kinds)
        options.append(Option(name, wanted, _lines(kind, name, wanted, random.choice(bad))))
    others = [text.format(port=random.randint(2, 250)) for text in random.sample(OTHERS, 4 + 2 * setting.level)]
    comments = [f"# {name} is set by the policy of the security team" for name in random.sample(names, 2)]
    off = [f"#{options[5].name} {options[5].wanted}"]
    head = _shuffled(random, [option.lines for option in options], [*others, *comments, *off])
    blocks = [line for block in random.sample(MATCHES, setting.level) for line in block]
    policy = f"{setting.folder}/{random.choice(('policy.txt', 'required.conf', 'hardening.list'))}"
    return Daemon(
        f"{setting.folder}/{random.choice(HOLDERS)}", policy, tuple(sorted(options)), tuple(head), tuple(blocks)
    )


def _lines(kind: str, name: str, wanted: str, bad: str) -> tuple[str, ...]:
    return {
        "right": (f"{name} {wanted}",),
        "wrong": (f"{name} {bad}",),
        "indented": (f"  {name} {bad}",),
        "missing": (),
        "shadowed": (f"{name} {bad}", f"{name} {wanted}"),
        "spelled": (f"{name.lower()}  {bad}",),
        "commented": (),
        "twice": (f"{name} {wanted}", f"{name.upper()} {bad}"),
    }[kind]


def _shuffled(random: Random, groups: list[tuple[str, ...]], singles: list[str]) -> list[str]:
    """All lines in a random order, in which the lines of one group keep theirs."""
    owners = [place for place, group in enumerate(groups) for _ in group] + [-1] * len(singles)
    waiting = {place: list(group) for place, group in enumerate(groups)} | {-1: random.sample(singles, len(singles))}
    return [waiting[owner].pop(0) for owner in random.sample(owners, len(owners))]


def _brief(folder: str, daemon: Daemon) -> str:
    return f"""\
`{daemon.path}` is a copy of an SSH daemon's configuration that several people have edited. `{daemon.policy}` names the
options that the policy fixes, one `Option=value` a line. In the configuration a line is `Option value`; option names
are not case-sensitive, blanks before the option and between it and the value do not count, lines that begin with `#`
are comments, and of several lines for one option the first one counts. From the first line that begins with `Match`
on, lines belong to special cases, which the policy leaves alone.

Write `{folder}/deviations.csv` with the header `option,found,required`: one row for each option of the policy whose
value before the first `Match` is another one, or that has none there (`found` is then `unset`), as the configuration is
now. Spell options as the policy does and sort by option in byte order.

Then mend `{daemon.path}` in place: before the first `Match` each option of the policy stands exactly once, with the
required value. All other lines, comments and special cases included, stay as they are and in their order."""


def _steps(random: Random, folder: str, daemon: Daemon) -> tuple[Step, ...]:
    script, mended = f"{folder}/effective.awk", f"{folder}/mended"
    wrong = len(daemon.deviations)
    look = step(
        random,
        (
            "The first value of an option counts, so a right line further down may be without effect. I need to read "
            "the whole file in order.",
            "Before judging I look at the configuration with line numbers and at the policy.",
        ),
        ("Print the configuration and the policy.",),
        run(f"cat -n {daemon.path}"),
        run(f"sort {daemon.policy}"),
    )
    judge = step(
        random,
        (
            "awk reads the policy first, then takes the first value of each option up to the first Match, with names "
            "in lower case. What differs goes into the table.",
            "Effective values first: lower-case names, the first occurrence, nothing from Match on, comments left "
            "out because their first word begins with #.",
        ),
        (f"Write {script} and make the table of deviations, with sorted rows.",),
        write(script, EFFECTIVE),
        run(
            f"(echo option,found,required; awk -f {script} {daemon.policy} {daemon.path} | LC_ALL=C sort) > "
            f"{folder}/deviations.csv"
        ),
        run(f"cat {folder}/deviations.csv"),
    )
    mend = step(
        random,
        (
            f"{wrong} options deviate. The simplest sound edit drops every line of these options before the first "
            "Match and puts the policy's lines on top.",
            f"{wrong} rows. I rebuild the file: policy lines first, then everything else of the head, then the Match "
            "blocks untouched.",
        ),
        ("Filter the file with awk, look at the difference, and put the result in place.",),
        run(f"tr = ' ' < {daemon.policy} > {mended}"),
        run(
            "awk 'NR == FNR { fixed[tolower($1)]; next } /^Match/ { special++ } special || (tolower($1) in fixed) == "
            f"0' {mended} {daemon.path} > {mended}.rest"
        ),
        run(f"cat {mended} {mended}.rest | diff {daemon.path} -"),
        run(f"cat {mended} {mended}.rest > {daemon.path}; rm {mended} {mended}.rest"),
    )
    check = step(
        random,
        ("The same program must now find no deviation.", "If the edit is right, the table comes out empty now."),
        ("Run the check on the mended file and count its rows.",),
        run(f"awk -f {script} {daemon.policy} {daemon.path} | wc -l"),
        run(f"grep -n Match {daemon.path}"),
    )
    return look, judge, mend, check


EFFECTIVE = """
NR == FNR {
    split($0, part, "=")
    name[tolower(part[1])] = part[1]
    wanted[tolower(part[1])] = part[2]
    next
}
/^Match/ { exit }
tolower($1) in wanted && (tolower($1) in found) == 0 { found[tolower($1)] = $2 }
END {
    for (option in wanted) {
        value = option in found ? found[option] : "unset"
        if (value != wanted[option]) print name[option] "," value "," wanted[option]
    }
}
"""


def _checks(folder: str, daemon: Daemon) -> tuple[Check, ...]:
    wanted = {option.name.lower(): option.wanted for option in daemon.options}
    head = (
        f"wanted = {literal(wanted)}\n"
        f"text = lines({daemon.path!r})\n"
        "first = next((place for place, line in enumerate(text) if line.startswith('Match')), len(text))\n"
        "pairs = [(line.split() + ['', ''])[:2] for line in text[:first]]\n"
        "fixed = [(name.lower(), value) for name, value in pairs if name.lower() in wanted]\n"
    )
    rest = "[line for line, (name, _) in zip(text[:first], pairs) if name.lower() not in wanted]"
    table = f"{folder}/deviations.csv"
    rows = [row.split(",") for row in daemon.deviations]
    return (
        Check(
            "deviating_options", f"assert [row[0] for row in table({table!r})[1:]] == {literal([r[0] for r in rows])}"
        ),
        Check("deviations", f"assert table({table!r}) == {literal([['option', 'found', 'required'], *rows])}", 2.0),
        Check("policy_holds", f"{head}assert dict(fixed) == wanted\nassert len(fixed) == len(wanted)", 2.0),
        Check(
            "rest_untouched",
            f"{head}assert sorted(fixed) == sorted(wanted.items())\n"
            f"assert {rest} == {literal(daemon.kept)}\n"
            f"assert text[first:] == {literal(list(daemon.blocks))}",
            2.0,
        ),
    )


SKILL = Skill(
    name="security/daemon-policy",
    domain="security",
    folders=("sshd", "daemon", "compliance", "remote-access"),
    tools=("awk", "cat", "diff", "grep", "rm", "sort", "tr", "wc"),
    make=make,
    repairs=True,
)
