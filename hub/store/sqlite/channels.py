"""Sales channels on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from hub.domain.backoff import still_to_come
from hub.domain.channel_rows import Listing, Reject, SeenOrder, ShopRow, Task, TaskState
from hub.store.sqlite.filters import marks

RESTORE_BACK_MS: Final = 24 * 3_600_000
"""Shops date changes late and clocks differ; what is pulled twice is known by its mark."""
_SHOP_FIELDS: Final = ShopRow.__struct_fields__
_SEEN_FIELDS: Final = SeenOrder.__struct_fields__
_REJECT_FIELDS: Final = Reject.__struct_fields__
_TASK_FIELDS: Final = Task.__struct_fields__
_LISTING_FIELDS: Final = Listing.__struct_fields__
_TASK_COLUMNS: Final = ", ".join(_TASK_FIELDS)
_LISTING_COLUMNS: Final = ", ".join(_LISTING_FIELDS)
_line_ids = msgspec.json.Decoder(dict[int, str])
_options = msgspec.json.Decoder(dict[str, str])
_encode = msgspec.json.Encoder().encode


def _upsert(table: str, fields: tuple[str, ...], key: tuple[str, ...]) -> str:
    sets = ", ".join(f"{name} = excluded.{name}" for name in fields if name not in key)
    return (
        f"INSERT INTO {table} ({', '.join(fields)}) VALUES ({marks(len(fields))})"  # noqa: S608
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sets}"
    )


_PUT_SHOP: Final = _upsert("channel_shops", _SHOP_FIELDS, ("channel", "shop"))
_PUT_SEEN: Final = _upsert("channel_orders", _SEEN_FIELDS, ("channel", "shop", "order_no"))
_PUT_REJECT: Final = _upsert("channel_rejects", _REJECT_FIELDS, ("channel", "shop", "order_no"))
_PUT_TASK: Final = _upsert("channel_tasks", _TASK_FIELDS, ("task_id",))
_PUT_LISTING: Final = _upsert("channel_listings", _LISTING_FIELDS, ("channel", "shop", "sku"))


def _shop(row: sqlite3.Row) -> ShopRow:
    values = dict(row)
    values["options"] = _options.decode(values["options"])
    values["active"] = bool(values["active"])
    return ShopRow(**values)


def _seen(row: sqlite3.Row) -> SeenOrder:
    values = dict(row)
    values["line_ids"] = _line_ids.decode(values["line_ids"])
    return SeenOrder(**values)


def _listing(row: sqlite3.Row) -> Listing:
    values = dict(row)
    values["strict"] = bool(values["strict"])
    return Listing(**values)


def _values(row: msgspec.Struct) -> list[Any]:
    """Return the fields as the tables keep them; maps become JSON."""
    return [
        _encode(value).decode() if isinstance(value, dict) else value
        for value in msgspec.structs.astuple(row)
    ]


def look_back(sql: sqlite3.Connection) -> None:
    """Let books that were put back learn from the shops what they have forgotten.

    Each shop is pulled again from a day before its last pull that these books know of, and what it
    shows is in doubt, so that it is looked at before it is changed, and soon: times that another
    clock gave mean nothing now.
    """
    sql.execute(
        "UPDATE channel_shops SET pulled_until_ms = max(0, pulled_until_ms - ?), pull_due_ms = 0",
        (RESTORE_BACK_MS,),
    )
    sql.execute("UPDATE channel_listings SET shown = NULL, due_ms = 0, wait_pull_ms = 0")


class SqliteChannels:
    """See `hub.store.protocol_channels.ChannelBook`."""

    def __init__(self, sql: sqlite3.Connection, now_ms: int) -> None:
        """Work on the connection of one transaction."""
        self._sql = sql
        self._now_ms = now_ms

    def shop(self, channel: str, shop: str) -> ShopRow | None:
        """Return one shop."""
        row = self._sql.execute(
            f"SELECT {', '.join(_SHOP_FIELDS)} FROM channel_shops"  # noqa: S608  constant columns
            " WHERE channel = ? AND shop = ?",
            (channel, shop),
        ).fetchone()
        return None if row is None else _shop(row)

    def shops(self) -> list[ShopRow]:
        """Return all shops by channel and name."""
        rows = self._sql.execute(
            f"SELECT {', '.join(_SHOP_FIELDS)} FROM channel_shops ORDER BY channel, shop"  # noqa: S608
        )
        return [_shop(row) for row in rows]

    def put_shop(self, row: ShopRow) -> None:
        """Insert or replace a shop."""
        self._sql.execute(_PUT_SHOP, _values(row))

    def seen(self, channel: str, shop: str, order_no: str) -> SeenOrder | None:
        """Return the newest copy of an order that the shop showed us."""
        row = self._sql.execute(
            f"SELECT {', '.join(_SEEN_FIELDS)} FROM channel_orders"  # noqa: S608  constant columns
            " WHERE channel = ? AND shop = ? AND order_no = ?",
            (channel, shop, order_no),
        ).fetchone()
        return None if row is None else _seen(row)

    def put_seen(self, order: SeenOrder) -> None:
        """Remember the newest copy of an order."""
        self._sql.execute(_PUT_SEEN, _values(order))

    def put_reject(self, reject: Reject) -> None:
        """Keep an order that could not be taken, to try it again."""
        self._sql.execute(_PUT_REJECT, _values(reject))

    def drop_reject(self, channel: str, shop: str, order_no: str) -> None:
        """Forget an order that waited, if it did."""
        self._sql.execute(
            "DELETE FROM channel_rejects WHERE channel = ? AND shop = ? AND order_no = ?",
            (channel, shop, order_no),
        )

    def due_rejects(self, now_ms: int, limit: int) -> list[Reject]:
        """Return orders to try again now."""
        rows = self._sql.execute(
            f"SELECT {', '.join(_REJECT_FIELDS)} FROM channel_rejects"  # noqa: S608
            " WHERE due_ms NOT BETWEEN ? AND ? ORDER BY due_ms LIMIT ?",
            (*still_to_come(now_ms), limit),
        )
        return [Reject(**{**dict(row), "content": bytes(row["content"])}) for row in rows]

    def task(self, task_id: str) -> Task | None:
        """Return one debt."""
        row = self._sql.execute(
            f"SELECT {_TASK_COLUMNS} FROM channel_tasks WHERE task_id = ?",  # noqa: S608
            (task_id,),
        ).fetchone()
        return None if row is None else Task(**dict(row))

    def add_task(self, task: Task) -> None:
        """Owe a shop something, unless it is owed or paid already."""
        if self.task(task.task_id) is None:
            self._sql.execute(_PUT_TASK, _values(task))

    def put_task(self, task: Task) -> None:
        """Replace a task."""
        self._sql.execute(_PUT_TASK, _values(task))

    def due_tasks(self, channel: str, shop: str, now_ms: int, limit: int) -> list[Task]:
        """Return what the shop must be told now, what waits longest first."""
        rows = self._sql.execute(
            f"SELECT {_TASK_COLUMNS} FROM channel_tasks"  # noqa: S608  constant columns
            " WHERE state = 'waiting' AND channel = ? AND shop = ?"
            " AND due_ms NOT BETWEEN ? AND ? ORDER BY due_ms, task_id LIMIT ?",
            (channel, shop, *still_to_come(now_ms), limit),
        )
        return [Task(**dict(row)) for row in rows]

    def count_tasks(self, channel: str, shop: str, state: TaskState) -> int:
        """Return how many tasks of a shop are in `state`."""
        row = self._sql.execute(
            "SELECT count(*) FROM channel_tasks WHERE state = ? AND channel = ? AND shop = ?",
            (state, channel, shop),
        ).fetchone()
        return int(row[0])

    def forget_tasks(self, before_ms: int, limit: int) -> int:
        """Forget tasks done before `before_ms`, oldest first; return how many."""
        return self._sql.execute(
            "DELETE FROM channel_tasks WHERE task_id IN (SELECT task_id FROM channel_tasks"
            " WHERE state = 'done' AND changed_ms < ? ORDER BY changed_ms LIMIT ?)",
            (before_ms, limit),
        ).rowcount

    def revive_tasks(self, channel: str, shop: str, now_ms: int) -> int:
        """Try everything again that was given up; return how many."""
        return self._sql.execute(
            "UPDATE channel_tasks SET state = 'waiting', tries = 0, due_ms = ?, changed_ms = ?"
            " WHERE state = 'dead' AND channel = ? AND shop = ?",
            (now_ms, self._now_ms, channel, shop),
        ).rowcount

    def listing(self, channel: str, shop: str, sku: str) -> Listing | None:
        """Return what a shop shows of a SKU."""
        row = self._sql.execute(
            f"SELECT {_LISTING_COLUMNS} FROM channel_listings"  # noqa: S608  constant columns
            " WHERE channel = ? AND shop = ? AND sku = ?",
            (channel, shop, sku),
        ).fetchone()
        return None if row is None else _listing(row)

    def put_listing(self, listing: Listing) -> None:
        """Insert or replace a listing."""
        self._sql.execute(_PUT_LISTING, _values(listing))

    def listings(self, channel: str, shop: str, after_sku: str, limit: int) -> list[Listing]:
        """Return listings by SKU, behind `after_sku`."""
        rows = self._sql.execute(
            f"SELECT {_LISTING_COLUMNS} FROM channel_listings"  # noqa: S608  constant columns
            " WHERE channel = ? AND shop = ? AND sku > ? ORDER BY sku LIMIT ?",
            (channel, shop, after_sku, limit),
        )
        return [_listing(row) for row in rows]

    def settle_held(self, channel: str, shop: str, until_ms: int) -> None:
        """Let held fall to shown where the shop has settled before `until_ms`."""
        self._sql.execute(
            "UPDATE channel_listings SET held = shown WHERE channel = ? AND shop = ?"
            " AND asked IS NULL AND shown IS NOT NULL AND held <> shown AND settled_ms <= ?",
            (channel, shop, until_ms),
        )

    def listings_of(self, skus: Sequence[str]) -> list[Listing]:
        """Return what each shop shows of these SKUs."""
        rows = self._sql.execute(
            f"SELECT {_LISTING_COLUMNS} FROM channel_listings"  # noqa: S608  constant columns
            f" WHERE sku IN ({marks(len(skus))}) ORDER BY sku, channel, shop",
            list(skus),
        )
        return [_listing(row) for row in rows]

    def sold_by_quota(self, after_sku: str, limit: int) -> list[str]:
        """Return SKUs that a shop sells by quota, or may have to soon, behind `after_sku`."""
        rows = self._sql.execute(
            "SELECT DISTINCT l.sku AS sku FROM channel_listings l"
            " JOIN channel_shops s ON s.channel = l.channel AND s.shop = l.shop"
            " WHERE l.sku > ? AND (l.strict = 1 OR (s.active = 1 AND s.publish_percent > 0"
            "  AND (s.mode = 'strict' OR s.strict_below > 0 OR l.mode = 'strict')))"
            " ORDER BY sku LIMIT ?",
            (after_sku, limit),
        )
        return [row["sku"] for row in rows]

    def beyond_held(self, channel: str, shop: str, holder: str) -> list[str]:
        """Return SKUs of which a shop's quota is more than it may still show."""
        rows = self._sql.execute(
            "SELECT l.sku AS sku FROM channel_listings l JOIN (SELECT sku, sum(units) AS units"
            "  FROM quotas WHERE holder = ? AND units > 0 GROUP BY sku) AS q ON q.sku = l.sku"
            " WHERE l.channel = ? AND l.shop = ? AND l.held < q.units ORDER BY l.sku",
            (holder, channel, shop),
        )
        return [row["sku"] for row in rows]

    def suspects(self, channel: str, shop: str, holder: str, limit: int) -> list[Listing]:
        """Return listings of a shop that drift, are in doubt, or go beyond its quota, by SKU."""
        rows = self._sql.execute(
            f"SELECT {_LISTING_COLUMNS} FROM channel_listings l"  # noqa: S608  constant columns
            " WHERE channel = ? AND shop = ? AND (drift <> 0 OR shown IS NULL OR (strict = 1"
            "  AND held > (SELECT coalesce(sum(q.units), 0) FROM quotas q"
            "  WHERE q.sku = l.sku AND q.holder = ?))) ORDER BY sku LIMIT ?",
            (channel, shop, holder, limit),
        )
        return [_listing(row) for row in rows]
