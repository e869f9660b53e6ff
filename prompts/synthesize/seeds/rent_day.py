"""debugging, calendars

A program writes rent reminders on the day of the month on which a lease began. Leases that began on the 29th, 30th or
31st creep towards the start of the month after each February, some months are skipped, and reminders that fall on a
Sunday or a holiday move to the next working day and then stay moved. Find the faults; the reminder belongs on the
lease's own day, or the last of a shorter month, moved only for the month in question, never into another month: then
it moves back instead of forward.
"""

from calendar import monthrange
from datetime import date, timedelta

DAY = timedelta(days=1)


def faulty(begins: date, months: int, holidays: set[date]) -> list[date]:
    """Steps from reminder to reminder, and so carries every shift along."""
    reminders, day = [], begins
    for _ in range(months):
        year, month = day.year + day.month // 12, day.month % 12 + 1
        day = date(year, month, min(day.day, monthrange(year, month)[1]))
        while day.weekday() == 6 or day in holidays:
            day += DAY
        reminders.append(day)
    return reminders


def reminders(begins: date, months: int, holidays: set[date]) -> list[date]:
    return [_reminder(begins, number, holidays) for number in range(1, months + 1)]


def _reminder(begins: date, number: int, holidays: set[date]) -> date:
    years, month = divmod(begins.month - 1 + number, 12)
    year, month = begins.year + years, month + 1
    due = day = date(year, month, min(begins.day, monthrange(year, month)[1]))
    step = DAY
    while day.weekday() == 6 or day in holidays:
        day += step
        if day.month != month:
            day, step = due, -DAY
    return day
