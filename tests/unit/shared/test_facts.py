"""The replication contract: what is written once is read the same for ever."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from shared.domain import commands, facts
from shared.domain.facts import ZERO_HASH, StockRow, UnitPicked, chain_hash, decode_fact

PICKED = UnitPicked(
    parcel_id="p1", line_no=1, row=StockRow("B07-12-3", "PH-0101", 1, ("7P01",)), tote="C04-05"
)
GOLDEN = (
    b'{"kind":"unit_picked","parcel_id":"p1","line_no":1,'
    b'"row":{"bin":"B07-12-3","sku":"PH-0101","quantity":1,"serials":["7P01"]},"tote":"C04-05"}'
)


def test_a_fact_has_exactly_these_bytes() -> None:
    assert facts.encode_fact(PICKED) == GOLDEN


def test_bytes_of_yesterday_are_read_today() -> None:
    assert decode_fact(GOLDEN) == PICKED


def test_every_kind_has_its_own_name() -> None:
    kinds = [kind.__struct_config__.tag for kind in get_args(facts.Fact)]
    assert len(set(kinds)) == len(kinds)
    names = [kind.__struct_config__.tag for kind in get_args(commands.Command)]
    assert len(set(names)) == len(names)


def test_an_unknown_kind_is_an_error_and_no_guess() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_fact(b'{"kind":"unit_teleported"}')


@pytest.mark.parametrize(
    "changed",
    [
        {"prev_hash": b"\x01" * 32},
        {"node": "DG"},
        {"incarnation": 8},
        {"seq": 2},
        {"kind": "unit_packed"},
        {"version": 2},
        {"body": b"{}"},
    ],
)
def test_the_chain_notices_a_change_anywhere(changed: dict[str, object]) -> None:
    original: dict[str, object] = {
        "prev_hash": ZERO_HASH,
        "node": "JX",
        "incarnation": 7,
        "seq": 1,
        "kind": "unit_picked",
        "version": 1,
        "body": GOLDEN,
    }
    assert chain_hash(**original) != chain_hash(**(original | changed))  # type: ignore[arg-type]


def test_the_stock_digest_depends_on_units_and_not_on_their_order() -> None:
    assert facts.stock_digest({"A": 1, "B": 2}) == facts.stock_digest({"B": 2, "A": 1, "C": 0})
    assert facts.stock_digest({"A": 1, "B": 2}) != facts.stock_digest({"A": 2, "B": 1})
