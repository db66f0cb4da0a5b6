"""A picker, a cart and a list: take the list, scan the cart, then bin by bin, unit by unit.

The handheld shows one thing to scan; this module is what happens when it is scanned. Everything a
picker has done is in the database after each scan, so a dead battery, a restarted server or another
handheld goes on at the same unit. What happens when a unit is not there is in `pick_short`.
"""

from __future__ import annotations

import sqlite3

import msgspec

from edge.domain.barcode import Scan, interpret
from edge.domain.picking import PickJob, PickStep, Stop, Unit, judge_unit, step_of
from edge.domain.site import tote_code
from edge.domain.verdict import Params, Verdict, attention, right, stop, then
from edge.services.finish_picking import finish_list, finish_parcel
from edge.services.floor import Floor
from edge.services.pick_short import report_short
from edge.store import ledger, parcels, people, pick_lists, products, serials, stations, waves
from edge.store.pick_lists import PickListRow
from edge.store.stations import StationRow
from shared.domain.catalogue import Product
from shared.domain.facts import PickingStarted, StockMoved, StockRow, UnitPicked
from shared.domain.ledger import account

_job = msgspec.json.Decoder(PickJob)


class Picker(msgspec.Struct, frozen=True):
    """Where one handheld stands: its job, its list, the stop it is at."""

    station: StationRow
    job: PickJob
    row: PickListRow | None
    current: Stop | None

    @property
    def step(self) -> PickStep:
        """What the handheld waits for."""
        cart = self.row.cart if self.row else None
        return step_of(badge=self.station.badge, job=self.job, cart=cart, current=self.current)


def load_picker(sql: sqlite3.Connection, station: StationRow) -> Picker:
    """Return where `station` stands; a list that another handheld took over is dropped."""
    job = _job.decode(station.job)
    row = pick_lists.get(sql, job.pick_list) if job.pick_list else None
    if row is None or row.station != station.station:
        return Picker(station, PickJob(), None, None)
    return Picker(station, job, row, pick_lists.current_stop(sql, row.pick_list))


def on_scan(floor: Floor, station: StationRow, raw: str) -> Verdict:
    """Judge one scan of a handheld whose person is logged in."""
    scan = interpret(raw)
    picker = load_picker(floor.sql, station)
    verdict = _on_command(floor, picker, scan) if scan.kind == "command" else None
    if verdict is None and scan.kind == "pick_list":
        verdict = _take_list(floor, picker, scan.text)
    if verdict is None:
        verdict = _on_step(floor, picker, scan)
    return _with_next(floor, station.station, verdict)


def _on_command(floor: Floor, picker: Picker, scan: Scan) -> Verdict:
    if scan.word == "PICK":
        return _take_list(floor, picker, "")
    if scan.word == "BACK":
        return _back(floor, picker)
    if scan.word == "SHORT":
        if picker.row is None or picker.current is None or picker.step != "unit":
            return attention("bin_first")
        return report_short(floor, picker.row, picker.current, scan.number())
    return attention("command_unknown", {"text": scan.text})


def _take_list(floor: Floor, picker: Picker, wanted: str) -> Verdict:
    """Give the handheld the list it asked for, or the one whose courier leaves first."""
    if picker.row is not None and picker.current is not None:
        code = "list_resumed" if wanted == picker.row.pick_list else "list_in_work"
        answer = right if code == "list_resumed" else attention
        return answer(code, {"pick_list": picker.row.pick_list})
    row = pick_lists.get(floor.sql, wanted) if wanted else pick_lists.next_open(floor.sql)
    if row is None:
        return attention("list_unknown" if wanted else "no_list_open", {"pick_list": wanted})
    if row.state == "done":
        return attention("list_done_already", {"pick_list": row.pick_list})
    badge = picker.station.badge
    if row.state == "picking" and row.badge != badge and not _is_lead(floor, badge):
        return attention("list_taken", {"pick_list": row.pick_list, "station": row.station or ""})
    pick_lists.update(floor.sql, row, state="picking", station=picker.station.station, badge=badge)
    if row.station and row.station != picker.station.station:
        floor.tell("station", {"station": row.station})
    _save(floor, picker.station, PickJob(pick_list=row.pick_list))
    floor.tell("waves")
    return right("list_yours", {"pick_list": row.pick_list})


def _is_lead(floor: Floor, badge: str | None) -> bool:
    """A lead may take over a list whose handheld or picker is gone."""
    person = people.get(floor.sql, badge) if badge else None
    return person is not None and person.role == "lead"


