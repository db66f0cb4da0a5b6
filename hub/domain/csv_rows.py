"""What the columns of the canonical files mean.

warehouses: warehouse,name,latitude,longitude
products:   sku,gtin,name,unit_weight_grams,length_mm,width_mm,height_mm,serial_policy
stock:      warehouse,bin,sku,quantity,serial_numbers (separated by blanks)
orders:     one row per order line; the rows of an order carry the same buyer and address
waybills:   first,last (last may be empty): ranges of numbers that a courier handed out

Codes that are scanned (warehouse, bin) are kept in capitals, because scanners send capitals.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Final, TypeVar, get_args

import msgspec

from hub.domain.channel_order import (
    Address,
    Buyer,
    ChannelLine,
    ChannelOrder,
    check_order,
    read_time_ms,
)
from hub.domain.import_csv import (
    NUMBER_COLUMNS,
    ORDER_COLUMNS,
    PRODUCT_COLUMNS,
    STOCK_COLUMNS,
    WAREHOUSE_COLUMNS,
    CellError,
    Row,
    read_rows,
)
from hub.domain.reports import RowError
from hub.domain.waybill_numbers import NUMBER_CHARS_MAX, NumberRow
from shared.domain.catalogue import Product, SerialPolicy
from shared.domain.errors import InvalidInput

GRAMS_MAX: Final = 10_000_000
MILLIMETRES_MAX: Final = 100_000
QUANTITY_MAX: Final = 1_000_000
PRICE_MINOR_MAX: Final = 10**12
WHOLE_CURRENCIES: Final = frozenset({"JPY", "KRW", "VND", "CLP", "ISK"})
"""Currencies without a minor unit (ISO 4217)."""
CODE: Final = re.compile(r"[A-Z0-9][A-Z0-9._-]*")
SERIAL: Final = re.compile(r"[!-~]{3,64}")
SHARED_BY_ORDER: Final = tuple(
    column
    for column in ORDER_COLUMNS
    if column not in {"line_no", "sku", "quantity", "unit_price", "currency"}
)
T = TypeVar("T")


class WarehouseRow(msgspec.Struct, frozen=True, kw_only=True):
    """One warehouse: its code, its name for people, and where it stands."""

    line: int
    warehouse: str
    name: str
    latitude_microdegrees: int
    longitude_microdegrees: int


class StockCsvRow(msgspec.Struct, frozen=True, kw_only=True):
    """Opening stock of one SKU in one bin. `occurrence` tells equal rows of a file apart."""

    line: int
    warehouse: str
    bin: str
    sku: str
    quantity: int
    serials: tuple[str, ...]
    occurrence: int = 1


class ProductRow(msgspec.Struct, frozen=True, kw_only=True):
    """One product and the line it stood on."""

    line: int
    product: Product


class OrderRows(msgspec.Struct, frozen=True, kw_only=True):
    """One order and the lines it stood on."""

    lines: tuple[int, ...]
    order: ChannelOrder


def parse_warehouses(
    file: str, content: bytes
) -> tuple[list[WarehouseRow], list[RowError], list[RowError]]:
    """Return (rows, errors, warnings); a code that comes twice is a bad row."""
    rows, errors, warnings = read_rows(file, content, WAREHOUSE_COLUMNS)
    good = _each(file, rows, errors, _warehouse)
    return _unique(file, good, errors, "warehouse", lambda row: row.warehouse), errors, warnings


def parse_numbers(file: str, content: bytes) -> tuple[tuple[NumberRow, ...], list[RowError]]:
    """Return (ranges of waybill numbers, errors); the courier's own rule judges the numbers."""
    rows, errors, _ = read_rows(file, content, NUMBER_COLUMNS)

    def number_row(row: Row) -> NumberRow:
        return NumberRow(
            first=row.text("first", low=1, high=NUMBER_CHARS_MAX).upper(),
            last=row.text("last", high=NUMBER_CHARS_MAX).upper(),
            line=row.line,
        )

    return tuple(_each(file, rows, errors, number_row)), errors


def parse_products(
    file: str, content: bytes
) -> tuple[list[ProductRow], list[RowError], list[RowError]]:
    """Return (rows, errors, warnings); a SKU that comes twice is bad, a shared GTIN is odd."""
    rows, errors, warnings = read_rows(file, content, PRODUCT_COLUMNS)
    good = _each(file, rows, errors, _product)
    good = _unique(file, good, errors, "sku", lambda row: row.product.sku)
    seen: dict[str, str] = {}
    for row in good:
        gtin = row.product.gtin
        if gtin and seen.setdefault(gtin, row.product.sku) != row.product.sku:
            reason = f"SKU {seen[gtin]} has the same GTIN, so a scan of it is ambiguous"
            warnings.append(RowError(file, row.line, "gtin", reason))
        if gtin and not _gtin_checks(gtin):
            warnings.append(RowError(file, row.line, "gtin", "its check digit is wrong"))
    return good, errors, warnings


