"""Software engineering, system administration, security: in every seed the drawn data decide the rules as stated."""

import csv
import hmac
import re
from collections import defaultdict
from collections.abc import Iterator
from random import Random

import pytest

from termforge.forge.artifacts import Table
from termforge.forge.catalogue import SKILLS
from termforge.forge.skill import Fragment, Setting
from termforge.forge.software_engineering.assignments import VERSIONS

SEEDS = range(30)


def parts(name: str) -> Iterator[Fragment]:
    (skill,) = (skill for skill in SKILLS if skill.name == name)
    for seed in SEEDS:
        yield skill.make(Random(seed), Setting("/app/part", 1 + seed % 3))


def texts(part: Fragment) -> dict[str, str]:
    return {file.path.removeprefix("/app/part/"): file.content.decode() for file in part.files}


def checks(part: Fragment) -> str:
    return "\n".join(check.body for check in part.checks)


def failures(part: Fragment) -> dict[str, list[int]]:
    """Seconds of the day by address, over both files of the log."""
    found = defaultdict(list)
    for line in "".join(texts(part).values()).splitlines():
        if failed := re.search(r"T(\d\d):(\d\d):(\d\d) .*Failed password .* from (\S+)", line):
            hour, minute, second = map(int, failed.groups()[:3])
            found[failed[4]].append(3600 * hour + 60 * minute + second)
    return {address: sorted(times) for address, times in found.items()}


def test_login_attacks_needs_a_sliding_window() -> None:
    for part in parts("security/login-attacks"):
        least, window = map(int, re.search(r"any (\d+) .*?at most (\d+)", " ".join(part.brief.split())).groups())  # type: ignore[union-attr]
        (table,) = (artifact for artifact in part.offers if isinstance(artifact, Table))
        alarms = {row[0]: int(row[3]) for row in table.rows}
        scattered = {address: times for address, times in failures(part).items() if len(times) > least}
        assert set(scattered) - set(alarms)
        assert [
            address for address in alarms if address in scattered and scattered[address][0] < alarms[address] - window
        ]
        assert [address for address in alarms if address in scattered and scattered[address][-1] > alarms[address]]


def test_login_attacks_cuts_the_log_within_a_burst() -> None:
    for part in parts("security/login-attacks"):
        (older, newer) = texts(part).values()
        second = newer.splitlines()[0].split()[0]
        address = next(line for line in newer.splitlines() if "Failed" in line and second in line).split()[-4]
        assert any("Failed" in line and f" {address} " in line for line in older.splitlines())


def test_signatures_has_a_forgery_with_a_revoked_key() -> None:
    for part in parts("security/signatures"):
        keys = {row["key"]: row for row in csv.DictReader(texts(part)["keys.csv"].splitlines())}
        digest = re.search(r"HMAC-(\w+)", part.brief)[1].lower()  # type: ignore[index]
        root = re.search(r"relative to `(.+?)`", " ".join(part.brief.split()))[1]  # type: ignore[index]
        contents = {file.path: file.content for file in part.files}
        forged = [
            path
            for key, code, path in (line.split(":") for line in texts(part)["received.sig"].splitlines())
            if key in keys and keys[key]["state"] == "revoked"
            if hmac.new(bytes.fromhex(keys[key]["secret"]), contents[f"{root}/{path}"], digest).hexdigest() != code
        ]
        assert [path for path in forged if f"'{path},forged'" in checks(part)] == forged != []


def test_secret_scan_has_candidates_beside_underscores() -> None:
    for part in parts("security/secret-scan"):
        source = "".join(texts(part).values())
        assert "vendor-key" not in part.brief or re.search(r"_VK[A-Z0-9]{16}_", source)
        assert "session-token" not in part.brief or re.search(r"_st_[0-9a-f]{24}_", source)


