"""The counter over HTTP and on the lead's console."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from edge import settings
from edge.app import EdgeNode, create_app
from shared.domain.commands import GrantQuota, QuotaLine
from shared.domain.facts import StockRow


@pytest.fixture
def client(house: Any, tmp_path: Path) -> Iterator[TestClient[Any]]:
    """The node's doors, with rights to four of six cables and an order that waits for one."""
    house.load(StockRow("B01-01-1", "CABLE", 6), StockRow("B02-01-1", "PHONE", 1, ("SN1",)))
    house.command(GrantQuota(totals=(QuotaLine("CABLE", 4), QuotaLine("PHONE", 1))))
    house.parcel("P1", ("CABLE", 1))
    house.database.close()
    node = EdgeNode(
        settings.load(
            {
                "BINCARD_EDGE_STATE_DIR": str(tmp_path),
                "BINCARD_EDGE_DATABASE_URL": f"sqlite:///{tmp_path}/edge.db",
                "BINCARD_EDGE_AUTO_WAVES": "0",
            }
        )
    )
    with TestClient(create_app(node)) as client:
        yield client


def sale(sku: str, quantity: int, *serials: str, op_id: str = "S1") -> dict[str, Any]:
    line = {"sku": sku, "quantity": quantity, "serials": serials}
    return {"op_id": op_id, "badge": "BDG-0001", "lines": [line]}


def test_a_sale_is_answered_once_and_a_repeat_says_so(client: TestClient[Any]) -> None:
    first = client.post("/api/v1/local-sales", json=sale("CABLE", 3))
    assert first.status_code == 200
    assert first.json() == {
        "op_id": "S1",
        "outcome": "accepted",
        "sale_id": "S1",
        "sold": [{"sku": "CABLE", "bin": "B01-01-1", "quantity": 3, "serials": []}],
        "rights_left": {"CABLE": 1},
    }
    again = client.post("/api/v1/local-sales", json=sale("CABLE", 3))
    assert again.json() == first.json() | {"outcome": "duplicate"}


def test_beyond_the_quota_the_answer_is_a_plain_sentence(client: TestClient[Any]) -> None:
    answer = client.post("/api/v1/local-sales", json=sale("CABLE", 5))
    told = answer.json()
    assert (answer.status_code, told["code"]) == (422, "quota_exceeded")
    assert told["detail"] == ("Failed to sell 5 of CABLE: this warehouse may sell 4 by itself now.")
    assert told["hint"]


def test_the_quota_is_listed_with_what_may_be_sold_now(client: TestClient[Any]) -> None:
    answer = client.get("/api/v1/quota").json()
    assert answer["frozen"] is False
    (cable, _) = answer["quota"]
    assert (cable["granted"], cable["free"], cable["sellable"]) == (4, 4, 4)
    assert (cable["on_shelves"], cable["for_orders"]) == (6, 1)


def test_broken_units_are_written_off_over_http(client: TestClient[Any]) -> None:
    loss = {"op_id": "L1", "badge": "BDG-0001", "sku": "CABLE", "bin": "B01-01-1", "quantity": 2}
    assert client.post("/api/v1/losses", json=loss).json()["outcome"] == "accepted"
    assert client.post("/api/v1/losses", json=loss).json()["outcome"] == "duplicate"
    (cable, _) = client.get("/api/v1/quota").json()["quota"]
    assert (cable["on_shelves"], cable["free"], cable["sellable"]) == (4, 4, 3)


@pytest.mark.parametrize(("language", "title"), [("zh-CN", "门店销售"), ("en", "Counter sale")])
def test_the_page_shows_quota_form_and_sales(
    client: TestClient[Any], language: str, title: str
) -> None:
    client.post("/api/v1/local-sales", json=sale("PHONE", 1, "SN1"))
    page = client.get("/counter", headers={"accept-language": language})
    assert page.status_code == 200
    assert f"<h1>{title}</h1>" in page.text
    assert 'data-api="/api/v1/local-sales"' in page.text
    assert 'href="/serials/SN1"' in page.text
    assert "con." not in page.text.replace('class="con', "").replace("console.", "")
