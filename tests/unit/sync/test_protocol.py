"""Whatever bytes come, the answer is a frame or one InvalidInput."""

from __future__ import annotations

import contextlib
import random

import msgspec
import pytest

from shared.domain.errors import InvalidInput
from shared.domain.facts import ZERO_HASH, FactRecord
from shared.sync import protocol as wire
from shared.sync.protocol import Epoch, LogMark, Mark

RECORD = FactRecord("SHA", 5, 1, ZERO_HASH, ZERO_HASH, "k", 1, b"{}", 1, 1, "op", "a")
HELLO = wire.Hello(
    1, 1, "SHA", 5, None, 1, (LogMark(5, 0, ZERO_HASH),), Epoch(), (), 0, (), "s", "1", 1, bytes(16)
)
MESSAGES = [
    HELLO,
    wire.Welcome(bytes(16), b"session1", 1, Epoch(1, b"12345678"), (), (), 4, 1, 0, 1),
    wire.Reject(bytes(16), "fork", "Stop one."),
    wire.Facts(5, 1, ZERO_HASH, (RECORD,)),
    wire.Ack(5, Mark(), 0, 4, 1),
    wire.Nack(5, Mark(), "gap"),
    wire.Cack(3),
    wire.Ping(1, 2, 3, 4),
    wire.Pong(1, 2, 3, 4, 5),
    wire.Bye("stopping"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_message_survives_the_wire(message):
    data = wire.encode(b"session1", message)
    assert wire.decode(data) == wire.Frame(b"session1", message)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_later_version_may_append_fields(message):
    plain = msgspec.msgpack.decode(wire.encode(b"session1", message))
    plain[3].append("something new")
    assert wire.decode(msgspec.msgpack.encode(plain)).message == message


def test_numbers_that_no_database_can_hold_are_refused():
    plain = msgspec.msgpack.decode(wire.encode(b"session1", wire.Cack(3)))
    for bad in (2**63, -1, "3", None, 3.5):
        plain[3][0] = bad
        with pytest.raises(InvalidInput):
            wire.decode(msgspec.msgpack.encode(plain))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x94" * 200_000,
        b"\x94\xa2W1\x05\xc4\x08" + bytes(8) + b"\x91" * 200_000,
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"x" * (wire.FRAME_BYTES_MAX + 1),
        wire.encode(b"session1", wire.Cack(3)) + b"x",
        wire.encode(b"session1", wire.Cack(3))[:-1],
        wire.encode(b"session1", wire.Cack(3)).replace(b"W1", b"W2"),
        msgspec.msgpack.encode(("W1", 200, bytes(8), [])),
        msgspec.msgpack.encode(("W1", 11, bytes(8), ["x", "y" * 5_000])),
    ],
    ids=range(11),
)
def test_junk_is_one_clean_error(data):
    with pytest.raises(InvalidInput):
        wire.decode(data)


def test_random_damage_never_raises_anything_else():
    rng = random.Random(7)
    frames = [wire.encode(b"session1", message) for message in MESSAGES]
    for _ in range(20_000):
        data = bytearray(rng.choice(frames))
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        with contextlib.suppress(InvalidInput):
            wire.decode(bytes(data))


def test_the_sender_refuses_a_frame_the_receiver_would_drop():
    record = msgspec.structs.replace(RECORD, body=b"x" * 65_536)
    with pytest.raises(InvalidInput, match="larger than"):
        wire.encode(b"session1", wire.Facts(5, 1, ZERO_HASH, (record,) * 13))
