"""Every reference of our own seed problems is run: what a teacher takes for the truth must be true."""

import hashlib
import importlib.util
from datetime import date, datetime
from fractions import Fraction
from ipaddress import IPv4Network
from math import cos, exp, inf, isclose, pi, sin, sqrt
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from termforge.schemas import DOMAINS
from termforge.synthesize.seed import own_seeds

FOLDER = Path(__file__).parents[3] / "prompts" / "synthesize" / "seeds"


def seed(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"seed_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_at_least_thirty_seeds_over_all_domains_and_many_fields() -> None:
    seeds = own_seeds()
    assert len(seeds) >= 30
    assert {problem.domain for problem in seeds} == set(DOMAINS)
    assert len({problem.field for problem in seeds}) >= 20
    assert all(len(problem.problem) > 200 and len(problem.reference) > 300 for problem in seeds)


def test_every_seed_has_a_test_here() -> None:
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {problem.id for problem in own_seeds()} <= tested


def test_tide_gaps() -> None:
    readings = [(0, 1, 1.0), (10, 2, 9.0), (10, 5, 2.0), (40, 6, 5.0), (90, 7, 0.0)]
    series, gaps = seed("tide_gaps").clean(readings)
    assert series == {0: 1, 10: 2, 20: 3, 30: 4, 40: 5, 50: None, 60: None, 70: None, 80: None, 90: 0}
    assert gaps == [(50, 80, 4)]


def test_shared_costs() -> None:
    split = seed("shared_costs").split
    assert split(100, {1: 1, 2: 1, 3: 1}) == {1: 34, 2: 33, 3: 33}
    assert split(-101, {1: 2, 2: 1}) == {1: -67, 2: -34}


def test_field_notes() -> None:
    groups = seed("field_notes").groups
    assert groups(["Brot", "brod", "brood", "Käse", "kase", "wein"]) == {"brod": 3, "kase": 2, "wein": 1}
    near = seed("field_notes").near
    assert [near("abc", other) for other in ("abc", "ab", "xabc", "axc", "cba", "a")] == [True] * 4 + [False] * 2


def test_camera_traps() -> None:
    pictures = [("a", 0, "fox"), ("a", 30, "fox"), ("a", 45, ""), ("a", 61, "fox"), ("b", 150, "deer")]
    counts, hours = seed("camera_traps").visits(pictures, {"b": (100, 60)})
    assert counts == {("fox", "a"): 2, ("deer", "b"): 1}
    assert hours == {"fox": 0, "deer": 1}


def test_overlapping_bookings() -> None:
    bookings = [(1, 7, 1, 4, "live"), (2, 7, 3, 6, "live"), (3, 7, 4, 5, "void"), (4, 8, 1, 9, "live")]
    assert seed("overlapping_bookings").overbooked(bookings) == ([(1, 2, 1)], {3: 1})


def test_paper_trail() -> None:
    papers = {"p": ["a", "b"], "q": ["a", "c"], "r": ["b", "d"], "s": ["c", "d"], "t": ["a", "d", "e"]}
    near = {"a": (0, 1), "b": (1, 1), "c": (1, 1), "d": (2, 2)}
    assert seed("paper_trail").distances(papers, "a", 2) == near


def test_parts_list() -> None:
    module = seed("parts_list")
    contains = {"bike": {"wheel": 2, "bolt": 4}, "wheel": {"spoke": 30, "bolt": 1}}
    assert module.requirements(contains, {"bike": 3}, {"wheel": 2}) == {"bolt": (16, 2), "spoke": (120, 2)}
    with pytest.raises(module.Loop, match="a"):
        module.requirements({"a": {"b": 1}, "b": {"a": 1}}, {"a": 1}, {})


def test_archive_search() -> None:
    letters = {1: "the ship sails", 2: "the ship the ship", 3: "a quiet day"}
    ranked = seed("archive_search").ranked(letters, "ship")
    assert [number for number, _ in ranked] == [2, 1]
    assert isclose(ranked[1][1], 0.4700036 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 3 / (10 / 3))), rel_tol=1e-6)
    assert [number for number, _ in seed("archive_search").ranked(letters, 'ship -sails "the"')] == [2]


