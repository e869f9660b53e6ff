"""system-administration, scheduling

A machine runs dozens of periodic jobs, each with five fields for minute, hour, day of the month, month and day of the
week, in which stars, lists, ranges and steps may stand; if both kinds of day are restricted, either will do. Sunday
is 0 and 7. Find the minute of a given month in which most jobs start, with their names.
"""

from datetime import datetime, timedelta

BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def values(field: str, low: int, high: int) -> set[int]:
    """Of one field: lists of stars, numbers and ranges, each with or without a step."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            begin, end = low, high
        else:
            begin = int(first)
            end = int(last) if dash else high if step else begin
        found |= set(range(begin, end + 1, int(step or 1)))
    return found


def starts(schedule: str, year: int, month: int) -> list[datetime]:
    """All starts in a month."""
    fields = schedule.split()
    minutes, hours, days, months, weekdays = (
        values(field, *bounds) for field, bounds in zip(fields, BOUNDS, strict=True)
    )
    either = fields[2] != "*" and fields[4] != "*"
    found, moment = [], datetime(year, month, 1)
    while moment.month == month:
        on_day, on_weekday = moment.day in days, bool({moment.isoweekday() % 7, moment.isoweekday()} & weekdays)
        right_day = (on_day or on_weekday) if either else (on_day and on_weekday)
        if right_day and moment.month in months and moment.hour in hours and moment.minute in minutes:
            found.append(moment)
        moment += timedelta(minutes=1)
    return found


def busiest(jobs: dict[str, str], year: int, month: int) -> tuple[datetime, list[str]] | None:
    """The earliest of the minutes with most starts, and who starts in it."""
    at: dict[datetime, list[str]] = {}
    for name in sorted(jobs):
        for moment in starts(jobs[name], year, month):
            at.setdefault(moment, []).append(name)
    return min(at.items(), key=lambda item: (-len(item[1]), item[0]), default=None)
