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
        "a floor's waybill does not replace the one of the books",
        "hub.services.adopt:_follow_floor",
        "waybill=_free_waybill(desk, record, told),",
        "waybill=known.waybill,",
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
    Mutant(
        "numbers given out since the backup are given out again",
        "hub.store.backup:begin_new_life",
        "SET value = value + ?",
        "SET value = value + 0 * ?",
        drills=True,
        drill="hub_old",
        also=(
            (
                "hub.services.adopt:_free_waybill",
                'desk.parcels.number_given(f"waybill:{parts[0]}", parts[1])',
                "pass",
            ),
        ),
    ),
    Mutant(
        "a hub that was put back is not noticed",
        "hub.sync.core_hello:_hub_forgot",
        "if hello.hub_epoch_seen != known.epoch:",
        "if True:",
        drills=True,
        drill="hub_old",
        also=(
            (
                "hub.sync.core_hello:_fence_forgotten",
                "if shown <= known.fence.count:",
                "if True:",
            ),
        ),
    ),
    Mutant(
        "incarnation kept after a restore",
        "edge.sync.apply:boot_old_copy",
        "    copies.branch_log(tx.sql, entropy, expected_seq=expected_seq)\n",
        "",
        drills=True,
        drill="edge_old",
        also=(
            (
                "edge.sync.apply:branch",
                "if log is state.logs[-1] or cut_seq < log.head.seq:",
                "if False:",
            ),
        ),
    ),
    Mutant(
        "a twin need not wait until the other machine is silent",
        "hub.sync.core_hello:_fenced",
        "known.silent_ms < wire.TWIN_QUIET_MS:",
        "False:",
        drills=True,
        drill="edge_clone",
    ),
    Mutant(
        "commands are taken before a disk's past is back",
        "edge.sync.core:EdgeCore._open_inbox",
        "return None if self._recall is None or self._recall.open else self._inbox",
        "return self._inbox",
        drills=True,
        drill="edge_old",
    ),
    Mutant(
        "parcels leave before a disk's past is back",
        "edge.services.scan:_wait",
        "or not recoveries.paused(floor.sql):",
        "or True:",
        drills=True,
        drill="edge_old",
    ),
    Mutant(
        "a counter sells on after its disk went back",
        "edge.store.quotas:frozen",
        "return recoveries.running(sql) or bool(exceptions.subjects(sql, RECOUNT))",
        "return False",
        drills=True,
        drill="edge_old",
        world={"quotas": 8},
    ),
    Mutant(
        "what a disk took with it is not declared",
        "edge.services.recover:_finish",
        "    floor.record(\n        LogGap(",
        "    str(\n        LogGap(",
        drills=True,
        drill="edge_lost",
    ),
)
