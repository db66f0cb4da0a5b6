"""The print journal: what was asked of a printer, written down before the printer hears of it.

A label that came out twice is an accident, and a computer that was switched off while a label was
on its way cannot know whether it came out. So the journal says SENDING, on the disk, before the
first byte leaves; if it still says so after a restart, nobody but a person at the printer can tell,
and the job is UNKNOWN. Nothing is ever sent again from there.

    queued -> sending -> sent -> confirmed
       |         |         \\--> unknown -> confirmed | failed_before_send     (a person decides)
       |         \\-> queued (not one byte left) | unknown (some did)
       \\-> cancelled (a person says it is not needed; it was never sent)
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from devices.messages import JobState
from devices.printers.trouble import STOPPED
from shared.domain.errors import Conflict, NotFound, Refused
from shared.runtime.database import Database, Transaction
from shared.runtime.migrate import migrate

FILE_NAME: Final = "print.db"
FINISHED_MAX: Final = 100_000
"""Finished jobs kept, so that a repeated request is recognised; older ones are removed."""
PRUNED_EVERY: Final = 256
MOVES: Final[dict[JobState, frozenset[JobState]]] = {
    "queued": frozenset({"sending", "cancelled"}),
    "sending": frozenset({"queued", "sent", "confirmed", "unknown"}),
    "sent": frozenset({"confirmed", "unknown"}),
    "unknown": frozenset({"confirmed", "failed_before_send"}),
    "confirmed": frozenset(),
    "failed_before_send": frozenset(),
    "cancelled": frozenset(),
}


class Job(msgspec.Struct, frozen=True):
    """One label. `zpl` is empty once the job is over; `attempts` counts the times it was begun."""

    job_id: str
    printer: str
    zpl: bytes
    sha256: str
    state: JobState
    proof: str
    trouble: str
    attempts: int


class Journal:
    """The persisted jobs. Every change is on the disk, and told to `changed`, when it returns."""

    def __init__(self, state_dir: Path, changed: Callable[[Job], None]) -> None:
        """Open `state_dir`/print.db; `changed` runs on the writer's thread, in commit order."""
        path = state_dir / FILE_NAME
        migrate(path, "print_journal", "devices.printers.migrations")
        self._database = Database(path)
        self._changed = changed

    def add(self, job_id: str, printer: str, zpl: bytes) -> Job:
        """Write down a new job; a known one is returned as it is.

        Raises Conflict when the id came before with other bytes or for another printer.
        """
        digest = hashlib.sha256(zpl).hexdigest()

        def work(tx: Transaction) -> Job:
            known = _find(tx.sql, job_id)
            if known is None:
                tx.sql.execute(
                    "INSERT INTO jobs (job_id, printer, zpl, sha256, state) VALUES (?, ?, ?, ?, ?)",
                    (job_id, printer, zpl, digest, "queued"),
                )
                _prune(tx.sql)
                return self._tell(tx, job_id)
            if (known.printer, known.sha256) != (printer, digest):
                raise Conflict(
                    "job_id_reused",
                    f"Job {job_id} was asked for before, with another label or printer.",
                    hint="Give every label a job id of its own; a copy is another job.",
                )
            return known

        return self._database.write_sync(work)

    def move(
        self, job_id: str, state: JobState, *, proof: str = "", trouble: str = ""
    ) -> tuple[Job, bool]:
        """Bring a job into `state`; return it, and whether this call did so.

        A move that the rules do not allow from where the job is changes nothing: a person may have
        decided meanwhile.
        """

        def work(tx: Transaction) -> tuple[Job, bool]:
            job = _known(tx.sql, job_id)
            if state not in MOVES[job.state]:
                return job, False
            return self._put(tx, job_id, state, proof, trouble), True

        return self._database.write_sync(work)

    def note(self, job_id: str, trouble: str) -> None:
        """Write down what is in the way of a job; its state stays."""

        def work(tx: Transaction) -> None:
            job = _known(tx.sql, job_id)
            if job.trouble != trouble and MOVES[job.state]:
                tx.sql.execute("UPDATE jobs SET trouble = ? WHERE job_id = ?", (trouble, job_id))
                self._tell(tx, job_id)

        self._database.write_sync(work)

    def decide(self, job_id: str, *, printed: bool) -> Job:
        """A person looked. Return the job as it is then; deciding the same again changes nothing.

        Printed: confirmed, from every state in which a byte may have left. Not printed: an unknown
        job never came out; a queued one is cancelled, so that it cannot come out later beside its
        copy. Raises Refused when the state says otherwise, NotFound for an unknown id.
        """
        wanted: dict[JobState, JobState] = (
            {"sending": "confirmed", "sent": "confirmed", "unknown": "confirmed"}
            if printed
            else {"unknown": "failed_before_send", "queued": "cancelled"}
        )

        def work(tx: Transaction) -> Job:
            job = _known(tx.sql, job_id)
            if job.state in wanted.values():
                return job
            if job.state not in wanted:
                raise _undecidable(job, printed=printed)
            return self._put(tx, job_id, wanted[job.state], "a person looked", "")

        return self._database.write_sync(work)

    def ask(self, job_id: str) -> Job:
        """Return a job. Raises NotFound."""
        return self._database.read_sync(lambda sql: _known(sql, job_id))

    def waiting(self, printer: str) -> list[Job]:
        """Return the jobs of a printer that are not over, oldest first."""

        def query(sql: sqlite3.Connection) -> list[Job]:
            rows = sql.execute(
                "SELECT * FROM jobs WHERE printer = ?"
                " AND state IN ('queued', 'sending', 'sent', 'unknown') ORDER BY seq",
                (printer,),
            )
            return [_job(row) for row in rows]

        return self._database.read_sync(query)

    def give_up_begun(self) -> list[Job]:
        """After a restart: every job that was begun is UNKNOWN. Return those jobs."""
        begun = self._database.read_sync(
            lambda sql: sql.execute(
                "SELECT job_id FROM jobs WHERE state IN ('sending', 'sent') ORDER BY seq"
            ).fetchall()
        )
        return [self.move(row["job_id"], "unknown", trouble=STOPPED)[0] for row in begun]

    def close(self) -> None:
        """Finish writing and close the file."""
        self._database.close()

    def _put(self, tx: Transaction, job_id: str, state: JobState, proof: str, trouble: str) -> Job:
        over = not MOVES[state]
        tx.sql.execute(
            "UPDATE jobs SET state = ?, proof = ?, trouble = ?, attempts = attempts + ?,"
            " zpl = CASE WHEN ? THEN x'' ELSE zpl END WHERE job_id = ?",
            (state, proof, trouble, state == "sending", over, job_id),
        )
        return self._tell(tx, job_id)

    def _tell(self, tx: Transaction, job_id: str) -> Job:
        job = _known(tx.sql, job_id)
        tx.after_commit(lambda: self._changed(job))
        return job