def test_shop_uplift() -> None:
    treated = {"a": ([10.0, 10.0], [12.0, 12.0]), "b": ([5.0], [6.0])}
    others = {"c": ([8.0], [8.0]), "d": ([3.0], [3.0])}
    assert [round(value, 9) for value in seed("shop_uplift").uplift(treated, others)] == [1.2, 1.2, 1.2]


def test_pump_lifetimes() -> None:
    module = seed("pump_lifetimes")
    curve = module.survival([(1, True), (2, True), (2, False), (3, False), (4, True)])
    assert [(age, round(share, 9)) for age, share, _ in curve] == [(1, 0.8), (2, 0.6), (4, 0.0)]
    assert isclose(curve[0][2], 0.8 * 0.2 / 5)
    assert module.median(curve) == 4
    assert module.median(curve[:2]) is None


def test_street_survey() -> None:
    module = seed("street_survey")
    answers = [
        ("young", "m", True),
        ("young", "m", True),
        ("old", "m", False),
        ("old", "f", False),
        ("young", "f", True),
    ]
    weights = module.weights(answers, {"young": 0.5, "old": 0.5}, {"m": 0.4, "f": 0.6})
    assert isclose(weights[2] + weights[3], 2.5)
    assert isclose(weights[3] + weights[4], 3.0)
    share, effective = module.estimate(answers, weights)
    assert isclose(share, 0.5)
    assert 2 < effective < 5


def test_village_vote() -> None:
    ballots = [
        (votes, [[site] for site in order])
        for votes, order in [
            (5, "ACBED"), (5, "ADECB"), (8, "BEDAC"), (3, "CABED"),
            (7, "CAEBD"), (2, "CBADE"), (7, "DCEBA"), (8, "EBADC"),
        ]
    ]  # fmt: skip
    module = seed("village_vote")
    assert module.winners(list("ABCDE"), ballots) == ["E"]
    assert module.strengths(list("ABCDE"), ballots)["A", "B"] == 28


def test_drifting_counter() -> None:
    module = seed("drifting_counter")
    readings = [(0, 2**32 - 10), (60, 5), (60, 5), (30, 1), (120, 20), (180, 7)]
    assert module.total(readings, restarts=[150]) == 15 + 15 + 7
    assert module.faulty_total(readings, restarts=[150]) > 2**32


def test_rent_day() -> None:
    module = seed("rent_day")
    good = [date(2023, 2, 28), date(2023, 3, 31), date(2023, 4, 29), date(2023, 5, 31)]
    assert module.reminders(date(2023, 1, 31), 4, set()) == good
    assert module.faulty(date(2023, 1, 31), 4, set()) != good


def test_noisy_spread() -> None:
    module = seed("noisy_spread")
    values = [1e6 + 0.01 * (number % 2) for number in range(100)]
    one, other = module.Figures(), module.Figures()
    for value in values[:37]:
        one = one.with_value(value)
    for value in values[37:]:
        other = other.with_value(value)
    exact = sqrt(100 * 0.005**2 / 99)
    assert isclose(one.with_others(other).deviation, exact, rel_tol=1e-6)
    assert module.Figures().with_others(module.Figures()) == module.Figures()
    assert not isclose(module.faulty([value + 1e7 for value in values[:8]] * 12), exact, rel_tol=0.1)


def test_stuck_kitchen() -> None:
    log = [
        ("ann", "ask", "oven"), ("bob", "ask", "till"), ("cy", "ask", "oven"),
        ("ann", "ask", "till"), ("bob", "ask", "oven"),
    ]  # fmt: skip
    assert seed("stuck_kitchen").first_deadlock(log) == (4, ["ann", "bob"], ["cy"])
    assert seed("stuck_kitchen").first_deadlock(log[:4]) is None


