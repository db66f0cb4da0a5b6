"""Bugs in what people and shops touch: stock, serial numbers, labels, refunds, promises."""

from __future__ import annotations

from typing import Final

from tests.simulation.mutants import Mutant

EDGE: Final = (
    Mutant(
        "a repeated scan is judged anew",
        "edge.services.scan:scan_once",
        "if repeated is not None:",
        "if False:",
    ),
    Mutant(
        "the answer to a scan is not kept",
        "edge.services.scan:_remember",
        "    operations.insert(",
        "    (lambda *_: None)(",
    ),
    Mutant(
        "movement without fact",
        "edge.services.pick:_pick",
        "    floor.record(\n        UnitPicked(",
        "    str(\n        UnitPicked(",
    ),
    Mutant(
        "fact without movement",
        "edge.services.pick:_pick",
        '    floor.move(current.sku, 1, account("bin", current.bin), target, serial)\n',
        "",
    ),
    Mutant(
        "shipped without telling",
        "edge.services.ship:_hand_over",
        "    floor.record(\n",
        "    str(\n",
    ),
    Mutant(
        "another product's code passes",
        "edge.services.pick:_pick_by_gtin",
        "if product.sku != current.sku:",
        "if False:",
        world={"mistakes": 0.2},
    ),
    Mutant(
        "another unit passes at scan-out",
        "edge.services.scan_out:_known_unit",
        'return stop("wrong_unit", params)',
        "return _tick(bench, next(one for one, _ in bench.lines() if one.packed < one.picked), "
        "known.serial)",
        world={"mistakes": 0.2},
    ),
    Mutant(
        "shipped although a refund was asked",
        "edge.services.ship:_judge",
        "if parcel.cancel_command_id is not None:",
        "if False:",
    ),
    Mutant(
        "shipped without a proven label",
        "edge.services.ship:_judge",
        "    if not any(",
        "    if False and not any(",
        world={"mistakes": 0.2, "printer_trouble": 0.3},
    ),
    Mutant(
        "label twice",
        "edge.services.weigh:_pack",
        "        print_label.order(floor, numbered, station=bench.name, grams=grams, drawn=drawn)",
        "        print_label.order(floor, numbered, station=bench.name, grams=grams, drawn=drawn)\n"
        "        print_label.order(floor, numbered, station=bench.name, grams=grams)",
    ),
    Mutant(
        "refund confirmed before the units are back",
        "edge.services.cancel:cancel_parcel",
        "elif any(line.picked for line in parcels.lines(floor.sql, parcel.parcel_id)):",
        "elif False:",
    ),
    Mutant(
        "refund confirmed, units not booked back",
        "edge.services.refund:put_back",
        "        if not back:\n",
        "        if False:\n",
    ),
    Mutant(
        "a shipped parcel is called back",
        "edge.services.cancel:cancel_parcel",
        'if parcel.state == "shipped":',
        "if False:",
        world={"cancels": 0.5, "delay_ms": 700},
    ),
    Mutant(
        "a short is told but not booked",
        "edge.services.pick_short:_settle_line",
        "    write_off(floor, line.sku, line.bin, units)\n",
        "",
    ),
    Mutant(
        "a short is booked but not told",
        "edge.services.pick_short:_settle_line",
        "    floor.record(\n        ShortPicked(",
        "    str(\n        ShortPicked(",
    ),
    Mutant(
        "a number captured once is given up with another unit",
        "edge.services.pick_short:_lose",
        'if product is not None and product.serial_policy == "full":',
        "if product is not None:",
        world={
            "cancels": 0.8,
            "cancel_ms": 25_000,
            "dock_ms": 10_000,
            "thefts": 12,
            "units_per_bin": 1,
            "order_gap_ms": 1_500,
            "orders": 30,
            "events": 4_000,
        },
    ),
    Mutant(
        "stock planned twice",
        "edge.store.waves:free_stock",
        "b.quantity - COALESCE(t.units, 0) AS units",
        "b.quantity AS units",
    ),
    Mutant(
        "a delivery is counted twice",
        "edge.services.receive:_book",
        "    floor.record(GoodsReceived(receipt_id=job.asn, row=row))\n",
        "    floor.record(GoodsReceived(receipt_id=job.asn, row=row))\n"
        "    floor.record(GoodsReceived(receipt_id=job.asn, row=row))\n",
    ),
)
HUB: Final = (
    Mutant(
        "promise without debit",
        "hub.store.sqlite.rights:SqliteRights.reserve",
        "SET pool = pool - :n,",
        "SET minted = minted + :n,",
    ),
    Mutant(
        "checked before, promised without looking again",
        "hub.store.sqlite.rights:SqliteRights.reserve",
        " AND pool - safety_stock >= :n",
        "",
        also=(
            (
                "hub.store.sqlite.rights:SqliteRights.offers",
                "r.pool - r.safety_stock AS atp",
                "r.pool + r.ordered AS atp",
            ),
        ),
    ),
    Mutant(
        "offers count what is promised",
        "hub.store.sqlite.rights:SqliteRights.offers",
        "r.pool - r.safety_stock AS atp",
        "r.pool + r.ordered AS atp",
    ),
    Mutant(
        "rights not returned on cancel",
        "hub.services.apply_parcels:cancel_confirmed",
        "        give_back(desk, parcel)\n",
        "        pass\n",
    ),
    Mutant(
        "rights returned before the floor confirms",
        "hub.services.decide_order:ask_floor",
        "    desk.tell(",
        "    from hub.services.promise import give_back\n"
        "    give_back(desk, parcel)\n    desk.tell(",
    ),
    Mutant(
        "cancelled at once, asked afterwards",
        "hub.services.decide_order:cancel",
        "            ask_floor(desk, parcel, reason)",
        "            ask_floor(desk, parcel, reason)\n"
        "            from hub.services.promise import give_back\n"
        "            give_back(desk, parcel)\n"
        "            now = desk.parcels.get(parcel.parcel_id)\n"
        '            over = __import__("msgspec").structs.replace(now, state="cancelled")\n'
        "            save_parcel(desk, over)",
        world={
            "cancels": 0.5,
            "cancel_ms": 25_000,
            "cuts": 5,
            "delay_ms": 700,
            "order_gap_ms": 200,
        },
    ),
    Mutant(
        "a short does not look elsewhere",
        "hub.services.apply_parcels:short_picked",
        "    _source_again(desk, record, parcel, fact.sku)",
        "    pass",
    ),
    Mutant(
        "a short burns no right",
        "hub.services.apply_parcels:short_picked",
        '"ordered", "burnt", f"short-',
        '"ordered", "pool", f"short-',
    ),
    Mutant(
        "shipping burns no right",
        "hub.services.apply_parcels:_ship_rights",
        'covered, "ordered", "shipped", parcel.parcel_id)',
        'covered, "ordered", "pool", parcel.parcel_id)',
    ),
    Mutant(
        "an import is minted again when the floor confirms",
        "hub.services.apply_facts:_tick_off",
        "    surplus = row.quantity - expected\n",
        "    surplus = row.quantity\n",
    ),
    Mutant(
        "an import handed over twice counts twice",
        "hub.services.imports:import_stock",
        "if error is None and not desk.stock.row_is_new(import_id, row_key(row)):",
        "if False:",
        world={"lost_answers": 0.15},
    ),
    Mutant(
        "nobody hears of stock that arrived",
        "hub.store.sqlite.rights:SqliteRights.note_arrivals",
        "SELECT :sku, '' WHERE EXISTS",
        "SELECT :sku, '' WHERE 0 AND EXISTS",
    ),
    Mutant(
        "an amended order keeps its first promise",
        "hub.services.ingest_order:_withdraw",
        "            drop_reserved(desk, parcel)",
        "            pass",
        world={"amends": 0.2},
    ),
    Mutant(
        "an expired reservation keeps its units",
        "hub.services.reservations:_end",
        "    if give_back:",
        '    if give_back and state != "expired":',
        world={"reservations": 0.3},
    ),
    Mutant(
        "a repeated order is a new order",
        "hub.services.ingest_order:_answer_of_version",
        "        return known[1]",
        "        return None",
    ),
    Mutant(
        "waybill numbers come again",
        "hub.services.release_parcels:_release",
        'desk.parcels.next_number(f"waybill:{courier.prefix}")',
        'desk.parcels.next_number(f"waybill:{courier.prefix}") % 7',
    ),
    Mutant(
        "a cancelled parcel's number is free again though a printer heard it",
        "edge.services.refund:_end",
        "    packing.cancel(floor.sql, parcel.parcel_id, floor.now_ms)\n",
        "    packing.cancel(floor.sql, parcel.parcel_id, floor.now_ms)\n"
        "    waybill.free_unsent(floor, parcels.get(floor.sql, parcel.parcel_id))\n",
        world={"numbers": "leased", "cancels": 0.5, "dock_ms": 10_000},
    ),
    Mutant(
        "a number drawn on a label is taken though it is gone",
        "edge.store.numbers:take",
        " AND state = 'free'",
        "",
        world={"numbers": "leased"},
    ),
    Mutant(
        "an issued number stays at head office",
        "hub.services.waybill_requests:_send",
        'desk.nodes.queue(parcel.warehouse, command, f"waybill-{parcel.parcel_id}")',
        "pass",
        world={"numbers": "online"},
    ),
    Mutant(
        "a shared box is picked for its first order only",
        "hub.services.boxes:per_parcel",
        "            if place is None:\n",
        "            if True:\n",
        world={"merge_minutes": 1},
    ),
    Mutant(
        "a box that comes back frees one order only",
        "hub.services.boxes:_alive",
        "    members = _members(desk, parcel_id)\n",
        "    members = []\n",
        world={"merge_minutes": 1, "cancels": 0.5},
    ),
    Mutant(
        "a parcel waits for company by a clock that was ahead",
        "hub.store.sqlite.parcels:SqliteParcels.releasable",
        "OR p.created_ms > ?",
        "OR p.created_ms > ? + 1000000000000",
        world={"merge_minutes": 1, "clock_jumps": 2},
    ),
)
