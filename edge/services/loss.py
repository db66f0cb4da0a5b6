"""Units that are gone or broken, found by somebody who was not picking: off the books at once.

A lead names the bin and, where serial numbers are read, the units. What a pick list is about to
take is left to the picker, who will report the short for the order it belongs to; everything else
leaves the books as a loss, and head office takes the rights to it away from wherever they are free.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal

import msgspec

from edge.services.floor import Floor
from edge.services.local_sale import check_badge
from edge.services.stock_in import check_row, known_product
from edge.store import ledger, operations, serials, waves
from edge.store.operations import OperationRow
from shared.domain.catalogue import BinCode, Quantity, SerialNumber, Sku
from shared.domain.errors import Conflict, Refused
from shared.domain.facts import StockRow, UnitsLost
from shared.domain.ledger import account

SERIALS_MAX: Final = 200
STATION: Final = "losses"
"""Under which station losses are kept among the operations."""


class LossRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One loss. `serials` names every unit of a SKU whose serial numbers are always read."""

    op_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    badge: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    sku: Sku
    bin: BinCode
    quantity: Quantity
    serials: Annotated[tuple[SerialNumber, ...], msgspec.Meta(max_length=SERIALS_MAX)] = ()
    reason: Literal["missing", "damaged"] = "damaged"


def report_loss(floor: Floor, request: LossRequest) -> bool:
    """Write units off; return False when this very loss was written off before.

    Raises Forbidden for a badge that is not a lead's, Conflict `op_id_reused`, and Refused
    `units_promised`, `serial_count` or `serial_not_here`.
    """
    digest = hashlib.sha256(msgspec.json.encode(request)).hexdigest()
    first = operations.find(floor.sql, request.op_id)
    if first is not None:
        if first.raw != digest:
            raise Conflict(
                "op_id_reused",
                f"Failed to write off: the id {request.op_id} was used before for something else.",
                hint="Give every loss an id of its own.",
            )
        return False
    check_badge(floor, request.badge, "write units off")
    row = StockRow(request.bin, request.sku, request.quantity, request.serials)
    product = known_product(floor, request.sku)
    check_row(product, row)
    _check_free(floor, request)
    named = request.serials if product.serial_policy == "full" else ()
    take_off(floor, msgspec.structs.replace(row, serials=named))
    floor.record(UnitsLost(row=msgspec.structs.replace(row, serials=named), reason=request.reason))
    operations.insert(
        floor.sql,
        OperationRow(
            request.op_id, "http", 0, STATION, digest, 1, "written_off", "{}", floor.now_ms
        ),
    )
    floor.tell("stock")
    return True


def _check_free(floor: Floor, request: LossRequest) -> None:
    free = waves.free_stock(floor.sql, [request.sku]).get(request.sku, {}).get(request.bin, 0)
    if request.quantity > free:
        held = ledger.balance(floor.sql, account("bin", request.bin), request.sku)
        raise Refused(
            "units_promised",
            f"Failed to write off {request.quantity} of {request.sku} in {request.bin}: the record "
            f"holds {held}, and {free} of them are on no pick list and wait for no count.",
            hint="Let the picker report what is missing, or count the bin.",
        )


def take_off(floor: Floor, row: StockRow) -> None:
    """Move the units to loss; raises Refused `serial_not_here` for a unit that lies elsewhere."""
    shelf = account("bin", row.bin)
    for serial in row.serials:
        known = serials.get(floor.sql, serial)
        if known is None or (known.sku, known.account, known.state) != (
            row.sku, shelf, "in_stock",
        ):  # fmt: skip
            raise Refused(
                "serial_not_here",
                f"Failed to write {serial} off: the record does not place it in {row.bin}.",
                hint="Look the number up and name the bin it lies in.",
            )
        floor.move(row.sku, 1, shelf, "loss", serial)
        floor.serial(serial, row.sku, "lose", "loss")
    if not row.serials:
        floor.move(row.sku, row.quantity, shelf, "loss")
