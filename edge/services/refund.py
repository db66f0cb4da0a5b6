"""A refund asked while the goods are already in a tote or a box: put them back, then confirm.

Head office sells the units again only when this warehouse says they are good stock. So nothing is
confirmed when the request arrives; the bench stops, the packer brings everything to the refund
rack and scans it, and that scan moves the units, ends the parcel and confirms, all at once.
"""

from __future__ import annotations

from typing import Final

from edge.domain.barcode import Scan
from edge.domain.verdict import Verdict, right, stop
from edge.services import print_label, waybill
from edge.services.bench import Bench, lines_with_products
from edge.services.floor import Floor
from edge.store import ledger, packing, parcels, recoveries, serials
from edge.store.parcels import ParcelRow
from shared.domain.errors import Refused
from shared.domain.facts import CancelConfirmed, StockMoved, StockRow
from shared.domain.ledger import account, place_name

SOLVED_BY_REFUND: Final = (
    "refund_requested",
    "too_heavy",
    "too_light",
    recoveries.IN_DOUBT,
    waybill.PENDING,
    waybill.READY,
)


def scan_rack(bench: Bench, scan: Scan) -> Verdict:
    """The bench is stopped for a refund: only a bin ends it, any other scan repeats the stop."""
    if scan.kind != "bin" and not ledger.bin_known(bench.sql, scan.text):
        return stop("refund", {"order_no": bench.the_parcel().order_no})
    units = put_back(bench.floor, bench.the_parcel(), scan.text, bench.name)
    bench.finish()
    return right("refund_done", {"bin": scan.text, "units": units})


def put_back(floor: Floor, parcel: ParcelRow, bin_code: str, station: str) -> int:
    """Move all units of `parcel` into `bin_code`, end it and confirm the cancel; return units.

    Raises Refused `refund_not_asked` when nobody asked for it.
    """
    if parcel.cancel_command_id is None:
        raise Refused(
            "refund_not_asked",
            f"Failed to put parcel {parcel.parcel_id} back: nobody asked for a refund.",
            hint="Set it aside and call your lead.",
        )
    packed = parcel.state == "packed"
    source = account("parcel", parcel.parcel_id) if packed else account("tote", parcel.tote or "")
    target = account("bin", bin_code)
    listed: dict[int, list[str]] = {}
    for row in parcels.serials_of(floor.sql, parcel.parcel_id):
        listed.setdefault(row.line_no, []).append(row.serial)
    units = 0
    for line, product in lines_with_products(floor.sql, parcel.parcel_id):
        if line.picked == 0:
            continue
        # Numbers read at scan-out are on the books only once the parcel is packed.
        captured = product.serial_policy == "full" or packed
        back = tuple(listed.get(line.line_no, ())) if captured else ()
        if not back:
            floor.move(line.sku, line.picked, source, target)
        for serial in back:
            floor.move(line.sku, 1, source, target, serial)
            if serials.get(floor.sql, serial) is not None:
                floor.serial(serial, line.sku, "unpick", target)
        origin = station if packed else place_name(source)
        floor.record(StockMoved(row=StockRow(origin, line.sku, line.picked, back), to_bin=bin_code))
        units += line.picked
    _end(floor, parcel)
    return units


def _end(floor: Floor, parcel: ParcelRow) -> None:
    print_label.withdraw(floor, parcel.parcel_id)
    packing.empty(floor.sql, parcel.parcel_id)
    packing.cancel(floor.sql, parcel.parcel_id, floor.now_ms)
    for code in SOLVED_BY_REFUND:
        floor.solve_exception(parcel.parcel_id, code)
    floor.record(
        CancelConfirmed(command_id=parcel.cancel_command_id or "", parcel_id=parcel.parcel_id)
    )
    floor.tell("parcels")
