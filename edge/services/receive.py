"""The receiving table: name the notice, name the bin, scan what came.

Units that were announced and are new go straight onto the books. Everything that does not fit (too
many, never announced, a serial number that already has a place) is refused at the table and, where
somebody has to decide, put before a person with both sides of the story.
"""

from __future__ import annotations

import sqlite3

import msgspec

from edge.domain.barcode import Scan, interpret, is_gtin
from edge.domain.receiving import (
    Announced,
    ReceiveJob,
    ReceiveStep,
    judge_known_serial,
    room_for,
    spread,
)
from edge.domain.verdict import Params, Verdict, attention, right, then
from edge.services.floor import Floor
from edge.services.stock_in import take_in
from edge.store import ledger, products, receipts, serials, stations
from edge.store.receipts import NamedSerial
from edge.store.serials import SerialRow
from edge.store.stations import StationRow
from shared.domain.catalogue import Product
from shared.domain.facts import GoodsReceived, SerialDisputed, StockRow
from shared.domain.ledger import place_name

_job = msgspec.json.Decoder(ReceiveJob)
QUANTITY_MAX = 100_000
"""Units in one `BC:QTY` card; more is a slip of the finger."""


def load_job(station: StationRow) -> ReceiveJob:
    """Return what a receiving table is doing."""
    return _job.decode(station.job)


def step_of(station: StationRow, job: ReceiveJob) -> ReceiveStep:
    """Return what the table waits for."""
    if station.badge is None:
        return "badge"
    return "unit" if job.asn else "asn"


def on_scan(floor: Floor, station: StationRow, raw: str) -> Verdict:
    """Judge one scan at a receiving table whose person is logged in."""
    scan = interpret(raw)
    job = load_job(station)
    verdict = _on_notice(floor, station, job, scan)
    if verdict is None and not job.asn:
        verdict = attention("asn_unknown", {"text": scan.text})
    if verdict is None and scan.kind == "command":
        verdict = _on_command(floor, station, job, scan)
    if verdict is None:
        verdict = _on_unit(floor, station, job, scan)
    return then(verdict, *what_next(floor.sql, stations.load(floor.sql, station.station)))


def _on_notice(floor: Floor, station: StationRow, job: ReceiveJob, scan: Scan) -> Verdict | None:
    """Return the verdict when the scan names a notice, else None."""
    row = receipts.get(floor.sql, scan.exact) or receipts.get(floor.sql, scan.text)
    if row is None:
        return None
    if row.state == "done":
        return attention("asn_done", {"asn": row.asn})
    if row.asn != job.asn:
        _save(floor, station, ReceiveJob(asn=row.asn, bin=job.bin))
    return right("asn_chosen", {"asn": row.asn})


def _on_command(floor: Floor, station: StationRow, job: ReceiveJob, scan: Scan) -> Verdict:
    if scan.word == "BACK":
        _save(floor, station, ReceiveJob())
        return right("asn_left", {"asn": job.asn})
    if scan.word != "QTY":
        return attention("command_unknown", {"text": scan.text})
    product = products.by_sku(floor.sql, job.sku) if job.sku else None
    if product is None:
        return attention("product_first")
    if product.serial_policy == "full":
        return attention("sn_instead", {"sku": product.sku})
    if not 1 <= scan.number() <= QUANTITY_MAX:
        return attention("quantity_unreadable", {"text": scan.text})
    return _book(floor, station, job, product, scan.number(), None)


def _on_unit(floor: Floor, station: StationRow, job: ReceiveJob, scan: Scan) -> Verdict:
    """A serial number, a product code or a bin: the books say which."""
    known = serials.get(floor.sql, scan.serial) if scan.serial else None
    if known is not None:
        return _known_serial(floor, station, job, known)
    product = products.by_gtin(floor.sql, scan.gtin) if scan.gtin else None
    if product is not None and (not scan.serial or scan.serial == scan.exact):
        return _name_product(floor, station, job, product)
    announced = receipts.serial_notice(floor.sql, scan.serial) if scan.serial else None
    if announced is None and scan.kind == "bin":
        return _name_bin(floor, station, job, scan)
    if announced is None and ledger.bin_known(floor.sql, scan.text):
        return _name_bin(floor, station, job, scan)
    return _new_serial(floor, station, job, scan, announced, product)


def _name_product(floor: Floor, station: StationRow, job: ReceiveJob, product: Product) -> Verdict:
    lines = receipts.lines(floor.sql, job.asn)
    if all(line.sku != product.sku for line in lines):
        return _dispute_product(floor, station, job, product.sku)
    _save(floor, station, msgspec.structs.replace(job, sku=product.sku))
    return right("product_chosen", {"sku": product.sku, "open": room_for(lines, product.sku)})


def _name_bin(floor: Floor, station: StationRow, job: ReceiveJob, scan: Scan) -> Verdict:
    _save(floor, station, msgspec.structs.replace(job, bin=scan.text))
    return right("bin_chosen", {"bin": scan.text})