def parse_stock(
    file: str, content: bytes
) -> tuple[list[StockCsvRow], list[RowError], list[RowError]]:
    """Return (rows, errors, warnings); a serial number that comes twice makes its row bad."""
    rows, errors, warnings = read_rows(file, content, STOCK_COLUMNS)
    good: list[StockCsvRow] = []
    seen: dict[str, int] = {}
    equals: Counter[StockCsvRow] = Counter()
    for row in _each(file, rows, errors, _stock):
        twice = next((serial for serial in row.serials if serial in seen), None)
        if twice is not None:
            reason = f"serial number {twice} stands on line {seen[twice]} already"
            errors.append(RowError(file, row.line, "serial_numbers", reason))
            continue
        seen.update(dict.fromkeys(row.serials, row.line))
        cells = msgspec.structs.replace(row, line=0)
        equals[cells] += 1
        good.append(msgspec.structs.replace(row, occurrence=equals[cells]))
    return good, errors, warnings


def parse_orders(
    file: str, content: bytes
) -> tuple[list[OrderRows], list[RowError], list[RowError]]:
    """Return (orders, errors, warnings); one bad row rejects its own order whole."""
    rows, errors, warnings = read_rows(file, content, ORDER_COLUMNS)
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        key = (row.cells["channel"], row.cells["shop"], row.cells["order_no"])
        groups.setdefault(key, []).append(row)
    orders = []
    for group in groups.values():
        before = len(errors)
        lines = _each(file, group, errors, _order_line)
        _each(file, group, errors, partial(_same_order, group[0]))
        head = _each(file, group[:1], errors, _order_head)
        if len(errors) > before:
            _reject_rest(file, group, errors, before)
            continue
        order = msgspec.structs.replace(head[0], lines=tuple(lines))
        try:
            check_order(order)
        except InvalidInput as error:
            errors.append(RowError(file, group[0].line, "order_no", error.message))
            continue
        orders.append(OrderRows(lines=tuple(row.line for row in group), order=order))
    return orders, errors, warnings


def _reject_rest(file: str, group: list[Row], errors: list[RowError], before: int) -> None:
    """Say for the good rows of a rejected order why they did not go in either."""
    bad = {error.line for error in errors[before:]}
    first = min(bad)
    errors.extend(
        RowError(file, row.line, "order_no", f"its order was rejected because of line {first}")
        for row in group
        if row.line not in bad
    )


def _each(file: str, rows: list[Row], errors: list[RowError], read: Callable[[Row], T]) -> list[T]:
    good = []
    for row in rows:
        try:
            good.append(read(row))
        except CellError as error:
            errors.append(RowError(file, row.line, error.column, error.reason))
    return good


def _unique(
    file: str,
    rows: list[T],
    errors: list[RowError],
    column: str,
    key: Callable[[T], str],
) -> list[T]:
    seen: dict[str, int] = {}
    good = []
    for row in rows:
        line: int = row.line  # type: ignore[attr-defined]
        name = key(row)
        if name in seen:
            errors.append(RowError(file, line, column, f"{name} stands on line {seen[name]} too"))
            continue
        seen[name] = line
        good.append(row)
    return good


def _code(row: Row, column: str, high: int) -> str:
    value = row.text(column, low=1, high=high).upper()
    if not CODE.fullmatch(value):
        raise CellError(column, f"expected letters, digits, '-', '_' or '.', got {value!r}")
    return value


def _sku(row: Row) -> str:
    return row.text("sku", low=1, high=64)


def _warehouse(row: Row) -> WarehouseRow:
    latitude = row.degrees("latitude", 90)
    longitude = row.degrees("longitude", 180)
    return WarehouseRow(
        line=row.line,
        warehouse=_code(row, "warehouse", 32),
        name=row.text("name", low=1, high=128),
        latitude_microdegrees=round((latitude or 0.0) * 1_000_000),
        longitude_microdegrees=round((longitude or 0.0) * 1_000_000),
    )


