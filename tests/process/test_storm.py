"""F-9 and F-10: a hundred warehouses at once, and strangers who send nonsense to their port."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
import structlog

from tests.process.junk import nonsense
from tests.process.storm import Storm, open_company

EDGES = 100
FACTS = 20
UP_SECONDS_MAX = 30.0
"""Every edge waits at most this long between two tries."""
STRANGERS = 300
FRAMES = 20_000
GROWTH_MIB_MAX = 10.0
SEED = 7


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a storm and then the nonsense did to one company."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

    async def live() -> dict[str, Any]:
        async with open_company(tmp_path_factory.mktemp("storm"), EDGES) as company:
            storm = await company.storm(FACTS)
            cost = await nonsense(company, FRAMES, STRANGERS, SEED)
            heads = {edge.node: (edge.head(), edge.head()) for edge in company.edges}
            return {"storm": storm, "cost": cost, "heads": heads, "counted": company.counted()}

    return asyncio.run(live())


def test_a_hundred_warehouses_come_back_at_once_and_head_office_notices_nothing(day):
    storm: Storm = day["storm"]
    assert storm.edges == EDGES
    assert storm.up_seconds < UP_SECONDS_MAX
    assert storm.p99_ms < 1_000, storm


def test_nonsense_on_the_port_costs_no_memory_and_disturbs_no_other_warehouse(day):
    cost = day["cost"]
    assert cost["growth_mib"] < GROWTH_MIB_MAX, cost
    assert (cost["same_process"], cost["still_heard"]) == (True, True)


def test_after_storm_and_nonsense_every_line_is_counted_once(day):
    counted = {node: found for node, found in day["counted"].items() if node != "JOKER"}
    assert counted == day["heads"]
