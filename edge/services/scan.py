"""The one door for every scan of every station: handheld, bench, dock, receiving table.

A scan has an id that its device made before sending. The door looks the id up first: a repeat,
after a lost reply or a double tap, gets the first answer again and changes nothing. A new scan is
judged by the job of its station, and the verdict is stored in the same transaction as what it
changed, so that "yes" and the stock can never disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal

import msgspec

from edge.domain.barcode import RAW_MAX, Scan, interpret, once
from edge.domain.site import station_kind
from edge.domain.verdict import Params, Verdict, attention, right, then
from edge.services import pack, pick, receive, ship
from edge.services.bench import open_bench
from edge.services.floor import Floor
from edge.store import (
    operations,
    parcels,
    people,
    products,
    receipts,
    recoveries,
    serials,
    stations,
)
from edge.store.operations import OperationRow
from edge.store.stations import StationRow
from shared.domain.errors import Conflict, InvalidInput, Refused
from shared.runtime.database import Transaction
from shared.web.messages import LANGUAGES

BATCH_MAX: Final = 256
"""Scans in one request; a handheld that was offline sends its queue in such portions."""

StationHandler = Callable[[Floor, StationRow, str], Verdict]
MakeFloor = Callable[[Transaction, str, str], Floor]
"""(transaction, op_id, actor) -> floor; the composition root provides it."""

HANDLERS: Final[Mapping[str, StationHandler]] = {
    "handheld": pick.on_scan,
    "receiving": receive.on_scan,
    "bench": pack.on_scan,
    "dock": ship.on_scan,
}

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class ScanRequest(msgspec.Struct, frozen=True):
    """One scan as a device sends it."""

    op_id: Id
    device_id: Annotated[str, msgspec.Meta(max_length=64)]
    device_seq: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    station: Annotated[str, msgspec.Meta(min_length=3, max_length=64)]
    raw: str


class ScanAnswer(msgspec.Struct, frozen=True):
    """What the door answers; the words are added where the reader's language is known."""

    op_id: str
    outcome: Literal["accepted", "duplicate", "rejected"]
    verdict: Verdict


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Verdict)


def scan_once(tx: Transaction, scan: ScanRequest, make_floor: MakeFloor) -> ScanAnswer:
    """Judge `scan` and remember the answer, or repeat the first answer.

    Raises Conflict `op_id_reused`, InvalidInput `station_unknown`, Refused from the books.
    """
    repeated = _first_answer(tx, scan)
    if repeated is not None:
        return repeated
    handler = HANDLERS.get(station_kind(scan.station))
    if handler is None:
        raise InvalidInput(
            "station_unknown",
            f"Failed to scan at {scan.station!r}: expected a station such as handheld-07, "
            f"bench-2, dock-1 or receiving-1.",
            hint="Correct the station in the device's address.",
        )
    station = stations.load(tx.sql, scan.station)
    floor = make_floor(tx, scan.op_id, station.badge or scan.station)
    raw = scan.raw[:RAW_MAX]
    verdict = _common(floor, station, scan.raw) or _wait(floor, station)
    verdict = verdict or handler(floor, station, raw)
    _remember(floor, scan, verdict)
    return ScanAnswer(scan.op_id, "accepted" if verdict.accepted else "rejected", verdict)


def refuse_once(
    tx: Transaction, scan: ScanRequest, error: Refused, make_floor: MakeFloor
) -> ScanAnswer:
    """Remember that the books refused `scan`; its half-done changes are already undone."""
    repeated = _first_answer(tx, scan)
    if repeated is not None:
        return repeated
    sentence = f"{error.message} {error.hint}".strip()
    verdict = Verdict(False, error.code, "stop", {"sentence": sentence})
    _remember(make_floor(tx, scan.op_id, scan.station), scan, verdict)
    return ScanAnswer(scan.op_id, "rejected", verdict)


def _first_answer(tx: Transaction, scan: ScanRequest) -> ScanAnswer | None:
    first = operations.find(tx.sql, scan.op_id)
    if first is None:
        return None
    if first.raw != scan.raw[:RAW_MAX] or first.station != scan.station:
        raise Conflict(
            "op_id_reused",
            f"Failed to scan: the id {scan.op_id} was used before for another scan.",
            hint="Give every scan an id of its own.",
        )
    return ScanAnswer(scan.op_id, "duplicate", _decoder.decode(first.answer))


def _remember(floor: Floor, scan: ScanRequest, verdict: Verdict) -> None:
    operations.insert(
        floor.sql,
        OperationRow(
            op_id=scan.op_id,
            device_id=scan.device_id,
            device_seq=scan.device_seq,
            station=scan.station,
            raw=scan.raw[:RAW_MAX],
            accepted=int(verdict.accepted),
            code=verdict.code,
            answer=_encoder.encode(verdict).decode(),
            at_ms=floor.now_ms,
        ),
    )


def _common(floor: Floor, station: StationRow, raw: str) -> Verdict | None:
    """Return the verdict on what means the same at every station, else None."""
    if len(raw) > RAW_MAX:
        return attention("scan_too_long", {"length": len(raw)})
    scan = interpret(raw)
    if not scan.exact:
        return attention("scan_empty")
    if scan.kind == "badge":
        return _log_in(floor, station, scan.text)
    if station.badge is None:
        return then(attention("badge_first"), "scan_badge")
    if scan.word == "OUT":
        floor.save(msgspec.structs.replace(station, badge=None))
        return then(right("logged_out"), "scan_badge")
    if scan.word == "LANG":
        return _speak(floor, station, scan)
    if scan.doubled and not _known(floor, scan):
        return attention("read_doubled", {"text": once(scan)})
    return None


def _wait(floor: Floor, station: StationRow) -> Verdict | None:
    """Nothing goes out while this floor does not know what has left: its disk went back in time."""
    if station.kind == "receiving" or not recoveries.paused(floor.sql):
        return None
    return then(attention(recoveries.PAST_MISSING), *_what_next(floor, station))


def _log_in(floor: Floor, station: StationRow, badge: str) -> Verdict:
    person = people.get(floor.sql, badge)
    if person is None:
        return then(attention("badge_unknown", {"badge": badge}), "scan_badge")
    station = msgspec.structs.replace(station, badge=badge)
    floor.save(station)
    hello = right("hello", {"name": person.name, "language": person.language})
    return then(hello, *_what_next(floor, station))


def _what_next(floor: Floor, station: StationRow) -> tuple[str, Params]:
    if station.kind == "handheld":
        return pick.what_next(floor.sql, pick.load_picker(floor.sql, station))
    if station.kind == "receiving":
        return receive.what_next(floor.sql, station)
    if station.kind == "bench":
        return open_bench(floor, station.station).what_next()
    return "scan_waybill", {}


def _speak(floor: Floor, station: StationRow, scan: Scan) -> Verdict:
    wanted = scan.arguments[0] if scan.arguments else ""
    language = next((known for known in LANGUAGES if known.upper() == wanted), None)
    if language is None:
        return attention("language_unknown", {"text": wanted})
    people.set_language(floor.sql, station.badge or "", language)
    floor.tell("station", {"station": station.station})
    return right("language_set", {"language": language})


def _known(floor: Floor, scan: Scan) -> bool:
    """Return True when a text that looks like a doubled read is a real name after all."""
    sql = floor.sql
    return (
        serials.get(sql, scan.serial) is not None
        or receipts.serial_notice(sql, scan.serial) is not None
        or receipts.get(sql, scan.exact) is not None
        or parcels.by_waybill(sql, scan.exact) is not None
        or (bool(scan.gtin) and products.by_gtin(sql, scan.gtin) is not None)
    )
