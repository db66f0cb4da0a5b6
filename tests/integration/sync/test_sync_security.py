"""Who may speak, and for whom."""

from __future__ import annotations

import pytest
import zmq
from zmq.utils.monitor import parse_monitor_message

from edge.store import fact_log as edge_log
from hub.services import enrolment
from hub.sync import self_test
from shared.domain.errors import Unavailable
from shared.domain.facts import ZERO_HASH, FactRecord, chain_hash
from shared.runtime import curve
from shared.sync import protocol as wire


@pytest.fixture
def dial(rig):
    """Open a raw client, as somebody with a debugger would."""
    context = zmq.Context()
    clients = []

    def connect(keys):
        client = curve.client_socket(context, keys, rig.hub.keys.public_key)
        client.rcvtimeo = client.sndtimeo = 5_000
        client.connect(f"tcp://127.0.0.1:{rig.hub.port}")
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close(0)
    context.destroy(0)


def hello(node, boot_no=1, **changes):
    fields = {
        "proto_min": 1,
        "proto_max": 1,
        "node": node,
        "incarnation": 5,
        "parent": None,
        "boot_no": boot_no,
        "heads": (wire.LogMark(5, 0, ZERO_HASH),),
        "hub_epoch_seen": wire.Epoch(),
        "acked": (),
        "down_cursor": 0,
        "quota_totals": (),
        "schema": "x",
        "app_version": "x",
        "wall_ms": 1,
        "nonce": bytes(16),
    }
    return wire.encode(wire.NO_SESSION, wire.Hello(**(fields | changes)))


def record(node, seq=1, prev=ZERO_HASH, body=b"{}"):
    digest = chain_hash(prev, node, 5, seq, "kind", 1, body)
    return FactRecord(node, 5, seq, prev, digest, "kind", 1, body, 1, 1, "op", "actor")


def ask(client, data):
    client.send(data)
    return wire.decode(client.recv())


def test_an_unknown_key_is_refused_in_the_handshake_and_the_edge_says_so(rig, dial, eventually):
    stranger = rig.edge("SHA", enrolled=False)
    eventually(lambda: stranger.line.link().code == "unknown_key")
    assert not stranger.line.link().up

    client = dial(curve.new_key_pair())
    monitor = client.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH)
    assert monitor.poll(5_000)
    assert parse_monitor_message(monitor.recv_multipart())["value"] == 400
    client.disable_monitor()
    monitor.close(0)


@pytest.mark.parametrize("forgotten", ["domain", "enforce", "server"])
def test_the_port_stays_closed_when_a_setting_that_lets_everybody_in_is_wrong(rig, forgotten):
    context = zmq.Context()
    known = curve.new_key_pair()
    authenticator = curve.start_authenticator(context, lambda key: key == known.public_key)
    server = curve.server_socket(context, rig.hub.keys)
    if forgotten == "domain":
        server.close(0)
        server = context.socket(zmq.ROUTER)
        server.curve_server = True
        server.curve_secretkey = rig.hub.keys.secret_key.encode()
        server.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
    elif forgotten == "enforce":
        authenticator.stop()
        server.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 0)
    else:
        server.curve_server = False
    try:
        with pytest.raises(Unavailable, match="stays closed"):
            self_test.prove(
                context,
                server,
                rig.hub.keys.public_key,
                known=known,
                unknown=curve.new_key_pair(),
            )
    finally:
        server.close(0)
        if forgotten != "enforce":
            authenticator.stop()
        context.destroy(0)


def test_a_key_cannot_speak_for_another_warehouse(rig, dial):
    keys = curve.new_key_pair()
    rig.hub.enrol("SHA", keys.public_key)
    client = dial(keys)
    refused = ask(client, hello("CTU"))
    assert refused.message.code == "node_key_mismatch"

    welcome = ask(client, hello("SHA"))
    forged = wire.Facts(5, 1, ZERO_HASH, (record("CTU"),))
    assert ask(client, wire.encode(welcome.session, forged)).message.code == "node_key_mismatch"
    honest = wire.Facts(5, 1, ZERO_HASH, (record("SHA"),))
    assert ask(client, wire.encode(welcome.session, honest)).message.code == "unknown_session"
    assert rig.hub.rows("SELECT count(*) FROM facts") == [(0,)]


def test_a_captured_session_is_worth_nothing_under_another_key(rig, dial):
    keys, other = curve.new_key_pair(), curve.new_key_pair()
    rig.hub.enrol("SHA", keys.public_key)
    rig.hub.enrol("CTU", other.public_key)
    welcome = ask(dial(keys), hello("SHA"))
    replayed = wire.encode(welcome.session, wire.Facts(5, 1, ZERO_HASH, (record("SHA"),)))
    assert ask(dial(other), replayed).message.code == "unknown_session"
    assert rig.hub.rows("SELECT count(*) FROM facts") == [(0,)]


