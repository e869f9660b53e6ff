"""Security: list the certificates of several PEM bundles and name those that are old, weak or self-signed."""

from datetime import date, timedelta
from random import Random
from typing import NamedTuple

from termforge.forge.artifacts import Column, Table
from termforge.forge.security.certificates import Certificate
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, step, text_file, write
from termforge.schemas import File, Step

SERVICES = ("www", "mail", "api", "vpn", "ldap", "git", "wiki", "shop", "mqtt", "proxy", "files", "auth", "chat", "dns")
ZONES = ("corp.example", "plant.example", "campus.example", "clinic.example")
OWNERS = ("Northwind Works", "Harbour Trust", "Civic Data Office", "Lumen Institute")
ISSUERS = ("Issuing CA 1", "Issuing CA 2", "Legacy Root", "Device CA")
BUNDLES = ("edge", "internal", "partners", "legacy", "devices")
TOLD = {
    "expired": "`expired`: its last day (the UTC date of notAfter) is before {today}",
    "expiring": "`expiring`: it is not expired, and its last day is at most {days} days after {today}",
    "short-key": "`short-key`: its RSA key has fewer than 2048 bits",
    "weak-digest": "`weak-digest`: it is signed with SHA-1",
    "self-signed": "`self-signed`: subject and issuer have the same common name",
}


class Holding(NamedTuple):
    folder: str
    today: date
    days: int
    rules: tuple[str, ...]
    certificates: tuple[Certificate, ...]
    """By last day, then serial number as it is written."""

    @property
    def inventory(self) -> Table:
        columns = (
            *(Column("serial", "key"), Column("name", "key"), Column("issuer", "word")),
            *(Column("expires", "date"), Column("bits", "whole")),
        )
        rows = [(f"{c.serial:X}", c.name, c.issuer, c.expires.isoformat(), str(c.bits)) for c in self.certificates]
        return Table(f"{self.folder}/inventory.csv", columns, tuple(rows))

    @property
    def problems(self) -> list[str]:
        return sorted(
            f"{certificate.name},{problem}" for certificate in self.certificates for problem in self._wrong(certificate)
        )

    def _wrong(self, certificate: Certificate) -> list[str]:
        left = (certificate.expires - self.today).days
        holds = {
            "expired": left < 0,
            "expiring": 0 <= left <= self.days,
            "short-key": certificate.bits < 2048,
            "weak-digest": certificate.digest == "sha1",
            "self-signed": certificate.name == certificate.issuer,
        }
        return [rule for rule in self.rules if holds[rule]]


def make(random: Random, setting: Setting) -> Fragment:
    holding = _drawn(random, setting)
    folder = setting.folder
    return Fragment(
        title="Take stock of the certificates",
        brief=_brief(holding),
        files=_bundles(random, holding),
        steps=_steps(random, holding),
        checks=_checks(holding),
        outputs=(holding.inventory.path, f"{folder}/problems.csv"),
        offers=(holding.inventory,),
    )


def _drawn(random: Random, setting: Setting) -> Holding:
    today = date(random.choice((2024, 2025, 2026)), random.randint(1, 12), random.randint(1, 28))
    days = random.choice((14, 21, 30, 45))
    zone, owner = random.choice(ZONES), random.choice(OWNERS)
    issuers = random.sample(ISSUERS, 2 + (setting.level > 1))
    # Both sides of each limit first, then anywhere.
    left = [-1, 0, days, days + 1, *(random.randint(-200, 700) for _ in range(3 + 2 * setting.level))]
    bits = [1024, 2048, 2047, 4096, *(random.choice((1024, 2048, 3072)) for _ in left)]
    services = random.sample(SERVICES, len(left))
    drawn = []
    for place, (service, days_left) in enumerate(zip(services, random.sample(left, len(left)), strict=True)):
        name, expires = f"{service}.{zone}", today + timedelta(days=days_left)
        drawn.append(
            Certificate(
                serial=random.getrandbits(62) | 1 << 60,
                name=name,
                issuer=name if place == 2 or random.random() < 0.2 else random.choice(issuers),
                owner=owner,
                begins=expires - timedelta(days=random.choice((90, 365, 730))),
                expires=expires,
                bits=bits[place],
                digest="sha1" if place == 1 else random.choice(("sha1", "sha256", "sha256", "sha384")),
            )
        )
    rules = tuple(TOLD)[: 2 + setting.level]
    ordered = sorted(drawn, key=lambda one: (one.expires, f"{one.serial:X}"))
    return Holding(setting.folder, today, days, rules, tuple(ordered))


def _bundles(random: Random, holding: Holding) -> tuple[File, ...]:
    """Remarks stand between the certificates, and some of these are in two bundles."""
    names = random.sample(BUNDLES, 2 + (len(holding.certificates) > 9))
    texts = dict.fromkeys(names, "")
    for certificate in random.sample(holding.certificates, len(holding.certificates)):
        pem = certificate.pem(random)
        for name in random.sample(names, 2 if random.random() < 0.25 else 1):
            texts[name] += f"# {certificate.name}, copied by {random.choice(('ops', 'it', 'noc'))}\n{pem}"
    return tuple(text_file(f"{holding.folder}/bundles/{name}.pem", text or "# empty\n") for name, text in texts.items())


