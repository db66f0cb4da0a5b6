"""A hub that is older than a warehouse: what it cannot read is kept, shown, and counted later."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from hub.store.open_books import open_books
from hub.sync.apply import apply_batch
from shared.domain.facts import (
    ZERO_HASH,
    FactRecord,
    GoodsReceived,
    StockRow,
    chain_hash,
    encode_fact,
)
from shared.domain.versions import read_fact
from shared.runtime.clock import SystemClock, SystemEntropy


def lines() -> list[FactRecord]:
    """A receipt that an older hub could not read, and a fact that nobody can read yet."""
    row = StockRow("A01", "CABLE", 4)
    made: list[FactRecord] = []
    prev = ZERO_HASH
    for seq, (kind, body) in enumerate(
        [
            ("goods_received", encode_fact(GoodsReceived(receipt_id="R1", row=row))),
            ("drone_landed", b'{"kind":"drone_landed"}'),
        ],
        start=1,
    ):
        digest = chain_hash(prev, "SHA", 7, seq, kind, 1, body)
        made.append(FactRecord("SHA", 7, seq, prev, digest, kind, 1, body, 1, 0, f"op{seq}", "B"))
        prev = digest
    return made


def older(_tx: Any, record: FactRecord) -> None:
    """An older hub: it does not even know receipts."""
    read_fact(msgspec.structs.replace(record, kind="unheard_of"))


def test_a_fact_of_a_newer_edge_is_kept_shown_as_amber_and_counted_by_retry(
    hub_process: Any,
) -> None:
    hub_process.start()
    hub_process.fill()
    assert hub_process.client.get("/readyz").json()["health"] == "green"
    hub_process.stop()
    books = open_books(
        hub_process.state / "hub.db",
        hub_process.env.get("BINCARD_HUB_DATABASE_URL", ""),
        SystemClock(),
        SystemEntropy(),
    )

    def store(tx: Any) -> Any:
        tx.sql.execute(
            "INSERT INTO node_logs (node, incarnation, applied_hash, first_seen_ms)"
            " VALUES ('SHA', 7, ?, 0)",
            (ZERO_HASH,),
        )
        return apply_batch(tx, "SHA", 7, lines(), older, wall_ms=1)

    outcome = books.database.write_sync(store)
    books.close()
    assert (outcome.applied.seq, outcome.quarantined) == (2, 2), "stored and acknowledged"

    hub_process.start()
    ready = hub_process.client.get("/readyz")
    assert ready.status_code == 200, "amber is not down"
    assert (ready.json()["health"], ready.json()["facts_unread"]) == ("amber", 2)
    assert "bincard_hub_facts_unread 2.0" in hub_process.client.get("/metrics").text
    told = json.loads(hub_process.command("retry").stdout)
    assert told == {"counted": 1, "waiting": 1}
    assert hub_process.client.get("/readyz").json()["facts_unread"] == 1
    hub_process.stop()
    assert json.loads(hub_process.command("retry").stdout) == {"counted": 0, "waiting": 1}
    assert hub_process.command("verify").returncode == 0
