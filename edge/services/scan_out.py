"""Scan-out: every unit goes over the scanner once more before it goes into the carton.

This is where a wrong unit is caught. A unit whose serial number was read at picking must be that
very unit. For goods whose number is read only here, the number is captured now: it must be new, or
known as good stock of this product, and when the parcel holds several such products their code is
scanned first, because a bare number does not say what it belongs to.
"""

from __future__ import annotations

from typing import Final

import msgspec

from edge.domain.barcode import Scan
from edge.domain.verdict import Params, Verdict, attention, right, stop
from edge.services.bench import Bench, HardwareRequest
from edge.store import packing, parcels, products, serials
from edge.store.parcels import ParcelLineRow, ParcelSerialRow
from edge.store.serials import SerialRow
from shared.domain.catalogue import Product

SERIAL_MIN: Final = 3
SERIAL_MAX: Final = 64
NOT_UNITS: Final = frozenset({"bin", "tote", "cart", "pick_list", "badge"})

Line = tuple[ParcelLineRow, Product]


def scan_unit(bench: Bench, scan: Scan) -> Verdict:
    """Judge one scan at the step scan-out; an accepted unit is ticked."""
    serial = scan.serial
    rows = parcels.serials_of(bench.sql, bench.the_parcel().parcel_id)
    listed = next((row for row in rows if row.serial == serial), None)
    if listed is not None:
        return _listed_unit(bench, listed)
    known = serials.get(bench.sql, serial) if serial else None
    if known is not None:
        return _known_unit(bench, known)
    if scan.kind in NOT_UNITS or parcels.by_waybill(bench.sql, scan.exact) is not None:
        return attention("not_a_unit", {"text": scan.exact})
    product = products.by_gtin(bench.sql, scan.gtin) if scan.gtin else None
    product = product or products.by_sku(bench.sql, scan.exact)
    if product is not None and scan.serial in {"", scan.exact}:
        return _product_code(bench, product)
    return _new_serial(bench, scan.serial, product.sku if product else bench.job.named_sku)


def _listed_unit(bench: Bench, row: ParcelSerialRow) -> Verdict:
    if row.packed:
        return attention("unit_twice", {"sn": row.serial})
    line = next(line for line, _ in bench.lines() if line.line_no == row.line_no)
    return _tick(bench, line, row.serial)


def _known_unit(bench: Bench, known: SerialRow) -> Verdict:
    """A unit with a history that was not picked for this parcel."""
    params: Params = {"sn": known.serial, "sku": known.sku}
    if known.state == "shipped":
        return stop("sn_shipped", {"sn": known.serial, "at_ms": known.changed_ms})
    wanted = [line for line, _ in _captured_here(bench) if line.sku == known.sku]
    free = packing.parcel_holding(bench.sql, known.serial) is None
    if known.state == "in_stock" and wanted and free:
        return _tick(bench, wanted[0], known.serial)
    return stop("wrong_unit", params)


def _product_code(bench: Bench, product: Product) -> Verdict:
    lines = [line for line, _ in bench.lines() if line.sku == product.sku]
    if not lines:
        return stop("wrong_unit", {"sn": "", "sku": product.sku})
    unpacked = [line for line in lines if line.packed < line.picked]
    if not unpacked:
        packed = sum(line.packed for line in lines)
        return attention("too_many", {"sku": product.sku, "name": product.name, "packed": packed})
    if product.serial_policy == "full":
        return attention("sn_instead", {"sku": product.sku})
    if product.serial_policy == "none":
        return _tick(bench, unpacked[0], None)
    bench.put(msgspec.structs.replace(bench.job, named_sku=product.sku))
    return right("product_named", {"sku": product.sku, "name": product.name})


def _captured_here(bench: Bench) -> list[Line]:
    """Return the unfinished lines whose serial numbers are read only at scan-out."""
    return [
        (line, product)
        for line, product in bench.lines()
        if product.serial_policy == "ship" and line.packed < line.picked
    ]


def _new_serial(bench: Bench, serial: str, named_sku: str) -> Verdict:
    """Capture a number never seen here."""
    lines = _captured_here(bench)
    if not lines:
        return stop("wrong_unit", {"sn": serial, "sku": ""})
    if not SERIAL_MIN <= len(serial) <= SERIAL_MAX:
        return attention("sn_malformed", {"text": serial[:SERIAL_MAX]})
    if packing.parcel_holding(bench.sql, serial) is not None:
        return stop("sn_in_other_parcel", {"sn": serial})
    if not named_sku and len({line.sku for line, _ in lines}) > 1:
        return attention("product_first", {"sn": serial})
    line = next((line for line, _ in lines if named_sku in {"", line.sku}), None)
    if line is None:
        return stop("wrong_unit", {"sn": serial, "sku": named_sku})
    return _tick(bench, line, serial)


def _tick(bench: Bench, line: ParcelLineRow, serial: str | None) -> Verdict:
    """Count the unit; after the last one the bench waits for a weight."""
    packing.tick_unit(bench.sql, line.parcel_id, line.line_no, serial)
    left = sum(line.picked - line.packed for line, _ in bench.lines())
    job = msgspec.structs.replace(bench.job, fresh=serial or line.sku, named_sku="")
    if left:
        bench.put(job)
        return right("unit_packed", {"sku": line.sku, "left": left})
    bench.put(msgspec.structs.replace(job, step="weigh"))
    bench.ask_devices(HardwareRequest(rearm_scale=bench.devices.scale))
    return right("all_scanned", {"sku": line.sku, "left": 0})
