"""Fewer units in the bin than the record says: find them elsewhere, or say so to everybody.

The picker reports how many are missing. If another bin has free units of the SKU, the walk gets a
stop there and nobody else needs to know more than that the first bin has to be counted. If not, the
missing units leave the books as a loss, head office learns it at once and sources the order from
another warehouse, and the parcel goes on with what was found.
"""

from __future__ import annotations

from typing import Final

import msgspec

from edge.domain.picking import Stop
from edge.domain.verdict import Params, Verdict, attention, right
from edge.domain.waves import choose_bins
from edge.services.finish_picking import finish_list, finish_parcel
from edge.services.floor import Floor
from edge.store import exceptions, ledger, parcels, pick_lists, products, serials, waves
from edge.store.pick_lists import PickLineRow, PickListRow
from shared.domain.facts import ShortPicked
from shared.domain.ledger import account

COUNT_BIN: Final = "count_bin"
"""Code of the exception that keeps planning away from a bin until somebody counted it."""


def count_subject(bin_code: str, sku: str) -> str:
    """Return under which name a bin waits to be counted for one SKU."""
    return f"{bin_code} {sku}"


class _Outcome(msgspec.Struct):
    """What became of the missing units: bins that give them instead, and how many nobody has."""

    bins: list[str] = []
    retasked: int = 0
    booked: int = 0


def report_short(floor: Floor, row: PickListRow, current: Stop, missing: int) -> Verdict:
    """Book `missing` units of the current stop as not found; expects 1 to what is left there."""
    if not 1 <= missing <= current.left:
        return attention("short_count", {"left": current.left, "got": missing})
    others = waves.free_stock(floor.sql, [current.sku]).get(current.sku, {})
    others.pop(current.bin, None)
    outcome = _Outcome()
    # What was found fills the first totes, so the last ones go without.
    for line in reversed(pick_lists.open_lines_at(floor.sql, row.pick_list, current.stop_no)):
        units = min(line.left, missing - outcome.retasked - outcome.booked)
        if units:
            _settle_line(floor, line, units, others, outcome)
    _flag_bin(floor, row, current, outcome)
    done = finish_list(floor, row.pick_list)
    floor.tell("station", {"station": row.station})
    params: Params = {
        "missing": missing,
        "sku": current.sku,
        "bin": current.bin,
        "booked": outcome.booked,
        "pick_list": row.pick_list,
    }
    if outcome.booked:
        return right("short_list_done" if done else "short_booked", params)
    return right("short_retasked", params | {"other": outcome.bins[0]})


def _settle_line(
    floor: Floor, line: PickLineRow, units: int, others: dict[str, int], outcome: _Outcome
) -> None:
    """Send the picker elsewhere for as many of `units` as there are, book the rest as short."""
    pick_lists.add_short(floor.sql, line, units)
    for bin_code, found in choose_bins(others, units):
        pick_lists.add_stop_line(floor.sql, line, bin_code, found)
        others[bin_code] -= found
        outcome.bins.append(bin_code)
        outcome.retasked += found
        units -= found
    if not units:
        return
    outcome.booked += units
    write_off(floor, line.sku, line.bin, units)
    parcels.add_short(floor.sql, line.parcel_id, line.line_no, units)
    floor.record(
        ShortPicked(
            parcel_id=line.parcel_id,
            line_no=line.line_no,
            sku=line.sku,
            quantity=units,
            bin=line.bin,
        )
    )
    parcel = parcels.get(floor.sql, line.parcel_id)
    floor.open_exception(
        "attention",
        line.parcel_id,
        "short_picked",
        {
            "order_no": parcel.order_no if parcel else "",
            "sku": line.sku,
            "missing": units,
            "bin": line.bin,
        },
    )
    finish_parcel(floor, line.parcel_id)


def write_off(floor: Floor, sku: str, bin_code: str, units: int) -> None:
    """Take what is missing off the books, as many units as head office is told are gone.

    First what this bin's record still claims, then what bins claim that were found short before,
    then any other bin. Which serial numbers are gone nobody knows yet; should one of them turn up,
    it changes places with another (see `pick`).
    """
    for suspect in _suspects(floor, sku, bin_code):
        shelf = account("bin", suspect)
        gone = min(units, ledger.balance(floor.sql, shelf, sku))
        if gone:
            _lose(floor, sku, shelf, gone)
            units -= gone
        if not units:
            return


def _suspects(floor: Floor, sku: str, bin_code: str) -> list[str]:
    """Return the bins whose record may be wrong about the SKU, the likeliest first."""
    shelves = ledger.shelves(floor.sql, sku=sku)
    flagged = exceptions.subjects(floor.sql, COUNT_BIN)
    shelves.sort(
        key=lambda shelf: (
            shelf.bin != bin_code,
            count_subject(shelf.bin, shelf.sku) not in flagged,
            -shelf.quantity,
        )
    )
    return [shelf.bin for shelf in shelves]


def _lose(floor: Floor, sku: str, shelf: str, units: int) -> None:
    """Move units to loss, by name where names are read on every move.

    A number captured at an earlier packing only says that the unit once came back to this bin; it
    may be in a tote again by now, so it must not be the one that is given up.
    """
    product = products.by_sku(floor.sql, sku)
    named: list[str] = []
    if product is not None and product.serial_policy == "full":
        named = serials.in_account(floor.sql, shelf, sku, limit=units)
    for serial in named:
        floor.move(sku, 1, shelf, "loss", serial)
        floor.serial(serial, sku, "lose", "loss")
    if units > len(named):
        floor.move(sku, units - len(named), shelf, "loss")


def _flag_bin(floor: Floor, row: PickListRow, current: Stop, outcome: _Outcome) -> None:
    """Keep planning away from a bin whose record promises units that were not found."""
    shelf = account("bin", current.bin)
    recorded = ledger.balance(floor.sql, shelf, current.sku)
    wanted = current.left - outcome.booked - outcome.retasked
    if recorded > wanted:
        floor.open_exception(
            "attention",
            count_subject(current.bin, current.sku),
            COUNT_BIN,
            {"bin": current.bin, "sku": current.sku, "recorded": recorded},
            row.station or "",
        )
