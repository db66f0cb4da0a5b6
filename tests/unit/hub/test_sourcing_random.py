"""Random orders against brute force over every subset and every split, with postage added up apart
from the program's own prices."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from itertools import combinations, product
from math import ceil, inf

import msgspec

from hub.domain.courier_choice import (
    DEFAULT_COURIERS,
    HOUR_MS,
    Load,
    Shipment,
    best_rate,
    choose_courier,
    goes_there,
    lane_of,
    zone_of,
)
from hub.domain.depots import Terms
from hub.domain.policy import Policy
from hub.domain.sourcing import Need, Offer, Point, distance_m, source

NOON_MS = 1_795_320_000_000  # 2026-11-22 12:00 at UTC+8
TO_SUZHOU = Point(31_300_000, 120_580_000)
TERMS = Terms(policy=Policy(), now_ms=NOON_MS)


def random_case(dice: random.Random, skus: int, units: int) -> tuple[tuple[Need, ...], list[Offer]]:
    """Return an order of up to `skus` SKUs over 5 to 8 warehouses that have little of each."""
    wanted = [f"S{number}" for number in range(dice.randint(1, skus))]
    needs = tuple(
        Need(line, sku, dice.randint(1, units), dice.choice((80, 350, 900, 2_600)))
        for line, sku in enumerate(wanted, 1)
    )
    offers = [
        Offer(
            f"W{number}",
            Point(dice.randrange(20_000_000, 45_000_000), dice.randrange(80_000_000, 120_000_000)),
            {sku: dice.choice((0, 0, 1, 1, 2, 4)) for sku in wanted},
        )
        for number in range(dice.randint(5, 8))
    ]
    return needs, offers


def test_2000_random_orders_make_as_few_parcels_as_brute_force() -> None:
    dice = random.Random(20261126)
    filled = 0
    for _ in range(2_000):
        needs, offers = random_case(dice, 6, 5)
        choice = source(needs, offers, TO_SUZHOU, TERMS)
        fewest = _fewest(needs, offers)
        assert len(choice.parcels) == fewest
        filled += bool(fewest)
        sent: Counter[int] = Counter()
        for parcel in choice.parcels:
            atp = next(one.atp for one in offers if one.warehouse == parcel.warehouse)
            for line in parcel.lines:
                sent[line.line_no] += line.quantity
                assert line.quantity <= atp[line.sku]
        assert not fewest or sent == {n.line_no: n.quantity for n in needs}
    assert 1_000 < filled < 2_000


def _fewest(needs: tuple[Need, ...], offers: list[Offer]) -> int:
    """Return how many warehouses fill everything at least, 0 when all together cannot."""
    has = [[one.atp[n.sku] for n in needs] for one in offers]
    wanted = [n.quantity for n in needs]
    for size in range(1, len(has) + 1):
        for members in combinations(has, size):
            for units, column in zip(wanted, zip(*members, strict=True), strict=True):
                if sum(column) < units:
                    break
            else:
                return size
    return 0


def test_no_set_and_no_split_of_200_random_orders_costs_less() -> None:
    dice = random.Random(4)
    split = 0
    for _ in range(200):
        needs, offers = random_case(dice, 3, 4)
        choice = source(needs, offers, TO_SUZHOU, TERMS)
        if not choice.parcels:
            continue
        assert choice.explanation.chosen is not None
        best = min(_costs(needs, members) for members in combinations(offers, len(choice.parcels)))
        assert choice.explanation.chosen.cost_minor == best
        assert best == sum(
            _postage(offers, one.warehouse, one.weight_grams) for one in choice.parcels
        )
        split += len(choice.parcels) > 1
    assert split > 50


def _costs(needs: tuple[Need, ...], members: tuple[Offer, ...]) -> float:
    """Return the least postage of all ways to take every unit from one of `members`."""
    ways = [
        [
            way
            for way in product(*(range(min(n.quantity, one.atp[n.sku]) + 1) for one in members))
            if sum(way) == n.quantity
        ]
        for n in needs
    ]
    least = inf
    for split in product(*ways):
        grams = [
            sum(n.unit_weight_grams * way[place] for n, way in zip(needs, split, strict=True))
            for place in range(len(members))
        ]
        postage = sum(
            _postage(members, one.warehouse, weight)
            for one, weight in zip(members, grams, strict=True)
            if weight
        )
        least = min(least, postage)
    return least


def _postage(offers: Sequence[Offer], warehouse: str, goods_grams: int) -> int:
    """Return the cheapest courier's price, from the published table and nothing else."""
    place = next(one.place for one in offers if one.warehouse == warehouse)
    kilometres = distance_m(place, TO_SUZHOU) // 1000
    zone = sum(kilometres > limit for limit in (100, 500, 1_500))
    kilograms = ceil(max(0, goods_grams + 120 - 1_000) / 1_000)
    return min(
        one.first_kg_minor[zone] + kilograms * one.next_kg_minor[zone]
        for one in DEFAULT_COURIERS
        if goods_grams + 120 <= one.weight_max_grams
    )


def test_a_rate_is_what_the_courier_choice_would_take() -> None:
    dice = random.Random(7)
    couriers = (
        *DEFAULT_COURIERS,
        msgspec.structs.replace(
            DEFAULT_COURIERS[1], courier="SMALL", first_kg_minor=(9, 9, 9, 9), volume_divisor=6_000,
            value_max_minor=40_000, insurance_basis_points=30, covers=("上海",),
        ),
    )  # fmt: skip
    for _ in range(500):
        load = Load(dice.randrange(120_000), dice.randrange(10**8), dice.randrange(90_000))
        province, metres = dice.choice(("上海", "广东", "")), dice.randrange(3_000_000)
        clock = {
            "now_ms": NOON_MS + dice.randrange(24) * HOUR_MS,
            "ship_by_ms": dice.choice((0, NOON_MS + dice.randrange(48) * HOUR_MS)),
            "utc_offset_minutes": 480,
        }
        fastest = dice.random() < 0.3
        choice = choose_courier(
            couriers,
            Shipment(
                weight_grams=load.weight_grams, volume_mm3=load.volume_mm3,
                value_minor=load.value_minor, distance_m=metres, province=province,
                fastest=fastest,
            ),
            **clock,
        )  # fmt: skip
        lanes = [
            lane_of(one, zone_of(metres), **clock)
            for one in couriers
            if goes_there(one, province, "")
        ]
        rate = best_rate(lanes, load, fastest=fastest)
        assert (rate is None) == choice.forced
        if rate is not None:
            assert (rate.price_minor, rate.cut_off_ms) == (choice.price_minor, choice.cut_off_ms)
