"""A burnt-down box: its books come back from head office, through every cut of the line."""

from __future__ import annotations

import os
from typing import Any

import pytest

from edge.services import hub_copy
from edge.store import fact_log as edge_log
from edge.store.copies import branch_log
from edge.sync import copy_line
from edge.sync.copy_line import CopyLine, Hub
from hub.sync.shelf import Shelf
from shared.domain.errors import BooksBroken, NotFound, Unavailable
from shared.runtime import curve
from shared.runtime.clock import SystemEntropy
from shared.runtime.database import connect
from shared.sync import snap


@pytest.fixture
def place(rig, tmp_path):
    """Where a warehouse's copies go; its key is known at the hub."""

    def make(node: str, port: int | None = None) -> Hub:
        keys = curve.load_or_make_key(tmp_path / f"{node}.key")
        if keys.public_key not in rig.hub.listener._owners:
            rig.hub.enrol(node, keys.public_key)
        return Hub(f"tcp://127.0.0.1:{port or rig.hub.port}", rig.hub.keys.public_key, keys)

    return make


def copies(rig) -> list[str]:
    return sorted(path.suffix for path in (rig.folder / "hub" / "copies").glob("*"))


def test_a_new_box_goes_on_with_the_copy_and_gets_the_later_lines_sent(rig, tmp_path, eventually):
    edge = rig.edge("SHA")
    edge.work(300)
    eventually(lambda: edge.rows("SELECT sum(acked_seq) FROM logs") == [(300,)])
    hub = Hub(f"tcp://127.0.0.1:{rig.hub.port}", rig.hub.keys.public_key, edge.keys)
    with CopyLine(hub) as line:
        size = hub_copy.hand_over(line, edge.folder / "edge.db", edge.folder, 1_000)
    assert size > 0
    assert copies(rig) == [".copy"]
    edge.work(20)
    eventually(lambda: len(rig.hub.counted("SHA")) == 320)
    old = edge.database.read_sync(edge_log.head)
    edge.stop()

    box = tmp_path / "new"
    box.mkdir()
    with CopyLine(hub) as line:
        copy = hub_copy.fetch(line, box)
    for ending in ("", "-wal", "-shm"):
        (edge.folder / f"edge.db{ending}").unlink(missing_ok=True)
    (edge.folder / "node.json").unlink()
    copy.replace(edge.folder / "edge.db")
    sql = connect(edge.folder / "edge.db", writable=True)
    branch_log(sql, SystemEntropy())
    sql.close()
    edge.start()
    eventually(
        lambda: (
            edge.rows(f"SELECT count(*) FROM facts WHERE incarnation = {old.incarnation}")
            == [(320,)]
        )
    )
    assert edge.database.read_sync(edge_log.head).incarnation != old.incarnation
    edge.work(1)
    eventually(lambda: len(rig.hub.counted("SHA")) == 321)
    assert edge.database.read_sync(edge_log.verify_chain) == 321


def big(folder: Any, pieces: int = 12) -> Any:
    file = folder / "big"
    file.write_bytes(os.urandom(pieces * snap.SNAP_BYTES_MAX - 5))
    return file