def _brief(holding: Holding) -> str:
    told = "\n".join(
        f"- {TOLD[rule].format(today=holding.today.isoformat(), days=holding.days)}." for rule in holding.rules
    )
    return f"""\
The files `{holding.folder}/bundles/*.pem` hold X.509 certificates with remarks between them; a certificate may be in
more than one file and counts once. Write `{holding.inventory.path}` with the header `serial,name,issuer,expires,bits`:
the serial number in upper-case hex as openssl prints it, the common names of subject and issuer, the UTC date of
notAfter as `YYYY-MM-DD`, and the size of the RSA key in bits; sorted by date, then by serial number as text.

Write `{holding.folder}/problems.csv` with the header `name,problem`: one row per certificate and problem that
applies, with the common name, the rows sorted as whole lines in byte order:
{told}"""


def _steps(random: Random, holding: Holding) -> tuple[Step, ...]:
    folder, script = holding.folder, f"{holding.folder}/inventory.sh"
    bundles, problems = f"{folder}/bundles", f"{folder}/problems.csv"
    look = step(
        random,
        (
            "openssl x509 reads only the first certificate of a file, so the bundles have to be split. First I see "
            "what is between the certificates.",
            "How many certificates are there, and what stands around them?",
        ),
        ("Count the certificates by bundle and show the remarks.",),
        run(f"grep -c 'BEGIN CERTIFICATE' {bundles}/*.pem"),
        run(f"grep -h '^#' {bundles}/*.pem | sort | head -n 40"),
    )
    inventory = step(
        random,
        (
            "csplit cuts before each BEGIN line, and openssl prints serial, names and an ISO date; the size of the key "
            "is in the text form. Equal rows from two bundles collapse in sort -u.",
            "After splitting, one openssl call per piece gives all fields. The first piece is a remark alone and is "
            "skipped.",
        ),
        (f"Write {script} and print the inventory it makes.",),
        write(script, _script(holding)),
        run(f"bash {script}", 2.0),
        run(f"cat {holding.inventory.path}"),
    )
    judge = step(
        random,
        (
            f"{len(holding.certificates)} certificates. ISO dates compare as text, so date only has to compute the "
            "last day that still counts as expiring.",
            "With the fields in one file the rules are comparisons of columns. Dates in this form sort as text.",
        ),
        ("Apply the rules with awk and sort the rows below the header.",),
        run(f"limit=$(date -u -d '{holding.today.isoformat()} + {holding.days} days' +%F); echo $limit"),
        run(
            f"awk -F, -v today={holding.today.isoformat()} -v limit=$limit '{_rules(holding)}' {folder}/fields.csv | "
            f"LC_ALL=C sort > {folder}/rows"
        ),
        run(f"sed '1i name,problem' {folder}/rows > {problems}; rm {folder}/rows {folder}/fields.csv; cat {problems}"),
    )
    return look, inventory, judge


def _rules(holding: Holding) -> str:
    """Columns: date, serial, name, issuer, bits, digest."""
    conditions = {
        "expired": "$1 < today",
        "expiring": "$1 >= today && $1 <= limit",
        "short-key": "$5 < 2048",
        "weak-digest": "$6 ~ /^sha1/",
        "self-signed": "$3 == $4",
    }
    return " ".join(f'{conditions[rule]} {{ print $3 ",{rule}" }}' for rule in holding.rules)


def _script(holding: Holding) -> str:
    return rf"""
set -eu
export LC_ALL=C
cd {holding.folder}
work=$(mktemp -d)
cat bundles/*.pem | csplit -s -z -f $work/piece- - '/BEGIN CERTIFICATE/' '{{*}}'
for piece in $(grep -l 'BEGIN CERTIFICATE' $work/piece-*); do
    openssl x509 -in $piece -noout -text -serial -enddate -dateopt iso_8601 -subject -issuer -nameopt RFC2253 \
        > $work/text
    field() {{ sed -nE "s/$1.*/\\1/p" $work/text | head -n 1; }}
    echo "$(field '^notAfter=([0-9-]+)'),$(field '^serial=([0-9A-F]+)'),$(field '^subject=.*CN=([^,]+)'),$(
        field '^issuer=.*CN=([^,]+)'),$(field '.*Public-Key: .([0-9]+) bit'),$(field ' *Signature Algorithm: ([^ ]+)')"
done | sort -u > fields.csv
rm -r $work
awk -F, 'BEGIN {{ print "serial,name,issuer,expires,bits" }} {{ print $2 "," $3 "," $4 "," $1 "," $5 }}' fields.csv \
    > inventory.csv
"""


def _checks(holding: Holding) -> tuple[Check, ...]:
    found, problems = holding.inventory, f"{holding.folder}/problems.csv"
    rows = [list(row) for row in found.rows]
    expected = [row.split(",") for row in holding.problems]
    old = [row for row in expected if row[1] in ("expired", "expiring")]
    return (
        Check(
            "serials",
            f"assert sorted(row[0] for row in table({found.path!r})[1:]) == {literal(sorted(r[0] for r in rows))}",
        ),
        Check("inventory", f"assert table({found.path!r}) == {literal([found.header, *rows])}", 3.0),
        Check("dates", f"assert [row for row in table({problems!r}) if row[-1].startswith('expir')] == {literal(old)}"),
        Check("problems", f"assert table({problems!r}) == {literal([['name', 'problem'], *expected])}", 2.0),
    )


SKILL = Skill(
    name="security/certificate-inventory",
    domain="security",
    folders=("certificates", "pki", "tls-stock", "keyring"),
    tools=("awk", "bash", "cat", "csplit", "date", "grep", "head", "mktemp", "openssl", "rm", "sed", "sort"),
    make=make,
    offers=(Table,),
)
