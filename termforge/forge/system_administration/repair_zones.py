"""System administration: mend DNS zones that drifted from the list of hosts, and raise their serials."""

from random import Random
from typing import NamedTuple

from termforge.forge.damage import Damage, damaged
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

DOMAINS = ("depot.example", "lab.example", "tram.example", "museum.example", "grid.example")
HOSTS = (
    "mail",
    "web",
    "db",
    "build",
    "vpn",
    "print",
    "proxy",
    "backup",
    "wiki",
    "cam",
    "ntp",
    "ldap",
    "files",
    "phone",
)
ALIASES = ("www", "imap", "ci", "docs", "time", "share", "cache", "static")
HEAD = """\
$TTL 3600
@ IN SOA ns1.{domain}. hostmaster.{domain}. (
    {serial} ; serial
    7200 900 1209600 300 )
@ IN NS ns1.{domain}.
; hosts
"""


class Host(NamedTuple):
    name: str
    net: str
    last: int
    aliases: list[str]


class Network(NamedTuple):
    domain: str
    nets: list[str]
    """First three numbers of each /24."""
    hosts: list[Host]
    serials: dict[str, int]
    """By zone file, as found."""

    def records(self, zone: str) -> list[str]:
        if zone == self.zones[0]:
            addresses = [f"{host.name} IN A {host.net}.{host.last}" for host in self.hosts]
            return addresses + [f"{alias} IN CNAME {host.name}" for host in self.hosts for alias in host.aliases]
        net = self.nets[self.zones.index(zone) - 1]
        return [f"{host.last} IN PTR {host.name}.{self.domain}." for host in self.hosts if host.net == net]

    @property
    def zones(self) -> list[str]:
        return [f"db.{self.domain}", *(f"db.{net}" for net in self.nets)]

    def text(self, zone: str) -> str:
        head = HEAD.format(domain=self.domain, serial=self.serials[zone])
        return head + "".join(f"{record}\n" for record in self.records(zone))


def make(random: Random, setting: Setting) -> Fragment:
    network = _drawn(random, setting.level)
    folder = setting.folder
    damages = _damages(random, folder, network, setting.level)
    hosts = [f"{h.name},{h.net}.{h.last},{';'.join(h.aliases)}\n" for h in network.hosts]
    touched = [zone for zone in network.zones if any(damage.path == f"{folder}/{zone}" for damage in damages)]
    zones = [text_file(f"{folder}/{zone}", network.text(zone)) for zone in network.zones]
    return Fragment(
        title=f"Bring the zones of {network.domain} in line with the hosts",
        brief=_brief(folder, network),
        files=(
            *damaged(zones, damages),
            text_file(f"{folder}/hosts.csv", "host,address,aliases\n" + "".join(random.sample(hosts, len(hosts)))),
        ),
        steps=_steps(random, folder, network, touched),
        checks=_checks(folder, network, touched),
        outputs=(f"{folder}/changed.txt", *(f"{folder}/{zone}" for zone in touched)),
    )


def _drawn(random: Random, level: int) -> Network:
    block = f"10.{random.randint(1, 250)}"
    nets = [f"{block}.{third}" for third in random.sample(range(1, 250), 3)]
    aliases = iter(random.sample(ALIASES, len(ALIASES)))
    lasts = random.sample(range(10, 250), 7 + 2 * level)
    hosts = []
    for place, name in enumerate(random.sample(HOSTS, 7 + 2 * level)):
        own = [next(aliases) for _ in range((2, 1, 0, 1)[place] if place < 4 else 0)]
        hosts.append(Host(name, nets[place % 3], lasts[place], own))
    domain = random.choice(DOMAINS)
    serials = {
        zone: int(f"2025{random.randint(1, 12):02d}{random.randint(1, 28):02d}{random.choice((1, 9, 19, 7)):02d}")
        for zone in (f"db.{domain}", *(f"db.{net}" for net in nets))
    }
    return Network(domain, nets, hosts, serials)


def _damages(random: Random, folder: str, network: Network, level: int) -> list[Damage]:
    """In the forward zone and one reverse zone at least; the others are right."""
    forward, *reverse = network.zones
    zone = random.choice(reverse)
    addresses, pointers = [f"{record}\n" for record in network.records(forward)], network.records(zone)
    alias = next(record for record in addresses if "CNAME" in record)
    address = random.choice([record for record in addresses if " A " in record])
    pointer, other = random.sample(pointers, 2)
    name = alias.split()[0]
    kinds = (
        Damage(f"{folder}/{forward}", address, f"{address[:-2]}{(int(address[-2]) + 1) % 10}\n", "a wrong address"),
        Damage(f"{folder}/{forward}", alias, f"{name} IN CNAME old-{name}\n", "an alias without its host"),
        Damage(f"{folder}/{forward}", alias, "", "an alias is gone"),
    )
    wrong = (
        Damage(f"{folder}/{zone}", f"{pointer}\n", f"{pointer[:-1]}\n", "a name without its last dot"),
        Damage(f"{folder}/{zone}", f"{pointer}\n", f"{pointer}\n7 IN PTR gone.{network.domain}.\n", "a host that left"),
    )
    moved = Damage(f"{folder}/{zone}", f"{other}\n", f"6{other}\n", "a wrong number")
    forwards = random.sample(kinds[:2], 1 + (level > 1)) if random.random() < 0.7 else [kinds[0]]
    return [*forwards, random.choice(wrong), *([moved] if level > 2 else [])]


