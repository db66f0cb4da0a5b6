"""What the day came to: counted from the goods and from the books, and both must agree."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

from deploy.demo.day import Day, doors_of
from deploy.demo.processes import run
from deploy.demo.town import LEASED, ONLINE

PAGE_ORDERS: Final = 200
PROMISED: Final = frozenset(
    {"reserved", "released", "picking", "picked", "packed", "shipped", "cancel_pending"}
)


async def orders_at_hub(day: Day) -> list[dict[str, Any]]:
    """Return every order the hub knows, page by page."""
    orders: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": PAGE_ORDERS}
    while True:
        page = await day.hub.door.get("/api/v1/orders", **query)
        orders += page["items"]
        if not page["next"]:
            return orders
        query["cursor"] = page["next"]


def oversold_units(day: Day, orders: list[dict[str, Any]]) -> int:
    """Return the units promised or shipped beyond what physically existed, over all SKUs."""
    promised: Counter[str] = Counter()
    for order in orders:
        if order["status"] in PROMISED:
            for line in order["lines"]:
                promised[line["sku"]] += sum(part["quantity"] for part in line["allocations"])
    exists = day.world.units_in_stock()
    return sum(max(0, units - exists[sku]) for sku, units in promised.items())


def label_files(folder: Path) -> list[Path]:
    """Return the labels as the simulated printers received them."""
    return sorted(folder.rglob("*.zpl"))


def verify(day: Day) -> tuple[bool, bool, list[str]]:
    """Run `hub verify` and `edge verify` for each warehouse; return both verdicts and words."""
    words = []
    hub = run(["hub", "verify"], day.hub.settings)
    if hub.returncode != 0:
        words.append(f"hub: {hub.stdout.strip() or hub.stderr.strip()}")
    edges_right = True
    for code, warehouse in day.warehouses.items():
        edge = run(["edge", "verify"], warehouse.edge_settings)
        if edge.returncode != 0:
            edges_right = False
            words.append(f"{code}: {edge.stdout.strip() or edge.stderr.strip()}")
    return hub.returncode == 0, edges_right, words


async def make(day: Day) -> dict[str, Any]:
    """Return the report of a day that has ended; its services still run."""
    orders = await orders_at_hub(day)
    states = Counter(order["status"] for order in orders)
    carried = [parcel for site in day.world.sites.values() for parcel in site.carried_away.values()]
    applied = 0
    for code in day.warehouses:
        state = await day.hub.door.get(f"/api/v1/warehouses/{code}")
        applied += state["applied_seq"]
    leased, online = [
        await day.hub.door.get(f"/api/v1/couriers/{courier}/numbers")
        for courier in (LEASED, ONLINE)
    ]
    hub_verified, edges_verified, words = verify(day)
    return {
        "orders_received": len(orders),
        "orders_shipped": states["shipped"],
        "orders_held": states["held"],
        "orders_backordered": states["backordered"],
        "orders_other": {
            state: count
            for state, count in sorted(states.items())
            if state not in {"shipped", "held", "backordered"}
        },
        "orders_refused": len(day.channels.refused),
        "parcels_shipped": len(carried),
        "units_shipped": sum(len(parcel) for parcel in carried),
        "labels_printed": len(label_files(day.labels)),
        "oversold_units": oversold_units(day, orders),
        "facts_replicated": applied,
        "labels_from_leased_numbers": leased["used"] + leased["burnt"],
        "numbers_issued_online": online["used"] + online["burnt"],
        "wan_cut_warehouse": day.cut_warehouse.code,
        "wan_cut_seconds": round(day.cut_warehouse.line.cut_seconds, 1),
        "hub_verified": hub_verified,
        "edges_verified": edges_verified,
        "wall_seconds": round(day.seconds(), 1),
        "killed": day.killed,
        "rows_refused": day.row_errors,
        "orders_refused_because": day.channels.refused,
        "findings": words,
        "surprises": sorted(text for person in day.people for text in person.surprises),
        "databases": {"hub": str(day.hub.database)}
        | {code: str(warehouse.database) for code, warehouse in day.warehouses.items()},
        "urls": doors_of(day),
    }


def is_good(report: dict[str, Any]) -> bool:
    """Return True when the day kept every promise a report can show."""
    return bool(
        report["oversold_units"] == 0
        and report["hub_verified"]
        and report["edges_verified"]
        and report["labels_printed"] == report["parcels_shipped"]
        and not report["orders_other"]
    )


def save(report: dict[str, Any], path: Path) -> None:
    """Write the report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
