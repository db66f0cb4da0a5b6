"""The pool of waybill numbers: what couriers handed in, and what each warehouse is lent of it.

A courier gives its customers ranges of numbers in advance. Head office lends them to warehouses in
blocks, so that a bench can label also with the line cut. The law is that of rights: a number leaves
the pool in the transaction that queues the command, only the holder gives it back, and no time
brings it back by itself. The command says how many numbers the warehouse was lent before, so one
that comes twice or late lends nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Annotated, Final

import msgspec

from hub.domain.backoff import is_due
from hub.domain.courier_choice import Courier, waybill_parts
from hub.domain.number_rows import LeaseRow, NumberRecord
from hub.domain.reports import ERRORS_TOLD_MAX, RowError
from hub.domain.waybill_numbers import (
    LEVEL_MAX,
    NUMBERS_PER_LOAD_MAX,
    BadNumber,
    NumberRow,
    level_of,
    low_water,
    numbers_of,
    to_lease,
)
from hub.store.protocol import Desk, HubStore
from shared.domain.commands import NUMBERS_PER_COMMAND_MAX, LeaseNumbers, RecallNumbers
from shared.domain.errors import InvalidInput, NotFound

ROWS_MAX: Final = 10_000
"""Ranges in one hand-over."""
NUMBERS_PER_COMMIT: Final = 2_000
RECALL_AGAIN_MS: Final = 600_000
"""A request to return numbers that was refused is put again after this."""
DAY_MS: Final = 86_400_000
LEASE: Final = "numbers_lease"
RECALL: Final = "numbers_recall"
"""First words of command ids."""
LOW: Final = "numbers_low"
"""Kind of the exception that says: load more numbers of this courier."""


class NumbersRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Ranges a courier handed out; `file` is only told back with mistakes."""

    rows: Annotated[tuple[NumberRow, ...], msgspec.Meta(max_length=ROWS_MAX)]
    file: Annotated[str, msgspec.Meta(max_length=256)] = ""


class NumbersReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a hand-over; `already_in` numbers were known before."""

    courier: str
    rows: int
    accepted: int
    already_in: int
    rejected: int
    errors: tuple[RowError, ...] = ()
    warnings: tuple[RowError, ...] = ()


class LevelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How many free numbers a warehouse should have; null lets its use decide."""

    warehouse: str
    level: Annotated[int, msgspec.Meta(ge=0, le=LEVEL_MAX)] | None = None


class LeaseView(msgspec.Struct, frozen=True, kw_only=True):
    """One warehouse's numbers. `waiting` parcels there have no number yet."""

    warehouse: str
    free: int
    level: int
    fixed: bool
    used_in_a_day: int
    burnt: int
    waiting: int


