"""The channels of the demo: they post orders as they come, some twice, some as files.

Most shops post JSON to the hub one batch at a time. The last channel has no API and sends CSV
files. Real shops repeat a message when an answer is late, so every twentieth batch is sent again.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from deploy.demo.door import Door

REPEAT_EVERY: Final = 20

Row = dict[str, str]


class Channels:
    """Reads the orders file and posts it, batch by batch, in the order of the file."""

    def __init__(self, path: Path, *, today: bool = False) -> None:
        """Group the rows of `path` into orders; `today` moves the invented sample's day to now."""
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            self.columns = list(reader.fieldnames or [])
            rows = list(reader)
        if today and rows:
            move_to(datetime.now(UTC), rows)
        self._orders: dict[tuple[str, str, str], list[Row]] = {}
        for row in rows:
            key = (row["channel"], row["shop"], row["order_no"])
            self._orders.setdefault(key, []).append(row)
        self._file_channel = max(
            (channel for channel, _, _ in self._orders), default="", key=lambda name: name
        )
        self.door: Door | None = None
        """The hub's door, once it is open."""
        self.refused: list[str] = []
        """One sentence per order that the hub did not take."""
        self.posted = 0

    @property
    def count(self) -> int:
        """Number of orders in the file."""
        return len(self._orders)

    def batches(self, size: int) -> Iterator[list[list[Row]]]:
        """Yield the orders in groups of `size`."""
        orders = list(self._orders.values())
        for start in range(0, len(orders), size):
            yield orders[start : start + size]

    async def post(self, batch: list[list[Row]]) -> None:
        """Post one batch: JSON for most channels, CSV for the one without an API."""
        self.posted += 1
        as_json, as_rows = [], []
        for rows in batch:
            order = None if rows[0]["channel"] == self._file_channel else to_json(rows)
            if order is None:
                as_rows += rows
            else:
                as_json.append(order)
        times = 2 if self.posted % REPEAT_EVERY == 0 else 1
        for repeat in range(times):
            await self._post_json(as_json, count=repeat == 0)
            await self._post_csv(as_rows, count=repeat == 0)

    async def _post_json(self, orders: list[dict[str, Any]], *, count: bool) -> None:
        if not orders or self.door is None:
            return
        body = "\n".join(json.dumps(order, ensure_ascii=False) for order in orders)
        answer = await self.door.send(
            "POST",
            "/api/v1/orders",
            content=body.encode(),
            headers={"Content-Type": "application/x-ndjson"},
        )
        answer.raise_for_status()
        if count:
            for line in answer.text.splitlines():
                result = json.loads(line)
                if result["result"] == "rejected":
                    name = result.get("order_no") or f"item {result['item']}"
                    self.refused.append(f"{name}: {result['detail']}")

    async def _post_csv(self, rows: list[Row], *, count: bool) -> None:
        if not rows or self.door is None:
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        answer = await self.door.send(
            "POST",
            "/api/v1/orders",
            content=text.getvalue().encode(),
            headers={"Content-Type": "text/csv"},
        )
        answer.raise_for_status()
        if count:
            told = answer.json()
            in_file = len({(row["channel"], row["shop"], row["order_no"]) for row in rows})
            missing = in_file - told["accepted"] - told["already_in"]
            reasons = [f"line {item['line']}: {item['reason']}" for item in told["errors"]]
            self.refused += (reasons + ["refused with the row before"] * missing)[:missing]


def move_to(now: datetime, rows: list[Row]) -> None:
    """Shift the times of `rows` so that the last order was placed just now."""
    last = max(datetime.fromisoformat(row["placed_at"]) for row in rows)
    for row in rows:
        for column in ("placed_at", "ship_by"):
            moved = datetime.fromisoformat(row[column]) + (now - last)
            row[column] = f"{moved:%Y-%m-%dT%H:%M:%SZ}"


def to_json(rows: list[Row]) -> dict[str, Any] | None:
    """Return the order in the hub's JSON form, or None when its numbers cannot be read."""
    head = rows[0]
    try:
        return {
            "channel": head["channel"],
            "shop": head["shop"],
            "order_no": head["order_no"],
            "version": 1,
            "placed_at": head["placed_at"],
            "ship_by": head["ship_by"],
            "buyer": {"name": head["recipient_name"], "phone": head["phone"]},
            "address": {
                "country": head["country"],
                "province": head["province"],
                "city": head["city"],
                "district": head["district"],
                "street": head["address"],
                "postcode": head["postcode"],
                "latitude": float(head["latitude"]),
                "longitude": float(head["longitude"]),
            },
            "lines": [
                {
                    "line_no": int(row["line_no"]),
                    "sku": row["sku"],
                    "quantity": int(row["quantity"]),
                    "unit_price_minor": round(float(row["unit_price"]) * 100),
                    "currency": row["currency"],
                }
                for row in rows
            ],
            "buyer_remark": head["buyer_remark"],
        }
    except (KeyError, ValueError):
        return None
