"""Sales orders: the table that several skills share, so that one part's output can be another's input."""

from datetime import date, timedelta
from random import Random
from typing import NamedTuple

REGIONS = ("North", "South", "East", "West", "Central", "Coast")
CATALOGUE = {
    "desk lamp": "lighting",
    "floor lamp": "lighting",
    "office chair": "seating",
    "bar stool": "seating",
    "oak table": "tables",
    "standing desk": "tables",
    "wall shelf": "storage",
    "filing cabinet": "storage",
    "rolling cart": "storage",
    "acoustic panel": "fittings",
    "cable tray": "fittings",
    "whiteboard": "fittings",
}
COLUMNS = ("order_id", "date", "region", "product", "quantity", "unit_price", "amount")


class Order(NamedTuple):
    order_id: str
    date: str
    """ISO."""
    region: str
    product: str
    quantity: int
    unit_cents: int

    @property
    def cents(self) -> int:
        return self.quantity * self.unit_cents

    @property
    def month(self) -> str:
        return self.date[:7]

    def row(self) -> list[str]:
        """Cells in the order of COLUMNS."""
        return [
            self.order_id,
            self.date,
            self.region,
            self.product,
            str(self.quantity),
            money(self.unit_cents),
            money(self.cents),
        ]


class Orders(NamedTuple):
    """A CSV with COLUMNS, sorted by date and order id."""

    path: str
    rows: tuple[Order, ...]


def draw_orders(random: Random, count: int) -> tuple[Order, ...]:
    """Orders of one half-year, sorted by date and id; every product has one price."""
    products = random.sample(sorted(CATALOGUE), random.randint(5, 8))
    regions = random.sample(REGIONS, random.randint(3, 5))
    prices = {product: random.randint(15, 1800) * 100 + random.choice((0, 50, 90, 95, 99)) for product in products}
    first_day = date(random.choice((2023, 2024, 2025)), random.choice((1, 3, 7)), 1)
    number = random.randint(1000, 8000)
    drawn = []
    for _ in range(count):
        number += random.randint(1, 9)
        product = random.choice(products)
        day = first_day + timedelta(days=random.randrange(150))
        quantity = random.randint(1, 24)
        drawn.append(Order(f"SO-{number}", day.isoformat(), random.choice(regions), product, quantity, prices[product]))
    return tuple(sorted(drawn, key=lambda order: (order.date, order.order_id)))


def money(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"
