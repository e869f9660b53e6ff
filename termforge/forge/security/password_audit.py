"""Security: which salted SHA-256 password hashes fall to a word list and a few habits, and whose they are."""

import hashlib
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import Step

SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "ru", "sa", "te", "vi", "wo", "zu")
PEOPLE = (
    *("abel", "birgit", "chen", "daria", "eero", "farid", "gloria", "hiro", "ines", "jamal", "karin", "luca", "maud"),
    *("nadia", "otto", "paola", "quentin", "rosa", "sven", "tariq", "uta", "vera", "wim", "xenia", "yusuf", "zoe"),
)
ROLES = (("admin", "staff", "guest"), ("clinic", "lab", "billing"), ("driver", "planner", "depot"))
EXPORTS = ("accounts.db", "shadow-export.txt", "userdump.txt", "credentials.lst")
RULES = ("plain", "capital", "digit", "year")
TOLD = {
    "plain": "`plain`: the word itself",
    "capital": "`capital`: the word with its first letter in upper case",
    "digit": "`digit`: the word followed by one digit",
    "year": "`year`: the capitalised word followed by a year from {first} to {last}",
}


class Account(NamedTuple):
    user: str
    role: str
    salt: str
    password: str
    rule: str = ""
    """The habit by which it is found; empty for a password that withstands."""

    @property
    def line(self) -> str:
        return f"{self.user}:{self.role}:{self.salt}:{hashlib.sha256((self.salt + self.password).encode()).hexdigest()}"


class Audit(NamedTuple):
    folder: str
    export: str
    words: tuple[str, ...]
    rules: tuple[str, ...]
    first: int
    last: int
    accounts: tuple[Account, ...]
    """Sorted by user."""

    @property
    def found(self) -> list[Account]:
        return [account for account in self.accounts if account.rule]

    @property
    def result(self) -> Table:
        columns = Column("user", "key"), Column("role", "word"), Column("rule", "word"), Column("length", "whole")
        rows = [(one.user, one.role, one.rule, str(len(one.password))) for one in self.found]
        return Table(f"{self.folder}/weak.csv", columns, tuple(rows))


def make(random: Random, setting: Setting) -> Fragment:
    audit = _drawn(random, setting)
    accounts = random.sample(audit.accounts, len(audit.accounts))
    return Fragment(
        title="Audit stored passwords against a word list",
        brief=_brief(audit),
        files=(
            text_file(f"{audit.folder}/{audit.export}", "".join(f"{account.line}\n" for account in accounts), 0o600),
            text_file(f"{audit.folder}/words.txt", "".join(f"{word}\n" for word in audit.words)),
        ),
        steps=_steps(random, audit),
        checks=_checks(audit),
        outputs=(audit.result.path, f"{audit.folder}/roles.csv"),
        offers=(audit.result,),
    )


def _drawn(random: Random, setting: Setting) -> Audit:
    words = sorted({"".join(random.choices(SYLLABLES, k=random.randint(2, 4))) for _ in range(20 + 10 * setting.level)})
    first = random.randint(1980, 2000)
    last = first + random.randint(12, 25)
    rules = RULES[: setting.level + 1]
    passwords = [(_by_rule(random, rule, random.choice(words), first, last), rule) for rule in rules for _ in range(4)]
    edges = ((f"{random.choice(words)}{digit}", "digit") for digit in (0, 9))
    years = ((f"{random.choice(words).capitalize()}{year}", "year") for year in (first, last))
    passwords += [one for one in (*edges, *years) if one[1] in rules]
    # Near misses: one digit too many, a year outside, a word that is not listed, upper case throughout.
    passwords += [(text, "") for text in _near_misses(random, words, first, last)]
    users = random.sample(PEOPLE, len(passwords) + 1)
    roles = random.choice(ROLES)
    accounts = [
        Account(user, random.choice(roles), "".join(random.choices("0123456789abcdef", k=8)), password, rule)
        for user, (password, rule) in zip(users, passwords, strict=False)
    ]
    accounts.append(Account(users[-1], roles[0], "", words[0], "plain"))
    # A role whose accounts all withstand still has a row.
    accounts.append(Account("backup", "service", "5a17c0de", "unguessed"))
    return Audit(setting.folder, random.choice(EXPORTS), tuple(words), rules, first, last, tuple(sorted(accounts)))


def _by_rule(random: Random, rule: str, word: str, first: int, last: int) -> str:
    if rule == "digit":
        return f"{word}{random.randrange(10)}"
    return {"plain": word, "capital": word.capitalize()}.get(rule, f"{word.capitalize()}{random.randint(first, last)}")


def _near_misses(random: Random, words: list[str], first: int, last: int) -> list[str]:
    one, two, three, four, five = random.sample(words, 5)
    return [f"{one}10", f"{two.capitalize()}{first - 1}", f"{three.capitalize()}{last + 1}", f"{four}x", five.upper()]


