"""Facts up and commands down over real sockets, through everything a line can do."""

from __future__ import annotations

from pathlib import Path

from edge.store import fact_log as edge_log
from hub.store import fact_log as hub_log
from shared.domain.commands import CancelParcel


def all_counted_once(rig, edge):
    return rig.hub.counted(edge.node) == list(range(1, edge.head() + 1))


def test_facts_are_counted_in_order_and_both_sides_show_the_line(rig, eventually):
    edge = rig.edge("SHA")
    edge.work(1_000)
    eventually(lambda: all_counted_once(rig, edge))
    eventually(lambda: edge.line.link().waiting == 0)
    link = edge.line.link()
    assert (link.up, link.code) == (True, "")
    eventually(lambda: rig.hub.listener.links()["SHA"].lag == 0)
    view = rig.hub.listener.links()["SHA"]
    assert (view.up, view.app_version) == (True, "0.1.0")
    assert rig.hub.database.read_sync(hub_log.verify_chains) == 1_000


def test_commands_take_effect_once_and_the_hub_learns_it(rig, eventually):
    edge = rig.edge("SHA")

    def ask(number):
        rig.hub.database.write_sync(
            lambda tx: hub_log.queue_command(
                tx.sql, "SHA", CancelParcel(parcel_id="p", reason=""), command_id=str(number)
            )
        )
        rig.hub.listener.commands_queued("SHA")

    for number in range(1, 601):
        ask(number)
    eventually(lambda: rig.hub.rows("SELECT cacked_seq FROM command_heads") == [(600,)])
    assert edge.rows("SELECT * FROM carried_out") == [(str(n), n) for n in range(1, 601)]


def test_a_lost_acknowledgement_makes_the_edge_send_again_but_counts_once(fast_rig, eventually):
    relay = fast_rig.relay()
    edge = fast_rig.edge("SHA", relay.port)
    eventually(lambda: edge.line.link().up)
    relay.swallow_down = True
    edge.work(50)
    eventually(lambda: len(fast_rig.hub.counted("SHA")) == 50)
    eventually(lambda: edge.line.link().waiting == 50)
    eventually(lambda: not edge.line.link().up)
    relay.swallow_down = False
    eventually(lambda: edge.line.link().waiting == 0)
    assert all_counted_once(fast_rig, edge)


def test_a_half_open_line_is_noticed_by_both_sides_and_rebuilt(fast_rig, eventually):
    relay = fast_rig.relay()
    edge = fast_rig.edge("SHA", relay.port)
    eventually(lambda: edge.line.link().up)
    eventually(lambda: "SHA" in fast_rig.hub.listener.links())
    first = fast_rig.hub.listener.links()["SHA"].session
    relay.swallow_up = relay.swallow_down = True
    eventually(lambda: not edge.line.link().up)
    eventually(lambda: not fast_rig.hub.listener.links()["SHA"].up)
    edge.work(10)
    relay.swallow_up = relay.swallow_down = False
    eventually(lambda: all_counted_once(fast_rig, edge))
    assert fast_rig.hub.listener.links()["SHA"].session != first


def test_a_cut_line_stops_nobody_and_everything_arrives_after_it_is_mended(rig, eventually):
    relay = rig.relay()
    edge = rig.edge("SHA", relay.port)
    edge.work(10)
    eventually(lambda: all_counted_once(rig, edge))
    relay.cut()
    eventually(lambda: not edge.line.link().up)
    edge.work(3_000)
    eventually(lambda: edge.line.link().waiting == 3_000)
    assert len(rig.hub.counted("SHA")) == 10
    relay.mend()
    eventually(lambda: all_counted_once(rig, edge))
    eventually(lambda: edge.line.link().waiting == 0)


def test_a_hub_that_stops_in_the_middle_of_a_batch_counts_every_fact_once(rig, eventually):
    relay = rig.relay()
    edge = rig.edge("SHA", relay.port)
    edge.work(10)
    eventually(lambda: all_counted_once(rig, edge))
    rig.hub.gate.clear()
    edge.work(2_000)
    relay.cut()  # nothing of what is committed now is acknowledged
    rig.hub.stop()
    rig.hub.start()
    relay.mend()
    eventually(lambda: all_counted_once(rig, edge))