def test_a_copy_goes_on_after_any_cut_where_it_was_in_both_directions(
    rig, place, tmp_path, monkeypatch
):
    relay = rig.relay()
    hub = place("SHA", relay.port)
    file = big(tmp_path)
    monkeypatch.setattr(copy_line, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(copy_line, "TRIES_MAX", 1)
    sent: list[int] = []

    def cut_after(asked: int) -> Any:
        ask = CopyLine._ask

        def counting(self: CopyLine, message: Any, answer: Any) -> Any:
            sent.append(getattr(message, "offset", -1))
            if len(sent) == asked:
                relay.cut()
            return ask(self, message, answer)

        return counting

    with monkeypatch.context() as patch, CopyLine(hub) as line:
        patch.setattr(CopyLine, "_ask", cut_after(6))
        with pytest.raises(Unavailable, match="does not answer"):
            line.hand_over(file, 1)
    assert copies(rig) == [".part"]
    relay.mend()
    rig.hub.stop()
    rig.hub.start()
    sent.clear()
    monkeypatch.setattr(copy_line, "ANSWER_SECONDS", 5.0)
    with monkeypatch.context() as patch, CopyLine(hub) as line:
        patch.setattr(CopyLine, "_ask", cut_after(10**6))
        line.hand_over(file, 1)
    assert sent[0] == -1, "it is offered again"
    assert sent[1] >= 3 * snap.SNAP_BYTES_MAX, "but not sent from the beginning"
    assert copies(rig) == [".copy"]

    box = tmp_path / "box"
    sent.clear()
    monkeypatch.setattr(copy_line, "ANSWER_SECONDS", 0.5)
    with monkeypatch.context() as patch, CopyLine(hub) as line:
        patch.setattr(CopyLine, "_ask", cut_after(6))
        with pytest.raises(Unavailable):
            line.fetch(box)
    relay.mend()
    sent.clear()
    monkeypatch.setattr(copy_line, "ANSWER_SECONDS", 5.0)
    with monkeypatch.context() as patch, CopyLine(hub) as line:
        patch.setattr(CopyLine, "_ask", cut_after(10**6))
        fetched = line.fetch(box)
    assert sent[0] >= 3 * snap.SNAP_BYTES_MAX
    assert fetched.read_bytes() == file.read_bytes()


def test_a_copy_is_given_to_nobody_but_its_own_warehouse(rig, place, tmp_path):
    with CopyLine(place("SHA")) as line:
        line.hand_over(big(tmp_path, 1), 1)
    with CopyLine(place("CTU")) as line, pytest.raises(NotFound, match="no copy"):
        line.fetch(tmp_path / "box")
    stranger = Hub(f"tcp://127.0.0.1:{rig.hub.port}", rig.hub.keys.public_key, curve.new_key_pair())
    patience = iter([False] * 6 + [True] * 99)
    with CopyLine(stranger, patience.__next__) as line, pytest.raises(Unavailable):
        line.fetch(tmp_path / "box")


def test_a_newer_copy_takes_the_place_of_the_older_one_and_of_what_was_begun(rig, place, tmp_path):
    shelf = Shelf(rig.folder / "hub" / "copies")
    with CopyLine(place("SHA")) as line:
        line.hand_over(big(tmp_path, 2), 1)
        shelf.answer("SHA", snap.SnapOffer(b"x" * 32, 100, 2), has_room=True)
        assert copies(rig) == [".copy", ".part"]
        newer = big(tmp_path, 3)
        line.hand_over(newer, 3)
        line.hand_over(newer, 3)
        assert copies(rig) == [".copy"]
        assert line.fetch(tmp_path / "box").read_bytes() == newer.read_bytes()


def test_bytes_that_are_not_what_was_offered_never_count(tmp_path):
    shelf = Shelf(tmp_path)
    offer = snap.SnapOffer(b"x" * 32, 4, 1)
    assert shelf.answer("SHA", offer, has_room=False) is None, "the disk is full"
    assert shelf.answer("SHA", offer, has_room=True) == snap.SnapHave(b"x" * 32, 0)
    gap = snap.SnapPut(b"x" * 32, 2, b"ab")
    assert shelf.answer("SHA", gap, has_room=True) == snap.SnapHave(b"x" * 32, 0)
    lie = snap.SnapPut(b"x" * 32, 0, b"abcd")
    assert shelf.answer("SHA", lie, has_room=True) == snap.SnapHave(b"x" * 32, 0)
    none = shelf.answer("SHA", snap.SnapReq(), has_room=True)
    assert none == snap.SnapChunk(bytes(32), 0, 0, 0, b"")


def test_a_copy_that_was_damaged_at_head_office_is_not_used(rig, place, tmp_path):
    with CopyLine(place("SHA")) as line:
        line.hand_over(big(tmp_path, 1), 1)
        (copy,) = (rig.folder / "hub" / "copies").glob("*.copy")
        data = bytearray(copy.read_bytes())
        data[100] ^= 1
        copy.write_bytes(bytes(data))
        with pytest.raises(BooksBroken, match="damaged"):
            line.fetch(tmp_path / "box")
    assert list((tmp_path / "box").glob("*")) == []
