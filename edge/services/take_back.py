"""Units that customers send back: is this the unit we sold, what is it fit for, where does it go?

The answer to the first question is in the books: a serial number that left here, in this parcel, on
that day; or, for goods without numbers, a parcel that had such units and did not get them back yet.
A good unit goes on a shelf and starts another life of its number. One that somebody has to look at
again, or repair, lies aside: it is in the house, and no order can be given it. What is not the unit
that was sold never enters the books; a person decides.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal

import msgspec

from edge.services.floor import Floor
from edge.services.receive import dispute_serial
from edge.services.returned_units import aside, look_up, sold_unit
from edge.services.stock_in import known_product
from edge.store import ledger, operations, parcels, people, returns, serials
from edge.store.returns import ReturnRow
from shared.domain.catalogue import SerialNumber
from shared.domain.errors import Conflict, Forbidden, NotFound, Refused
from shared.domain.facts import Grade, ReturnGraded, StockRow, UnitReturned
from shared.domain.ledger import account
from shared.domain.serial import SerialEvent

STATION: Final = "returns"
"""Under which station returns are kept among the operations."""
TAKERS: Final = frozenset({"receiver", "packer", "lead"})
"""Who may take units back; only a lead sends one to repair or scraps it."""
LEAD_GRADES: Final[frozenset[Grade]] = frozenset({"repair", "scrap"})
_STEPS: Final[dict[Grade, tuple[SerialEvent, ...]]] = {
    "good": ("return", "restock"),
    "quarantine": ("return", "quarantine"),
    "repair": ("return", "quarantine", "repair"),
    "scrap": ("return", "quarantine", "scrap"),
}
_AGAIN: Final[dict[Grade, SerialEvent]] = {
    "good": "restock",
    "quarantine": "quarantine",
    "repair": "repair",
    "scrap": "scrap",
}

Place = Annotated[str, msgspec.Meta(max_length=32)]
OpId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class ReturnRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One unit that came back: by its `serial`, or by `waybill` and `sku` where it has none.

    `same_unit` False: the thing in hand is not what the number or the parcel says.
    """

    op_id: OpId
    badge: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    grade: Grade
    bin: Place = ""
    serial: SerialNumber | None = None
    waybill: Annotated[str, msgspec.Meta(max_length=64)] = ""
    sku: Annotated[str, msgspec.Meta(max_length=64)] = ""
    same_unit: bool = True


class GradeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A second look at a unit that lies aside."""

    op_id: OpId
    badge: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    grade: Grade
    bin: Place = ""


class ReturnAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it. `disputed` and `set_aside` units are not on the books."""

    return_id: str
    result: Literal["taken_back", "graded", "disputed", "set_aside"]
    sku: str
    grade: str
    place: str
    life: int | None = None


_answers: Final = msgspec.json.Decoder(ReturnAnswer)


# Taking back


def take_back(floor: Floor, request: ReturnRequest) -> tuple[ReturnAnswer, bool]:
    """Take one unit back; return the answer, and False when it is the first one again.

    Raises Forbidden for a badge that may not, Conflict `op_id_reused`, Refused `bin_unknown`,
    `return_unknown`, `returned_before`, `serial_needed`, `sku_unknown`.
    """
    first = _first_answer(floor, request.op_id, request)
    if first is not None:
        return first, False
    _check_badge(floor, request.badge, request.grade)
    answer = _take(floor, request)
    _remember(floor, request.op_id, request, answer)
    floor.tell("stock")
    return answer, True


def _take(floor: Floor, request: ReturnRequest) -> ReturnAnswer:
    if not request.same_unit:
        return _not_the_unit(floor, request)
    if request.serial is None:
        row = _by_parcel(floor, request)
    else:
        unit = serials.get(floor.sql, request.serial)
        if unit is not None and unit.state != "shipped":
            return _twin(floor, request, unit)
        row = _by_serial(floor, request, unit)
    _check_bin(floor, row)
    book(floor, row)
    floor.record(
        UnitReturned(
            return_id=row.return_id,
            row=_units(row),
            grade=row.grade,
            parcel_id=row.parcel_id or "",
            line_no=row.line_no,
        )
    )
    life = None if row.serial is None else serials.get(floor.sql, row.serial)
    return ReturnAnswer(
        return_id=row.return_id,
        result="taken_back",
        sku=row.sku,
        grade=row.grade,
        place=row.place,
        life=None if life is None else life.life,
    )


