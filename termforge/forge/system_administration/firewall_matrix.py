"""System administration: packet filter rules from a matrix of zones, and connections judged by them."""

from ipaddress import IPv4Address, IPv4Network
from random import Random
from typing import NamedTuple

from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file, write
from termforge.schemas import Step

ZONES = ("office", "servers", "guests", "cameras", "lab", "backup")
SERVICES = (
    ("ssh", "tcp", 22),
    ("https", "tcp", 443),
    ("dns", "udp", 53),
    ("postgres", "tcp", 5432),
    ("ntp", "udp", 123),
    ("rtsp", "tcp", 554),
    ("syslog", "udp", 514),
    ("smb", "tcp", 445),
)
HEAD = ["*filter", ":INPUT DROP [0:0]", ":FORWARD DROP [0:0]", ":OUTPUT ACCEPT [0:0]"]


class Line(NamedTuple):
    source: str
    target: str
    services: list[str]
    """Empty for any."""
    action: str


class Connection(NamedTuple):
    source: str
    target: str
    protocol: str
    port: int


class Rule(NamedTuple):
    source: str
    target: str
    protocol: str
    """Empty for any."""
    port: int
    action: str

    @property
    def text(self) -> str:
        service = f" -p {self.protocol} --dport {self.port}" if self.protocol else ""
        return f"-A FORWARD -s {self.source} -d {self.target}{service} -j {self.action}"


class Wall(NamedTuple):
    networks: dict[str, str]
    services: dict[str, tuple[str, int]]
    matrix: list[Line]
    connections: list[Connection]
    attempts: str
    """Name of the file with the connections."""
    refusal: str

    def rules(self) -> list[Rule]:
        return [
            Rule(self.networks[line.source], self.networks[line.target], protocol, port, line.action)
            for line in self.matrix
            for protocol, port in ([self.services[name] for name in line.services] or [("", 0)])
        ]

    def verdicts(self) -> list[list[str]]:
        held = {network: IPv4Network(network) for network in self.networks.values()}
        rules = self.rules()
        return [[str(number), *_judged(one, rules, held)] for number, one in enumerate(self.connections, 1)]


def _judged(one: Connection, rules: list[Rule], held: dict[str, IPv4Network]) -> tuple[str, str]:
    """Number and action of the first rule that fits."""
    source, target = IPv4Address(one.source), IPv4Address(one.target)
    for number, rule in enumerate(rules, 1):
        fits = source in held[rule.source] and target in held[rule.target]
        if fits and (not rule.protocol or (rule.protocol, rule.port) == (one.protocol, one.port)):
            return str(number), rule.action
    return "0", "default"


def make(random: Random, setting: Setting) -> Fragment:
    wall = _drawn(random, setting.level)
    folder = setting.folder
    tables = {
        "zones.csv": ["zone,network", *(f"{zone},{network}" for zone, network in wall.networks.items())],
        "services.csv": ["service,protocol,port", *(f"{n},{p},{port}" for n, (p, port) in wall.services.items())],
        "matrix.csv": [
            "from,to,services,action",
            *(f"{line.source},{line.target},{';'.join(line.services) or 'any'},{line.action}" for line in wall.matrix),
        ],
        wall.attempts: ["source,target,protocol,port", *(",".join(map(str, one)) for one in wall.connections)],
    }
    return Fragment(
        title="Turn the zone matrix into firewall rules",
        brief=_brief(folder, wall),
        files=tuple(text_file(f"{folder}/{name}", "\n".join(lines) + "\n") for name, lines in tables.items()),
        steps=_steps(random, folder, wall),
        checks=_checks(folder, wall),
        outputs=(f"{folder}/rules.v4", f"{folder}/verdicts.csv"),
    )


