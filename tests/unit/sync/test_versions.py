"""Bytes that were written once are read for ever; two versions work side by side."""

from __future__ import annotations

import hashlib
import json

import msgspec
import pytest

from edge.sync.apply import apply_command
from hub.services.apply_facts import project
from hub.sync.core_hello import _wrong_version
from shared.domain import versions
from shared.domain.commands import CommandRecord, decode_command, encode_command
from shared.domain.errors import InvalidInput
from shared.domain.facts import FactRecord, ParcelPacked, decode_fact, encode_fact
from shared.domain.versions import command_known, read_fact
from shared.runtime.clock import SystemClock
from shared.sync import protocol as wire
from tests.unit.sync.golden_samples import FRAMES, SESSION, encoded, path

PROTOCOL_1_SHA256 = "517f1188bf3867a2d6b6575f1a7541d8b6ed7a96a967c8cf707a02c3db76dedc"
"""The bytes of protocol 1 as it was first used. A changed file is a broken log somewhere."""


LATER = versions.COMMAND_VERSION + 1


def golden(protocol):
    return json.loads(path(protocol).read_text())


def cases(group):
    return [
        pytest.param(data, id=f"{protocol}-{name}")
        for protocol in FRAMES
        for name, data in golden(protocol)[group].items()
    ]


def test_the_bytes_of_protocol_1_are_as_they_were():
    assert hashlib.sha256(path(1).read_bytes()).hexdigest() == PROTOCOL_1_SHA256


def begins_with(data, old):
    """Say whether a frame says what an older one says, and perhaps more behind it."""
    *envelope, payload = msgspec.msgpack.decode(bytes.fromhex(data))
    *old_envelope, old_payload = msgspec.msgpack.decode(bytes.fromhex(old))
    return envelope == old_envelope and payload[: len(old_payload)] == old_payload


@pytest.mark.parametrize("protocol", sorted(FRAMES))
def test_what_is_written_today_has_the_very_bytes_of_its_golden_file(protocol):
    """A frame may say more behind what it said then: fields are only ever appended."""
    today, then = encoded(protocol), golden(protocol)
    assert (today["facts"], today["commands"]) == (then["facts"], then["commands"])
    assert today["frames"].keys() == then["frames"].keys()
    for kind, data in then["frames"].items():
        assert begins_with(today["frames"][kind], data), kind


def test_every_kind_there_is_has_its_golden_bytes():
    known = [golden(protocol) for protocol in FRAMES]
    how = "add a sample to golden_samples.py and run python -m tests.unit.sync.golden_samples"
    assert {kind for one in known for kind in one["facts"]} == versions.FACT_KINDS, how
    assert {kind for one in known for kind in one["commands"]} == versions.COMMAND_KINDS, how
    assert {kind for one in known for kind in one["frames"]} == {
        kind.__name__ for kind in wire.Message.__args__
    }
    assert max(FRAMES) == wire.PROTOCOL_MAX
    assert min(FRAMES) == wire.PROTOCOL_MIN


@pytest.mark.parametrize("data", cases("frames"))
def test_a_frame_of_any_version_is_read_and_says_the_same_when_written_again(data):
    frame = wire.decode(bytes.fromhex(data))
    assert begins_with(wire.encode(frame.session, frame.message).hex(), data)
    assert frame.session == SESSION


@pytest.mark.parametrize("data", cases("facts"))
def test_a_fact_of_any_version_is_read_and_written_again_byte_for_byte(data):
    assert encode_fact(decode_fact(data.encode())).decode() == data


@pytest.mark.parametrize("data", cases("commands"))
def test_a_command_of_any_version_is_read_and_written_again_byte_for_byte(data):
    assert encode_command(decode_command(data.encode())).decode() == data


@pytest.mark.parametrize("protocol", sorted(FRAMES))
def test_a_side_knows_which_frames_the_other_can_read(protocol):
    for since, frames in FRAMES.items():
        for frame in frames:
            assert wire.spoken(type(frame), protocol) == (since <= protocol)


# Facts of other versions


def line(body, kind="parcel_packed", version=1):
    return FactRecord("SHA", 5, 7, bytes(32), bytes(32), kind, version, body, 1, 1, "op", "a")


PACKED = b'{"kind":"parcel_packed","parcel_id":"P1","weight_grams":500,"lines":[]}'
IN_KILOGRAMS = b'{"kind":"parcel_packed","parcel_id":"P1","weight_kg":0.5,"lines":[]}'


def to_grams(body):
    old = json.loads(body)
    old["weight_grams"] = round(old.pop("weight_kg") * 1000)
    return json.dumps(old).encode()