def _by_serial(floor: Floor, request: ReturnRequest, unit: serials.SerialRow | None) -> ReturnRow:
    """A unit with a number: it left here, or nobody here knows it and it lies aside at first."""
    serial = request.serial or ""
    if unit is None:
        product = known_product(floor, request.sku)
        if product.serial_policy == "none" or request.grade != "quarantine":
            raise Refused(
                "return_unknown",
                f"Failed to take {serial} back as {request.grade}: it never left this warehouse.",
                hint="Put it into quarantine; head office finds out who sent it.",
            )
        return _row(floor, request, product.sku)
    if request.sku and request.sku != unit.sku:
        raise Refused(
            "return_unknown",
            f"Failed to take {serial} back as {request.sku}: it is known here as {unit.sku}.",
            hint="Say that it is not the unit that was sold.",
        )
    line_no = 0
    if unit.parcel_id is not None:
        lines = parcels.lines(floor.sql, unit.parcel_id)
        line_no = next((line.line_no for line in lines if line.sku == unit.sku), 0)
    return _row(floor, request, unit.sku, unit.parcel_id, line_no)


def _by_parcel(floor: Floor, request: ReturnRequest) -> ReturnRow:
    """A unit without a number: its parcel had some, and not all of them came back yet."""
    product = known_product(floor, request.sku)
    if product.serial_policy != "none":
        raise Refused(
            "serial_needed",
            f"Failed to take a {request.sku} back: expected its serial number.",
            hint="Scan the number on the unit.",
        )
    found = look_up(floor.sql, request.waybill)
    if found.kind != "waybill" or found.verdict != "sold_here":
        raise Refused(
            "return_unknown",
            f"Failed to take a {request.sku} back: waybill {request.waybill!r} did not leave here.",
            hint="Scan the waybill of the parcel that the customer got.",
        )
    mine = [line for line in found.lines if line.sku == request.sku]
    open_lines = [line for line in mine if line.returned < line.sent]
    if not open_lines:
        sent = sum(line.sent for line in mine)
        raise Refused(
            "returned_before",
            f"Failed to take a {request.sku} back: {sent} left with waybill {request.waybill}, "
            "and all of them came back.",
            hint="Set the unit aside and call your lead.",
        )
    return _row(floor, request, request.sku, found.parcel_id, open_lines[0].line_no)


def _row(
    floor: Floor, request: ReturnRequest, sku: str, parcel_id: str | None = None, line_no: int = 0
) -> ReturnRow:
    return ReturnRow(
        return_id=request.op_id,
        sku=sku,
        serial=request.serial,
        parcel_id=parcel_id,
        line_no=line_no,
        grade=request.grade,
        place=request.bin or ("" if request.grade == "good" else request.grade.upper()),
        badge=request.badge,
        at_ms=floor.now_ms,
        changed_ms=floor.now_ms,
    )


def book(floor: Floor, row: ReturnRow) -> None:
    """Move the unit from the customer to its place, and begin another life of its number."""
    target = _target(row.grade, row.place)
    floor.move(row.sku, 1, "customer", target, row.serial)
    if row.serial is not None:
        for event in _STEPS[row.grade]:
            floor.serial(row.serial, row.sku, event, target)
    returns.insert(floor.sql, row)


def _twin(floor: Floor, request: ReturnRequest, unit: serials.SerialRow) -> ReturnAnswer:
    """A number that is in the house cannot come back: one of both is not what it says."""
    found = sold_unit(floor.sql, unit)
    if found.verdict == "back_before":
        raise Refused(
            "returned_before",
            f"Failed to take {unit.serial} back: it came back before and lies in {found.place}.",
            hint="Look at the unit in that place before you go on.",
        )
    dispute_serial(floor, STATION, unit, "a return")
    return ReturnAnswer(
        return_id=request.op_id, result="disputed", sku=unit.sku, grade="", place=found.place
    )


def _not_the_unit(floor: Floor, request: ReturnRequest) -> ReturnAnswer:
    """Something else lay in the box: nothing is booked, a person decides."""
    subject = request.serial or request.waybill
    floor.open_exception("attention", subject, "wrong_unit_back", {"text": subject}, STATION)
    return ReturnAnswer(
        return_id=request.op_id, result="set_aside", sku=request.sku, grade="", place=""
    )