def _brief(audit: Audit) -> str:
    habits = "\n".join(f"- {TOLD[rule].format(first=audit.first, last=audit.last)}" for rule in audit.rules)
    return f"""\
`{audit.folder}/{audit.export}` has lines `user:role:salt:hash`; the hash is the SHA-256, in lower-case hex, of the salt
followed directly by the password (a salt may be empty). A password is weak if it is made from a word of
`{audit.folder}/words.txt` (lower case, one a line) by one of these rules:
{habits}

Write `{audit.result.path}` with the header `user,role,rule,length`: a row for each account with a weak password, with
the name of the rule and the number of characters of the password, sorted by user. The password itself must not appear.
Write `{audit.folder}/roles.csv` with the header `role,accounts,weak`: for every role how many accounts have it and how
many of those are weak, sorted by role in byte order."""


def _steps(random: Random, audit: Audit) -> tuple[Step, ...]:
    folder, export = audit.folder, f"{audit.folder}/{audit.export}"
    script = f"{folder}/guess.pl"
    look = step(
        random,
        (
            "Salts differ from line to line, so each candidate has to be hashed once per account. I check the sizes "
            "before deciding how.",
            f"The format of {audit.export} matters: is there always a salt, how many accounts, how many words?",
        ),
        ("Look at a few lines of both files and count them.", "Read samples of the accounts and the word list."),
        run(f"head -n 4 {export}; head -n 4 {folder}/words.txt; wc -l {export} {folder}/words.txt"),
        run(f"cut -d : -f 2 {export} | sort | uniq -c"),
    )
    guess = step(
        random,
        (
            f"{len(audit.accounts)} accounts times {len(audit.words)} words and a handful of variants is little work "
            "for perl's Digest::SHA, while a process per hash would be slow.",
            "Perl has SHA-256 in its core modules. I build the table of candidates with their rules once, and then "
            "try all of them against every salt.",
        ),
        (
            f"Write {script}, which prints the weak accounts, and sort its output below the header.",
            "Generate the candidates by rule, hash each with the account's salt, and print user, role, rule, length.",
        ),
        write(script, _script(audit)),
        run(f"(echo user,role,rule,length; perl {script} | LC_ALL=C sort) > {audit.result.path}", 2.0),
        run(f"cat {audit.result.path}"),
    )
    counts = (
        "awk -F '[:,]' 'NR == FNR { weak[$2]++; next } { all[$2]++ } "
        'END { for (role in all) print role "," all[role] "," weak[role] + 0 }\' '
        f"{audit.result.path} {export} | LC_ALL=C sort > {folder}/counts"
    )
    count = step(
        random,
        (
            f"{len(audit.found)} accounts are weak. The table by role must also hold roles without a weak account.",
            "The first table is done. For the second I count each role in the export and in the table.",
        ),
        ("Count with awk over both files, add the header, and print the result.",),
        run(counts),
        run(f"sed '1i role,accounts,weak' {folder}/counts > {folder}/roles.csv; rm {folder}/counts"),
        run(f"cat {folder}/roles.csv"),
    )
    return look, guess, count


def _script(audit: Audit) -> str:
    made = {
        "plain": '    $rule{$word} = "plain";',
        "capital": '    $rule{ucfirst $word} = "capital";',
        "digit": '    $rule{"$word$_"} = "digit" for 0 .. 9;',
        "year": f'    $rule{{ucfirst($word) . $_}} = "year" for {audit.first} .. {audit.last};',
    }
    habits = "\n".join(made[rule] for rule in audit.rules)
    return f"""
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);

my %rule;
open my $words, "<", "{audit.folder}/words.txt" or die;
while (my $word = <$words>) {{
    chomp $word;
{habits}
}}
open my $accounts, "<", "{audit.folder}/{audit.export}" or die;
while (my $line = <$accounts>) {{
    chomp $line;
    my ($user, $role, $salt, $hash) = split /:/, $line;
    for my $guess (keys %rule) {{
        next unless sha256_hex($salt . $guess) eq $hash;
        print join(",", $user, $role, $rule{{$guess}}, length $guess), "\\n";
    }}
}}
"""


def _checks(audit: Audit) -> tuple[Check, ...]:
    rows = [list(row) for row in audit.result.rows]
    roles = sorted({account.role for account in audit.accounts})
    counts = [
        [role, str(sum(one.role == role for one in audit.accounts)), str(sum(one.role == role for one in audit.found))]
        for role in roles
    ]
    path, by_role = audit.result.path, f"{audit.folder}/roles.csv"
    return (
        Check("who_is_weak", f"assert [row[0] for row in table({path!r})[1:]] == {literal([row[0] for row in rows])}"),
        Check(
            "rules",
            f"rows = table({path!r})\nassert rows[0] == ['user', 'role', 'rule', 'length']\n"
            f"assert rows[1:] == {literal(rows)}",
            3.0,
        ),
        Check("roles", f"assert table({by_role!r}) == {literal([['role', 'accounts', 'weak'], *counts])}", 2.0),
        Check(
            "no_password_told",
            f"text = content({path!r})\nassert text.splitlines()[:1] == ['user,role,rule,length']\n"
            f"assert len(text.splitlines()) == {len(rows) + 1}\n"
            f"told = [one for one in {literal(sorted(one.password for one in audit.found))} if f',{{one}}' in text]\n"
            "assert not told",
        ),
    )


SKILL = Skill(
    name="security/weak-passwords",
    domain="security",
    folders=("passwords", "credential-audit", "logins", "hash-review"),
    tools=("awk", "cat", "cut", "head", "perl", "rm", "sed", "sort", "uniq", "wc"),
    make=make,
    offers=(Table,),
)