def test_an_edge_that_restarts_greets_with_a_higher_boot_number_and_goes_on(rig, eventually):
    edge = rig.edge("SHA")
    edge.work(10)
    eventually(lambda: all_counted_once(rig, edge))
    before = rig.hub.rows("SELECT boot_no FROM node_logs")
    edge.stop()
    edge.start()
    edge.work(10)
    eventually(lambda: all_counted_once(rig, edge))
    assert rig.hub.rows("SELECT boot_no FROM node_logs") > before


def test_a_poison_fact_waits_in_quarantine_and_the_later_ones_flow(rig, eventually):
    edge = rig.edge("SHA")
    edge.work(5)
    edge.work(poison=True)
    edge.work(5)
    eventually(lambda: len(rig.hub.counted("SHA")) == 10)
    assert rig.hub.counted("SHA") == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11]
    assert rig.hub.rows("SELECT node, seq, kind, error, code FROM quarantine") == [
        ("SHA", 6, "parcel_packed", "Refused", "unit_unknown")
    ]
    eventually(lambda: edge.line.link().waiting == 0)


def test_two_warehouses_do_not_disturb_each_other(rig, eventually):
    relay = rig.relay()
    near, far = rig.edge("SHA"), rig.edge("CTU", relay.port)
    relay.cut()
    near.work(100)
    far.work(100)
    eventually(lambda: all_counted_once(rig, near))
    relay.mend()
    eventually(lambda: all_counted_once(rig, far))


def test_an_edge_put_back_from_an_old_copy_fetches_its_own_lines_back(fast_rig, eventually):
    edge = fast_rig.edge("SHA")
    edge.work(10)
    eventually(lambda: all_counted_once(fast_rig, edge))
    edge.stop()
    old = (edge.folder / "edge.db").read_bytes()
    edge.start()
    edge.work(10)
    eventually(lambda: all_counted_once(fast_rig, edge))
    edge.stop()
    (edge.folder / "edge.db").write_bytes(old)
    edge.start()
    edge.work(1)
    eventually(lambda: len(fast_rig.hub.counted("SHA")) == 21)
    eventually(lambda: len(edge.rows("SELECT DISTINCT op_id FROM facts")) == 21)
    logs = edge.rows("SELECT incarnation, seq, hash FROM facts ORDER BY incarnation, seq")
    assert logs == fast_rig.hub.rows("SELECT incarnation, seq, hash FROM facts ORDER BY 1, 2")
    eventually(lambda: edge.rows("SELECT told_seq, had_seq FROM recoveries") == [(20, 10)])
    assert edge.line.link().up


def test_a_damaged_note_beside_the_books_does_not_stop_the_floor(rig, eventually):
    edge = rig.edge("SHA")
    edge.work(3)
    eventually(lambda: all_counted_once(rig, edge))
    edge.stop()
    (edge.folder / "node.json").write_text("{")
    edge.start()
    edge.work(2)
    assert edge.head() == 5


def test_a_new_machine_of_an_old_warehouse_gets_the_whole_log(fast_rig, eventually):
    edge = fast_rig.edge("SHA")
    edge.work(700)
    eventually(lambda: all_counted_once(fast_rig, edge))
    edge.stop()
    for name in ("edge.db", "node.json"):
        (edge.folder / name).unlink()
    edge.start()
    eventually(lambda: len(edge.rows("SELECT seq FROM facts")) == 700)
    assert edge.database.read_sync(edge_log.verify_chain) == 700
    assert edge.head() == 0
    edge.work(3)
    eventually(lambda: len(fast_rig.hub.counted("SHA")) == 703)


def test_a_line_that_is_cut_again_and_again_makes_progress_and_leaks_nothing(rig, eventually):
    relay = rig.relay()
    edge = rig.edge("SHA", relay.port)
    core, line = rig.hub.listener._core, edge.line
    eventually(lambda: line.link().up)
    files = len(list(Path("/proc/self/fd").iterdir()))
    counted = 0
    for _ in range(8):
        edge.work(30)
        eventually(lambda known=counted: len(rig.hub.counted("SHA")) > known)
        now = rig.hub.counted("SHA")
        assert now == list(range(1, len(now) + 1))
        assert len(now) >= counted
        counted = len(now)
        relay.cut()
        eventually(lambda: not line.link().up)
        relay.mend()
        eventually(lambda: line.link().up)
        assert len(core._sessions) == len(core._peers) == 1
        assert not core._admitting
    eventually(lambda: rig.hub.counted("SHA") == list(range(1, 241)))
    eventually(lambda: len(list(Path("/proc/self/fd").iterdir())) <= files + 4)