def test_daemon_policy_has_an_indented_option_before_the_first_match() -> None:
    for part in parts("security/daemon-policy"):
        configuration, policy = texts(part).values()
        wanted = {line.partition("=")[0] for line in policy.splitlines()}
        head = configuration.partition("\nMatch")[0].splitlines()
        assert [line for line in head if line.startswith(" ") and line.split()[0] in wanted]


def test_file_modes_asks_for_a_listing_of_all_modes() -> None:
    for part in parts("security/file-modes"):
        modes = next(check.body for check in part.checks if check.name == "modes")
        listed = [line for line in modes.partition("expected")[0].splitlines() if re.search(r",[0-7]{3,4}'", line)]
        assert len(listed) == len(part.files)


def test_changelog_has_subjects_that_nearly_count_and_a_mark_that_means_nothing() -> None:
    for part in parts("software-engineering/changelog"):
        subjects = [line.partition(" ")[2] for line in texts(part)["log.txt"].splitlines()]
        assert {"style", "Fix", "fix(API2)", "feat "} <= {subject.partition(":")[0] for subject in subjects}
        assert [subject for subject in subjects if re.match(r"docs(\(\w+\))?: .*!", subject)]


def test_versions_has_a_release_twice_beside_its_candidates() -> None:
    for seed in SEEDS:
        _, *versions = VERSIONS.cases["release_candidates"](Random(seed), 4)
        twice = {version for version in versions if versions.count(version) > 1}
        assert [release for release in twice if {f"{release}-rc.9", f"{release}-rc.10"} <= set(versions)]


def test_patch_series_rejects_a_patch_that_fits_in_part() -> None:
    for part in parts("software-engineering/patch-series"):
        rejected = re.search(r"\['(03-\w+\.patch)'\]", checks(part))
        assert rejected
        patch = texts(part)[f"patches/{rejected[1]}"]
        fitting, _, ghost = patch.rpartition("--- ")
        (one,), (other,) = (
            re.findall(r"^\+\+\+ .*?(\w+(?:/\w+\.\w+)?)$", text, re.MULTILINE) for text in (fitting, ghost)
        )
        assert one != other
        assert re.search(r"^-\w+: \d{4}$", ghost, re.MULTILINE)
        assert not re.search(r"^[ -]\w+: \d{4}$", fitting, re.MULTILINE)


def test_accounts_and_cron_has_jobs_of_every_kind_of_account_and_uids_at_the_limit() -> None:
    for part in parts("system-administration/accounts-and-cron"):
        files = texts(part)
        accounts = {line.split(":")[0]: line.split(":") for line in files["passwd"].splitlines()}
        assert {"999", "1000"} <= {account[2] for account in accounts.values()}
        owners = {row["user"] for row in csv.DictReader(files["jobs.csv"].splitlines())}
        kept = {
            line.split()[5] for line in re.findall(r"'(\S+ \S+ \S+ \S+ \S+ \S+ /usr/local/sbin/\S+)'", checks(part))
        }
        assert {accounts[owner][6] for owner in kept} & {"/usr/sbin/nologin", "/bin/false"}
        assert owners - kept


def test_repair_units_has_comments_to_keep() -> None:
    for part in parts("system-administration/repair-units"):
        for name, unit in texts(part).items():
            assert not name.endswith(".service") or re.findall(r"^[#;]", unit, re.MULTILINE) == ["#", ";"]


@pytest.mark.parametrize(
    ("skill", "untouched"),
    [
        ("security/secret-scan", r"source/"),
        ("security/tampered-files", r"\w+/"),
        ("software-engineering/patch-series", r"(upstream|source|base)/"),
        ("system-administration/segment-log", r"(messages|syslog|daemon\.log)"),
        ("system-administration/rotate-logs", r"log/.*\.bak"),
    ],
)
def test_what_has_to_stay_is_looked_at(skill: str, untouched: str) -> None:
    for part in parts(skill):
        stays = {name: text for name, text in texts(part).items() if re.match(untouched, name)}
        assert stays
        assert [name for name, text in stays.items() if repr(text) not in checks(part)] == []