def _product(row: Row) -> ProductRow:
    gtin = row.text("gtin", high=14)
    if gtin and not (gtin.isascii() and gtin.isdigit() and len(gtin) in {8, 12, 13, 14}):
        raise CellError("gtin", f"expected 8, 12, 13 or 14 digits or nothing, got {gtin!r}")
    policy = row.cells["serial_policy"].lower()
    if policy not in get_args(SerialPolicy):
        raise CellError("serial_policy", f"expected none, ship or full, got {policy[:32]!r}")
    product = Product(
        sku=_sku(row),
        gtin=gtin,
        name=row.text("name", low=1, high=256),
        unit_weight_grams=row.whole("unit_weight_grams", low=0, high=GRAMS_MAX),
        length_mm=row.whole("length_mm", low=0, high=MILLIMETRES_MAX),
        width_mm=row.whole("width_mm", low=0, high=MILLIMETRES_MAX),
        height_mm=row.whole("height_mm", low=0, high=MILLIMETRES_MAX),
        serial_policy=msgspec.convert(policy, SerialPolicy),
    )
    return ProductRow(line=row.line, product=product)


def _gtin_checks(gtin: str) -> bool:
    """Return True when the GS1 check digit (mod 10, weights 3 and 1 from the right) is right."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(gtin)))
    return total % 10 == 0


def _stock(row: Row) -> StockCsvRow:
    serials = tuple(row.cells["serial_numbers"].split())
    for serial in serials:
        if not SERIAL.fullmatch(serial):
            raise CellError(
                "serial_numbers",
                f"expected serial numbers of 3 to 64 printable ASCII characters, got {serial!r}",
            )
    if len(set(serials)) != len(serials):
        twice = next(serial for serial in serials if serials.count(serial) > 1)
        raise CellError("serial_numbers", f"serial number {twice} stands twice in this row")
    return StockCsvRow(
        line=row.line,
        warehouse=_code(row, "warehouse", 32),
        bin=_code(row, "bin", 32),
        sku=_sku(row),
        quantity=row.whole("quantity", low=1, high=QUANTITY_MAX),
        serials=serials,
    )


def _order_line(row: Row) -> ChannelLine:
    currency = row.text("currency", low=3, high=3).upper()
    if not (currency.isascii() and currency.isalpha()):
        raise CellError("currency", f"expected three letters such as CNY, got {currency!r}")
    return ChannelLine(
        line_no=row.whole("line_no", low=1, high=1_000_000),
        sku=_sku(row),
        quantity=row.whole("quantity", low=1, high=QUANTITY_MAX),
        unit_price_minor=_price_minor(row, currency),
        currency=currency,
    )


def _price_minor(row: Row, currency: str) -> int:
    text = row.cells["unit_price"]
    places = 0 if currency in WHOLE_CURRENCIES else 2
    try:
        price = Decimal(text) * 10**places
        if not price.is_finite() or price != price.to_integral_value():
            raise CellError("unit_price", f"expected at most {places} decimals, got {text[:32]!r}")
        minor = int(price)
    except InvalidOperation as error:
        raise CellError("unit_price", f"expected a price such as 19.90, got {text[:32]!r}") from (
            error
        )
    if not 0 <= minor <= PRICE_MINOR_MAX:
        raise CellError("unit_price", f"expected 0 to {PRICE_MINOR_MAX // 100}, got {text[:32]!r}")
    return minor


def _order_head(row: Row) -> ChannelOrder:
    return ChannelOrder(
        channel=row.text("channel", low=1, high=64),
        shop=row.text("shop", low=1, high=64),
        order_no=row.text("order_no", low=1, high=64),
        placed_at=_time(row, "placed_at"),
        ship_by=_time(row, "ship_by"),
        buyer=Buyer(name=row.text("recipient_name"), phone=row.text("phone", high=64)),
        address=Address(
            country=row.text("country"),
            province=row.text("province"),
            city=row.text("city"),
            district=row.text("district"),
            street=row.text("address"),
            postcode=row.text("postcode", high=32),
            latitude=row.degrees("latitude", 90, optional=True),
            longitude=row.degrees("longitude", 180, optional=True),
        ),
        lines=(),
        buyer_remark=row.cells["buyer_remark"][:2_000],
    )


def _time(row: Row, column: str) -> str:
    value = row.text(column, high=40)
    try:
        read_time_ms(value, column)
    except InvalidInput as error:
        raise CellError(
            column, f"expected a time such as 2026-11-22T10:00:00+08:00, got {value!r}"
        ) from error
    return value


def _same_order(first: Row, row: Row) -> None:
    for column in SHARED_BY_ORDER:
        if row.cells[column] != first.cells[column]:
            raise CellError(
                column, f"expected the same as on line {first.line} of this order, got another"
            )
