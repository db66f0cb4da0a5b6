"""A whole file, from its bytes to its report: read, cut into transactions, told row by row."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Literal, TypeVar

import msgspec

from hub.domain.channel_order import ChannelOrder
from hub.domain.csv_rows import parse_orders, parse_products, parse_stock, parse_warehouses
from hub.domain.reports import ERRORS_TOLD_MAX, ImportReport, RowError
from hub.services import imports
from hub.services.imports import Outcome
from hub.services.ingest_order import ORDERS_PER_COMMIT, ItemResult, ingest_many
from hub.store.protocol import Desk, HubStore

FileKind = Literal["warehouses", "products", "stock", "orders"]
T = TypeVar("T")

_results: Final = msgspec.json.Decoder(ItemResult)


async def import_file(
    store: HubStore, kind: FileKind, *, file: str, content: bytes, import_id: str, actor: str
) -> ImportReport:
    """Import a CSV file and return its report.

    Good rows are in when this returns, bad rows are in the report. Raises InvalidInput
    `csv_unreadable` when the file as a whole cannot be read.
    """
    import_id = import_id or imports.import_id_of(content)
    if kind == "orders":
        return await _import_orders(store, file, content, import_id, actor)
    outcome, rows, errors, warnings = await _import_rows(
        store, kind, file, content, import_id, actor
    )
    unread = {error.line for error in errors}
    refused = {error.line for error in outcome.errors}
    return _report(
        file,
        import_id,
        rows=rows + len(unread),
        outcome=outcome,
        rejected=len(unread | refused),
        errors=errors + outcome.errors,
        warnings=warnings,
    )


async def _import_rows(
    store: HubStore, kind: FileKind, file: str, content: bytes, import_id: str, actor: str
) -> tuple[Outcome, int, list[RowError], list[RowError]]:
    """Return (outcome, readable rows, errors of reading, warnings)."""
    total = Outcome()
    works: list[Callable[[Desk], Outcome]]
    if kind == "warehouses":
        places, errors, warnings = await asyncio.to_thread(parse_warehouses, file, content)
        size = len(places)
        works = [
            partial(imports.import_warehouses, rows=part)
            for part in _cut(places, imports.ROWS_PER_COMMIT)
        ]
    elif kind == "products":
        goods, errors, warnings = await asyncio.to_thread(parse_products, file, content)
        size = len(goods)
        works = [
            partial(imports.import_products, rows=part)
            for part in _cut(goods, imports.ROWS_PER_COMMIT)
        ]
    else:
        stock, errors, warnings = await asyncio.to_thread(parse_stock, file, content)
        size = len(stock)
        works = [
            partial(imports.import_stock, file=file, import_id=import_id, rows=chunk)
            for chunk in imports.stock_chunks(stock)
        ]
    for work in works:
        _add(total, await store.write(work, actor=actor))
    return total, size, errors, warnings


def _cut(rows: Sequence[T], size: int) -> list[Sequence[T]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _add(total: Outcome, part: Outcome) -> None:
    total.accepted += part.accepted
    total.already_in += part.already_in
    total.units += part.units
    total.errors += part.errors


async def _import_orders(
    store: HubStore, file: str, content: bytes, import_id: str, actor: str
) -> ImportReport:
    orders, errors, warnings = await asyncio.to_thread(parse_orders, file, content)
    statuses: Counter[str] = Counter()
    outcome = Outcome()
    for part in _cut(orders, ORDERS_PER_COMMIT):
        given: list[bytes | ChannelOrder] = [one.order for one in part]
        answers = await store.write(partial(ingest_many, first_item=1, orders=given), actor=actor)
        for rows, answer in zip(part, answers, strict=True):
            result = _results.decode(answer)
            statuses[result.status] += 1
            if result.result == "rejected":
                reason = f"{result.detail} {result.hint}".strip()
                column = "sku" if result.code == "sku_unknown" else "order_no"
                outcome.errors.append(RowError(file, rows.lines[0], column, reason))
            elif result.result == "created":
                outcome.accepted += 1
                outcome.units += sum(line.quantity for line in rows.order.lines)
            else:
                outcome.already_in += 1
    read = {error.line for error in errors}
    rows_read = sum(len(one.lines) for one in orders) + len(read)
    all_errors = errors + outcome.errors
    return _report(
        file,
        import_id,
        rows=rows_read,
        outcome=outcome,
        rejected=len({error.line for error in all_errors}),
        errors=all_errors,
        warnings=warnings,
        statuses=dict(statuses),
    )


def _report(
    file: str,
    import_id: str,
    *,
    rows: int,
    outcome: Outcome,
    rejected: int,
    errors: list[RowError],
    warnings: list[RowError],
    statuses: dict[str, int] | None = None,
) -> ImportReport:
    sentence = f"{outcome.accepted} went in, {outcome.already_in} were in already"
    if rejected:
        sentence += (
            f", {rejected} rows were rejected. Correct them and import the file again under "
            f"--import-id {import_id}: only what is new goes in."
        )
    else:
        sentence += "."
    return ImportReport(
        file=file,
        import_id=import_id,
        rows=rows,
        accepted=outcome.accepted,
        already_in=outcome.already_in,
        rejected=rejected,
        units=outcome.units,
        errors=tuple(sorted(errors, key=lambda error: error.line)[:ERRORS_TOLD_MAX]),
        warnings=tuple(warnings[:ERRORS_TOLD_MAX]),
        statuses=statuses or {},
        sentence=sentence,
    )
