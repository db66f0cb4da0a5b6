"""A sale over the counter: the buyer stands here, and head office may be out of reach.

Two things must be there, and both are checked in the transaction that sells: rights that head
office lent to this warehouse, and units on the shelf that no assigned order is waiting for. The
units move to the customer, the rights are spent, and head office hears of it when the line is up.
"""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Annotated, Final

import msgspec

from edge.services.floor import Floor
from edge.services.quota import check_counted
from edge.services.stock_in import known_product, pieces
from edge.store import operations, people, quotas, serials, waves
from edge.store.operations import OperationRow
from shared.domain.catalogue import BinCode, Product, Quantity, SerialNumber, Sku
from shared.domain.errors import Conflict, Forbidden, InvalidInput, Refused
from shared.domain.facts import LocalSale, StockRow
from shared.domain.ledger import account, place_name

LINES_MAX: Final = 50
SERIALS_PER_LINE_MAX: Final = 200
STATION: Final = "counter"
"""Under which station sales are kept among the operations."""
QUOTA_EXCEEDED: Final = "quota_exceeded"


class SaleLine(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one SKU. `bin` is where they were taken from; empty lets the books choose.

    `serials` names every unit unless the SKU's policy is `none`.
    """

    sku: Sku
    quantity: Quantity
    serials: Annotated[tuple[SerialNumber, ...], msgspec.Meta(max_length=SERIALS_PER_LINE_MAX)] = ()
    bin: BinCode | None = None


class SaleRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One sale. `op_id` is made by the client: the same id again sells nothing again."""

    op_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    badge: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    lines: Annotated[tuple[SaleLine, ...], msgspec.Meta(min_length=1, max_length=LINES_MAX)]


class SoldLine(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one SKU that were sold from one bin."""

    sku: str
    bin: str
    quantity: int
    serials: tuple[str, ...] = ()


class SaleAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was sold, and what the counter may still sell of each SKU."""

    sale_id: str
    sold: tuple[SoldLine, ...]
    rights_left: dict[str, int]


_answers: Final = msgspec.json.Decoder(SaleAnswer)


def sell_local(floor: Floor, request: SaleRequest) -> tuple[SaleAnswer, bool]:
    """Sell all lines or nothing; return the answer, and False when it is the first one again.

    Raises Forbidden for a badge that is not a lead's, Conflict `op_id_reused`, InvalidInput
    `serial_count`, and Refused `quota_exceeded`, `quota_frozen`, `units_promised`, `serial_*`.
    """
    digest = hashlib.sha256(msgspec.json.encode(request)).hexdigest()
    first = operations.find(floor.sql, request.op_id)
    if first is not None:
        return _repeated(first, digest), False
    check_badge(floor, request.badge, "sell")
    check_counted(floor, "sell over the counter")
    rows = [row for line in request.lines for row in _sell(floor, line)]
    for portion in pieces(rows):
        floor.record(LocalSale(sale_id=request.op_id, rows=portion))
    answer = SaleAnswer(
        sale_id=request.op_id,
        sold=tuple(
            SoldLine(sku=row.sku, bin=row.bin, quantity=row.quantity, serials=row.serials)
            for row in rows
        ),
        rights_left={row.sku: quotas.get(floor.sql, row.sku).free for row in rows},
    )
    _remember(floor, request.op_id, digest, answer)
    floor.tell("stock")
    floor.tell("quotas")
    return answer, True


def _repeated(first: OperationRow, digest: str) -> SaleAnswer:
    if first.raw != digest or first.station != STATION:
        raise Conflict(
            "op_id_reused",
            f"Failed to sell: the id {first.op_id} was used before for something else.",
            hint="Give every sale an id of its own.",
        )
    return _answers.decode(first.answer)


def check_badge(floor: Floor, badge: str, what: str) -> None:
    """Raise Forbidden unless `badge` is a lead's; `what` is what they want to do."""
    person = people.get(floor.sql, badge)
    if person is None or person.role != "lead":
        raise Forbidden(
            "lead_badge_needed" if person else "badge_unknown",
            f"Failed to {what}: expected the badge of a lead"
            f"{'' if person else ', got one that nobody here wears'}.",
            hint="Call your lead.",
        )


def _sell(floor: Floor, line: SaleLine) -> list[StockRow]:
    """Spend the rights, take the units from their bins, and return what left from where."""
    product = known_product(floor, line.sku)
    _check_serials(product, line)
    if not quotas.use(floor.sql, line.sku, line.quantity):
        free = quotas.get(floor.sql, line.sku).free
        raise Refused(
            QUOTA_EXCEEDED,
            f"Failed to sell {line.quantity} of {line.sku}: this warehouse may sell {free} by "
            "itself now.",
            hint="Sell fewer, or ask head office for a larger quota.",
        )
    free_bins = _free_bins(floor, line)
    if product.serial_policy == "full":
        rows = _named_rows(floor, line)
    else:
        rows = _unnamed_rows(line, free_bins)
    for row in rows:
        if row.quantity > free_bins.get(row.bin, 0):
            raise _promised(line, row.bin, free_bins.get(row.bin, 0))
        _hand_over(floor, product, row)
    return rows


def _check_serials(product: Product, line: SaleLine) -> None:
    expected = 0 if product.serial_policy == "none" else line.quantity
    if len(line.serials) != expected or len(set(line.serials)) != expected:
        raise InvalidInput(
            "serial_count",
            f"Failed to sell {line.quantity} of {line.sku}: expected {expected} different serial "
            f"numbers, got {len(set(line.serials))}.",
            hint="Scan every unit that the buyer takes.",
        )


def _free_bins(floor: Floor, line: SaleLine) -> dict[str, int]:
    """Return units per bin that no pick list takes; raises Refused when orders need them all."""
    free = waves.free_stock(floor.sql, [line.sku]).get(line.sku, {})
    waiting = quotas.promised_to_orders(floor.sql, line.sku)
    if sum(free.values()) - waiting < line.quantity:
        raise Refused(
            "units_promised",
            f"Failed to sell {line.quantity} of {line.sku}: {sum(free.values())} lie free on the "
            f"shelves and orders assigned to this warehouse wait for {waiting} of them.",
            hint="Sell fewer, or ask head office to take an order back.",
        )
    return free


def _promised(line: SaleLine, bin_code: str, free: int) -> Refused:
    return Refused(
        "units_promised",
        f"Failed to sell {line.quantity} of {line.sku} from {bin_code}: {free} lie free there, "
        "the others are about to be picked or wait to be counted.",
        hint="Take the units from another bin.",
    )


def _named_rows(floor: Floor, line: SaleLine) -> list[StockRow]:
    """Return what leaves each bin, by serial number."""
    by_bin: dict[str, list[str]] = {}
    for serial in line.serials:
        known = serials.get(floor.sql, serial)
        if known is None or known.sku != line.sku or known.state != "in_stock":
            told = "an unknown number" if known is None else f"{known.sku}, {known.state}"
            raise Refused(
                "serial_not_for_sale",
                f"Failed to sell {serial}: expected a good unit of {line.sku} on a shelf, got "
                f"{told}.",
                hint="Set the unit aside and take another one.",
            )
        by_bin.setdefault(place_name(known.account), []).append(serial)
    return [
        StockRow(bin_code, line.sku, len(units), tuple(units))
        for bin_code, units in sorted(by_bin.items())
    ]


def _unnamed_rows(line: SaleLine, free_bins: dict[str, int]) -> list[StockRow]:
    """Return what leaves each bin: the bin named, else the fullest first."""
    if line.bin is not None:
        return [StockRow(line.bin, line.sku, line.quantity, line.serials)]
    rows: list[StockRow] = []
    left, named = line.quantity, list(line.serials)
    for bin_code, free in sorted(free_bins.items(), key=lambda one: (-one[1], one[0])):
        units = min(left, free)
        if units:
            rows.append(StockRow(bin_code, line.sku, units, tuple(named[:units])))
            named = named[units:]
            left -= units
    return rows


def _hand_over(floor: Floor, product: Product, row: StockRow) -> None:
    source, customer = account("bin", row.bin), account("customer")
    for serial in row.serials:
        known = serials.get(floor.sql, serial)
        if known is not None and known.sku != product.sku:
            raise Refused(
                "serial_not_for_sale",
                f"Failed to sell {serial} as {row.sku}: it is known here as {known.sku}.",
                hint="Set the unit aside and take another one.",
            )
        floor.move(row.sku, 1, source, customer, serial)
        floor.serial(serial, row.sku, "sell", customer)
    if not row.serials:
        floor.move(row.sku, row.quantity, source, customer)


def _remember(floor: Floor, op_id: str, digest: str, answer: SaleAnswer) -> None:
    operations.insert(
        floor.sql,
        operations.over_http(
            op_id, STATION, digest, "sold", msgspec.json.encode(answer), floor.now_ms
        ),
    )


def recent_sales(sql: sqlite3.Connection, limit: int) -> list[tuple[int, SoldLine]]:
    """Return (wall time in milliseconds, line) of the newest sales, newest first."""
    rows = operations.newest_of_station(sql, STATION, limit)
    return [(row.at_ms, line) for row in rows for line in _answers.decode(row.answer).sold]