def test_a_second_machine_with_the_same_boot_number_is_called_a_clone(rig, dial):
    keys = curve.new_key_pair()
    rig.hub.enrol("SHA", keys.public_key)
    assert isinstance(ask(dial(keys), hello("SHA", 7)).message, wire.Welcome)
    second = ask(dial(keys), hello("SHA", 7, nonce=bytes(15) + b"2"))
    assert second.message.code == "clone"


def test_another_line_under_the_same_number_is_called_a_fork(rig, dial):
    keys = curve.new_key_pair()
    rig.hub.enrol("SHA", keys.public_key)
    client = dial(keys)
    session = ask(client, hello("SHA")).session
    first = wire.Facts(5, 1, ZERO_HASH, (record("SHA"),))
    assert ask(client, wire.encode(session, first)).message.applied.seq == 1
    assert ask(client, wire.encode(session, first)).message.applied.seq == 1
    other = wire.Facts(5, 1, ZERO_HASH, (record("SHA", body=b'{"x":1}'),))
    assert ask(client, wire.encode(session, other)).message.code == "fork"
    assert rig.hub.rows("SELECT body FROM facts") == [(b"{}",)]


def test_gaps_and_damaged_lines_are_asked_for_again(rig, dial):
    keys = curve.new_key_pair()
    rig.hub.enrol("SHA", keys.public_key)
    client = dial(keys)
    session = ask(client, hello("SHA")).session
    first = record("SHA")
    second = record("SHA", 2, first.hash)
    late = ask(client, wire.encode(session, wire.Facts(5, 2, first.hash, (second,))))
    assert late.message == wire.Nack(5, wire.Mark(), "gap")
    damaged = record("SHA")
    damaged = FactRecord(*(b"{1" if part == b"{}" else part for part in fields(damaged)))
    answer = ask(client, wire.encode(session, wire.Facts(5, 1, ZERO_HASH, (damaged,))))
    assert answer.message == wire.Nack(5, wire.Mark(), "chain")


def fields(fact):
    return [getattr(fact, name) for name in fact.__struct_fields__]


def test_garbage_from_one_warehouse_hurts_no_other(rig, dial, eventually):
    keys = curve.new_key_pair()
    rig.hub.enrol("CTU", keys.public_key)
    edge = rig.edge("SHA")
    client = dial(keys)
    session = ask(client, hello("CTU")).session
    whole = wire.encode(session, wire.Facts(5, 1, ZERO_HASH, (record("CTU"),)))
    junk = [
        b"",
        b"\x94" * 100_000,
        b"\x94\xa2W1\x04\xc4\x08" + bytes(8) + b"\x91" * 100_000,
        b"\xdd\xff\xff\xff\xff",
        b"\xff" * 1_000_000,
        *(whole[:cut] for cut in range(0, len(whole), 7)),
        *(whole[:at] + b"\xc1" + whole[at + 1 :] for at in range(0, len(whole), 5)),
    ]
    for data in junk:
        client.send(data)
        client.send_multipart([data, data, b"more parts than a frame has"])
    edge.work(500)
    eventually(lambda: rig.hub.counted("SHA") == list(range(1, 501)))
    assert rig.hub.counted("CTU") == []


def test_a_revoked_key_loses_its_open_session_at_once(rig, eventually):
    edge = rig.edge("SHA")
    edge.work(3)
    eventually(lambda: rig.hub.counted("SHA") == [1, 2, 3])
    rig.hub.database.write_sync(lambda tx: enrolment.revoke(tx, "SHA", now_ms=2))
    edge.work(3)
    rig.hub.listener.keys_changed()
    eventually(lambda: edge.line.link().code in ("revoked", "unknown_key"))
    assert rig.hub.counted("SHA") == [1, 2, 3]
    assert edge.database.read_sync(edge_log.verify_chain) == 6


def test_frames_on_a_connection_that_is_still_open_are_ignored_after_the_revocation(
    rig, dial, eventually
):
    keys = curve.new_key_pair()
    rig.hub.enrol("SHA", keys.public_key)
    client = dial(keys)
    session = ask(client, hello("SHA")).session
    first = record("SHA")
    assert ask(client, wire.encode(session, wire.Facts(5, 1, ZERO_HASH, (first,)))).message.applied
    rig.hub.database.write_sync(lambda tx: enrolment.revoke(tx, "SHA", now_ms=2))
    rig.hub.listener.keys_changed()
    told = wire.decode(client.recv()).message
    assert (type(told), told.code) == (wire.Reject, "revoked")
    second = record("SHA", 2, first.hash)
    answer = ask(client, wire.encode(session, wire.Facts(5, 2, first.hash, (second,))))
    assert answer.message.code == "unknown_session"
    assert ask(client, wire.encode(session, wire.Cack(1))).message.code == "unknown_session"
    assert ask(client, hello("SHA", 2, nonce=b"x" * 16)).message.code == "revoked"
    assert rig.hub.counted("SHA") == [1]
    eventually(lambda: not rig.hub.listener.links()["SHA"].up)