def test_photo_heap() -> None:
    heap = seed("photo_heap")
    listing = [
        heap.Entry("sub/a.jpg", "1", "", "2021-05-06"),
        heap.Entry("c.jpg", "", "a.jpg", ""),
        heap.Entry("b.jpg", "2", "", "2021-05-06"),
        heap.Entry("a.jpg", "1", "", "2021-05-06"),
    ]
    planned = heap.plan(listing)
    assert planned == [
        ("a.jpg", "2021/05/a.jpg", "moved"),
        ("b.jpg", "2021/05/b.jpg", "moved"),
        ("c.jpg", "undated/c.jpg", "symbolic link to a.jpg"),
        ("sub/a.jpg", "2021/05/a-1.jpg", "hard link to 2021/05/a.jpg"),
    ]
    assert heap.restoring(planned)[:2] == [
        ("2021/05/a-1.jpg", "sub/a.jpg", "copied"),
        ("undated/c.jpg", "c.jpg", "moved back"),
    ]


def test_torn_parcel() -> None:
    whole = b"abcdefghijklmnopqrs"
    parts = [whole[start : start + 4] for start in range(0, len(whole), 4)]
    parities = [bytes(a ^ b ^ c ^ d for a, b, c, d in zip(*parts[:4], strict=True)), parts[4].ljust(4, b"\0")]
    pieces = [(number, False, part) for number, part in enumerate(parts)]
    pieces += [(number, True, part) for number, part in enumerate(parities)]
    stored = [(number, parity, hashlib.sha256(part).hexdigest(), part) for number, parity, part in pieces]
    rebuild = seed("torn_parcel").rebuild
    assert rebuild([piece for piece in stored if piece[:2] != (2, False)], len(whole), 4) == whole
    assert rebuild([piece for piece in stored if piece[0] not in (0, 2) or piece[1]], len(whole), 4) == [0, 2]


def test_musical_chairs() -> None:
    plan = seed("musical_chairs").plan
    steps, refused = plan({"a", "b", "c", "d", "e"}, {"a": "b", "b": "a", "c": "d", "x": "y", "e": "f"})
    assert refused == ["c", "x"]
    assert steps == [("e", "f"), ("a", ".tmp0"), ("b", "a"), (".tmp0", "b")]


def test_tape_boxes() -> None:
    boxes, over = seed("tape_boxes").pack({"a": [4], "b": [3, 3], "c": [6], "d": [4], "e": [11]}, 10)
    assert over == ["e"]
    assert len(boxes) == 2
    assert sorted(name for box in boxes for name in box) == ["a", "b", "c", "d"]


def test_cooling_rod() -> None:
    module = seed("cooling_rod")
    value, change = module.extrapolated(0.5, 0.05, start=100.0, length=1.0, diffusivity=lambda _: 1.0)
    series = sum(400 / (n * pi) * sin(n * pi / 2) * exp(-((n * pi) ** 2) * 0.05) for n in range(1, 40, 2))
    assert isclose(value, series, rel_tol=1e-4)
    assert change < 0.1


def test_reading_frames() -> None:
    genes = seed("reading_frames").genes
    assert genes("CCATGAAATTTTAGCC", 2) == [(2, 14, "+", "MKF")]
    assert genes("GGCTAAAATTTCATGG", 2) == [(2, 14, "-", "MKF")]
    assert genes("ATGNNATAA", 2) == [(0, 9, "+", "MX")]


def test_comet_places() -> None:
    place = seed("comet_places").place
    year = 2 * pi / 0.01720209895
    distance, angle = place(year / 4, 1.0, 0.0)
    assert isclose(distance, 1.0)
    assert isclose(angle, pi / 2)
    for days in (0.0, 1e-3, 1.0, 40.0, 4000.0):
        distance, angle = place(days, 0.5, 0.9999)
        assert isclose(distance, 0.5 * 1.9999 / (1 + 0.9999 * cos(angle)), rel_tol=1e-9)