def _drawn(random: Random, level: int) -> Wall:
    """The last zone lies within the first one, so the order of the rules matters."""
    names, refusal = random.sample(ZONES, 3 + level), random.choice(("REJECT", "DROP"))
    block = random.randint(16, 200)
    networks = {name: f"10.{block + place}.{16 * place}.0/{20 + place % 3}" for place, name in enumerate(names[:-1])}
    networks[names[-1]] = f"10.{block}.{random.randint(1, 15)}.{random.choice((64, 128))}/26"
    services = {name: (protocol, port) for name, protocol, port in random.sample(SERVICES, 3 + level)}
    pairs = [(one, other) for one in names for other in names if one != other]
    matrix = [_line(random, *pair, list(services), refusal) for pair in random.sample(pairs, 4 + 2 * level)]
    inner, outer = names[-1], names[0]
    target = random.choice(names[1:-1])
    matrix = [line for line in matrix if (line.source, line.target) not in ((inner, target), (outer, target))]
    matrix[1:1] = [Line(inner, target, [], refusal), Line(outer, target, [next(iter(services))], "ACCEPT")]
    connections = [_connection(random, networks, services, line) for line in matrix for _ in range(2)]
    first = services[next(iter(services))]
    connections += [
        Connection(_address(random, networks[inner]), _address(random, networks[target]), *first),
        Connection("192.0.2.7", _address(random, networks[target]), *first),
    ]
    names_of_attempts = ("connections.csv", "attempts.csv", "flows.csv")
    return Wall(
        networks,
        services,
        matrix,
        random.sample(connections, len(connections)),
        random.choice(names_of_attempts),
        refusal,
    )


def _line(random: Random, source: str, target: str, services: list[str], refusal: str) -> Line:
    chosen = [] if random.random() < 0.2 else random.sample(services, random.randint(1, 2))
    return Line(source, target, chosen, random.choice(("ACCEPT", "ACCEPT", refusal)))


def _connection(
    random: Random, networks: dict[str, str], services: dict[str, tuple[str, int]], line: Line
) -> Connection:
    protocol, port = services[random.choice(line.services or sorted(services))]
    if random.random() < 0.3:
        protocol = "udp" if protocol == "tcp" else "tcp"
    return Connection(_address(random, networks[line.source]), _address(random, networks[line.target]), protocol, port)


def _address(random: Random, network: str) -> str:
    """At the edges of the network, or just beyond, as often as within."""
    held = IPv4Network(network)
    size = held.num_addresses
    return str(held[0] + random.choice((1, size - 2, size, random.randrange(1, size))))


def _brief(folder: str, wall: Wall) -> str:
    return f"""\
In `{folder}`, `zones.csv` gives the network of each zone (one may lie within another), `services.csv` protocol and port
of each service, and `matrix.csv` who may talk to whom: from and to (zones), services joined by `;` or `any`, and an
action (`ACCEPT` or `{wall.refusal}`). Write `{folder}/rules.v4` in the format of iptables-restore: the lines

    *filter
    :INPUT DROP [0:0]
    :FORWARD DROP [0:0]
    :OUTPUT ACCEPT [0:0]

then the rules, then `COMMIT`. For every line of the matrix and every service in it, both in their order, a rule
`-A FORWARD -s <network> -d <network> -p <protocol> --dport <port> -j <action>`; for `any` a single rule without
`-p <protocol> --dport <port>`.

Then judge the attempts in `{folder}/{wall.attempts}` (source, target, protocol, port): the first rule decides whose
networks hold the two addresses and whose protocol and port are the same (a rule without them fits all). Write
`{folder}/verdicts.csv` with the header `connection,rule,action`: connections numbered from 1 in their order, the number
of the deciding rule in `rules.v4` counted from 1, and its action; with no such rule 0 and
`default`."""


def _judge(folder: str, wall: Wall) -> str:
    return f"""
import csv
from ipaddress import ip_address, ip_network

rules = []
for line in open("{folder}/rules.v4"):
    words = line.split()
    if words[0] == "-A":
        rules.append({{"-p": None, "--dport": None}} | dict(zip(words[2::2], words[3::2])))

def fits(rule, attempt):
    held = ip_address(attempt["source"]) in ip_network(rule["-s"])
    held = held and ip_address(attempt["target"]) in ip_network(rule["-d"])
    return held and rule["-p"] in (None, attempt["protocol"]) and rule["--dport"] in (None, attempt["port"])

print("connection,rule,action")
for number, attempt in enumerate(csv.DictReader(open("{folder}/{wall.attempts}")), 1):
    found = [(place, rule["-j"]) for place, rule in enumerate(rules, 1) if fits(rule, attempt)]
    place, action = found[0] if found else (0, "default")
    print(number, place, action, sep=",")
"""


