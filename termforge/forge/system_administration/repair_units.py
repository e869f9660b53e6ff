"""System administration: unit files that no longer agree with the list of services; find each fault and mend it."""

from random import Random
from typing import NamedTuple

from termforge.forge.damage import Damage, damaged
from termforge.forge.skill import Check, Fragment, Setting, Skill, literal, run, text_file
from termforge.forge.system_administration.host_files import NAMES
from termforge.schemas import Step

SERVICES = {
    "ticker": "Price ticker",
    "indexer": "Search indexer",
    "renderd": "Tile renderer",
    "relay": "Mail relay",
    "ingest": "Sensor ingest",
    "ledgerd": "Ledger",
    "proxyd": "Edge proxy",
    "archiver": "Document archiver",
}
RESTARTS = ("always", "on-failure", "on-abnormal")
TARGETS = ("multi-user.target", "graphical.target", "network-online.target")


class Service(NamedTuple):
    name: str
    user: str
    program: str
    after: str
    restart: str
    wanted_by: str

    @property
    def settings(self) -> dict[str, str]:
        """What the list of services prescribes, by section and key."""
        return {
            "Unit.After": self.after,
            "Service.User": self.user,
            "Service.ExecStart": self.program,
            "Service.Restart": self.restart,
            "Install.WantedBy": self.wanted_by,
        }

    @property
    def unit(self) -> str:
        return (
            f"# Ask before a restart: port {self.program.rpartition(' ')[2]} has clients.\n"
            f"[Unit]\nDescription={SERVICES[self.name]}\nAfter={self.after}\n\n[Service]\n; does not fork\n"
            f"Type=simple\nUser={self.user}\nExecStart={self.program}\nRestart={self.restart}\n\n"
            f"[Install]\nWantedBy={self.wanted_by}\n"
        )


class Fault(NamedTuple):
    unit: str
    setting: str
    damage: Damage


def make(random: Random, setting: Setting) -> Fragment:
    services = _drawn(random, setting.level)
    folder = setting.folder
    faults = sorted(_faults(random, folder, services, 2 + setting.level))
    listed_in = f"{folder}/{random.choice(('services', 'deployment', 'fleet'))}.csv"
    listed = "".join(",".join(service) + "\n" for service in random.sample(services, len(services)))
    units = [text_file(f"{folder}/units/{service.name}.service", service.unit) for service in services]
    return Fragment(
        title="Mend the unit files",
        brief=_brief(folder, listed_in),
        files=(
            *damaged(units, [fault.damage for fault in faults]),
            text_file(listed_in, f"service,user,program,after,restart,wanted_by\n{listed}"),
        ),
        steps=_steps(random, folder, listed_in, faults),
        checks=_checks(folder, services, faults),
        outputs=(f"{folder}/faults.csv", *dict.fromkeys(fault.damage.path for fault in faults)),
    )


def _drawn(random: Random, level: int) -> list[Service]:
    names = sorted(random.sample(sorted(SERVICES), 4 + level))
    return [
        Service(
            name,
            random.choice(NAMES),
            f"/opt/{name}/bin/{name} --port {random.randint(8000, 8999)}",
            random.choice(["network.target", *(f"{other}.service" for other in names if other != name)]),
            random.choice(RESTARTS),
            random.choice(TARGETS[:2]),
        )
        for name in names
    ]


def _faults(random: Random, folder: str, services: list[Service], count: int) -> list[Fault]:
    hit = random.sample(services, count)
    kinds = random.sample((_user, _program, _restart, _section, _misspelt, _after, _target), count)
    return [
        kind(random, f"{folder}/units/{service.name}.service", service)
        for kind, service in zip(kinds, hit, strict=True)
    ]


def _user(random: Random, path: str, service: Service) -> Fault:
    other = random.choice([name for name in NAMES if name != service.user])
    damage = Damage(path, f"User={service.user}\n", f"User={other}\n", f"it runs as {other}")
    return Fault(service.name, "Service.User", damage)


def _program(random: Random, path: str, service: Service) -> Fault:
    wrong = random.choice((service.program[1:], f"{service.program[:-1]}x", service.program.replace("--port", "-port")))
    damage = Damage(path, f"ExecStart={service.program}\n", f"ExecStart={wrong}\n", "the command line differs")
    return Fault(service.name, "Service.ExecStart", damage)


def _restart(random: Random, path: str, service: Service) -> Fault:
    wrong = random.choice(["no", "on-fail", *(value for value in RESTARTS if value != service.restart)])
    damage = Damage(path, f"Restart={service.restart}\n", f"Restart={wrong}\n", f"Restart has the value {wrong}")
    return Fault(service.name, "Service.Restart", damage)


def _section(random: Random, path: str, service: Service) -> Fault:
    wrong = random.choice(("[Instal]", "[install]", "[Installation]"))
    return Fault(service.name, "Install.WantedBy", Damage(path, "[Install]\n", f"{wrong}\n", f"the section is {wrong}"))


def _misspelt(random: Random, path: str, service: Service) -> Fault:
    wrong = random.choice(("Afetr=", "after=", "Afters="))
    return Fault(service.name, "Unit.After", Damage(path, "\nAfter=", f"\n{wrong}", "the key After is misspelt"))