def _new_serial(
    floor: Floor,
    station: StationRow,
    job: ReceiveJob,
    scan: Scan,
    announced: NamedSerial | None,
    product: Product | None,
) -> Verdict:
    """Book a serial number never seen here, if it can be told of which product it is."""
    lines = receipts.lines(floor.sql, job.asn)
    if announced is not None and announced.asn == job.asn:
        product = products.by_sku(floor.sql, announced.sku)
    elif product is None and is_gtin(scan.gtin):
        # It could be somebody's numeric serial number, but booking a product code as a unit
        # would go unnoticed; a numeric serial number is announced or received in bulk.
        _dispute_product(floor, station, job, scan.gtin)
        return attention("gtin_unknown", {"text": scan.gtin})
    elif product is None:
        product = _only_product(floor, job, lines)
    if product is None:
        return attention("product_first", {"sn": scan.serial})
    if product.serial_policy != "full":
        return attention("quantity_instead", {"sku": product.sku})
    if not 3 <= len(scan.serial) <= 64:
        return attention("sn_unreadable", {"sn": scan.serial})
    return _book(floor, station, job, product, 1, scan.serial)


def _only_product(floor: Floor, job: ReceiveJob, lines: list[Announced]) -> Product | None:
    """Return the product scanned last, or the only one with serial numbers still to come."""
    if job.sku:
        return products.by_sku(floor.sql, job.sku)
    waiting = {line.sku for line in lines if line.open}
    named = [products.by_sku(floor.sql, sku) for sku in sorted(waiting)]
    full = [product for product in named if product and product.serial_policy == "full"]
    return full[0] if len(full) == 1 else None


def _book(
    floor: Floor,
    station: StationRow,
    job: ReceiveJob,
    product: Product,
    quantity: int,
    serial: str | None,
) -> Verdict:
    """Put announced units onto the books and tick them off the notice."""
    lines = receipts.lines(floor.sql, job.asn)
    room = room_for(lines, product.sku)
    if all(line.sku != product.sku for line in lines):
        return _dispute_product(floor, station, job, product.sku)
    if quantity > room:
        return _dispute_surplus(floor, station, job, product.sku, quantity, room)
    target = job.bin or next(line.bin for line in lines if line.sku == product.sku and line.open)
    row = StockRow(target, product.sku, quantity, (serial,) if serial else ())
    take_in(floor, product, row)
    if serial is not None:
        receipts.name_serials(floor.sql, job.asn, product.sku, (serial,))
    for line_bin, units in spread(lines, product.sku, target, quantity).items():
        receipts.tick(floor.sql, job.asn, product.sku, line_bin, units)
    state = receipts.settle(floor.sql, job.asn)
    floor.record(GoodsReceived(receipt_id=job.asn, row=row))
    _save(floor, station, msgspec.structs.replace(job, sku=product.sku))
    floor.tell("receipts")
    floor.tell("stock")
    params: Params = {"sku": product.sku, "units": quantity, "bin": target}
    params |= {"open": room - quantity, "asn": job.asn, "sn": serial or ""}
    return right("receipt_done" if state == "done" else "received", params)


def _known_serial(floor: Floor, station: StationRow, job: ReceiveJob, known: SerialRow) -> Verdict:
    """A second appearance is never an overwrite: both histories stay and a person decides."""
    notice = receipts.serial_notice(floor.sql, known.serial)
    same_notice = notice is not None and notice.asn == job.asn and bool(notice.received)
    verdict = judge_known_serial(known.serial, known.state, known.account, same_notice=same_notice)
    if verdict.code == "sn_disputed":
        dispute_serial(floor, station.station, known, f"receipt {job.asn}")
    return verdict


def dispute_serial(floor: Floor, station: str, known: SerialRow, appeared: str) -> None:
    """Record that `known` appeared a second time; its first place stays as it is."""
    sentence = (
        f"{known.serial} appeared on {appeared}; expected a new serial number, but it is "
        f"{known.state} in {place_name(known.account)}."
    )
    serials.note(
        floor.sql,
        known,
        event="dispute",
        op_id=floor.op_id,
        actor=floor.actor,
        at_ms=floor.now_ms,
    )
    floor.record(SerialDisputed(sku=known.sku, serial=known.serial, sentence=sentence))
    floor.open_exception(
        "stop",
        known.serial,
        "sn_disputed",
        {"sn": known.serial, "place": place_name(known.account)},
        station,
    )


def _dispute_product(floor: Floor, station: StationRow, job: ReceiveJob, sku: str) -> Verdict:
    params: Params = {"asn": job.asn, "sku": sku}
    floor.open_exception("attention", f"{job.asn} {sku}", "not_announced", params, station.station)
    return attention("not_announced", params)


def _dispute_surplus(
    floor: Floor, station: StationRow, job: ReceiveJob, sku: str, quantity: int, room: int
) -> Verdict:
    params: Params = {"asn": job.asn, "sku": sku, "units": quantity, "open": room}
    floor.open_exception("attention", f"{job.asn} {sku}", "over_receipt", params, station.station)
    return attention("over_receipt", params)


def _save(floor: Floor, station: StationRow, job: ReceiveJob) -> None:
    floor.save(msgspec.structs.replace(station, job=msgspec.json.encode(job)))


def what_next(sql: sqlite3.Connection, station: StationRow) -> tuple[str, Params]:
    """Return the code and parameters of the sentence that says what to scan."""
    job = load_job(station)
    step = step_of(station, job)
    if step != "unit":
        return ("scan_badge" if step == "badge" else "scan_asn"), {}
    product = products.by_sku(sql, job.sku) if job.sku else None
    if product is None:
        return "scan_unit", {"asn": job.asn}
    ask = "scan_sn_in" if product.serial_policy == "full" else "scan_quantity"
    return ask, {"sku": product.sku, "name": product.name, "asn": job.asn}