def _brief(folder: str, network: Network) -> str:
    forward, *reverse = network.zones
    return f"""\
`{folder}/hosts.csv` (host, address, aliases joined by `;`) is right; the zone files beside it have drifted. `{forward}`
is the zone `{network.domain}`, and {", ".join(f"`{zone}`" for zone in reverse)} are the reverse zones of the networks
in their names (24 bits each), all in `{folder}`. In each the records of hosts follow the line `; hosts`:
- in `{folder}/{forward}` one `<host> IN A <address>` a host and one `<alias> IN CNAME <host>` an alias;
- in a reverse zone one `<last number of the address> IN PTR <host>.{network.domain}.` for each host of that network.

Mend the files so that exactly these records follow that line, in any order. In every zone whose records were wrong,
the serial goes up by one; whatever stands before the line `; hosts` otherwise stays. A zone that was right stays byte
for byte. Write the names of the zone files that you changed to `{folder}/changed.txt`, sorted, one a line."""


def _script(folder: str, network: Network) -> str:
    forward, *reverse = network.zones
    return f"""
cd {folder}
expect() {{
    if [ $1 = {forward} ]; then
        awk -F, 'NR > 1 {{ print $1, "IN A", $2; n = split($3, alias, ";")
            for (i = 1; i <= n; i++) print alias[i], "IN CNAME", $1 }}' hosts.csv
    else
        awk -F, -v net="${{1#db.}}." 'NR > 1 && index($2, net) == 1 {{
            print substr($2, length(net) + 1), "IN PTR", $1 ".{network.domain}." }}' hosts.csv
    fi | sort
}}
for zone in {forward} {" ".join(reverse)}; do
    expect $zone > expected
    if ! sed '1,/^; hosts$/d' $zone | sort | cmp -s - expected; then
        serial=$(awk '/; serial/ {{ print $1 }}' $zone)
        sed "/; serial/s/$serial/$((serial + 1))/; /^; hosts/q" $zone > new
        cat new expected > $zone
        echo $zone
    fi
done | sort > changed.txt
rm -f new expected
"""


def _steps(random: Random, folder: str, network: Network, touched: list[str]) -> tuple[Step, ...]:
    look = Step(
        analysis=random.choice(
            (
                "The hosts are the truth, so I read them first and then the forward zone.",
                "I look at the list and at all zone files; they are short.",
            )
        ),
        plan=random.choice(("Print the list and the zones.", "Show hosts.csv and what follows the marker.")),
        commands=(run(f"sort {folder}/hosts.csv"), run(f"grep -h ' IN ' {folder}/db.*")),
    )
    mend = Step(
        analysis=random.choice(
            (
                "Comparing by eye would miss a lost dot. I derive the records of every zone from the list and replace "
                "those of a zone only where the sorted records differ.",
                "The records can be generated. Whether a zone has to change, and with it its serial, follows from a "
                "comparison in sorted order.",
            )
        ),
        plan=random.choice(("Script generation, comparison and replacement.", "Generate, compare, replace, bump.")),
        commands=(
            write(f"{folder}/mend.sh", _script(folder, network)),
            run(f"bash {folder}/mend.sh", 1.5),
            run(f"cat {folder}/changed.txt"),
        ),
    )
    check = Step(
        analysis=random.choice(("The changed zones should have a new serial.", "I look at one of the changed zones.")),
        plan="Print a changed zone and all serials.",
        commands=(run(f"cat {folder}/{touched[0]}"), run(f"grep serial {folder}/db.*")),
    )
    return look, mend, check


def _checks(folder: str, network: Network, touched: list[str]) -> tuple[Check, ...]:
    read = f"""\
def zone(name):
    head, marker, tail = content('{folder}/' + name).partition('; hosts\\n')
    assert marker, f'{{name}} lacks its marker'
    return head, sorted(' '.join(line.split()) for line in tail.splitlines() if line.strip())

"""
    records = {zone: sorted(network.records(zone)) for zone in touched}
    healthy = {zone: network.text(zone) for zone in network.zones if zone not in touched}
    serials = {zone: network.serials[zone] + 1 for zone in touched}
    heads = {
        zone: HEAD.format(domain=network.domain, serial=serial).removesuffix("; hosts\n")
        for zone, serial in serials.items()
    }
    return (
        Check(
            "records",
            f"{read}for name, records in {literal(records)}.items():\n    assert zone(name)[1] == records, name",
            3.0,
        ),
        Check(
            "serials",
            f"{read}for name, head in {literal(heads)}.items():\n"
            "    assert zone(name)[0].split() == head.split(), f'{name} has another head'",
            2.0,
        ),
        Check(
            "changed",
            f"assert lines('{folder}/changed.txt') == {literal(sorted(touched))}\n"
            f"for name, text in {literal(healthy)}.items():\n"
            f"    assert content('{folder}/' + name) == text, f'{{name}} was right'",
        ),
    )


SKILL = Skill(
    name="system-administration/repair-zones",
    domain="system-administration",
    folders=("dns", "zones", "nameserver", "resolver"),
    tools=("bash", "cat", "sort", "grep", "awk", "sed", "cmp", "rm"),
    make=make,
    repairs=True,
)
