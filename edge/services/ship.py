"""The dock: a parcel scanned here belongs to the courier.

Only a packed parcel with a proven label and no refund may leave. The scan moves its units to the
customer, ends their lives in this warehouse, tells head office, and puts the parcel on the
courier's manifest, which is opened by its first parcel and closed when the courier drives off.
"""

from __future__ import annotations

from edge.domain.barcode import interpret
from edge.domain.verdict import Verdict, attention, right, stop, then
from edge.services.floor import Floor
from edge.store import manifests, numbers, packing, parcels, print_jobs, recoveries
from edge.store.parcels import ParcelRow
from edge.store.stations import StationRow
from shared.domain.facts import ParcelShipped, ShippedLine
from shared.domain.ledger import account


def on_scan(floor: Floor, station: StationRow, raw: str) -> Verdict:
    """Judge one scan at a dock door."""
    scan = interpret(raw)
    if station.badge is None:
        return then(attention("badge_first"), "scan_badge")
    if scan.kind == "command":
        if scan.word == "CLOSE":
            verdict = _close(floor, station)
        elif scan.word == "ACK":
            verdict = right("acknowledged")
        else:
            verdict = attention("command_unknown", {"text": scan.text})
    else:
        parcel = parcels.by_waybill(floor.sql, scan.exact)
        verdict = _judge(floor, station, parcel, scan.exact)
    return then(verdict, "scan_waybill")


def _judge(floor: Floor, station: StationRow, parcel: ParcelRow | None, text: str) -> Verdict:
    if parcel is None:
        void = numbers.get(floor.sql, text)
        if void is not None and void.state == "burnt":
            return stop("label_void", {"waybill": text})
        return attention("waybill_unknown", {"text": text})
    params: dict[str, str | int] = {"waybill": parcel.waybill, "order_no": parcel.order_no}
    if parcel.state == "shipped":
        return attention(
            "already_shipped", {"waybill": parcel.waybill, "at_ms": parcel.shipped_ms or 0}
        )
    if parcel.state == "cancelled":
        return stop("parcel_cancelled", params)
    if parcel.cancel_command_id is not None:
        return stop("refund_requested", params | {"place": parcel.waybill})
    if parcel.state != "packed":
        return stop("not_packed", {"waybill": parcel.waybill, "at_ms": parcel.changed_ms})
    if not any(
        job.state == "confirmed" and job.waybill == parcel.waybill
        for job in print_jobs.copies_of(floor.sql, parcel.parcel_id)
    ):
        return stop("label_unproven", params)
    return _hand_over(floor, station, parcel)


def _hand_over(floor: Floor, station: StationRow, parcel: ParcelRow) -> Verdict:
    manifest = manifests.open_of(floor.sql, parcel.courier)
    name = (
        manifest.manifest
        if manifest
        else manifests.open_new(floor.sql, courier=parcel.courier, at_ms=floor.now_ms)
    )
    source = account("parcel", parcel.parcel_id)
    customer = account("customer")
    listed: dict[int, list[str]] = {}
    for row in parcels.serials_of(floor.sql, parcel.parcel_id):
        listed.setdefault(row.line_no, []).append(row.serial)
    left: list[ShippedLine] = []
    for line in parcels.lines(floor.sql, parcel.parcel_id):
        if line.packed == 0:
            continue
        units = listed.get(line.line_no, [])
        if not units:
            floor.move(line.sku, line.packed, source, customer)
        for serial in units:
            floor.move(line.sku, 1, source, customer, serial)
            floor.serial(serial, line.sku, "ship", customer, parcel.parcel_id)
        left.append(ShippedLine(line.line_no, line.sku, line.packed, tuple(units)))
    packing.ship(floor.sql, parcel.parcel_id, name, floor.now_ms)
    floor.record(
        ParcelShipped(
            parcel_id=parcel.parcel_id, waybill=parcel.waybill, manifest=name, lines=tuple(left)
        )
    )
    floor.solve_exception(parcel.parcel_id, recoveries.IN_DOUBT)
    floor.tell("parcels")
    floor.tell("station", {"station": station.station})
    return right("shipped", {"waybill": parcel.waybill, "manifest": name})


def _close(floor: Floor, station: StationRow) -> Verdict:
    """The couriers have what is theirs: close every open manifest."""
    waiting = manifests.all_open(floor.sql)
    if not waiting:
        return attention("no_manifest_open")
    for manifest in waiting:
        manifests.close(floor.sql, manifest.manifest, floor.now_ms)
    floor.tell("station", {"station": station.station})
    names = ", ".join(manifest.manifest for manifest in waiting)
    return right("manifests_closed", {"manifests": names, "count": len(waiting)})
