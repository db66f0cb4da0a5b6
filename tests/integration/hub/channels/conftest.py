"""One hub process per test file and database; shops of their own per test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.shops.simulated.server import Face
from tests.integration.hub.channels.town import PACE, ServedHub, Shop


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, store: Callable[[], str], hub_process_class: Any
) -> Iterator[ServedHub]:
    """A hub process with two warehouses."""
    place: Path = tmp_path_factory.mktemp("hub")
    process = hub_process_class(place / "state", store())
    process.env.update(PACE)
    process.start()
    process.fill()
    yield ServedHub(process)
    process.stop()


@pytest.fixture
def make_shop(served: ServedHub) -> Iterator[Callable[..., Shop]]:
    """Return a maker of simulated shops, which end with the test."""
    made: list[Shop] = []

    def make(face: Face = "generic", units: int = 10) -> Shop:
        made.append(Shop(served, face, units))
        return made[-1]

    yield make
    for shop in made:
        served.client.post(
            "/api/v1/shops",
            json={
                "channel": shop.channel, "shop": shop.name, "url": "https://gone.example",
                "active": False,
            },
        )  # fmt: skip
        shop.stop()


@pytest.fixture
def shop(make_shop: Callable[..., Shop]) -> Shop:
    """A generic shop that shows ten units and is served."""
    made = make_shop()
    made.stage.shop.shown[made.sku] = 10
    made.join()
    return made
