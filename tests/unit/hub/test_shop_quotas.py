"""Quotas of strict shops, as arithmetic: never more than there is, calm, and in proportion."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.shop_quotas import (
    HALF_LIFE_MS,
    SPEED_UNIT,
    Claim,
    decayed,
    plan,
    slack,
    sped_up,
    split,
)


@st.composite
def shops(draw: st.DrawFn) -> tuple[int, list[Claim]]:
    """Shops with what they hold, and how many units there are in all."""
    claims = []
    for number in range(draw(st.integers(1, 6))):
        most = draw(st.integers(0, 60))
        claims.append(
            Claim(
                shop=f"s{number}",
                units=draw(st.integers(0, 40)),
                speed=draw(st.sampled_from((0, 0, 1, 7, SPEED_UNIT, 40 * SPEED_UNIT))),
                least=draw(st.integers(0, min(5, most))),
                most=most,
            )
        )
    held = sum(one.units for one in claims)
    return held + draw(st.integers(-5, 80)), claims


def held(claims: list[Claim], quotas: dict[str, int]) -> list[Claim]:
    """The same shops once each holds its quota."""
    return [Claim(one.shop, quotas[one.shop], one.speed, one.least, one.most) for one in claims]


@settings(max_examples=200)
@given(shops())
def test_quotas_fit_what_there_is_come_to_rest_at_once_and_stay(
    world: tuple[int, list[Claim]],
) -> None:
    sellable, claims = world
    quotas = plan(sellable, claims)
    assert sum(quotas.values()) <= max(0, sellable)
    assert all(0 <= quotas[one.shop] <= one.most for one in claims)
    rested = held(claims, quotas)
    assert plan(sellable, rested) == quotas
    shares = split(sellable, claims)
    assert all(quotas[shop] >= shares[shop] - slack(shares[shop]) for shop in quotas)


@settings(max_examples=200)
@given(shops())
def test_shares_use_everything_give_each_its_least_and_favour_the_faster(
    world: tuple[int, list[Claim]],
) -> None:
    sellable, claims = world
    shares = split(sellable, claims)
    assert sum(shares.values()) == min(max(0, sellable), sum(one.most for one in claims))
    if sum(one.least for one in claims) <= sellable:
        assert all(shares[one.shop] >= one.least for one in claims)
    for one in claims:
        for other in claims:
            if one.speed > other.speed and one.least >= other.least and one.most >= other.most:
                assert shares[one.shop] >= shares[other.shop]


def claim(shop: str, units: int, speed: int, most: int = 1_000) -> Claim:
    return Claim(shop, units, speed, 1, most)


@pytest.mark.parametrize(
    ("sellable", "claims", "quotas"),
    [
        (10, [claim("a", 0, 3), claim("b", 0, 1)], {"a": 7, "b": 3}),  # the least, then 3 to 1
        (10, [claim("a", 0, 0), claim("b", 0, 0)], {"a": 5, "b": 5}),  # nobody sold anything yet
        (2, [claim("a", 0, 0), claim("b", 0, 9), claim("c", 0, 5)], {"a": 0, "b": 1, "c": 1}),
        (40, [claim("a", 18, 1), claim("b", 20, 1)], {"a": 18, "b": 20}),  # nearly right is right
        (40, [claim("a", 10, 1), claim("b", 20, 1)], {"a": 20, "b": 20}),  # the pool fills up
        (30, [claim("a", 0, 1), claim("b", 30, 1)], {"a": 15, "b": 15}),  # or another is lowered
        (30, [claim("a", 5, 1, most=4), claim("b", 5, 1, most=9)], {"a": 4, "b": 9}),
        (0, [claim("a", 3, 1)], {"a": 0}),  # units that were lent have been lost
    ],
)  # fmt: skip
def test_cases_of_a_day(sellable: int, claims: list[Claim], quotas: dict[str, int]) -> None:
    assert plan(sellable, claims) == quotas


@given(
    st.integers(0, 10**9), st.lists(st.integers(0, 3 * HALF_LIFE_MS), max_size=5),
    st.integers(0, 50),
)  # fmt: skip
def test_speed_only_falls_with_time_and_rises_with_sales(
    speed: int, waits_ms: list[int], units: int
) -> None:
    for wait_ms in sorted(waits_ms):
        assert 0 <= decayed(speed, wait_ms) <= speed
    falling = [decayed(speed, wait_ms) for wait_ms in sorted(waits_ms)]
    assert falling == sorted(falling, reverse=True)
    assert sped_up(speed, 0, units) == speed + units * SPEED_UNIT