def _after(random: Random, path: str, service: Service) -> Fault:
    right = service.after
    wrong = right.split(".")[0] if random.random() < 0.5 else "local-fs.target"
    return Fault(
        service.name, "Unit.After", Damage(path, f"After={right}\n", f"After={wrong}\n", f"it waits for {wrong}")
    )


def _target(random: Random, path: str, service: Service) -> Fault:
    wrong = random.choice([target for target in TARGETS if target != service.wanted_by])
    damage = Damage(path, f"WantedBy={service.wanted_by}\n", f"WantedBy={wrong}\n", f"{wrong} wants it")
    return Fault(service.name, "Install.WantedBy", damage)


def _brief(folder: str, listed_in: str) -> str:
    return f"""\
The systemd units in `{folder}/units` must agree with `{listed_in}`. In the unit `<service>.service`,
`User`, `ExecStart` and `Restart` in the section `[Service]`, `After` in `[Unit]` and `WantedBy` in `[Install]` have
the values of the columns `user`, `program`, `restart`, `after` and `wanted_by`; section names and keys are
case-sensitive. Each key and each section occurs once. Some units were edited carelessly. Mend them; lines that are
right, comments included, stay as they are, and so does the order of lines; a setting is written `Key=value` without
blanks. Write `{folder}/faults.csv` with the header `service,setting` and a row for each prescribed setting that was
missing in its section or had another value there, written as `<Section>.<Key>` in the right spelling (for example
`Service.User`), sorted as text by service, then by setting. There is no systemd on this machine."""


def _steps(random: Random, folder: str, listed_in: str, faults: list[Fault]) -> tuple[Step, ...]:
    listing = (
        f'awk -F, \'NR > 1 {{ print $1, "User=" $2; print $1, "ExecStart=" $3; print $1, "After=" $4; '
        f'print $1, "Restart=" $5; print $1, "WantedBy=" $6; print $1, "[Unit]"; print $1, "[Service]"; '
        f'print $1, "[Install]" }}\' {listed_in} | while read -r name line; do '
        f'grep -qxF "$line" {folder}/units/$name.service || echo "$name lacks $line"; done'
    )
    look = Step(
        analysis=random.choice(
            (
                "The list says what every unit must hold, so missing lines can be found mechanically.",
                "Instead of reading every unit I ask which prescribed line is in none of its lines.",
            )
        ),
        plan=random.choice(("Print the list and look for each prescribed line.", "Turn the list into lines and grep.")),
        commands=(run(f"cat {listed_in}"), run(f"bash <<'EOF'\n{listing}\nEOF")),
    )
    told = "; ".join(f"in {fault.unit} {fault.damage.cause}" for fault in faults)
    rows = "".join(f"{fault.unit},{fault.setting}\n" for fault in faults)
    mend = Step(
        analysis=random.choice(
            (f"The faults are clear: {told}.", f"I compared what is lacking with the units: {told}.")
        ),
        plan=random.choice(
            ("Edit exactly these lines with sed, and write the record.", "One edit per fault, in place.")
        ),
        commands=(
            *(run(_edit(fault.damage)) for fault in faults),
            run(f"cat > {folder}/faults.csv <<'EOF'\nservice,setting\n{rows}EOF"),
        ),
    )
    check = Step(
        analysis=random.choice(
            ("The same search must find nothing now.", "I repeat the search: no line may be lacking.")
        ),
        plan="Search again and look at the units.",
        commands=(run(f"bash <<'EOF'\n{listing}\nEOF"), run(f"head -n 20 {faults[0].damage.path}")),
    )
    return look, mend, check


def _edit(damage: Damage) -> str:
    wrong, right = damage.wrong.strip("\n"), damage.right.strip("\n")
    end = "$" if damage.wrong.endswith("\n") else ""
    return f"sed -i 's|^{wrong.replace('[', '[[]')}{end}|{right}|' {damage.path}"


def _checks(folder: str, services: list[Service], faults: list[Fault]) -> tuple[Check, ...]:
    hit = {fault.unit for fault in faults}
    parse = f"""\
def settings(service):
    section, found = "", {{}}
    for line in lines(f"{folder}/units/{{service}}.service"):
        if line.startswith("["):
            section = line.strip("[]")
        elif "=" in line:
            key, value = line.split("=", 1)
            found.setdefault(f"{{section}}.{{key.strip()}}", []).append(value.strip())
    return found

"""
    prescribed = {s.name: {key: [value] for key, value in s.settings.items()} for s in services if s.name in hit}
    units = {service.name: service.unit for service in services}
    rows = [[fault.unit, fault.setting] for fault in faults]
    return (
        Check(
            "prescribed_settings",
            f"{parse}for service, expected in {literal(prescribed)}.items():\n    found = settings(service)\n"
            "    assert {key: found.get(key) for key in expected} == expected, service",
            3.0,
        ),
        Check(
            "whole_units",
            f"for service, text in {literal(units)}.items():\n    unit = lines(f'{folder}/units/{{service}}.service')\n"
            "    assert unit == text.strip().splitlines(), f'{service}: {unit}'",
            2.0,
        ),
        Check("record", f"assert table('{folder}/faults.csv') == {literal([['service', 'setting'], *rows])}"),
    )


SKILL = Skill(
    name="system-administration/repair-units",
    domain="system-administration",
    folders=("unit-files", "services", "systemd", "daemons"),
    tools=("bash", "cat", "awk", "grep", "sed", "head"),
    make=make,
    repairs=True,
)
