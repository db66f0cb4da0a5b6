"""Ways to spoil real frames of the line, each from a seeded dice and the real frames of now."""

from __future__ import annotations

import random
from typing import Final

import msgspec

from shared.domain.facts import ZERO_HASH
from shared.sync import protocol as wire
from shared.sync.protocol import LogMark

NODE: Final = "BAD"
OTHER: Final = "GOOD"
"""The warehouse that the spoiled frames come from, and one that it pretends to be."""


def _as_it_is(dice: random.Random, seeds: list[bytes]) -> bytes:
    """A real frame, seldom a greeting or a farewell, which would end the session."""
    return dice.choice(seeds[1:6])


def _flipped(dice: random.Random, seeds: list[bytes]) -> bytes:
    data = bytearray(dice.choice(seeds))
    for _ in range(dice.choice((1, 1, 2, 8))):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return bytes(data)


def _cut(dice: random.Random, seeds: list[bytes]) -> bytes:
    data = dice.choice(seeds)
    return data[: dice.randrange(len(data))]


def _spliced(dice: random.Random, seeds: list[bytes]) -> bytes:
    one, other = dice.choice(seeds), dice.choice(seeds)
    return one[: dice.randrange(len(one))] + other[dice.randrange(len(other)) :]


def _longer(dice: random.Random, seeds: list[bytes]) -> bytes:
    return dice.choice(seeds) + dice.randbytes(dice.choice((1, 9, 200)))


def _claims(dice: random.Random, seeds: list[bytes]) -> bytes:
    """A length that is not there: arrays, maps, texts and bytes of up to 4 GiB."""
    head = dice.choice(seeds)[: dice.randint(1, 16)]
    mark = dice.choice((b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9"))
    return head + mark + dice.choice((b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x00\x10\x00\x00"))


def _nested(dice: random.Random, seeds: list[bytes]) -> bytes:
    depth = dice.choice((50, 2_000, 100_000) if dice.random() < 0.02 else (20, 60, 200))
    return dice.choice(seeds)[: dice.randint(0, 16)] + dice.choice((b"\x91", b"\x81\xa1a")) * depth


def _noise(dice: random.Random, _seeds: list[bytes]) -> bytes:
    return dice.randbytes(dice.choice((0, 1, 8, 64, 64, 700)))


def _strange_session(dice: random.Random, seeds: list[bytes]) -> bytes:
    frame = wire.decode(dice.choice(seeds))
    return wire.encode(dice.randbytes(8), frame.message)


def _other_values(dice: random.Random, seeds: list[bytes]) -> bytes:
    """A frame whose shape is right and whose values are not."""
    parts = msgspec.msgpack.decode(dice.choice(seeds))
    payload = parts[3]
    strange = (0, -1, 2**63 - 1, 2**63, "", "x" * 70, b"", b"\x00" * 32, None, [], {}, 1.5, True)
    payload[dice.randrange(len(payload))] = dice.choice(strange)
    if dice.random() < 0.2:
        parts[1] = dice.randrange(-2, 300)
    return msgspec.msgpack.encode(parts)


def _nearly_a_greeting(dice: random.Random, seeds: list[bytes]) -> bytes:
    """A greeting of this or another node, with other logs and claims."""
    hello = wire.decode(seeds[0]).message
    assert isinstance(hello, wire.Hello)
    changed = msgspec.structs.replace(
        hello,
        nonce=dice.randbytes(16),
        node=dice.choice((NODE, NODE, OTHER, "NOBODY")),
        boot_no=dice.choice((0, hello.boot_no, hello.boot_no + 1)),
        heads=tuple(
            LogMark(dice.randrange(8), dice.randrange(1_000), dice.choice((ZERO_HASH, b"h" * 32)))
            for _ in range(dice.choice((0, 1, 3, 64)))
        ),
    )
    return wire.encode(wire.NO_SESSION, changed)


WAYS: Final = (
    *(_as_it_is, _flipped, _flipped, _cut, _spliced, _longer, _claims, _nested, _noise),
    *(_strange_session, _other_values, _other_values),
) * 20 + (_nearly_a_greeting,)
