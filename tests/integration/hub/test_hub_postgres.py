"""What only a server brings: several hubs on the same books, a copy from the file, lost lines.

Method: real processes and a real server; its own views and functions play the accidents.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hub.services.backorders import retry_backorders
from hub.services.recover import settle_recovery
from hub.store import fact_log, nodes
from hub.store.backup import begin_new_life
from hub.store.open_books import migrate_books, open_books, pending_migrations
from hub.store.postgres.sql import connect, translate
from hub.store.sqlite.filters import marks
from hub.sync import apply
from hub.sync import core_events as on
from shared.domain.errors import Conflict, InvalidInput, Unavailable
from shared.domain.facts import ZERO_HASH
from shared.runtime.clock import SystemClock, SystemEntropy
from shared.sync.protocol import Epoch, Hello, LogMark

DEADLINE_SECONDS = 30.0
KEY = "k" * 40
SERVER_ONLY = {"sync_key", "_sqlite_migrations"}


def wait_for(what: Callable[[], Any]) -> Any:
    until = time.monotonic() + DEADLINE_SECONDS
    while not (found := what()):
        assert time.monotonic() < until
    return found


@pytest.fixture
def pair(
    tmp_path: Path, postgres_url: Callable[[], str], hub_process_class: Any
) -> Iterator[list[Any]]:
    """Two hub processes on the same books, the first one leading; they share one sync.key."""
    url = postgres_url()
    processes = [hub_process_class(tmp_path / name / "state", url) for name in ("one", "two")]
    processes[0].start()
    processes[1].state.mkdir(parents=True)
    key = processes[1].state / "sync.key"
    key.touch(mode=0o600)
    key.write_bytes((processes[0].state / "sync.key").read_bytes())
    processes[1].start()
    yield processes
    for process in processes:
        process.stop()


def ready(process: Any) -> str:
    return str(process.client.get("/readyz").json()["status"])


CLEAR = {
    ("keep", 201, "reserved"), ("keep", 201, "backordered"), ("cancel", 200, "cancelled"),
    ("hold", 201, "open"), ("hold", 422, "not_enough"),
}  # fmt: skip
"""What a buyer may be told: yes, no, or wait; never "try again"."""


class Buyer:
    """A buyer at one of two hubs: who keeps the order, gives it up, or lets a checkout run out."""

    def __init__(self, pair: list[Any], as_json: Any, number: int) -> None:
        self.client, self.number, self._as_json = pair[number % 2].client, number, as_json
        more = (("SCALE", 1),) if number % 3 == 0 else ()
        self.lines: tuple[tuple[str, int], ...] = (("CABLE", 1), *more)

    def come(self) -> tuple[str, int, str]:
        """Return what was wanted and what was told."""
        plan = ("keep", "keep", "keep", "cancel", "hold")[self.number % 5]
        if plan == "hold":
            lines = [{"sku": sku, "quantity": units} for sku, units in self.lines]
            cart = {"reservation_id": f"cart-{self.number}", "lines": lines, "ttl_seconds": 1}
            answer = self.client.post("/api/v1/reservations", json=cart)
            told = answer.json()
            return plan, answer.status_code, told.get("code") or told["state"]
        order = self._as_json(f"{self.number}", *self.lines)
        answer = self.client.post("/api/v1/orders", json=order)
        if plan == "cancel":
            order_id = answer.json()["order_id"]
            answer = self.client.post(f"/api/v1/orders/{order_id}/cancel")
        return plan, answer.status_code, answer.json()["status"]


def cables(client: Any, account: str) -> int:
    (told,) = client.get("/api/v1/availability?sku=CABLE").json()
    return sum(warehouse[account] for warehouse in told["warehouses"])


def test_two_hubs_sell_fifty_of_fifty_and_the_second_takes_over_when_the_first_is_killed(
    pair: list[Any], as_json: Any
) -> None:
    """Stock partly allocated, orders of one and two lines, cancels and checkouts that run out."""
    pair[0].fill("SHA,A01,CABLE,40,", "CAN,A01,CABLE,20,", "SHA,A02,SCALE,200,")
    assert [ready(process) for process in pair] == ["ready", "standby"]
    for number in range(10):
        before = as_json(f"before-{number}", ("CABLE", 1))
        assert pair[0].client.post("/api/v1/orders", json=before).json()["status"] == "reserved"
    with ThreadPoolExecutor(16) as clients:
        told = Counter(clients.map(lambda n: Buyer(pair, as_json, n).come(), range(200)))
    assert set(told) <= CLEAR, told
    assert told["keep", 201, "reserved"] + told["keep", 201, "backordered"] == 120
    wait_for(lambda: cables(pair[1].client, "ordered") == 10 + 50)
    pair[0].stop(signal.SIGKILL)
    wait_for(lambda: ready(pair[1]) == "ready")
    client = pair[1].client
    order = client.get("/api/v1/orders?status=reserved&limit=1").json()["items"][0]
    path = f"/api/v1/orders/{order['order_id']}/cancel"
    assert client.post(path).json()["status"] == "cancelled"
    # The new leader's pump gives the free unit to somebody who waits.
    wait_for(lambda: cables(client, "ordered") == 10 + 50)
    proof = client.get("/api/v1/verify").json()
    assert (proof["holds"], proof["oversold_units"]) == (True, 0)


def test_a_hub_with_another_key_than_the_warehouses_know_does_not_start(
    postgres_url: Callable[[], str],
) -> None:
    books: Any = open_books(Path("unused"), postgres_url(), SystemClock(), SystemEntropy())
    try:
        books.own_key("first")
        books.own_key("first")
        with pytest.raises(Conflict, match=r"another sync\.key"):
            books.own_key("second")
    finally:
        books.close()


def test_a_notice_of_one_hub_reaches_the_other(postgres_url: Callable[[], str]) -> None:
    url = postgres_url()
    one: Any = open_books(Path("unused"), url, SystemClock(), SystemEntropy())
    other: Any = open_books(Path("unused"), url, SystemClock(), SystemEntropy())
    heard = threading.Event()
    other.listeners.append(lambda topic: heard.set() if topic == "commands:SHA" else None)
    try:
        assert (one.lead(lambda _: None), other.lead(lambda _: None)) == (True, False)
        one.write_sync(lambda desk: desk.tell("commands:SHA"), actor="test")
        assert heard.wait(DEADLINE_SECONDS)
    finally:
        one.close()
        wait_for(lambda: other.neighbours.leads)
        other.close()


def test_many_hubs_starting_at_once_make_the_schema_once(postgres_url: Callable[[], str]) -> None:
    url = postgres_url()
    file = Path("unused")
    waiting = pending_migrations(file, url)
    assert waiting[0] == "0001_log"
    with ThreadPoolExecutor(4) as starters:
        applied = list(starters.map(lambda _: migrate_books(file, url), range(4)))
    assert sorted(applied) == [[], [], [], waiting]
    assert pending_migrations(file, url) == []


def test_both_databases_have_the_same_tables_and_columns(
    tmp_path: Path, postgres_url: Callable[[], str]
) -> None:
    url = postgres_url()
    migrate_books(tmp_path / "hub.db", "")
    migrate_books(tmp_path / "hub.db", url)
    with sqlite3.connect(tmp_path / "hub.db") as file:
        in_file = {
            (table, column)
            for table, column in file.execute(
                "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c"
                " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
            )
        }
    server = connect(url, name="test")
    on_server = {
        tuple(row)
        for row in server.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = current_schema()"
        )
    }
    server.connection.close()
    assert {one for one in in_file ^ on_server if one[0] not in SERVER_ONLY} == set()


def test_a_lost_connection_costs_one_group_and_nothing_is_half_stored(
    postgres_url: Callable[[], str],
) -> None:
    url = postgres_url()
    books: Any = open_books(Path("unused"), url, SystemClock(), SystemEntropy())

    def cut(desk: Any) -> None:
        desk.journal.audit("before", "the cut")
        (pid,) = desk.sql.execute("SELECT pg_backend_pid()").fetchone()
        with psycopg.connect(url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (pid,))
        desk.journal.audit("after", "the cut")

    try:
        with pytest.raises(Unavailable):
            books.write_sync(cut, actor="test")
        books.write_sync(lambda desk: desk.journal.audit("again", "works"), actor="test")
        found = books.read_sync(lambda desk: desk.journal.audit_page(0, 10))
    finally:
        books.close()
    assert [entry.action for entry in found] == ["again"]


def test_what_the_server_cannot_store_is_refused_with_a_sentence(
    postgres_url: Callable[[], str],
) -> None:
    books: Any = open_books(Path("unused"), postgres_url(), SystemClock(), SystemEntropy())
    try:
        with pytest.raises(InvalidInput, match="NUL"):
            books.write_sync(lambda desk: desk.journal.audit("a\0b", "nul"), actor="test")
    finally:
        books.close()


def test_statements_are_translated_with_text_left_alone() -> None:
    assert translate("UPDATE t SET a = ?, b = ':x ?' WHERE c = ? AND d::text = ?1") == (
        "UPDATE t SET a = $1, b = ':x ?' WHERE c = $2 AND d::text = $1",
        (),
        ((0, 0), (1, 0)),
    )
    assert translate("SELECT 1 FROM t INDEXED BY t_by_a WHERE a = :a AND b = :b AND c = :a") == (
        "SELECT 1 FROM t WHERE a = $1 AND b = $2 AND c = $1",
        ("a", "b"),
        (),
    )
    assert translate("SELECT ?1 WHERE a IN (?,?) AND b NOT IN (?,?) AND c = ?1") == (
        "SELECT $1 WHERE a = ANY($2) AND b NOT IN ($3,$4) AND c = $1",
        (),
        ((0, 0), (1, 2), (3, 0), (4, 0)),
    )


def test_a_warehouse_greets_carries_out_commands_and_is_heard_again_after_a_restore(
    books: Any,
) -> None:
    entropy = SystemEntropy()
    books.stock("SHA,A01,CABLE,5,")

    def enrol(tx: Any) -> Epoch:
        nodes.add_key(tx.sql, "SHA", KEY, 1)
        return nodes.ensure_epoch(tx.sql, entropy)

    def greet(epoch: Epoch, boot_no: int, down_cursor: int) -> Any:
        hello = Hello(
            proto_min=1, proto_max=1, node="SHA", incarnation=7, parent=None, boot_no=boot_no,
            heads=(LogMark(7, 0, ZERO_HASH),), hub_epoch_seen=epoch, acked=(),
            down_cursor=down_cursor, quota_totals=(), schema="1", app_version="1", wall_ms=1,
            nonce=bytes(16),
        )  # fmt: skip
        request = on.Admit(b"peer", KEY, bytes(16), hello)
        return books.hub.database.write_sync(lambda tx: apply.admit(tx, request, 1))

    epoch = books.hub.database.write_sync(enrol)
    assert books.hub.database.read_sync(nodes.valid_keys) == {KEY: "SHA"}
    first = greet(epoch, 1, 0)
    assert isinstance(first, on.Admitted), first
    assert first.down_head == len(books.commands("SHA")) > 0
    done = first.down_head
    for seq in (done, done - 1, done + 9):
        books.hub.database.write_sync(lambda tx, seq=seq: fact_log.store_cack(tx.sql, "SHA", seq))
    (sha,) = [one for one in books.read(lambda desk: desk.catalogue.states())
              if one.warehouse.warehouse == "SHA"]  # fmt: skip
    assert (sha.enrolled, sha.commands_waiting) == (True, 0)
    books.hub.database.write_sync(lambda tx: begin_new_life(tx.sql, entropy, 1))
    assert books.order("1", ("CABLE", 1))["status"] == "backordered"
    assert isinstance(greet(epoch, 2, done), on.Admitted)
    while books.write(settle_recovery) or books.write(retry_backorders):
        continue
    assert books.order("2", ("CABLE", 1))["status"] == "reserved"
    assert books.rights("CABLE", "SHA") == {"pool": 3, "ordered": 2}


@pytest.fixture
def filled(tmp_path: Path, hub_process_class: Any, as_json: Any) -> Any:
    """A stopped hub whose file has stock, orders, a cancelled order, serial numbers."""
    process = hub_process_class(tmp_path / "state")
    process.start()
    process.fill("SHA,A01,PHONE,2,SN001 SN002", "SHA,A02,CABLE,100,")
    for number in range(20):
        process.client.post("/api/v1/orders", json=as_json(f"{number}", ("CABLE", 1 + number)))
    order = process.client.get("/api/v1/orders?limit=1").json()["items"][0]
    process.client.post(f"/api/v1/orders/{order['order_id']}/cancel")
    process.stop()
    return process


def test_a_copy_from_the_file_proves_itself_and_the_hub_goes_on_from_it(
    filled: Any, postgres_url: Callable[[], str], as_json: Any
) -> None:
    url = postgres_url()
    done = filled.command("copy-to-postgres", url)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["holds"], report["differing"]) == (True, [])
    rows = {one["table"]: one["copied_rows"] for one in report["tables"]}
    assert (rows["orders"], rows["serials"]) == (20, 2)
    again = filled.command("copy-to-postgres", url)
    assert (again.returncode, "books already" in again.stderr) == (1, True)
    filled.env["BINCARD_HUB_DATABASE_URL"] = url
    filled.start()
    repeat = filled.client.post("/api/v1/orders", json=as_json("3", ("CABLE", 4)))
    fresh = filled.client.post("/api/v1/orders", json=as_json("new", ("CABLE", 1)))
    assert (repeat.status_code, fresh.status_code) == (200, 201)
    assert filled.client.get("/api/v1/verify").json()["holds"] is True


def test_a_copy_that_came_out_different_is_not_kept(
    filled: Any, postgres_url: Callable[[], str]
) -> None:
    url = postgres_url()
    migrate_books(Path("unused"), url)
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(
            "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.name := NEW.name || '!'; RETURN NEW; END $$"
        )
        server.execute(
            "CREATE TRIGGER spoil BEFORE INSERT ON products FOR EACH ROW EXECUTE FUNCTION spoil()"
        )
    done = filled.command("copy-to-postgres", url)
    assert (done.returncode, json.loads(done.stdout)["differing"]) == (1, ["products"])
    with psycopg.connect(url) as server:
        assert server.execute("SELECT count(*) FROM orders").fetchone() == (0,)


def test_lists_reach_the_server_as_they_are(postgres_url: Callable[[], str]) -> None:
    nasty = ['"', "\\", "\\n", "\n", "\x1f", 'a"b\\c', "null", "", " ", "{,}", "货", "'", "\t\\"]
    sql = connect(postgres_url(), name="test")
    try:
        for texts in (nasty, [], ["plain"], *([one] for one in nasty)):
            found = sql.execute("SELECT * FROM unnest(?::text[])", [texts]).fetchall()
            assert [row[0] for row in found] == texts
            alike = sql.execute(
                f"SELECT count(*) FROM unnest(?::text[]) AS t (x) WHERE x IN ({marks(len(nasty))})",
                [texts, *nasty],
            ).fetchone()
            assert alike is not None
            assert alike[0] == len([one for one in texts if one in nasty])
        whole = sql.execute("SELECT * FROM unnest(?::bigint[])", [[1, -2, 2**62, None]]).fetchall()
        assert [row[0] for row in whole] == [1, -2, 2**62, None]
    finally:
        sql.connection.close()
