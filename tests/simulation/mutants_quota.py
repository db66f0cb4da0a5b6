"""Bugs in rights that are lent: the ways in which other systems sell a unit twice while cut off."""

from __future__ import annotations

from typing import Final

from tests.simulation.mutants import Mutant

QUOTA: Final = (
    Mutant(
        "grant without debit",
        "hub.store.sqlite.quotas:SqliteQuotas.lend",
        "SET pool = pool - :n, lent",
        "SET minted = minted + :n, lent",
    ),
    Mutant(
        "a grant is added, not taken as a total",
        "edge.store.quotas:grant",
        "max(granted, excluded.granted + overspent)",
        "granted + excluded.granted",
        world={"quotas": 8},
    ),
    Mutant(
        "the last total counts, not the largest",
        "edge.store.quotas:grant",
        "max(granted, excluded.granted + overspent)",
        "excluded.granted",
        world={"quotas": 8, "stale_grants": 3},
    ),
    Mutant(
        "the smallest total counts",
        "edge.store.quotas:grant",
        "max(granted, excluded.granted + overspent)",
        "min(granted, excluded.granted + overspent)",
        world={"quotas": 8},
    ),
    Mutant(
        "rights of a silent warehouse come back after a while",
        "hub.services.quotas:balance_quotas",
        "    silent = frozenset(",
        "    for place in desk.catalogue.warehouses():\n"
        "        for row in desk.quotas.of_warehouse(place.warehouse, EDGE):\n"
        "            if row.recall_id:\n"
        "                desk.quotas.take_back(row.warehouse, EDGE, row.sku, row.units, 'late')\n"
        "                desk.quotas.answered(row.warehouse, row.recall_id)\n"
        "    silent = frozenset(",
    ),
    Mutant(
        "rights are credited when they are asked for",
        "hub.services.quotas:_recall",
        "        desk.quotas.ask(warehouse, EDGE, one.sku, command_id)\n",
        "        desk.quotas.ask(warehouse, EDGE, one.sku, command_id)\n"
        "        gone = one.units - one.keep\n"
        "        desk.quotas.take_back(warehouse, EDGE, one.sku, gone, command_id)\n",
    ),
    Mutant(
        "a return is credited twice",
        "hub.services.apply_quotas:quota_returned",
        "    if beyond:\n",
        "    desk.quotas.take_back(node, EDGE, fact.sku, fact.quantity, fact.return_id)\n"
        "    if beyond:\n",
    ),
    Mutant(
        "a return is told but the rights are kept",
        "edge.store.quotas:give_up",
        "SET returned = returned + ?",
        "SET returned = returned + ? * 0",
    ),
    Mutant(
        "sold without a right",
        "edge.services.local_sale:_sell",
        "if not quotas.use(floor.sql, line.sku, line.quantity):",
        "if not quotas.use(floor.sql, line.sku, line.quantity) and False:",
        world={"quotas": 8},
    ),
    Mutant(
        "sold without spending the right",
        "edge.store.quotas:use",
        "SET used = used + ?",
        "SET used = used + ? * 0",
        world={"quotas": 8},
    ),
    Mutant(
        "sold what is about to be picked",
        "edge.services.local_sale:_sell",
        "if row.quantity > free_bins.get(row.bin, 0):",
        "if False:",
        world={"quotas": 8},
    ),
    Mutant(
        "a sale sent again sells again",
        "edge.services.local_sale:sell_local",
        "    if first is not None:\n",
        "    if False:\n",
        world={"quotas": 8, "lost_answers": 0.15},
    ),
    Mutant(
        "a sale is not told",
        "edge.services.local_sale:sell_local",
        "        floor.record(LocalSale(",
        "        str(LocalSale(",
        world={"quotas": 8},
    ),
    Mutant(
        "a sale at the counter burns the pool, not the quota",
        "hub.store.sqlite.quotas:SqliteQuotas.sell",
        "    covered = self._spend(",
        "    covered = 0 * self._spend(",
        world={"quotas": 8},
    ),
    Mutant(
        "what is owed is never paid",
        "hub.store.sqlite.debts:settle",
        "        paid = take(\n",
        "        paid = 0 and take(\n",
        world={"quotas": 8, "breakages": 3, "receipts": 3},
    ),
    Mutant(
        "a loss beyond the pool is passed over",
        "hub.store.sqlite.debts:take_or_owe",
        "    if owed:\n",
        "    if False:\n",
        world={"quotas": 8, "breakages": 3},
    ),
    Mutant(
        "a restored hub forgets what it lent",
        "hub.store.sqlite.quotas:SqliteQuotas.learn",
        "        if new <= 0:\n",
        "        if True:\n",
        drills=True,
    ),
    Mutant(
        "a restored hub takes over a total without debit",
        "hub.store.sqlite.quotas:SqliteQuotas.learn",
        "        debts.take_or_owe(\n",
        "        (lambda *_, **__: 0)(\n",
        drills=True,
        drill="hub_old",
    ),
)
