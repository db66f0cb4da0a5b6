"""`bincard hub` on the command line, while the hub runs and while it does not."""

from __future__ import annotations

import json
import signal
import sqlite3
import stat
from typing import Any

import pytest


def told(done: Any) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def load(hub_process: Any, warehouses: str, products: str) -> None:
    told(hub_process.command("import-warehouses", hub_process.file("w.csv", warehouses)))
    told(hub_process.command("import-products", hub_process.file("p.csv", products)))


STOCK = "warehouse,bin,sku,quantity,serial_numbers\nSHA,A01,PHONE,2,SN001 SN002\nSHA,A1,CABLE,5,\n"


@pytest.mark.parametrize("running", [True, False])
def test_files_go_in_and_the_books_prove_themselves(
    hub_process: Any, running: bool, samples: tuple[str, str]
) -> None:
    if running:
        hub_process.start()
    load(hub_process, *samples)
    stock = hub_process.file("s.csv", STOCK + "SHA,A01,PHONE,1,SN001\n")
    done = hub_process.command("import-stock", stock)
    assert "s.csv:4: serial_numbers:" in done.stderr
    report = told(done)
    assert (report["accepted"], report["rejected"]) == (2, 1)
    again = told(hub_process.command("import-stock", stock))
    assert (again["accepted"], again["already_in"]) == (0, 2)
    proof = told(hub_process.command("verify"))
    assert (proof["holds"], proof["totals"]["minted"]) == (True, 7)
    assert hub_process.command("doctor").returncode == 0
    code = hub_process.command("enrol-edge", "--warehouse", "SHA").stdout.strip()
    assert len(code) == 23
    unknown = hub_process.command("enrol-edge", "--warehouse", "NOPE")
    assert (unknown.returncode, "NOPE" in unknown.stderr) == (1, True)


def test_who_may_sell_what_is_set_by_command_while_the_hub_stands_and_while_it_runs(
    hub_process: Any, samples: tuple[str, str]
) -> None:
    load(hub_process, *samples)
    shop = ("--channel", "generic", "--shop", "main")
    told(hub_process.command(
        "add-shop", *shop, "--url", "https://shop.example", "--publish-percent", "50",
        "--mode", "strict",
    ))  # fmt: skip
    listing = told(hub_process.command("set-shop-quota", *shop, "--sku", "CABLE", "--units", "3"))
    assert (listing["mode"], listing["quota"], listing["target"]) == ("strict", 0, 0)
    drift = hub_process.command("drift", *shop, "--all")
    assert (drift.returncode, json.loads(drift.stdout)[0]["drifts"]) == (0, False)
    hub_process.start()
    presale = ("set-presale", "--sku", "CABLE", "--units", "9", "--ship-date")
    assert told(hub_process.command(*presale, "2026-12-24"))["left"] == 9
    wrong = hub_process.command(*presale, "2026-12-32")
    assert (wrong.returncode, "2026-12-32" in wrong.stderr) == (1, True)
    kept = ("set-safety-stock", "--warehouse", "SHA", "--units", "2", "--sku", "CABLE")
    assert told(hub_process.command(*kept))["quantity"] == 2


def test_a_token_made_while_the_hub_stands_still_works_when_it_runs(hub_process: Any) -> None:
    made = hub_process.command("create-token", "--name", "erp", "--scopes", "stock:read")
    token = made.stdout.strip()
    bad = hub_process.command("create-token", "--name", "erp", "--scopes", "everything")
    assert (bad.returncode, "everything" in bad.stderr) == (1, True)
    hub_process.start()
    headers = {"Authorization": f"Bearer {token}"}
    assert hub_process.client.get("/api/v1/stock", headers=headers).status_code == 200
    assert hub_process.client.get("/api/v1/orders", headers=headers).status_code == 403
    mode = stat.S_IMODE((hub_process.state / "run.json").stat().st_mode)
    assert mode == 0o600


def test_a_second_hub_on_the_same_books_is_refused(hub_process: Any) -> None:
    hub_process.start()
    second = hub_process.command("serve")
    assert (second.returncode, "already" in second.stderr or "Another" in second.stderr) == (
        1,
        True,
    )


def test_what_was_answered_survives_kill_nine(
    hub_process: Any, as_json: Any, samples: tuple[str, str]
) -> None:
    hub_process.start()
    load(hub_process, *samples)
    told(hub_process.command("import-stock", hub_process.file("s.csv", STOCK)))
    orders = [
        hub_process.client.post("/api/v1/orders", json=as_json(f"{n}", ("CABLE", 1))).json()
        for n in range(7)
    ]
    hub_process.stop(signal.SIGKILL)
    hub_process.start()
    now = [hub_process.client.get(f"/api/v1/orders/{order['order_id']}").json() for order in orders]
    assert [order["status"] for order in now] == ["reserved"] * 5 + ["backordered"] * 2
    assert told(hub_process.command("verify"))["holds"] is True


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)  # a server is backed up by its own
def test_a_restored_backup_is_another_life_and_repeats_no_number(
    hub_process: Any, as_json: Any, samples: tuple[str, str]
) -> None:
    hub_process.start()
    load(hub_process, *samples)
    told(hub_process.command("import-stock", hub_process.file("s.csv", STOCK)))
    hub_process.client.post("/api/v1/orders", json=as_json("before", ("CABLE", 1)))
    copy = str(hub_process.state.parent / "copy.db")
    assert told(hub_process.command("backup", copy))["bytes"] > 0
    assert hub_process.command("backup", copy).returncode == 1
    hub_process.client.post("/api/v1/orders", json=as_json("after", ("CABLE", 1)))
    assert hub_process.command("restore", copy).returncode == 1, "the hub runs"
    hub_process.stop()
    restored = told(hub_process.command("restore", copy))
    assert restored["epoch"] > 1
    assert told(hub_process.command("verify"))["holds"] is True
    hub_process.start()
    found = hub_process.client.get("/api/v1/orders").json()["items"]
    assert [order["order_no"] for order in found] == ["before"]
    junk = hub_process.file("junk.db", "this is no database")
    hub_process.stop()
    assert hub_process.command("restore", junk).returncode == 1


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_damaged_chain_makes_verify_fail(hub_process: Any, samples: tuple[str, str]) -> None:
    hub_process.start()
    load(hub_process, *samples)
    hub_process.stop()
    with sqlite3.connect(hub_process.state / "hub.db") as sql:
        sql.execute(
            "INSERT INTO node_logs (node, incarnation, applied_seq, applied_hash, first_seen_ms)"
            " VALUES ('SHA', 1, 3, ?, 0)",
            (bytes(32),),
        )
    done = hub_process.command("verify")
    assert done.returncode == 1
    broken = [one["promise"] for one in json.loads(done.stdout)["checks"] if not one["holds"]]
    assert broken == ["the hash chain of every log is unbroken"]