def next_of(waiting: list[Job]) -> Job | None:
    """Return which of a printer's waiting jobs may be sent now: the oldest, or none.

    None also while one of them is under way or UNKNOWN: one label at a time, and none before a
    person has said what became of the last one.
    """
    return waiting[0] if waiting and {job.state for job in waiting} == {"queued"} else None


def _find(sql: sqlite3.Connection, job_id: str) -> Job | None:
    row = sql.execute("SELECT * FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
    return _job(row) if row else None


def _known(sql: sqlite3.Connection, job_id: str) -> Job:
    job = _find(sql, job_id)
    if job is None:
        raise NotFound("job_unknown", f"No print job {job_id} is known here.")
    return job


def _job(row: sqlite3.Row) -> Job:
    return Job(**{field: row[field] for field in Job.__struct_fields__})


def _prune(sql: sqlite3.Connection) -> None:
    """Remove the oldest finished jobs, now and then."""
    newest = sql.execute("SELECT max(seq) FROM jobs").fetchone()[0]
    if newest % PRUNED_EVERY == 0:
        sql.execute(
            "DELETE FROM jobs WHERE seq <= ?"
            " AND state IN ('confirmed', 'failed_before_send', 'cancelled')",
            (newest - FINISHED_MAX,),
        )


def _undecidable(job: Job, *, printed: bool) -> Refused:
    said = "is there" if printed else "is not there"
    return Refused(
        "job_not_undecided",
        f"Somebody said that the label {said}, but the job is {job.state}.",
        hint="Wait until the job is unknown or over, then look again.",
    )
