"""A new box becomes a warehouse's edge with a code that counts once."""

from __future__ import annotations

import asyncio
import socket
import stat
import threading

import pytest
import uvicorn
from litestar import Litestar
from litestar.datastructures import State

from edge.services import enrolment as edge_enrolment
from hub.services import enrolment
from hub.store import fact_log, nodes
from hub.web.enrolments import EnrolmentDesk, handlers
from shared.domain.errors import BooksBroken, Forbidden, NotFound, Unavailable
from shared.runtime.clock import SystemClock, SystemEntropy
from shared.web import problems

HOUR_MS = 3_600_000


@pytest.fixture
def hub_url(rig):
    desk = EnrolmentDesk(
        database=rig.hub.database,
        clock=SystemClock(),
        server_key=rig.hub.keys.public_key,
        sync_host="0.0.0.0",  # noqa: S104
        sync_port=rig.hub.port,
        on_enrolled=rig.hub.listener.keys_changed,
    )
    app = Litestar(
        handlers,
        state=State({"enrolment": desk}),
        exception_handlers=problems.HANDLERS,
    )
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listener.close()


@pytest.fixture
def code(rig):
    def make(now_ms=None, **options):
        now_ms = SystemClock().wall_ms() if now_ms is None else now_ms
        return rig.hub.database.write_sync(
            lambda tx: enrolment.make_code(
                tx, "SHA", now_ms=now_ms, entropy=SystemEntropy(), name="Shanghai", **options
            )
        )

    return make


def test_a_code_makes_a_box_the_edge_of_its_warehouse(rig, hub_url, code, tmp_path, eventually):
    box = tmp_path / "SHA"
    identity = edge_enrolment.enrol(box, hub_url, code().lower().replace("-", " "))
    assert (identity.node, identity.name) == ("SHA", "Shanghai")
    assert identity.server_key == rig.hub.keys.public_key
    assert identity.sync_address == f"tcp://127.0.0.1:{rig.hub.port}"
    assert edge_enrolment.load(box) == identity
    for name in (edge_enrolment.IDENTITY_FILE, edge_enrolment.KEY_FILE):
        assert stat.S_IMODE((box / name).stat().st_mode) == 0o600
    eventually(lambda: edge_enrolment.keys(box).public_key in rig.hub.listener._owners)


def test_the_code_itself_is_not_in_the_hubs_file(rig, hub_url, code, tmp_path):
    given = code()
    edge_enrolment.enrol(tmp_path / "box", hub_url, given)
    stored = b"".join(path.read_bytes() for path in rig.folder.glob("hub/hub.db*"))
    assert given.encode() not in stored
    assert given.replace("-", "").encode() not in stored
    assert edge_enrolment.keys(tmp_path / "box").secret_key.encode() not in stored


def test_a_second_box_cannot_use_the_code_but_the_first_may_ask_again(hub_url, code, tmp_path):
    given = code()
    first = edge_enrolment.enrol(tmp_path / "first", hub_url, given)
    assert edge_enrolment.enrol(tmp_path / "first", hub_url, given) == first
    with pytest.raises(Forbidden, match="used before") as refusal:
        edge_enrolment.enrol(tmp_path / "second", hub_url, given)
    assert refusal.value.code == "code_used"
    assert "new code" in refusal.value.hint
    assert edge_enrolment.load(tmp_path / "second") is None


def test_a_new_box_takes_the_warehouse_over_from_the_old_one(rig, hub_url, code, tmp_path):
    edge_enrolment.enrol(tmp_path / "old", hub_url, code())
    edge_enrolment.enrol(tmp_path / "new", hub_url, code())
    keys = rig.hub.database.read_sync(nodes.valid_keys)
    assert keys == {edge_enrolment.keys(tmp_path / "new").public_key: "SHA"}


def test_expired_and_invented_codes_are_refused(hub_url, code, tmp_path):
    with pytest.raises(Forbidden, match="expired"):
        edge_enrolment.enrol(tmp_path, hub_url, code(now_ms=0, ttl_ms=HOUR_MS))
    with pytest.raises(Forbidden, match="never gave out"):
        edge_enrolment.enrol(tmp_path, hub_url, "AAAAA-AAAAA-AAAAA-AAAAA")