def _back(floor: Floor, picker: Picker) -> Verdict:
    """Leave the list; once a unit is in a tote the list stays with its cart."""
    row = picker.row
    if row is None:
        return attention("no_list")
    if picker.current is not None:
        if pick_lists.anything_picked(floor.sql, row.pick_list):
            return attention("list_begun", {"pick_list": row.pick_list})
        for parcel_id, _ in pick_lists.parcels_of(floor.sql, row.pick_list):
            parcel = parcels.get(floor.sql, parcel_id)
            if parcel is not None and parcel.state == "picking":
                parcels.set_state(floor.sql, parcel, "planned", floor.now_ms, tote=None)
        pick_lists.update(
            floor.sql, row, state="open", cart=None, station=None, badge=None, started_ms=None
        )
        waves.settle(floor.sql, row.wave)
        floor.tell("waves")
    _save(floor, picker.station, PickJob())
    return right("list_left", {"pick_list": row.pick_list})


def _on_step(floor: Floor, picker: Picker, scan: Scan) -> Verdict:
    if picker.step == "home" or picker.row is None:
        return attention("no_list")
    if picker.step == "cart":
        return _take_cart(floor, picker.row, picker.station, scan)
    if picker.current is None:
        return attention("nothing_to_pick", {"pick_list": picker.row.pick_list})
    if picker.step == "bin":
        return _on_bin(floor, picker, picker.current, scan)
    return _on_unit(floor, picker.row, picker.current, scan)


def _take_cart(floor: Floor, row: PickListRow, station: StationRow, scan: Scan) -> Verdict:
    """Tie an empty cart to the list: from here on head office asks before it cancels."""
    cart = scan.text
    if scan.kind != "cart":
        return attention("cart_first", {"text": scan.text})
    taken = (
        pick_lists.cart_taken(floor.sql, cart)
        or parcels.totes_in_use(floor.sql, cart)
        or not ledger.prefix_empty(floor.sql, f"tote:{cart}-")
    )
    if taken:
        return attention("cart_not_empty", {"cart": cart})
    on_cart: list[str] = []
    for parcel_id, slot in pick_lists.parcels_of(floor.sql, row.pick_list):
        parcel = parcels.get(floor.sql, parcel_id)
        if parcel is not None and parcel.state == "planned":
            tote = tote_code(cart, slot)
            parcels.set_state(floor.sql, parcel, "picking", floor.now_ms, tote=tote)
            on_cart.append(parcel_id)
    pick_lists.update(floor.sql, row, cart=cart, started_ms=floor.now_ms)
    waves.settle(floor.sql, row.wave)
    floor.record(PickingStarted(parcel_ids=tuple(on_cart), wave=row.wave))
    floor.tell("waves")
    floor.tell("station", {"station": station.station})
    return right("cart_ready", {"cart": cart, "orders": len(on_cart)})


def _on_bin(floor: Floor, picker: Picker, current: Stop, scan: Scan) -> Verdict:
    if scan.text == current.bin.upper():
        _save(floor, picker.station, msgspec.structs.replace(picker.job, bin=current.bin))
        return right("bin_right", {"bin": current.bin})
    return _other_place(floor, current, scan) or attention("bin_first", {"bin": current.bin})


def _other_place(floor: Floor, current: Stop, scan: Scan) -> Verdict | None:
    """Return the verdict on a place that is not the one wanted, None for what is no place."""
    if ledger.bin_known(floor.sql, scan.text):
        return attention("wrong_bin", {"bin": current.bin, "got": scan.text})
    if scan.kind == "bin":
        return attention("bin_unknown", {"bin": current.bin, "got": scan.text})
    if scan.kind in {"cart", "tote"}:
        return attention("no_tote_now", {"bin": current.bin})
    return None


def _on_unit(floor: Floor, row: PickListRow, current: Stop, scan: Scan) -> Verdict:
    if scan.text == current.bin.upper():
        return right("bin_right", {"bin": current.bin})
    wanted = products.by_sku(floor.sql, current.sku)
    known = serials.get(floor.sql, scan.serial) if scan.serial else None
    if known is not None and wanted is not None and wanted.serial_policy == "full":
        unit = Unit(known.serial, known.sku, known.state, known.account, known.changed_ms)
        return _pick_serial(floor, row, current, unit)
    place = _other_place(floor, current, scan)
    if place is not None:
        return place
    return _pick_by_gtin(floor, row, current, wanted, scan)


def _pick_serial(floor: Floor, row: PickListRow, current: Stop, unit: Unit) -> Verdict:
    """Pick one serial-numbered unit, correcting its place first when the record was wrong."""
    here = account("bin", current.bin)
    found = judge_unit(unit, current.sku, current.bin)
    if isinstance(found, Verdict):
        return found
    if found == "lost_here":
        stand_in = serials.in_account(floor.sql, here, current.sku, limit=1)
        if not stand_in:
            return attention("sn_lost", {"sn": unit.serial})
        # The missing unit is another one: the two change places in the books.
        floor.move(current.sku, 1, here, "loss", stand_in[0])
        floor.serial(stand_in[0], current.sku, "lose", "loss")
        floor.move(current.sku, 1, "loss", here, unit.serial)
        floor.serial(unit.serial, current.sku, "find", here)
    if found == "elsewhere":
        _correct_place(floor, current, unit)
    return _pick(floor, row, current, unit.serial)


