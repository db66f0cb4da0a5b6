"""A hub that was put back learns from its shops what it has forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.hub.channels.town import PACE, ServedHub, Shop, until


@pytest.fixture
def hub(tmp_path: Path, hub_process_class: Any) -> Iterator[ServedHub]:
    """A hub of its own, on a file: a server is put back by its own tools."""
    process = hub_process_class(tmp_path / "state")
    process.env.update(PACE)
    process.start()
    process.fill()
    yield ServedHub(process)
    process.stop()


def test_orders_taken_after_the_backup_come_back_from_the_shop(
    hub: ServedHub, tmp_path: Path
) -> None:
    shop = Shop(hub)
    try:
        shop.stage.shop.shown[shop.sku] = 10
        shop.join()
        shop.list_sku()
        shop.sell("R-1", 1)
        backup = str(tmp_path / "backup.db")
        assert hub.process.command("backup", backup).returncode == 0
        shop.sell("R-2", 2)
        until("the shop shows what is left", lambda: shop.shown == 7)
        assert hub.process.stop() in {0, -15}
        assert hub.process.command("restore", backup).returncode == 0
        hub.process.start()
        forgotten = until("the order is back", lambda: shop.order("R-2"))
        assert (shop.order("R-1") or {})["order_no"] == "R-1"
        assert forgotten["version"] == 1
        until("the shop is understood again", lambda: not shop.listing()["in_doubt"])
        assert shop.shown <= 7
        assert hub.get("/api/v1/verify")["holds"] is True
    finally:
        shop.stop()