def _steps(random: Random, folder: str, wall: Wall) -> tuple[Step, ...]:
    program = (
        "FILENAME ~ /zones/ { net[$1] = $2; next } FILENAME ~ /services/ { proto[$1] = $2; port[$1] = $3; next } "
        'FNR > 1 { n = split($3, s, ";"); for (i = 1; i <= n; i++) print "-A FORWARD -s " net[$1] " -d " net[$2] '
        '(s[i] == "any" ? "" : " -p " proto[s[i]] " --dport " port[s[i]]) " -j " $4 }'
    )
    tables = f"{folder}/zones.csv {folder}/services.csv {folder}/matrix.csv"
    look = Step(
        analysis=random.choice(
            (
                "Three small tables make the rules; I read them first.",
                "One zone may lie within another, so the order of the matrix has to be kept. I read the tables.",
            )
        ),
        plan=random.choice(("Print the tables.", "Show zones, services and the matrix.")),
        commands=(run(f"cat {tables}"), run(f"wc -l {folder}/{wall.attempts}")),
    )
    rules = Step(
        analysis=random.choice(
            (
                "awk can hold the two small tables and write a rule per service of a matrix line.",
                f"The {len(wall.matrix)} lines of the matrix translate one by one; any gives a rule without a port.",
            )
        ),
        plan=random.choice(("Write head, rules and COMMIT.", "Translate with awk between head and end.")),
        commands=(
            run(f"cat > {folder}/rules.v4 <<'EOF'\n" + "\n".join(HEAD) + "\nEOF"),
            run(f"awk -F, '{program}' {tables} >> {folder}/rules.v4"),
            run(f"echo COMMIT >> {folder}/rules.v4"),
        ),
    )
    judge = Step(
        analysis=random.choice(
            (
                "Whether an address is in a network is best left to the ipaddress module; the rules are read back from "
                "the file, so rules and verdicts cannot disagree.",
                "For the verdicts I parse the rules that I have just written and take the first that fits.",
            )
        ),
        plan=random.choice(("Write a small judge and run it.", f"Save {folder}/judge.py and print its verdicts.")),
        commands=(
            write(f"{folder}/judge.py", _judge(folder, wall)),
            run(f"python3 {folder}/judge.py > {folder}/verdicts.csv", 1.5),
            run(f"cat -n {folder}/rules.v4"),
            run(f"paste -d ' ' {folder}/{wall.attempts} {folder}/verdicts.csv"),
        ),
    )
    return look, rules, judge


def _checks(folder: str, wall: Wall) -> tuple[Check, ...]:
    verdicts, rules = wall.verdicts(), [rule.text for rule in wall.rules()]
    read = f"written = [' '.join(line.split()) for line in lines('{folder}/rules.v4')]\n"
    return (
        Check(
            "rules",
            f"{read}assert [line for line in written if line.startswith('-A')] == {literal(rules)}",
            2.0,
        ),
        Check(
            "frame",
            f"{read}assert written[:4] == {HEAD!r}\nassert written[-1] == 'COMMIT'\n"
            f"assert len(written) == {len(rules) + 5}",
        ),
        Check(
            "verdicts",
            f"head, *verdicts = table('{folder}/verdicts.csv')\nassert head == ['connection', 'rule', 'action']\n"
            f"assert verdicts == {literal(verdicts)}",
            3.0,
        ),
    )


SKILL = Skill(
    name="system-administration/firewall-matrix",
    domain="system-administration",
    folders=("firewall", "filter", "perimeter", "netpolicy"),
    tools=("cat", "wc", "awk", "python3", "paste"),
    make=make,
)
