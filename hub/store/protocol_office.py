"""The change feed, access and the line to the edges, as the services ask for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Protocol

from hub.domain.rows import (
    AuditEntry,
    Event,
    HubException,
    MissingLines,
    RecoveryCounts,
    RecoveryRow,
    Token,
    WaitedFor,
)
from shared.domain.commands import Command
from shared.domain.facts import FactRecord


class Journal(Protocol):
    """What changed, what a person must look at, and who did what."""

    def event(
        self,
        kind: str,
        *,
        order_id: str | None = None,
        parcel_id: str | None = None,
        warehouse: str | None = None,
        data: object = None,
    ) -> None:
        """Add a line to the change feed; `data` must not carry personal data."""
        ...

    def events(self, after: int, limit: int) -> list[Event]:
        """Return the change feed after line `after`, oldest first."""
        ...

    def order_events(self, order_id: str, limit: int) -> list[Event]:
        """Return what happened to one order, oldest first."""
        ...

    def last_event_id(self) -> int:
        """Return the newest line of the change feed."""
        ...

    def raise_exception(self, kind: str, warehouse: str, subject: str, sentence: str) -> None:
        """Open an exception unless the same one is open already."""
        ...

    def solve(self, kind: str, warehouse: str, subject: str, note: str) -> None:
        """Close the open exception of this kind and subject, if there is one."""
        ...

    def solve_by_id(self, exception_id: str, note: str) -> bool:
        """Close an open exception; False when there is none of that id."""
        ...

    def exceptions(self, filters: dict[str, str], before: str, limit: int) -> list[HubException]:
        """Return exceptions, newest first; filter `open=yes|no`, `kind`, `warehouse`."""
        ...

    def count_open_exceptions(self) -> int:
        """Return how many exceptions wait for a person."""
        ...

    def audit(self, action: str, subject: str, reason: str = "") -> None:
        """Record who did what to what."""
        ...

    def audit_page(self, before: int, limit: int) -> list[AuditEntry]:
        """Return the audit log, newest first, older than line `before` (0: from the newest)."""
        ...


class AccessBook(Protocol):
    """Tokens, and the first answer to every request that carried an id."""

    def token_by_hash(self, token_hash: str) -> Token | None:
        """Return the valid token with this hash."""
        ...

    def put_token(self, token: Token, token_hash: str) -> None:
        """Record a new token."""
        ...

    def tokens(self) -> list[Token]:
        """Return all tokens, newest first."""
        ...

    def revoke_token(self, token_id: str, at_ms: int) -> bool:
        """Make a token useless; False when there is no valid one of that id."""
        ...

    def answer(self, key: str) -> tuple[str, bytes] | None:
        """Return (digest of the request, first answer) of an idempotency key."""
        ...

    def forget_answers(self, before_ms: int, limit: int) -> int:
        """Forget first answers given before `before_ms`; return how many."""
        ...

    def put_answer(self, key: str, digest: str, answer: bytes) -> None:
        """Remember the first answer to an idempotency key."""
        ...


class NodeBook(Protocol):
    """The edges: commands on their way down and the logs they sent up."""

    def queue(self, warehouse: str, command: Command, command_id: str) -> None:
        """Add a command to what a warehouse must do."""
        ...

    def make_known(self, warehouse: str, name: str) -> None:
        """Make a warehouse's edge known, so that it can be enrolled."""
        ...

    def facts_count(self) -> int:
        """Return how many facts of all warehouses are on the books."""
        ...

    def recovering(self) -> list[str]:
        """Return the warehouses that a restored hub still waits for, `*` for a newer hub."""
        ...

    def frozen(self, skus: Iterable[str]) -> frozenset[str]:
        """Return those of `skus` that cannot be promised before more warehouses have reported."""
        ...

    def take_recovered(self) -> list[str]:
        """Return the warehouses that have told everything, and wait for them no longer."""
        ...

    def stop_waiting(self, warehouse: str) -> bool:
        """Wait no longer for a warehouse; return False when it was not waited for."""
        ...

    def adopt_machine(self, warehouse: str) -> bool:
        """Make the machine turned away last the warehouse's; return False when none was."""
        ...

    def wake_waiting(self) -> None:
        """Have every backordered order tried again."""
        ...

    def recovery(self) -> RecoveryRow | None:
        """Return how this life of the hub began, None for the first."""
        ...

    def recovery_counts(self) -> RecoveryCounts:
        """Return what a recovery has brought so far."""
        ...

    def waited_for(self) -> list[WaitedFor]:
        """Return the warehouses that are waited for and how much of each is still to come."""
        ...

    def missing_lines(self) -> list[MissingLines]:
        """Return the lines that no warehouse keeps any more."""
        ...

    def may_be_forgotten(self, placed_ms: int) -> bool:
        """Say whether an order placed then (0: unknown) may have left before this life began."""
        ...

    def begin_roll_call(self) -> None:
        """Doubt every parcel that no floor has by these books, until the warehouses were heard."""
        ...

    def end_roll_call(self) -> None:
        """Note that everybody was heard."""
        ...

    def doubtful(self, parcel_id: str) -> bool:
        """Say whether a floor may have this parcel although these books do not know it."""
        ...

    def end_recovery(self, now_ms: int) -> None:
        """Note that every warehouse was heard or written off."""
        ...

    def learn_parcel(self, parcel_id: str, order_id: str, order_version: int) -> None:
        """Remember that a floor told of this parcel; its order has to be settled."""
        ...

    def learnt_version(self, order_id: str) -> int | None:
        """Return the newest version that a learnt parcel of the order was made for, if any."""
        ...

    def unsettled_orders(self, limit: int) -> list[str]:
        """Return orders of learnt parcels that were not compared with what their shop wants."""
        ...

    def order_settled(self, order_id: str) -> None:
        """Note that the order of learnt parcels is what its shop wants."""
        ...

    def note_uncovered(self, parcel_id: str, line_no: int, units: int) -> None:
        """Remember units of a learnt parcel to which no right was left."""
        ...

    def take_uncovered(self, warehouse: str) -> list[tuple[str, int, int]]:
        """Return and forget (parcel, line, units) without a right in a warehouse's parcels."""
        ...

    def facts(self, kinds: Collection[str] = ()) -> Iterator[FactRecord]:
        """Yield every fact (of `kinds` only) of every log that was counted, in its log's order."""
        ...
