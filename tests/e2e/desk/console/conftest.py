"""A warehouse in the middle of a working day, worked through the real doors on a moved clock."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from shared.domain.commands import GrantQuota, QuotaLine

HOUR_MS: Final = 3_600_000
PACKER: Final = "BDG-0007"


def work_a_day(edge: Any) -> None:
    """Five hours of work: parcels packed each hour, carts out, a refund, a short, a stop."""
    edge.order(200, [("GIFT-01", 1)], "SF", hours=12)
    edge.plan()
    edge.take_list("handheld-04", "C09", "BDG-0005")
    for raw in (edge.station("handheld-04")["pick_list"]["stops"][0]["bin"], "BC:SHORT:1"):
        edge.scan("handheld-04", raw)
    edge.pick("handheld-04")
    edge.orders(1, 44, "SF", hours=8)
    edge.orders(45, 60, "YTO", hours=9.5)
    edge.orders(61, 68, "JD", hours=11)
    edge.plan()
    for bench, badge in (("bench-1", PACKER), ("bench-2", "BDG-0008")):
        edge.scan(bench, badge)
    for cart, packed in (("C01", 5), ("C02", 7), ("C03", 9), ("C05", 4), ("C06", 8)):
        edge.take_list("handheld-01", cart)
        edge.pick("handheld-01")
        edge.clock.forward(HOUR_MS // 3)
        for number, parcel_id in enumerate(edge.picked()[:packed]):
            edge.pack(parcel_id, f"bench-{1 + number % 2}")
            edge.clock.forward(HOUR_MS // 40)
        edge.clock.forward(HOUR_MS // 5)
    edge.orders(69, 84, "ZTO", hours=1.1)
    edge.plan()
    edge.take_list("handheld-02", "C11", "BDG-0003")
    edge.pick("handheld-02", 6)
    edge.clock.forward(7 * 60_000)
    edge.take_list("handheld-03", "C04", "BDG-0004")
    edge.pick("handheld-03", 9)
    edge.take_list("handheld-01", "C07")
    edge.pick("handheld-01", 3)
    edge.pack(edge.picked()[0], "bench-2", grams=3_000)
    edge.refund(edge.picked()[-1])
    edge.clock.forward(2 * 60_000)
    edge.command(GrantQuota(totals=(QuotaLine("GIFT-01", 6), QuotaLine("YC-GAN65", 3))))


@pytest.fixture(scope="session")
def worked_day(
    tmp_path_factory: pytest.TempPathFactory, start_edge: Callable[..., Any]
) -> tuple[Path, int]:
    """Return the books of a working day, made once, and the time at its end."""
    folder = tmp_path_factory.mktemp("worked-day")
    edge = start_edge(folder)
    work_a_day(edge)
    edge.stop()
    return folder / "edge.db", edge.clock.wall_ms()


@pytest.fixture
def busy_edge(
    tmp_path: Path, worked_day: tuple[Path, int], start_edge: Callable[..., Any]
) -> Iterator[Any]:
    """A warehouse in the middle of a working day, its own copy of the books."""
    books, now_ms = worked_day
    shutil.copy(books, tmp_path / "edge.db")
    edge = start_edge(tmp_path, now_ms=now_ms)
    yield edge
    edge.stop()