def test_a_body_of_an_older_version_is_lifted_to_todays_shape_and_its_line_stays_as_it_is():
    upcasts = {("parcel_packed", 1): to_grams}
    record = line(IN_KILOGRAMS)
    packed = ParcelPacked(parcel_id="P1", weight_grams=500, lines=())
    assert read_fact(record, upcasts) == packed
    assert read_fact(line(PACKED, version=2), upcasts) == packed
    assert record.body == IN_KILOGRAMS
    with pytest.raises(InvalidInput, match="does not know yet"):
        read_fact(line(PACKED, version=3), upcasts)


@pytest.mark.parametrize(
    "record", [line(PACKED, version=2), line(b'{"kind":"drone_landed"}', "drone_landed")]
)
def test_a_kind_or_version_of_the_future_is_never_guessed_at(record):
    with pytest.raises(InvalidInput) as told:
        read_fact(record)
    assert told.value.code == "fact_unknown"
    with pytest.raises(InvalidInput):
        project(None, record)


def test_a_body_of_another_kind_than_its_line_says_is_not_counted_as_either():
    with pytest.raises(InvalidInput, match="its body says"):
        read_fact(line(PACKED, kind="parcel_shipped"))
    with pytest.raises(msgspec.DecodeError):
        read_fact(line(b'{"kind":"parcel_packed","parcel_id":5}'))


# Two versions on one line


def greeting(low, high):
    return msgspec.structs.replace(FRAMES[1][0], proto_min=low, proto_max=high)


@pytest.mark.parametrize(
    ("low", "high", "code"),
    [(1, 1, None), (1, 2, None), (2, 3, None), (3, 4, "upgrade_hub"), (0, 0, "upgrade_edge")],
)
def test_who_may_speak_with_whom(low, high, code):
    refusal = _wrong_version(greeting(low, high))
    assert (None if refusal is None else refusal.code) == code


@pytest.mark.parametrize("edge_max", [1, 2, 3])
def test_an_edge_of_the_version_before_and_of_the_next_work_with_this_hub(
    make_world, monkeypatch, edge_max
):
    world = make_world(3, edges=1)
    (edge,) = world.edges
    hello = edge.core._hello

    def other(event):
        return msgspec.structs.replace(hello(event), proto_max=edge_max)

    monkeypatch.setattr(edge.core, "_hello", other)
    world.heal()
    edge.work()
    world.hub.command("W0")
    world.run(10_000)
    (session,) = world.hub.core._sessions.values()
    assert session.proto == min(edge_max, wire.PROTOCOL_MAX)
    assert session.applied[session.incarnation].seq == 1
    assert session.down.cursor == 1


def test_a_hub_that_answers_in_a_version_this_edge_cannot_speak_is_left_alone(make_world):
    world = make_world(3, edges=1)
    (edge,) = world.edges
    world.heal()
    welcome = None

    def future(peer, data):
        nonlocal welcome
        frame = wire.decode(data)
        if isinstance(frame.message, wire.Welcome):
            welcome = msgspec.structs.replace(frame.message, proto=9)
            data = wire.encode(frame.session, welcome)
        send(peer, data)

    send, world.to_edge = world.to_edge, future
    world.run(5_000)
    assert welcome is not None
    assert not edge.core.status.up
    assert edge.core.status.trouble.code == "upgrade_edge"
    edge.work()
    assert edge.sql.execute("SELECT count(*) FROM facts").fetchone()[0] == 1


def test_a_command_of_the_future_is_refused_kept_and_does_not_stand_in_the_way(make_world, do):
    world = make_world(3, edges=1)
    (edge,) = world.edges
    done = []

    def handle(_tx, record):
        done.append(record.command_id)

    for record in (
        CommandRecord(1, "drone", "send_drone", 1, b'{"kind":"send_drone"}'),
        CommandRecord(2, "newer", "cancel_parcel", LATER, b"{}"),
        CommandRecord(3, "plain", "expect_receipt", 1, b"{}"),
    ):
        do(edge.sql, lambda tx, one=record: apply_command(tx, one, handle, SystemClock()))
    assert done == ["plain"]
    rows = edge.sql.execute("SELECT seq, outcome, body FROM commands_received ORDER BY seq")
    assert [tuple(row) for row in rows] == [
        (1, "unknown", b'{"kind":"send_drone"}'),
        (2, "unknown", b"{}"),
        (3, "done", None),
    ]
    told = [json.loads(row[0]) for row in edge.sql.execute("SELECT body FROM facts ORDER BY seq")]
    assert [(one["command_id"], one["code"]) for one in told] == [
        ("drone", "unknown_command"),
        ("newer", "unknown_command"),
    ]
    assert not command_known(CommandRecord(2, "newer", "cancel_parcel", LATER, b"{}"))


def test_a_parcel_without_a_waybill_is_sent_under_a_version_that_older_edges_refuse():
    data = golden(1)["commands"]["assign_parcel"].encode()
    without = msgspec.structs.replace(decode_command(data), waybill="")
    assert versions.command_version(decode_command(data)) == 1
    assert versions.command_version(without) == 2
    assert command_known(CommandRecord(1, "", "assign_parcel", 2, b""))
