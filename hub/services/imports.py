"""Imports of warehouses, products and opening stock: good rows go in, bad rows get a sentence.

Stock that head office imports is on the hub's books at once: rights to promise it and units on
hand. The same rows go to the warehouse as commands; its confirmation only ticks them off, so each
unit is minted once. Every row is remembered under the file's import id, so the same file handed
over twice counts once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from hub.domain.csv_rows import ProductRow, StockCsvRow, WarehouseRow
from hub.domain.reports import RowError
from hub.domain.rows import LoadRow, SerialEntry, SerialRow, Warehouse
from hub.services.presale import back_with_stock
from hub.store.protocol import Desk
from shared.domain.catalogue import Product
from shared.domain.commands import ROWS_PER_COMMAND_MAX, LoadStock, SetProducts
from shared.domain.facts import StockRow
from shared.domain.serial import move

ROWS_PER_COMMIT: Final = 200
"""Rows of a file that share a transaction."""
SERIALS_PER_COMMIT: Final = 2_000
"""Serial numbers that share a transaction."""
LOAD_BYTES_MAX: Final = 40_000
"""Bytes of one LoadStock command; its echo must fit into one fact (64 KiB)."""
PRODUCTS_BYTES_MAX: Final = 30_000
"""Bytes of one SetProducts command: about four seconds on a line of 64 kbit/s."""
EQUAL_ROWS_MAX: Final = 1_000
"""Equal rows of one file that are told apart when a floor tells of them."""
SERIALS_PER_ROW: Final = 400
"""Serial numbers in one row of a command; a fuller bin is split into several rows."""


class Outcome(msgspec.Struct):
    """What became of some rows."""

    accepted: int = 0
    already_in: int = 0
    units: int = 0
    errors: list[RowError] = []


def import_id_of(content: bytes) -> str:
    """Return the default name of a hand-over: a digest of the file."""
    return hashlib.sha256(content).hexdigest()[:32]


def import_warehouses(desk: Desk, rows: Iterable[WarehouseRow]) -> Outcome:
    """Add or change warehouses; a new one is sent the whole catalogue."""
    outcome = Outcome()
    for row in rows:
        new = desk.catalogue.warehouse(row.warehouse) is None
        warehouse = Warehouse(
            warehouse=row.warehouse,
            name=row.name,
            latitude_microdegrees=row.latitude_microdegrees,
            longitude_microdegrees=row.longitude_microdegrees,
        )
        if not desk.catalogue.put_warehouse(warehouse):
            outcome.already_in += 1
            continue
        outcome.accepted += 1
        desk.nodes.make_known(row.warehouse, row.name)
        if new:
            _send_whole_catalogue(desk, row.warehouse)
        desk.journal.event("warehouse_imported", warehouse=row.warehouse)
    return outcome


def _send_whole_catalogue(desk: Desk, warehouse: str) -> None:
    after = ""
    while page := desk.catalogue.product_page(after, ROWS_PER_COMMAND_MAX):
        send_products(desk, (warehouse,), page)
        after = page[-1].sku


def import_products(desk: Desk, rows: Iterable[ProductRow]) -> Outcome:
    """Add or change products and send what changed to every warehouse."""
    outcome = Outcome()
    changed = []
    for row in rows:
        if desk.catalogue.put_product(row.product):
            changed.append(row.product)
        else:
            outcome.already_in += 1
    outcome.accepted = len(changed)
    warehouses = [one.warehouse for one in desk.catalogue.warehouses()]
    for start in range(0, len(changed), ROWS_PER_COMMAND_MAX):
        send_products(desk, warehouses, changed[start : start + ROWS_PER_COMMAND_MAX])
    return outcome


def send_products(desk: Desk, warehouses: Iterable[str], products: Sequence[Product]) -> None:
    """Queue SetProducts commands for each warehouse, each small enough for a slow line."""
    commands = [SetProducts(products=tuple(part)) for part in _product_lists(products)]
    for warehouse in warehouses:
        for command in commands:
            desk.nodes.queue(warehouse, command, f"products-{desk.new_id()}")
        desk.tell(f"commands:{warehouse}")


def _product_lists(products: Sequence[Product]) -> list[list[Product]]:
    lists: list[list[Product]] = []
    size = PRODUCTS_BYTES_MAX
    for product in products:
        bytes_ = len(msgspec.json.encode(product))
        if size + bytes_ > PRODUCTS_BYTES_MAX or len(lists[-1]) >= ROWS_PER_COMMAND_MAX:
            lists.append([])
            size = 0
        lists[-1].append(product)
        size += bytes_
    return lists


def stock_chunks(rows: list[StockCsvRow]) -> list[list[StockCsvRow]]:
    """Return `rows` cut into pieces that one transaction can carry."""
    chunks: list[list[StockCsvRow]] = []
    weight = ROWS_PER_COMMIT * SERIALS_PER_COMMIT
    serials = 0
    for row in rows:
        full = serials + len(row.serials) > SERIALS_PER_COMMIT or weight >= ROWS_PER_COMMIT
        if not chunks or full:
            chunks.append([])
            weight, serials = 0, 0
        chunks[-1].append(row)
        weight += 1
        serials += len(row.serials)
    return chunks


def import_stock(desk: Desk, file: str, import_id: str, rows: list[StockCsvRow]) -> Outcome:
    """Mint rights and units on hand for `rows` and queue them for their warehouses."""
    outcome = Outcome()
    products = desk.catalogue.products({row.sku for row in rows})
    warehouses = {one.warehouse for one in desk.catalogue.warehouses()}
    known = {
        one.serial: one
        for one in desk.serials.known(sn for row in rows for sn in row.serials)
        if one.state != "lost"
    }
    going: dict[str, list[StockCsvRow]] = {}
    for row in rows:
        error = _trouble(file, row, products, warehouses)
        if error is None and not desk.stock.row_is_new(import_id, row_key(row)):
            outcome.already_in += 1
            continue
        taken = next((known[sn] for sn in row.serials if sn in known), None)
        if error is None and taken is not None:
            desk.stock.forget_row(import_id, row_key(row))
            reason = (
                f"serial number {taken.serial} is known already: {taken.state} in {taken.warehouse}"
            )
            error = RowError(file, row.line, "serial_numbers", reason)
        if error is not None:
            outcome.errors.append(error)
            continue
        going.setdefault(row.warehouse, []).append(row)
        outcome.accepted += 1
        outcome.units += row.quantity
    for warehouse, accepted in going.items():
        _mint(desk, import_id, warehouse, accepted)
    return outcome


def remember_row(desk: Desk, import_id: str, warehouse: str, booked: StockRow) -> None:
    """Note that a floor has a row of a file, so that the file counts once in these books too.

    Equal rows of a file are told apart by counting them, as they were when it was read.
    """
    row = StockCsvRow(
        line=0,
        warehouse=warehouse,
        bin=booked.bin,
        sku=booked.sku,
        quantity=booked.quantity,
        serials=booked.serials,
    )
    for occurrence in range(1, EQUAL_ROWS_MAX + 1):
        key = row_key(msgspec.structs.replace(row, occurrence=occurrence))
        if desk.stock.row_is_new(import_id, key):
            return


def row_key(row: StockCsvRow) -> str:
    """Return what a row is known by inside its file: all its cells, and which of equal rows."""
    cells = (row.occurrence, row.warehouse, row.bin, row.sku, row.quantity, row.serials)
    return hashlib.sha256(msgspec.json.encode(cells)).hexdigest()[:32]


def _trouble(
    file: str, row: StockCsvRow, products: dict[str, Product], warehouses: set[str]
) -> RowError | None:
    if row.warehouse not in warehouses:
        reason = f"warehouse {row.warehouse} is unknown; import the warehouses first"
        return RowError(file, row.line, "warehouse", reason)
    product = products.get(row.sku)
    if product is None:
        reason = f"SKU {row.sku} is unknown; import the products first"
        return RowError(file, row.line, "sku", reason)
    expected = row.quantity if product.serial_policy == "full" else 0
    if len(row.serials) != expected:
        reason = (
            f"expected {expected} serial numbers for {row.quantity} units of serial policy "
            f"{product.serial_policy}, got {len(row.serials)}"
        )
        return RowError(file, row.line, "serial_numbers", reason)
    return None


def _mint(desk: Desk, import_id: str, warehouse: str, rows: list[StockCsvRow]) -> None:
    """Book rows of one warehouse and queue them in commands small enough to echo in one fact."""
    pieces = [piece for row in rows for piece in _pieces(row)]
    for part in _loads(pieces):
        load_id = _load_id(import_id, warehouse, part)
        units: dict[str, int] = {}
        for piece in part:
            units[piece.sku] = units.get(piece.sku, 0) + piece.quantity
            for serial in piece.serials:
                _place(desk, warehouse, piece, serial, load_id)
        for sku, quantity in units.items():
            desk.rights.mint(sku, warehouse, quantity, f"load-{load_id}")
            desk.stock.add(warehouse, sku, quantity, loading=quantity)
            back_with_stock(desk, sku)
            desk.orders.trust_again(sku, warehouse)
            desk.rights.note_arrival(sku)
        desk.stock.put_load(
            LoadRow(
                load_id=load_id,
                warehouse=warehouse,
                import_id=import_id,
                state="sent",
                units=units,
            )
        )
        command = LoadStock(load_id=load_id, rows=tuple(part), import_id=import_id)
        desk.nodes.queue(warehouse, command, f"load-{load_id}")
    desk.journal.event(
        "stock_imported",
        warehouse=warehouse,
        data={"rows": len(rows), "units": sum(row.quantity for row in rows)},
    )
    desk.tell(f"commands:{warehouse}")
    desk.tell("backorders")


def _load_id(import_id: str, warehouse: str, rows: list[StockRow]) -> str:
    """Return the same id for the same rows of the same hand-over, also by a restored hub."""
    return hashlib.sha256(msgspec.json.encode((import_id, warehouse, rows))).hexdigest()[:32]


def _pieces(row: StockCsvRow) -> list[StockRow]:
    if len(row.serials) <= SERIALS_PER_ROW:
        return [StockRow(row.bin, row.sku, row.quantity, row.serials)]
    return [
        StockRow(row.bin, row.sku, len(part), part)
        for start in range(0, len(row.serials), SERIALS_PER_ROW)
        if (part := row.serials[start : start + SERIALS_PER_ROW])
    ]


def _loads(pieces: list[StockRow]) -> list[list[StockRow]]:
    loads: list[list[StockRow]] = []
    size = LOAD_BYTES_MAX
    for piece in pieces:
        bytes_ = len(msgspec.json.encode(piece))
        if size + bytes_ > LOAD_BYTES_MAX or len(loads[-1]) >= ROWS_PER_COMMAND_MAX:
            loads.append([])
            size = 0
        loads[-1].append(piece)
        size += bytes_
    return loads


def _place(desk: Desk, warehouse: str, piece: StockRow, serial: str, load_id: str) -> None:
    before = desk.serials.get(serial)
    row = SerialRow(
        serial=serial,
        sku=piece.sku,
        state=move(serial, None, "receive", "hub") if before is None else "in_stock",
        warehouse=warehouse,
        place=f"bin:{piece.bin}",
        load_id=load_id,
        changed_ms=desk.now_ms,
    )
    entry = SerialEntry(
        life=1,
        event="import",
        state=row.state,
        warehouse=warehouse,
        place=row.place,
        parcel_id=None,
        source=f"load-{load_id}",
        actor=desk.actor,
        at_ms=desk.now_ms,
    )
    desk.serials.put(row, entry)