class NumbersView(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of one courier: in the pool, on loan, on parcels, void."""

    courier: str
    kind: str
    free: int
    leased: int
    used: int
    burnt: int
    low: bool
    warehouses: tuple[LeaseView, ...]


def need_courier(couriers: Iterable[Courier], code: str) -> Courier:
    """Return the courier called `code`; raises NotFound."""
    for courier in couriers:
        if courier.courier == code:
            return courier
    raise NotFound(
        "courier_unknown",
        f"Failed to find courier {code[:32]!r}.",
        hint="List /api/v1/couriers, or add it to the file named by BINCARD_HUB_COURIERS.",
    )


# Loading


async def load_numbers(
    store: HubStore, courier: Courier, request: NumbersRequest, *, actor: str
) -> NumbersReport:
    """Take every good range into the pool; a number that is known already is told and left alone.

    Raises InvalidInput `numbers_too_many` for more than NUMBERS_PER_LOAD_MAX numbers.
    """
    errors: list[RowError] = []
    good: list[tuple[int, tuple[str, ...]]] = []
    for place, row in enumerate(request.rows, 1):
        line = row.line or place
        try:
            good.append((line, numbers_of(row, courier.check)))
        except BadNumber as error:
            errors.append(RowError(request.file, line, error.column, error.reason))
        if sum(len(numbers) for _, numbers in good) > NUMBERS_PER_LOAD_MAX:
            raise InvalidInput(
                "numbers_too_many",
                f"Failed to load numbers: expected at most {NUMBERS_PER_LOAD_MAX} at once, got "
                f"more by line {line}. Nothing was loaded.",
                hint="Load the ranges in parts.",
            )
    accepted, warnings = 0, list[RowError]()
    for line, numbers in good:
        known = 0
        for start in range(0, len(numbers), NUMBERS_PER_COMMIT):
            part = numbers[start : start + NUMBERS_PER_COMMIT]
            work = partial(add_numbers, courier=courier, numbers=part)
            added = await store.write(work, actor=actor)
            accepted += added
            known += len(part) - added
        if known:
            reason = f"{known} of {len(numbers)} numbers were known before"
            warnings.append(RowError(request.file, line, "first", reason))
    return NumbersReport(
        courier=courier.courier,
        rows=len(request.rows),
        accepted=accepted,
        already_in=sum(len(numbers) for _, numbers in good) - accepted,
        rejected=len(errors),
        errors=tuple(errors[:ERRORS_TOLD_MAX]),
        warnings=tuple(warnings[:ERRORS_TOLD_MAX]),
    )


def add_numbers(desk: Desk, courier: Courier, numbers: Sequence[str]) -> int:
    """Put numbers nobody knows yet into the pool; return how many."""
    known = desk.numbers.get(numbers).keys() | desk.numbers.on_parcels(numbers)
    fresh = [number for number in dict.fromkeys(numbers) if number not in known]
    for number in fresh:
        parts = waybill_parts(number)
        if parts is not None and parts[0] == courier.prefix:
            # The hub made such numbers itself once; it must not make this one as well.
            desk.parcels.number_given(f"waybill:{parts[0]}", parts[1])
    desk.numbers.put(
        NumberRecord(number=number, courier=courier.courier, state="free") for number in fresh
    )
    if fresh:
        audit = f"{len(fresh)} numbers from {fresh[0]} to {fresh[-1]}"
        desk.journal.audit("load_numbers", courier.courier, audit)
        desk.tell("numbers")
    return len(fresh)


# Lending


def supply_numbers(desk: Desk, couriers: Sequence[Courier]) -> int:
    """Bring every warehouse nearer to its level, a command each; return how many commands.

    Nothing is lent while a restored hub has not heard everybody: somebody may hold the numbers
    that it thinks free.
    """
    lenders = [one.courier for one in couriers if one.numbers == "leased"]
    if not lenders or desk.nodes.recovering():
        return 0
    views = _views(desk, couriers)
    done = 0
    for view in views:
        if view.courier in lenders:
            done += sum(_supply(desk, view.courier, lease) for lease in view.warehouses)
    if done:
        views = _views(desk, couriers)
    for view in views:
        if view.courier in lenders:
            _alarm(desk, view)
    return done


def _supply(desk: Desk, courier: str, view: LeaseView) -> int:
    wanted = min(NUMBERS_PER_COMMAND_MAX, to_lease(view.free, view.waiting, view.level))
    if wanted <= 0:
        return _recall(desk, courier, view)
    numbers = desk.numbers.free(courier, wanted)
    if not numbers:
        return 0
    lease = desk.numbers.lease(view.warehouse, courier)
    known = desk.numbers.get(numbers)
    desk.numbers.put(
        msgspec.structs.replace(
            known[number], state="leased", warehouse=view.warehouse, place=lease.leased + place
        )
        for place, number in enumerate(numbers, 1)
    )
    desk.numbers.put_lease(msgspec.structs.replace(lease, leased=lease.leased + len(numbers)))
    command = LeaseNumbers(
        courier=courier,
        after=lease.leased,
        numbers=tuple(numbers),
        low_water=low_water(view.level),
    )
    desk.nodes.queue(view.warehouse, command, f"{LEASE}-{desk.new_id()}")
    desk.journal.event(
        "numbers_leased",
        warehouse=view.warehouse,
        data={"courier": courier, "numbers": len(numbers)},
    )
    desk.tell(f"commands:{view.warehouse}")
    return 1


def _recall(desk: Desk, courier: str, view: LeaseView) -> int:
    """Ask for what is above a level that head office has set. Only the holder gives it back."""
    lease = desk.numbers.lease(view.warehouse, courier)
    due = not lease.recall_id and is_due(lease.asked_ms + RECALL_AGAIN_MS, desk.now_ms)
    if not view.fixed or view.free <= view.level or not due:
        return 0
    command_id = f"{RECALL}-{desk.new_id()}"
    desk.nodes.queue(view.warehouse, RecallNumbers(courier=courier, keep=view.level), command_id)
    desk.numbers.put_lease(
        msgspec.structs.replace(lease, recall_id=command_id, asked_ms=desk.now_ms)
    )
    desk.tell(f"commands:{view.warehouse}")
    return 1


def _alarm(desk: Desk, view: NumbersView) -> None:
    if view.low:
        desk.journal.raise_exception(
            LOW,
            "",
            view.courier,
            f"Only {view.free} free waybill numbers of {view.courier} are left for "
            f"{len(view.warehouses)} warehouses; load more with `bincard hub import-waybills`.",
        )
    else:
        desk.journal.solve(LOW, "", view.courier, "there are enough numbers again")


def set_level(desk: Desk, courier: Courier, request: LevelRequest) -> None:
    """Set how many free numbers a warehouse should have. Raises NotFound `warehouse_unknown`."""
    if desk.catalogue.warehouse(request.warehouse) is None:
        raise NotFound(
            "warehouse_unknown",
            f"Failed to set a level: there is no warehouse {request.warehouse[:32]!r}.",
            hint="Import the warehouse first.",
        )
    lease = desk.numbers.lease(request.warehouse, courier.courier)
    desk.numbers.put_lease(msgspec.structs.replace(lease, level=request.level, asked_ms=0))
    subject = f"{request.warehouse}/{courier.courier}"
    wish = "by use" if request.level is None else str(request.level)
    desk.journal.audit("set_number_level", subject, wish)
    desk.tell("numbers")


def void_lease(desk: Desk, warehouse: str) -> bool:
    """An edge was written off: nobody may use the numbers it holds. False when it holds none."""
    held = desk.numbers.leased(warehouse)
    desk.numbers.put(msgspec.structs.replace(one, state="burnt") for one in held)
    if held:
        desk.journal.raise_exception(
            "numbers_written_off",
            warehouse,
            warehouse,
            f"{warehouse} was written off with {len(held)} waybill numbers of its own. Nobody else "
            "gets them, because labels may carry them.",
        )
    return bool(held)


# Looking


def view_numbers(desk: Desk, couriers: Sequence[Courier]) -> list[NumbersView]:
    """Return how every courier's numbers stand."""
    return _views(desk, couriers)


def _views(desk: Desk, couriers: Sequence[Courier]) -> list[NumbersView]:
    counts = desk.numbers.counts()
    used = desk.numbers.used_since(desk.now_ms - DAY_MS)
    waiting = desk.numbers.waiting()
    leases = {(lease.courier, lease.warehouse): lease for lease in desk.numbers.leases()}
    edges = desk.numbers.edges()
    views = []
    for courier in couriers:
        code = courier.courier
        total = {
            state: sum(n for (c, s, _), n in counts.items() if (c, s) == (code, state))
            for state in ("free", "leased", "used", "burnt")
        }
        held = {warehouse for kept, warehouse in leases if kept == code}
        places = sorted(held | set(edges)) if courier.numbers == "leased" else sorted(held)
        lent = tuple(
            _lease_view(counts, used, waiting, leases.get((code, place)), code, place)
            for place in places
        )
        views.append(
            NumbersView(
                courier=code,
                kind=courier.numbers,
                low=courier.numbers == "leased"
                and total["free"] < sum(low_water(one.level) for one in lent),
                warehouses=lent,
                **total,
            )
        )
    return views


def _lease_view(
    counts: dict[tuple[str, str, str], int],
    used: dict[tuple[str, str], int],
    waiting: dict[tuple[str, str], int],
    lease: LeaseRow | None,
    courier: str,
    warehouse: str,
) -> LeaseView:
    key = (courier, warehouse)
    fixed = None if lease is None else lease.level
    return LeaseView(
        warehouse=warehouse,
        free=counts.get((courier, "leased", warehouse), 0),
        level=level_of(used.get(key, 0), waiting.get(key, 0), fixed),
        fixed=fixed is not None,
        used_in_a_day=used.get(key, 0),
        burnt=counts.get((courier, "burnt", warehouse), 0),
        waiting=waiting.get(key, 0),
    )