def test_titration() -> None:
    module = seed("titration")
    assert round(module.ph(50, 0.1, 25, 0.1, [1e-5]), 2) == 5.0
    assert round(module.ph(50, 0.0, 0.0, 0.1, [1e-5]), 6) == 7.0
    assert round(module.ph(50, 0.1, 1e6, 0.1, [1e-5]), 2) == 13.0
    assert module.steepest(50, 0.1, 0.1, [1e-5], [float(ml) for ml in range(101)]) in (49.5, 50.5)


def test_fever_wave() -> None:
    course = seed("fever_wave").course(0.5, 0.2, 1e-6, inf, 400.0)
    assert isclose(course.peak, 1 - 0.4 * (1 + 0.916290732), rel_tol=1e-4)
    assert isclose(course.never_ill, exp(-2.5 * (1 - course.never_ill)), rel_tol=1e-4)
    assert seed("fever_wave").course(0.5, 0.2, 1e-6, 0.1, 400.0).peak < course.peak


def test_crystal_shells() -> None:
    atoms = [("Na", 0.0, 0.0, 0.0), ("Cl", 0.5, 0.5, 0.5)]
    found = seed("crystal_shells").shells(atoms, (1.0, 1.0, 1.0), 1.0)
    assert found["Na", "Cl"] == {round(sqrt(3) / 2, 9): 8.0}
    assert found["Na", "Na"] == {1.0: 6.0}


def test_bell_tones() -> None:
    module = seed("bell_tones")
    rate, tone = 1000.0, 123.4
    samples = [exp(-n / rate) * sin(2 * pi * tone * n / rate) + 3 * sin(2 * pi * 50 * n / rate) for n in range(2000)]
    frequency = module.strongest(samples, rate, 40.0, 200.0, 50.0)
    assert abs(frequency - tone) < 0.1
    assert abs(module.decay_time(samples, rate, tone) - 3.4539) < 0.1


def test_feed_mix() -> None:
    prices = [Fraction(2), Fraction(5)]
    protein = ([Fraction(1, 10), Fraction(4, 10)], Fraction(1, 4))
    cheapest = seed("feed_mix").cheapest
    assert cheapest(prices, [protein]) == (Fraction(7, 2), [Fraction(1, 2), Fraction(1, 2)])
    assert cheapest(prices, [([Fraction(1), Fraction(1)], Fraction(2))]) is None


def test_badge_log() -> None:
    walks = {("a", "b"): 10, ("b", "c"): 10}
    records = [("x", "a", 0), ("x", "c", 15), ("x", "b", 30), ("x", "c", 40), ("y", "a", 0), ("y", "c", 20)]
    assert seed("badge_log").copied(records, walks) == {"x": (15, 1)}


def test_careless_keys() -> None:
    devices = {name: (p * q, 7, pow(42, 7, p * q)) for name, p, q in (("a", 101, 103), ("b", 101, 107))}
    devices |= dict.fromkeys("cd", (109 * 113, 5, 5))
    broken = seed("careless_keys").broken(devices)
    assert {name: message for name, (_, message) in broken.items()} == {"a": 42, "b": 42}


def test_dead_rules() -> None:
    rules = [
        ("deny", 0, 9, 0, 99), ("allow", 10, 19, 0, 99), ("allow", 5, 15, 10, 20),
        ("allow", 12, 14, 1, 2), ("allow", 0, 19, 0, 100),
    ]  # fmt: skip
    assert seed("dead_rules").idle(rules) == {2: "masked", 3: "redundant"}