# A second look


def grade_again(floor: Floor, return_id: str, request: GradeRequest) -> tuple[ReturnAnswer, bool]:
    """Give a unit that lies aside another grade; return the answer, and False for a repeat.

    Raises NotFound `return_unknown`, Forbidden `lead_badge_needed`, Refused `serial_move` or
    `grade_same` when it does not lie aside or has this grade already.
    """
    first = _first_answer(floor, request.op_id, request)
    if first is not None:
        return first, False
    _check_badge(floor, request.badge, "repair")
    row = returns.get(floor.sql, return_id)
    if row is None:
        raise NotFound("return_unknown", f"Failed to find return {return_id} here.")
    if row.grade not in {"quarantine", "repair"} or request.grade in {row.grade, "quarantine"}:
        raise Refused(
            "grade_same",
            f"Failed to grade return {return_id} {request.grade}: it is {row.grade} already.",
            hint="Only a unit that lies aside can be given another grade.",
        )
    place = request.bin or {"repair": row.place, "scrap": "SCRAP"}.get(request.grade, "")
    after = row._replace(grade=request.grade, place=place)
    _check_bin(floor, after)
    book_grade(floor, row, after)
    floor.record(
        ReturnGraded(return_id=return_id, row=_units(after), before=row.grade, grade=request.grade)
    )
    answer = ReturnAnswer(
        return_id=return_id, result="graded", sku=row.sku, grade=after.grade, place=place
    )
    _remember(floor, request.op_id, request, answer)
    floor.tell("stock")
    return answer, True


def book_grade(floor: Floor, before: ReturnRow, after: ReturnRow) -> None:
    """Move a unit that lay aside to where its new grade belongs."""
    source, target = _target(before.grade, before.place), _target(after.grade, after.place)
    if source != target:
        floor.move(before.sku, 1, source, target, before.serial)
    if before.serial is not None:
        floor.serial(before.serial, before.sku, _AGAIN[after.grade], target)
    returns.grade(floor.sql, before.return_id, after.grade, after.place, at_ms=floor.now_ms)


def _target(grade: Grade, place: str) -> str:
    if grade == "scrap":
        return "loss"
    return account("bin", place) if grade == "good" else aside(place)


def _units(row: ReturnRow) -> StockRow:
    return StockRow(row.place, row.sku, 1, () if row.serial is None else (row.serial,))


# Who may, where to, and once only


def _check_badge(floor: Floor, badge: str, grade: Grade) -> None:
    person = people.get(floor.sql, badge)
    allowed = frozenset({"lead"}) if grade in LEAD_GRADES else TAKERS
    if person is None or person.role not in allowed:
        raise Forbidden(
            "lead_badge_needed" if person else "badge_unknown",
            f"Failed to take the unit back as {grade}: expected the badge of one of "
            f"{', '.join(sorted(allowed))}.",
            hint="Call your lead.",
        )


def _check_bin(floor: Floor, row: ReturnRow) -> None:
    if row.grade == "good" and not ledger.bin_known(floor.sql, row.place):
        raise Refused(
            "bin_unknown",
            f"Failed to put a good {row.sku} away: there is no bin {row.place!r} here.",
            hint="Scan the bin you put it in.",
        )


def _digest(request: ReturnRequest | GradeRequest) -> str:
    return hashlib.sha256(msgspec.json.encode(request)).hexdigest()


def _first_answer(
    floor: Floor, op_id: str, request: ReturnRequest | GradeRequest
) -> ReturnAnswer | None:
    first = operations.find(floor.sql, op_id)
    if first is None:
        return None
    if first.raw != _digest(request) or first.station != STATION:
        raise Conflict(
            "op_id_reused",
            f"Failed to take back: the id {op_id} was used before for something else.",
            hint="Give every return an id of its own.",
        )
    return _answers.decode(first.answer)


def _remember(
    floor: Floor, op_id: str, request: ReturnRequest | GradeRequest, answer: ReturnAnswer
) -> None:
    operations.insert(
        floor.sql,
        operations.over_http(
            op_id,
            STATION,
            _digest(request),
            answer.result,
            msgspec.json.encode(answer),
            floor.now_ms,
            accepted=answer.result in {"taken_back", "graded"},
        ),
    )
