"""Units that come onto the books: from head office's import or through the dock.

One path for both, because both mint stock: the movement from the supplier, the serial numbers'
first line of history, and nothing else. Large numbers are written set by set, so that ten thousand
serial numbers take a second and not a minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from edge.services.floor import Floor
from edge.store import ledger, products, serials
from shared.domain.catalogue import Product
from shared.domain.errors import Refused
from shared.domain.facts import StockRow
from shared.domain.ledger import account

FACT_BYTES: Final = 48_000
"""Aim for one fact's rows, well below the limit of a fact body."""
SERIALS_PER_ROW: Final = 600
"""Serial numbers in one row of a fact; 600 of the longest take 40 kB."""


def known_product(floor: Floor, sku: str) -> Product:
    """Return the product; raises Refused `sku_unknown`."""
    product = products.by_sku(floor.sql, sku)
    if product is None:
        raise Refused(
            "sku_unknown",
            f"Failed to book {sku}: expected a product of the catalogue, got an unknown SKU.",
            hint="Send the product first, then the same request again.",
        )
    return product


def check_row(product: Product, row: StockRow) -> None:
    """Raise Refused `serial_count` when a full-policy row does not name each unit once."""
    if product.serial_policy != "full":
        return
    different = len(set(row.serials))
    if different != row.quantity or len(row.serials) != row.quantity:
        raise Refused(
            "serial_count",
            f"Failed to book {row.quantity} of {row.sku} into {row.bin}: expected "
            f"{row.quantity} different serial numbers, got {different}.",
            hint="Correct the list and send it again.",
        )


def take_in(floor: Floor, product: Product, row: StockRow) -> None:
    """Book one checked row of new units from the supplier into its bin."""
    target = account("bin", row.bin)
    if product.serial_policy != "full":
        floor.move(row.sku, row.quantity, "supplier", target)
        return
    ledger.post_serials(
        floor.sql,
        op_id=floor.op_id,
        actor=floor.actor,
        at_ms=floor.now_ms,
        sku=row.sku,
        serials=row.serials,
        source="supplier",
        target=target,
    )
    serials.add_many(
        floor.sql,
        sku=row.sku,
        serials=row.serials,
        account=target,
        op_id=floor.op_id,
        actor=floor.actor,
        at_ms=floor.now_ms,
    )


def pieces(rows: Iterable[StockRow]) -> Iterator[tuple[StockRow, ...]]:
    """Yield `rows` in portions that fit into one fact each, splitting long serial lists."""
    portion: list[StockRow] = []
    size = 0
    for row in rows:
        for part in _parts(row):
            part_size = 200 + sum(len(serial) * 3 + 3 for serial in part.serials)
            if portion and size + part_size > FACT_BYTES:
                yield tuple(portion)
                portion, size = [], 0
            portion.append(part)
            size += part_size
    if portion:
        yield tuple(portion)


def _parts(row: StockRow) -> Sequence[StockRow]:
    if len(row.serials) <= SERIALS_PER_ROW:
        return (row,)
    starts = range(0, len(row.serials), SERIALS_PER_ROW)
    chunks = [row.serials[start : start + SERIALS_PER_ROW] for start in starts]
    return [StockRow(row.bin, row.sku, len(chunk), chunk) for chunk in chunks]