def test_a_hub_that_is_away_costs_nothing(rig, tmp_path):
    with pytest.raises(Unavailable, match="does not answer"):
        edge_enrolment.enrol(tmp_path, "http://127.0.0.1:9", "AAAAA-AAAAA-AAAAA-AAAAA")
    assert edge_enrolment.load(tmp_path) is None


def test_a_code_needs_a_known_warehouse(rig):
    with pytest.raises(NotFound, match="no warehouse XXX"):
        rig.hub.database.write_sync(
            lambda tx: enrolment.make_code(tx, "XXX", now_ms=1, entropy=SystemEntropy())
        )


def test_a_key_file_that_others_can_read_is_not_used(tmp_path):
    edge_enrolment.keys(tmp_path)
    (tmp_path / edge_enrolment.KEY_FILE).chmod(0o644)
    with pytest.raises(BooksBroken, match="can be read by others"):
        edge_enrolment.keys(tmp_path)


def test_a_renewed_key_is_valid_beside_the_old_one_until_it_is_used(rig, hub_url, code, eventually):
    edge = rig.edge("SHA", enrolled=False)
    edge_enrolment.enrol(edge.folder, hub_url, code())
    old = edge_enrolment.keys(edge.folder).public_key
    edge.stop()
    edge.start()
    edge.work(3)
    eventually(lambda: rig.hub.counted("SHA") == [1, 2, 3])

    given = code()
    identity = edge_enrolment.renew_key(edge.folder, hub_url, given)
    new = edge_enrolment.keys(edge.folder).public_key
    assert identity.node == "SHA"
    assert new != old
    assert not (edge.folder / edge_enrolment.NEXT_KEY_FILE).exists()
    assert rig.hub.database.read_sync(nodes.valid_keys) == {old: "SHA", new: "SHA"}
    with pytest.raises(Forbidden, match="being renewed already"):
        edge_enrolment.renew_key(edge.folder, hub_url, code())
    edge.work(2)
    eventually(lambda: rig.hub.counted("SHA") == [1, 2, 3, 4, 5])
    assert edge.line.link().up, "the session under the old key goes on"

    edge.stop()
    edge.keys = edge_enrolment.keys(edge.folder)
    edge.start()
    edge.work(1)
    eventually(lambda: rig.hub.counted("SHA") == [1, 2, 3, 4, 5, 6])
    assert rig.hub.database.read_sync(nodes.valid_keys) == {new: "SHA"}


def test_a_renewal_whose_answer_was_lost_is_done_again_with_the_same_code(rig, hub_url, code):
    edge = rig.edge("SHA", enrolled=False)
    edge_enrolment.enrol(edge.folder, hub_url, code())
    given = code()
    pair = edge_enrolment.curve.load_or_make_key(edge.folder / edge_enrolment.NEXT_KEY_FILE)
    rig.hub.database.write_sync(
        lambda tx: enrolment.redeem(
            tx, given, pair.public_key, now_ms=SystemClock().wall_ms(), renew=True
        )
    )
    edge_enrolment.renew_key(edge.folder, hub_url, given)
    assert edge_enrolment.keys(edge.folder) == pair
    assert len(rig.hub.database.read_sync(nodes.valid_keys)) == 2


def test_a_key_is_the_newest_even_if_the_clock_went_back(rig):
    def work(tx):
        for key, at_ms in (("old", 5_000), ("new", 10)):
            nodes.add_key(tx.sql, "SHA", key, at_ms)
        nodes.end_older_keys(tx.sql, "SHA", "old", 1)
        first = nodes.keys_of(tx.sql, "SHA")
        nodes.end_older_keys(tx.sql, "SHA", "new", 1)
        return first, nodes.keys_of(tx.sql, "SHA")

    rig.edge("SHA", enrolled=False)
    rig.hub.database.write_sync(lambda tx: fact_log.ensure_node(tx.sql, "SHA"))
    assert rig.hub.database.write_sync(work) == (["old", "new"], ["new"])