def _correct_place(floor: Floor, current: Stop, unit: Unit) -> None:
    """The unit in the picker's hand lay here, whatever the record said: move it on paper first."""
    known = serials.get(floor.sql, unit.serial)
    here = account("bin", current.bin)
    if known is None:
        return
    floor.move(unit.sku, 1, unit.account, here, unit.serial)
    serials.relocate(
        floor.sql, known, here, op_id=floor.op_id, actor=floor.actor, at_ms=floor.now_ms
    )
    origin = unit.account.partition(":")[2]
    floor.record(StockMoved(row=StockRow(origin, unit.sku, 1, (unit.serial,)), to_bin=current.bin))


def _pick_by_gtin(
    floor: Floor, row: PickListRow, current: Stop, wanted: Product | None, scan: Scan
) -> Verdict:
    """Pick one unit of a SKU whose serial numbers are not read here: the product code counts."""
    product = products.by_gtin(floor.sql, scan.gtin) if scan.gtin else None
    if product is None:
        product = products.by_sku(floor.sql, scan.exact)
    if product is None:
        if wanted is not None and wanted.serial_policy == "full":
            return attention("sn_unknown", {"sn": scan.serial, "sku": current.sku})
        return attention("product_unknown", {"text": scan.exact, "sku": current.sku})
    if product.sku != current.sku:
        return stop("wrong_sku", {"sku": current.sku, "got": product.sku})
    if product.serial_policy == "full":
        return attention("sn_instead", {"sku": current.sku})
    if ledger.balance(floor.sql, account("bin", current.bin), current.sku) < 1:
        return attention("bin_empty_by_record", {"bin": current.bin, "sku": current.sku})
    return _pick(floor, row, current, None)


def _pick(floor: Floor, row: PickListRow, current: Stop, serial: str | None) -> Verdict:
    """Put one unit from the bin into the tote of the parcel line that waits for it."""
    tote = tote_code(row.cart or "", current.slot)
    target = account("tote", tote)
    floor.move(current.sku, 1, account("bin", current.bin), target, serial)
    if serial is not None:
        floor.serial(serial, current.sku, "pick", target, current.parcel_id)
    parcels.add_picked(floor.sql, current.parcel_id, current.line_no, 1, serial)
    pick_lists.add_picked(floor.sql, row.pick_list, current, 1)
    floor.record(
        UnitPicked(
            parcel_id=current.parcel_id,
            line_no=current.line_no,
            row=StockRow(current.bin, current.sku, 1, (serial,) if serial else ()),
            tote=tote,
        )
    )
    floor.tell("station", {"station": row.station})
    if not pick_lists.parcel_has_open_lines(floor.sql, current.parcel_id):
        finish_parcel(floor, current.parcel_id)
    done = current.left == 1 and finish_list(floor, row.pick_list)
    params: Params = {"slot": current.slot, "tote": tote, "left": current.left - 1}
    params |= {"sku": current.sku, "pick_list": row.pick_list}
    return right("list_done" if done else "picked", params)


def _save(floor: Floor, station: StationRow, job: PickJob) -> None:
    floor.save(msgspec.structs.replace(station, job=msgspec.json.encode(job)))


def _with_next(floor: Floor, station: str, verdict: Verdict) -> Verdict:
    """Add to `verdict` what the handheld has to scan now."""
    picker = load_picker(floor.sql, stations.load(floor.sql, station))
    return then(verdict, *what_next(floor.sql, picker))


def what_next(sql: sqlite3.Connection, picker: Picker) -> tuple[str, Params]:
    """Return the code and parameters of the sentence that says what to scan."""
    current, row = picker.current, picker.row
    if picker.step == "bin" and current is not None:
        return "scan_bin", {"bin": current.bin}
    if picker.step == "unit" and current is not None:
        product = products.by_sku(sql, current.sku)
        policy = product.serial_policy if product else "none"
        params: Params = {
            "sku": current.sku,
            "name": product.name if product else current.sku,
            "left": current.left,
            "slot": current.slot,
            "bin": current.bin,
        }
        return ("scan_sn" if policy == "full" else "scan_gtin"), params
    if picker.step == "done" and row is not None:
        return "bring_cart", {"cart": row.cart or "", "pick_list": row.pick_list}
    return {"badge": "scan_badge", "cart": "scan_cart"}.get(picker.step, "scan_pick"), {}
