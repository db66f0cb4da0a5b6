"""Tokens, reservations and first answers on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec

from hub.domain.rows import Reservation, Token
from hub.store.sqlite.filters import marks

_RESERVATION_FIELDS: Final = Reservation.__struct_fields__
RESERVATION_COLUMNS: Final = ", ".join(_RESERVATION_FIELDS)
_allocations = msgspec.json.Decoder(tuple[tuple[str, str, int], ...])


def _token(row: sqlite3.Row) -> Token:
    values = dict(row)
    values["scopes"] = tuple(values["scopes"].split())
    return Token(**values)


def _reservation(row: sqlite3.Row) -> Reservation:
    values = dict(row)
    values["allocations"] = _allocations.decode(values["allocations"])
    values["explanation"] = msgspec.Raw(values["explanation"].encode())
    return Reservation(**values)


def reservation_values(reservation: Reservation) -> list[object]:
    """Return the values of a reservation as its columns keep them."""
    values = [getattr(reservation, field) for field in _RESERVATION_FIELDS]
    allocations = msgspec.json.encode(reservation.allocations).decode()
    values[_RESERVATION_FIELDS.index("allocations")] = allocations
    values[_RESERVATION_FIELDS.index("explanation")] = bytes(reservation.explanation).decode()
    return values


class SqliteAccess:
    """See `hub.store.protocol_office.AccessBook`."""

    def __init__(self, sql: sqlite3.Connection, now_ms: int) -> None:
        """Work on the connection of one transaction."""
        self._sql = sql
        self._now_ms = now_ms

    def token_by_hash(self, token_hash: str) -> Token | None:
        """Return the valid token with this hash."""
        row = self._sql.execute(
            "SELECT token_id, name, scopes, made_ms, revoked_ms FROM tokens"
            " WHERE hash = ? AND revoked_ms IS NULL",
            (token_hash,),
        ).fetchone()
        return None if row is None else _token(row)

    def put_token(self, token: Token, token_hash: str) -> None:
        """Record a new token."""
        self._sql.execute(
            "INSERT INTO tokens (token_id, name, hash, scopes, made_ms) VALUES (?, ?, ?, ?, ?)",
            (token.token_id, token.name, token_hash, " ".join(token.scopes), token.made_ms),
        )

    def tokens(self) -> list[Token]:
        """Return all tokens, newest first."""
        rows = self._sql.execute(
            "SELECT token_id, name, scopes, made_ms, revoked_ms FROM tokens ORDER BY token_id DESC"
        )
        return [_token(row) for row in rows]

    def revoke_token(self, token_id: str, at_ms: int) -> bool:
        """Make a token useless; False when there is no valid one of that id."""
        done = self._sql.execute(
            "UPDATE tokens SET revoked_ms = ? WHERE token_id = ? AND revoked_ms IS NULL",
            (at_ms, token_id),
        )
        return done.rowcount == 1

    def answer(self, key: str) -> tuple[str, bytes] | None:
        """Return (digest of the request, first answer) of an idempotency key."""
        row = self._sql.execute(
            "SELECT digest, answer FROM idempotency WHERE idempotency_key = ?", (key,)
        ).fetchone()
        return None if row is None else (row["digest"], bytes(row["answer"]))

    def put_answer(self, key: str, digest: str, answer: bytes) -> None:
        """Remember the first answer to an idempotency key."""
        self._sql.execute(
            "INSERT INTO idempotency (idempotency_key, digest, answer, at_ms) VALUES (?, ?, ?, ?)",
            (key, digest, answer, self._now_ms),
        )

    def forget_answers(self, before_ms: int, limit: int) -> int:
        """Forget first answers given before `before_ms`; return how many."""
        return self._sql.execute(
            "DELETE FROM idempotency WHERE idempotency_key IN (SELECT idempotency_key FROM"
            " idempotency INDEXED BY idempotency_by_time WHERE at_ms < ? LIMIT ?)",
            (before_ms, limit),
        ).rowcount


class SqliteReservations:
    """See `hub.store.protocol_trade.ReservationBook`."""

    def __init__(self, sql: sqlite3.Connection) -> None:
        """Work on the connection of one transaction."""
        self._sql = sql

    def get(self, reservation_id: str) -> Reservation | None:
        """Return one reservation."""
        row = self._sql.execute(
            f"SELECT {RESERVATION_COLUMNS} FROM reservations"  # noqa: S608  constant columns
            " WHERE reservation_id = ?",
            (reservation_id,),
        ).fetchone()
        return None if row is None else _reservation(row)

    def known(self, reservation_ids: Iterable[str]) -> dict[str, Reservation]:
        """Return those of `reservation_ids` that exist, by id."""
        wanted = list(reservation_ids)
        rows = self._sql.execute(
            f"SELECT {RESERVATION_COLUMNS} FROM reservations"  # noqa: S608  constant columns
            f" WHERE reservation_id IN ({marks(len(wanted))})",
            wanted,
        )
        return {row["reservation_id"]: _reservation(row) for row in rows}

    def add(self, reservations: Iterable[Reservation]) -> None:
        """Insert reservations that are new, all at once."""
        self._sql.executemany(
            f"INSERT INTO reservations ({RESERVATION_COLUMNS})"  # noqa: S608  constant columns
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [reservation_values(reservation) for reservation in reservations],
        )

    def put(self, reservation: Reservation) -> None:
        """Insert or replace a reservation."""
        self._sql.execute(
            f"INSERT INTO reservations ({RESERVATION_COLUMNS}) VALUES"  # noqa: S608  constant
            " (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (reservation_id) DO UPDATE SET"
            " state = excluded.state, expires_ms = excluded.expires_ms,"
            " changed_ms = excluded.changed_ms",
            reservation_values(reservation),
        )

    def holding(self, sku: str, warehouse: str) -> list[Reservation]:
        """Return open and confirmed reservations of these units, the first to expire first."""
        rows = self._sql.execute(
            f"SELECT {RESERVATION_COLUMNS} FROM reservations"  # noqa: S608  constant columns
            " WHERE state IN ('open', 'confirmed') ORDER BY state DESC, expires_ms, reservation_id"
        )
        return [
            reservation
            for reservation in map(_reservation, rows)
            if any(held[:2] == (sku, warehouse) for held in reservation.allocations)
        ]

    def expired(self, now_ms: int, limit: int) -> list[Reservation]:
        """Return open reservations whose time is over."""
        rows = self._sql.execute(
            f"SELECT {RESERVATION_COLUMNS} FROM reservations"  # noqa: S608  constant columns
            " INDEXED BY reservations_to_expire"
            " WHERE state = 'open' AND expires_ms <= ? ORDER BY expires_ms LIMIT ?",
            (now_ms, limit),
        )
        return [_reservation(row) for row in rows]
