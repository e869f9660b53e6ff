"""data-querying, hospitality

A hotel keeps bookings (room, first night, day of departure, state) in a relational database. Overbookings have crept
in. List every pair of live bookings that occupy the same room on at least one common night, with the number of common
nights, and for each day the number of rooms that are taken more than once.
"""

import sqlite3

SCHEMA = "CREATE TABLE booking (id INTEGER PRIMARY KEY, room INTEGER, arrives INTEGER, leaves INTEGER, state TEXT)"
PAIRS = """
SELECT a.id, b.id, min(a.leaves, b.leaves) - max(a.arrives, b.arrives) AS nights
FROM booking a JOIN booking b ON a.room = b.room AND a.id < b.id
WHERE a.state = 'live' AND b.state = 'live' AND a.arrives < b.leaves AND b.arrives < a.leaves
ORDER BY a.id, b.id
"""
CROWDED = """
WITH RECURSIVE night(room, day, leaves) AS (
    SELECT room, arrives, leaves FROM booking WHERE state = 'live' AND arrives < leaves
    UNION ALL SELECT room, day + 1, leaves FROM night WHERE day + 1 < leaves
), taken AS (SELECT room, day FROM night GROUP BY room, day HAVING count(*) > 1)
SELECT day, count(*) FROM taken GROUP BY day ORDER BY day
"""


def overbooked(bookings: list[tuple[int, int, int, int, str]]) -> tuple[list[tuple[int, int, int]], dict[int, int]]:
    """Days are numbers. (booking, booking, common nights), and rooms taken more than once by day."""
    database = sqlite3.connect(":memory:")
    database.execute(SCHEMA)
    database.executemany("INSERT INTO booking VALUES (?, ?, ?, ?, ?)", bookings)
    pairs, crowded = database.execute(PAIRS).fetchall(), dict(database.execute(CROWDED).fetchall())
    database.close()
    return pairs, crowded