def test_vault_shares() -> None:
    prime = 7919
    notes = [(x, (1234 + 5 * x + 7 * x * x) % prime) for x in range(1, 8)]
    open_vault = seed("vault_shares").open_vault
    assert open_vault([*notes[:3], (4, 1), *notes[4:]], prime) == (1234, {4: notes[3][1]})
    assert open_vault([(x, x**5 + x) for x in range(1, 8)], prime) is None


def test_unit_aware_calculator() -> None:
    module = seed("unit_aware_calculator")
    assert module.Calculator("3 km + 20 m to m").result() == (3020.0, {"m": 1})
    assert module.Calculator("6 m / (2 s)^2").result() == (1.5, {"m": 1, "s": -2})
    with pytest.raises(module.Mistake, match="column 5: units differ"):
        module.Calculator("3 m + 4 s").result()


def test_small_sheet() -> None:
    sheet = seed("small_sheet").Sheet()
    assert [sheet.put(cell, text) for cell, text in (("A1", "2"), ("A2", "=A1*3"), ("B1", "=SUM(A1:A2)/2"))] == [
        1,
        1,
        1,
    ]
    assert sheet.values["B1"] == 4.0
    assert sheet.put("A1", "=B1") == 3
    assert set(sheet.values.values()) == {"error"}
    assert sheet.put("A1", "4") == 3
    assert sheet.values == {"A1": 4.0, "A2": 12.0, "B1": 8.0}


def test_fair_gate() -> None:
    gate = seed("fair_gate").Gate(2, 3, 10)
    calls = [("a", 0), ("a", 1), ("a", 2), ("b", 3), ("c", 4), ("a", 10), ("c", 10)]
    assert [gate.call(*call) for call in calls] == [0, 1, 10, 3, 10, 10, 11]


def test_toy_processor() -> None:
    module = seed("toy_processor")
    processor = module.Processor([("load", 0, 200), ("load", 1, 100), ("add", 0, 1), ("call", 5, 0), ("halt", 0, 0),
                                  ("load", 2, 7), ("ret", 0, 0)])  # fmt: skip
    assert processor.run(100) == "halted"
    assert (processor.registers, processor.carry) == ([44, 100, 7, 0], True)
    assert module.Processor([("call", 0, 0)]).run(1000) == "stack ran into the program"
    assert module.Processor([("jump", 0, 0)]).run(9) == "steps used up"


def test_queue_of_jobs() -> None:
    jobs = [("one", 0, 3, 10), ("two", 1, 4, 5), ("long", 2, 1, 20), ("short", 3, 1, 7)]
    runs = seed("queue_of_jobs").plan({"m": 4}, jobs)
    assert runs == {"one": ("m", 0, 10), "short": ("m", 3, 10), "two": ("m", 10, 15), "long": ("m", 15, 35)}


def test_campus_networks() -> None:
    given, left = seed("campus_networks").assign("10.0.0.0/24", ["10.0.0.0/26"], {"lab": 62, "art": 20, "all": 200})
    assert given == {"all": None, "lab": IPv4Network("10.0.0.64/26"), "art": IPv4Network("10.0.0.128/27")}
    assert left == [IPv4Network("10.0.0.160/27"), IPv4Network("10.0.0.192/26")]


def test_busy_minutes() -> None:
    module = seed("busy_minutes")
    jobs = {"a": "*/30 3 * * *", "b": "0 3 13 * 5", "c": "0 3-4 1,2 2 *"}
    assert module.busiest(jobs, 2026, 2) == (datetime(2026, 2, 1, 3), ["a", "c"])
    assert [start.day for start in module.starts("0 0 13 * 7", 2026, 2)] == [1, 8, 13, 15, 22]


def test_promised_uptime() -> None:
    module = seed("promised_uptime")
    outages = {"x": [(10, 30), (25, 40)], "y": [(20, 60)], "z": [(55, None)]}
    found = module.lost(outages, [(35, 50)], (0, 100))
    assert found == [(20, 35), (55, 60)]
    assert isclose(module.availability(found, [(35, 50)], (0, 100)), 1 - 20 / 85)
