"""Bugs in how a hub that was restored or lost finds its way back; only drills can show them."""

from __future__ import annotations

from typing import Final

from tests.simulation.mutants import Mutant

RECOVERY: Final = (
    Mutant(
        "an order sent again is not matched with what floors have",
        "hub.services.ingest_order:_only_floors_know",
        "if before is None or before.version > 0:",
        "if True:",
        drills=True,
    ),
    Mutant(
        "an adopted parcel takes no rights",
        "hub.services.adopt:_debit",
        '        desk.rights.move(sku, node, debited, "pool", "ordered", parcel_id)\n',
        "        pass\n",
        drills=True,
    ),
    Mutant(
        "forgotten parcels are not adopted",
        "hub.services.apply_facts:_command_accepted",
        "if fact.parcel is not None:",
        "if False:",
        drills=True,
    ),
    Mutant(
        "a file handed over again counts again after a restore",
        "hub.services.apply_facts:_load_forgotten",
        "            remember_row(desk, fact.import_id, record.node, row)",
        "            pass",
        drills=True,
        drill="hub_old",
    ),
    Mutant(
        "a new hub is refused by warehouses of the lost one",
        "hub.sync.core_hello:_old_hub",
        "if not known.restored and not any(log.applied.seq for log in known.logs):",
        "if False:",
        drills=True,
        drill="hub_lost",
    ),
    Mutant(
        "a parcel one too many is not called back",
        "hub.services.adopt:settle_order",
        "if parcel.parcel_id in surplus.call_back:",
        "if False:",
        drills=True,
        drill="hub_old",
    ),
    Mutant(
        "parcels leave before the warehouses were heard",
        "hub.domain.roll_call:everybody_heard",
        "waited_ms >= ROLL_CALL_MS or",
        "True or",
        drills=True,
        drill="hub_old",
    ),
    Mutant(
        "promises of the backup are kept whatever happened since",
        "hub.store.recovering:begin",
        "p.state = 'reserved'",
        "p.state = 'nowhere'",
        drills=True,
        drill="hub_old",
        world={
            "edges": 2,
            "cancels": 0.0,
            "amends": 0.9,
            "lost_wakeups": 0.9,
            "backup_ms": 3_000,
            "resend_ms": 200_000,
            "order_gap_ms": 1_500,
            "units_per_bin": 2,
            "cuts": 8,
            "cut_ms": 300_000,
            "events": 4_000,
        },
    ),
    Mutant(
        "a floor's waybill does not replace the one of the books",
        "hub.services.adopt:_follow_floor",
        "known.waybill == told.waybill",
        "True",
        drills=True,
        drill="hub_old",
    ),
    Mutant(
        "commands keep the numbers an edge has passed",
        "hub.store.recovering:_renumber",
        "down_cursor <= row[0]",
        "True",
        drills=True,
        drill="hub_old",
        world={"cancels": 0.8, "cuts": 5, "backup_ms": 8_000},
    ),
)
