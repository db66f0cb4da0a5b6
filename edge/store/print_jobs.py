"""Print jobs, one row per physical label that may exist. The bytes never change once stored.

The key is the document and the number of the copy, so nobody can order the same copy twice.
"""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Final

import msgspec

from devices.messages import JobState

WAYBILL: Final = "waybill"
PAGE_MAX: Final = 500
OPEN_MAX: Final = 1_000
"""Jobs asked for after a restart, oldest first; the rest waits for the next round."""

_SELECT: Final = (
    "SELECT job_id, kind, document_id, copy_no, waybill, printer, station, sha256, state, reason, "
    "trouble, actor, created_ms, changed_ms, template, template_version, move_to FROM print_jobs "
)


class PrintJob(msgspec.Struct, frozen=True, kw_only=True):
    """A label ordered: `document_id` is the parcel, bin, carton...

    `reason` is why there is a copy above 1, `template` and its version how it looks, `move_to` the
    printer it shall go to once this one has given it up.
    """

    job_id: str
    kind: str
    document_id: str
    copy_no: int
    waybill: str
    printer: str
    station: str
    sha256: str
    state: JobState
    reason: str
    trouble: str
    actor: str
    created_ms: int
    changed_ms: int
    template: str
    template_version: int
    move_to: str


def insert(
    sql: sqlite3.Connection,
    *,
    job_id: str,
    document_id: str,
    copy_no: int,
    waybill: str,
    printer: str,
    station: str,
    zpl: bytes,
    reason: str,
    actor: str,
    at_ms: int,
    template: str,
    template_version: int,
    kind: str = WAYBILL,
) -> None:
    """Queue copy `copy_no` of a label."""
    sql.execute(
        "INSERT INTO print_jobs (job_id, kind, document_id, copy_no, waybill, printer, station, "
        "zpl, sha256, state, reason, actor, created_ms, changed_ms, template, template_version) "
        "VALUES (:job_id, :kind, :document_id, :copy_no, :waybill, :printer, :station, :zpl, "
        ":sha256, 'queued', :reason, :actor, :at_ms, :at_ms, :template, :template_version)",
        {
            "job_id": job_id,
            "kind": kind,
            "document_id": document_id,
            "copy_no": copy_no,
            "waybill": waybill,
            "printer": printer,
            "station": station,
            "zpl": zpl,
            "sha256": hashlib.sha256(zpl).hexdigest(),
            "reason": reason,
            "actor": actor,
            "at_ms": at_ms,
            "template": template,
            "template_version": template_version,
        },
    )


def remember(
    sql: sqlite3.Connection,
    *,
    job_id: str,
    parcel_id: str,
    copy_no: int,
    waybill: str,
    reason: str,
    actor: str,
    at_ms: int,
) -> None:
    """Know a label again that this disk has forgotten: it came out, its bytes are gone."""
    sql.execute(
        "INSERT INTO print_jobs (job_id, kind, document_id, copy_no, waybill, printer, station, "
        "zpl, sha256, state, reason, actor, created_ms, changed_ms) VALUES (:job_id, :kind, "
        ":parcel_id, :copy_no, :waybill, '', '', x'', '', 'confirmed', :reason, :actor, "
        ":at_ms, :at_ms) "
        "ON CONFLICT (kind, document_id, copy_no) DO UPDATE SET state = 'confirmed'",
        {
            "job_id": job_id,
            "kind": WAYBILL,
            "parcel_id": parcel_id,
            "copy_no": copy_no,
            "waybill": waybill,
            "reason": reason,
            "actor": actor,
            "at_ms": at_ms,
        },
    )


def get(sql: sqlite3.Connection, job_id: str) -> PrintJob | None:
    """Return one job without its bytes."""
    row = sql.execute(_SELECT + "WHERE job_id = :job_id", {"job_id": job_id}).fetchone()
    return None if row is None else PrintJob(**dict(row))


def zpl(sql: sqlite3.Connection, job_id: str) -> bytes | None:
    """Return the frozen bytes of one job."""
    row = sql.execute(
        "SELECT zpl FROM print_jobs WHERE job_id = :job_id", {"job_id": job_id}
    ).fetchone()
    return None if row is None else bytes(row["zpl"])


def newest_of(sql: sqlite3.Connection, document_id: str, kind: str = WAYBILL) -> PrintJob | None:
    """Return the job of the highest copy of a document's label."""
    row = sql.execute(
        _SELECT + "WHERE kind = :kind AND document_id = :document_id ORDER BY copy_no DESC LIMIT 1",
        {"kind": kind, "document_id": document_id},
    ).fetchone()
    return None if row is None else PrintJob(**dict(row))


def copies_of(sql: sqlite3.Connection, parcel_id: str) -> list[PrintJob]:
    """Return all jobs of a parcel's label, copy 1 first."""
    rows = sql.execute(
        _SELECT + "WHERE kind = :kind AND document_id = :parcel_id ORDER BY copy_no",
        {"kind": WAYBILL, "parcel_id": parcel_id},
    )
    return [PrintJob(**dict(row)) for row in rows]


def unfinished(sql: sqlite3.Connection) -> list[PrintJob]:
    """Return the jobs that are queued, being sent or sent without proof, oldest first."""
    rows = sql.execute(
        _SELECT + "WHERE state IN ('queued', 'sending', 'sent') "
        "ORDER BY created_ms, job_id LIMIT :limit",
        {"limit": OPEN_MAX},
    )
    return [PrintJob(**dict(row)) for row in rows]


def decided(sql: sqlite3.Connection, since_ms: int) -> list[PrintJob]:
    """Return the jobs that ended since `since_ms`, newest first."""
    rows = sql.execute(
        _SELECT + "WHERE state IN ('confirmed', 'cancelled') AND changed_ms >= :since_ms "
        "ORDER BY changed_ms DESC LIMIT :limit",
        {"since_ms": since_ms, "limit": OPEN_MAX},
    )
    return [PrintJob(**dict(row)) for row in rows]


def newest(sql: sqlite3.Connection, limit: int) -> list[PrintJob]:
    """Return the newest jobs, newest first."""
    rows = sql.execute(
        _SELECT + "ORDER BY created_ms DESC, job_id DESC LIMIT :limit",
        {"limit": min(limit, PAGE_MAX)},
    )
    return [PrintJob(**dict(row)) for row in rows]


def set_state(
    sql: sqlite3.Connection, job_id: str, *, state: JobState, trouble: str, at_ms: int
) -> None:
    """Record what is known about a job now."""
    sql.execute(
        "UPDATE print_jobs SET state = :state, trouble = :trouble, changed_ms = :at_ms "
        "WHERE job_id = :job_id",
        {"state": state, "trouble": trouble, "at_ms": at_ms, "job_id": job_id},
    )


def set_move(sql: sqlite3.Connection, job_id: str, printer: str) -> None:
    """Note the printer a waiting label shall go to; empty for none."""
    sql.execute(
        "UPDATE print_jobs SET move_to = :printer WHERE job_id = :job_id",
        {"printer": printer, "job_id": job_id},
    )
