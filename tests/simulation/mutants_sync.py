"""Bugs in the line between edge and hub, in its cores, its books and its logs."""

from __future__ import annotations

from typing import Final

from tests.simulation.mutants import Mutant

_OVERTAKING: Final = {
    "order_gap_ms": 200,
    "units_per_bin": 9,
    "cancels": 0.8,
    "cancel_ms": 12_000,
    "drop": 0.25,
    "delay_ms": 700,
    "lost_wakeups": 0.0,
    "merge_minutes": 0,
}
"""Many parcels are called back while the commands before are still on a bad line."""
SYNC: Final = (
    Mutant(
        "ack before commit",
        "hub.sync.core:HubCore._on_facts",
        "    return [\n        on.ApplyFacts(",
        "    last = message.facts[-1]\n"
        "    early = wire.Ack(message.incarnation, wire.Mark(last.seq, last.hash), 0, 4,"
        " wire.CREDIT_BYTES_MAX)\n"
        "    return [\n        self._send(session, early), on.ApplyFacts(",
    ),
    Mutant(
        "gap accepted",
        "hub.sync.apply:apply_batch",
        '    if records[0].seq > applied.seq + 1:\n        return on.Expected(applied, "gap")\n',
        "    if records[0].seq > applied.seq + 1:\n        applied = Mark(records[0].seq - 1, "
        "records[0].prev_hash)\n",
    ),
    Mutant(
        "chain not checked at the hub",
        "hub.sync.apply:_intact",
        "        if record.seq != seq or not fact_log.follows(record, previous):",
        "        if record.seq != seq:",
    ),
    Mutant(
        "duplicate facts counted",
        "hub.sync.apply:apply_batch",
        "    if not fresh:\n",
        "    for record in records if not fresh else ():\n        project(tx, record)\n"
        "    if not fresh:\n",
        world={"duplicate": 0.3},
    ),
    Mutant(
        "poison blocks",
        "hub.sync.apply:_attempt",
        "return error",
        "raise",
        world={"poison": 3},
    ),
    Mutant(
        "poison passed over in silence",
        "hub.sync.apply:_attempt",
        "return error",
        "return None",
        world={"poison": 3},
    ),
    Mutant(
        "a batch that never writes the units it kept back",
        "hub.store.batch.goods:BatchStock.write_out",
        "self._plain.add_many(",
        "list(",
    ),
    Mutant(
        "a batch that forgets where a serial number went",
        "hub.store.batch.goods:BatchSerials.put",
        "self._rows[row.serial] = row",
        "self._rows[row.serial] = self._rows[row.serial]",
    ),
    Mutant(
        "a batch that forgets which rights it moved",
        "hub.store.batch.trade:BatchRights.write_out",
        "self._plain.move_many(moved)",
        "len(moved)",
    ),
    Mutant(
        "a batch that reads a parcel past its own change",
        "hub.store.batch.trade:BatchParcels.get",
        "row = self._rows.get(parcel_id)",
        "row = None",
    ),
    Mutant(
        "a batch that failed leaves what it wrote",
        "hub.sync.apply:_count_all",
        "        with undoable(tx.sql):\n",
        "        if True:\n",
        world={"poison": 3, "cuts": 5},
        also=(
            (
                "hub.services.apply_facts:project_all",
                (
                    "    facts = [read_fact(record) for record in records]\n"
                    "    desk.expect(expected(records[0].node, facts))\n"
                    "    for record, fact in zip(records, facts, strict=True):\n"
                ),
                "    for record in records:\n        fact = read_fact(record)\n",
            ),
        ),
    ),
    Mutant(
        "half a batch applied",
        "hub.sync.apply:apply_batch",
        "fresh = records[len(stored) :]",
        "fresh = records[len(stored) :][:1]",
    ),
    Mutant(
        "key not checked when storing",
        "hub.sync.apply:apply_checked",
        "!= (request.node, False)",
        "is None",
        world={"revocations": 3, "delay_ms": 700},
    ),
    Mutant(
        "revocation leaves the session alive",
        "hub.sync.core:HubCore._on_keys_loaded",
        "event.owners.get(session.key) != session.node",
        "False",
    ),
    Mutant(
        "boot number not checked",
        "hub.sync.core_hello:_fenced",
        "hello.boot_no <= log.boot_no",
        "False",
        world={"replays": 8},
    ),
    Mutant(
        "boot number not stored",
        "hub.store.nodes:welcome",
        "SET boot_no = ?",
        "SET boot_no = boot_no * (? < 0)",
        world={"replays": 8},
    ),
    Mutant(
        "edge never gives a silent line up",
        "edge.sync.core:EdgeCore._on_tick",
        "if now_ms - self._heard_ms >= wire.DEAD_MS:",
        "if False:",
        world={"cuts": 5},
    ),
    Mutant(
        "hub never gives a silent line up",
        "hub.sync.core:HubCore._on_tick",
        "if now_ms - session.heard_ms >= wire.DEAD_MS:",
        "if False:",
        world={"cuts": 5},
    ),
    Mutant(
        "no nonce: any session's frames are taken",
        "edge.sync.core:EdgeCore._on_received",
        'if self._phase != "up" or frame.session != self._session:',
        'if self._phase != "up":',
        world={"stale": True, "duplicate": 0.3, "resets": 8},
    ),
    Mutant(
        "no nonce: any greeting's welcome is taken",
        "edge.sync.core:EdgeCore._on_welcome",
        'if self._phase != "greeting" or message.nonce != self._nonce:',
        'if self._phase != "greeting":',
    ),
    Mutant(
        "nothing is sent again",
        "edge.sync.core_outbox:Outbox.resend_late",
        "if not self._flight or now_ms < self._resend_ms or self._credit_batches == 0:",
        "if True:",
    ),
    Mutant(
        "a lost command batch is not sent again",
        "hub.sync.core_down:resend_late",
        "if not down.data or now_ms < down.resend_ms:",
        "if True:",
        world={"drop": 0.25},
    ),
    Mutant(
        "the pump needs a wake-up",
        "hub.sync.core:HubCore._on_tick",
        "if now_ms - session.pumped_ms >= wire.PUMP_MS:",
        "if False:",
    ),
    Mutant(
        "cumulative acknowledgement taken as a step",
        "edge.sync.core_outbox:Outbox._advance",
        "\n    self._acked = applied\n",
        "\n    self._acked = Mark(self._acked.seq + applied.seq, applied.hash)\n",
    ),
    Mutant(
        "acknowledgement taken on trust",
        "edge.sync.core_outbox:Outbox.nack",
        "trouble = self._advance(message.expected, now_ms)",
        "trouble = self._advance(self._sent, now_ms)",
    ),
    Mutant(
        "commands acknowledged before they take effect",
        "edge.sync.core_inbox:Inbox.commands",
        "return [on.ApplyCommand(self._session, record) for record in fresh]",
        "return [on.Send(wire.encode(self._session, wire.Cack(self._taken))), "
        "*(on.ApplyCommand(self._session, record) for record in fresh)]",
        world={"edge_crash": 0.04, "disk_errors": 2},
    ),
    Mutant(
        "what overtook is done again in its turn",
        "edge.store.line_state:done_ahead",
        "'done', ?)",
        "'unknown', ?)",
        world=_OVERTAKING,
    ),
    Mutant(
        "what overtakes takes its turn with it",
        "edge.sync.apply:apply_ahead",
        "    line_state.done_ahead(tx.sql, record, clock.wall_ms())\n",
        '    line_state.finish_command(tx.sql, record, "done", "", clock.wall_ms())\n',
        world=_OVERTAKING,
    ),
    Mutant(
        "what cannot be done yet is refused for good",
        "edge.sync.apply:apply_ahead",
        "            raise\n        return cursor",
        "            raise\n        line_state.done_ahead(tx.sql, record, 1)\n"
        "        return cursor",
        world={**_OVERTAKING, "cancel_ms": 4_000},
    ),
    Mutant(
        "cursor advanced without effect",
        "edge.sync.apply:_carry_out",
        "            handle(attempt, record)",
        "            handle(attempt, record) if record.seq % 5 else None",
    ),
    Mutant(
        "effect without cursor",
        "edge.store.line_state:finish_command",
        'sql.execute("UPDATE node_state SET down_cursor = ?", (record.seq,))',
        'sql.execute("UPDATE node_state SET down_cursor = ? - (? % 5 = 0)", '
        "(record.seq, record.seq))",
    ),
    Mutant(
        "the next command is left out",
        "hub.store.fact_log:read_commands",
        "AND seq > ?",
        "AND seq > ? + 1",
    ),
    Mutant(
        "a command for which there was no room is passed over",
        "edge.sync.core_inbox:Inbox.failed",
        "self._taken = self.cursor",
        "pass",
        world={"full_disks": 8},
    ),
    Mutant(
        "pruned at acknowledgement",
        "edge.store.line_state:store_ack",
        '    sql.execute(\n        "UPDATE logs SET stable_seq',
        '    sql.execute("UPDATE logs SET base_seq = acked_seq, base_hash = acked_hash")\n'
        '    sql.execute("DELETE FROM facts WHERE seq <= (SELECT base_seq FROM logs)")\n'
        '    sql.execute(\n        "UPDATE logs SET stable_seq',
    ),
    Mutant(
        "chain head not moved",
        "edge.store.fact_log:append",
        "        (seq, digest, end.incarnation),",
        "        (seq, digest if seq % 40 else end.hash, end.incarnation),",
    ),
    Mutant(
        "a restored hub promises at once",
        "hub.services.awaiting:awaiting",
        "if not frozen:",
        "if True:",
        drills=True,
        drill="hub_old",
    ),
    Mutant(
        "a restored hub begins no new life",
        "hub.store.nodes:raise_epoch",
        "max(before.ordinal, above, now_ms // 1000) + 1",
        "before.ordinal",
        drills=True,
    ),
    Mutant(
        "dedupe by number only",
        "hub.sync.apply:apply_batch",
        "if fact_log.hash_at(tx.sql, node, incarnation, last.seq) != last.hash:",
        "if False:",
        drills=True,
        drill="edge_old",
        also=(
            (
                "hub.sync.core_hello:judge",
                "        or _histories_differ(hello, known)\n",
                "",
            ),
            ("hub.sync.core_hello:_fenced", "stale = not fence.open and", "stale = False and"),
            (
                "edge.sync.core_outbox:Outbox._advance",
                "done.last != applied",
                "done.last.seq != applied.seq",
            ),
            (
                "edge.sync.core_outbox:disagreement",
                "for log, start in zip(logs, starts, strict=True):",
                "for log, start in ():",
            ),
        ),
    ),
    Mutant(
        "the fence is not checked",
        "hub.sync.core_hello:_fenced",
        "stale = not fence.open and",
        "stale = False and",
        drills=True,
        drill="edge_clone",
        world={"clone_ms": 90_000, "events": 3_000},
    ),
    Mutant(
        "the fence is not stored at the edge",
        "edge.store.line_state:store_fence",
        "SET fence = ?",
        "SET fence = coalesce(fence, ?)",
    ),
    Mutant(
        "retold lines are counted twice",
        "hub.store.fact_log:_told_elsewhere",
        ">= here",
        "< 0",
        drills=True,
        drill="edge_old",
    ),
    Mutant(
        "retold lines are entered twice",
        "edge.store.fact_log:told_elsewhere",
        ">= here > 0",
        "< 0",
        drills=True,
        drill="edge_old",
    ),
    Mutant(
        "lines the hub may lack are dropped at a branch",
        "edge.store.fact_log:move_lines",
        "        _insert(sql, moved)",
        "        seq, digest = 0, ZERO_HASH\n        break",
        drills=True,
        drill="edge_old",
    ),
    Mutant(
        "incarnation kept when the histories differ",
        "edge.sync.apply:branch",
        "if log is state.logs[-1] or cut_seq < log.head.seq:",
        "if False:",
        drills=True,
        drill="edge_old",
    ),
)
