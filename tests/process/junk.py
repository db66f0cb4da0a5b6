"""What strangers and broken programs send: no protocol at all, or frames that are nearly right.

`throw_bytes` speaks to the port like somebody who found it with a scanner. `Joker` holds a key that
the hub accepts and sends frames that are random, cut short, stretched, or one bit away from right.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import zmq

from shared.domain.facts import ZERO_HASH, FactRecord, chain_hash
from shared.runtime import curve
from shared.runtime.curve import KeyPair
from shared.sync import protocol as wire
from tests.process.storm import Company
from tests.process.town import until

GREETING: Final = b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01CURVE" + bytes(16) + b"\0" + bytes(31)
"""What a ZMTP 3.1 peer says first (RFC 37)."""
HUGE_CLAIM: Final = b"\x06" + (2**62).to_bytes(8, "big")
"""A command frame that claims four exabytes."""
PATIENCE_SECONDS: Final = 2.0
FRAME_MAX: Final = 65_536


def throw_bytes(port: int, chance: random.Random) -> None:
    """Connect, say something that is no or only half a greeting, and leave."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as end:
        end.settimeout(PATIENCE_SECONDS)
        what = chance.randrange(4)
        if what == 0:
            end.sendall(chance.randbytes(chance.randrange(1, 4_096)))
        elif what == 1:
            end.sendall(GREETING[: chance.randrange(1, len(GREETING))])
        elif what == 2:
            end.sendall(GREETING + HUGE_CLAIM + chance.randbytes(1_024))
        else:
            end.sendall(GREETING + chance.randbytes(chance.randrange(1, 4_096)))
        if chance.random() < 0.5:
            end.recv(64)


def good_frames(node: str) -> list[bytes]:
    """Return one right frame of each kind an edge may send."""
    body = b'{"kind":"command_accepted","command_id":"x"}'
    digest = chain_hash(ZERO_HASH, node, 5, 1, "command_accepted", 1, body)
    record = FactRecord(
        node, 5, 1, ZERO_HASH, digest, "command_accepted", 1, body, 1, 1, "op", "actor"
    )
    hello = wire.Hello(
        proto_min=1, proto_max=1, node=node, incarnation=5, parent=None, boot_no=1,
        heads=(wire.LogMark(5, 0, ZERO_HASH),), hub_epoch_seen=wire.Epoch(), acked=(),
        down_cursor=0, quota_totals=(), schema="x", app_version="x", wall_ms=1, nonce=bytes(16),
    )  # fmt: skip
    messages: list[wire.Message] = [
        hello,
        wire.Facts(5, 1, ZERO_HASH, (record,)),
        wire.Cack(1),
        wire.Ping(echo_ms=1, head_seq=1, down_cursor=0, wall_ms=1),
        wire.Recall(5, 0),
        wire.Bye("stopping"),
    ]
    return [wire.encode(bytes(8), message) for message in messages]


def bad_frames(node: str, chance: random.Random) -> Iterator[bytes]:
    """Yield frames without end: random, mutated, cut, stretched, nested, right ones in between."""
    good = good_frames(node)
    while True:
        data = bytearray(chance.choice(good))
        what = chance.randrange(8)
        if what == 0:
            data = bytearray(chance.randbytes(chance.randrange(0, 512)))
        elif what == 1:
            del data[chance.randrange(len(data)) :]
        elif what == 2:
            data += chance.randbytes(chance.randrange(1, 512))
        elif what == 3:
            data = bytearray(b"\x94\xa2W1\x04\xc4\x08" + bytes(8) + b"\x91" * 2_000)
        elif what == 4 and chance.random() < 0.02:
            data = bytearray(chance.randbytes(FRAME_MAX))
        else:
            for _ in range(chance.randrange(1, 4)):
                data[chance.randrange(len(data))] = chance.randrange(256)
        yield bytes(data)


GREETINGS_MAX = 4
ANSWER_MS = 5_000


class Joker:
    """A peer whose key is accepted, on a socket of its own."""

    def __init__(self, keys: KeyPair, server_key: str, port: int) -> None:
        """Dial the hub's port."""
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = curve.client_socket(self._context, keys, server_key)
        self._socket.sndtimeo = self._socket.rcvtimeo = 10_000
        self._socket.connect(f"tcp://127.0.0.1:{port}")

    def send(self, data: bytes) -> None:
        """Send a frame, waiting for room; answers that came meanwhile are thrown away."""
        while self._socket.poll(0):
            self._socket.recv()
        self._socket.send(data)

    def oversize(self) -> None:
        """Send a frame the hub's socket must not even read: it drops the connection."""
        self._socket.send(bytes(wire.FRAME_BYTES_MAX + 1))

    def is_heard(self) -> bool:
        """Greet rightly and say whether the hub answers anything.

        A greeting that was sent on a connection the hub is just dropping is lost, so an edge, and
        this peer, greet again.
        """
        while self._socket.poll(0):
            self._socket.recv()
        for _ in range(GREETINGS_MAX):
            self._socket.send(good_frames("JOKER")[0])
            if self._socket.poll(ANSWER_MS):
                return True
        return False

    def stop(self) -> None:
        """Leave."""
        self._socket.close(0)
        self._context.term()


def resident_mib(pid: int) -> float:
    """Return how much of the machine's memory a process holds."""
    text = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1_024


async def nonsense(company: Company, frames: int, strangers: int, seed: int) -> dict[str, Any]:
    """Throw junk at the hub while everybody works; say what it cost."""
    chance = random.Random(seed)
    hub = company.hub
    await hub.bring("warehouses", "warehouse,name,latitude,longitude\nJOKER,JOKER,30,120\n")
    keys = curve.new_key_pair()
    answer = await hub.door.post(
        "/api/v1/enrolments",
        {"code": await hub.enrolment_code("JOKER"), "public_key": keys.public_key},
    )
    joker = Joker(keys, answer["server_key"], hub.sync_port)
    pid = hub.service.pid
    assert pid is not None

    def throw(count: int) -> None:
        for data in itertools.islice(bad_frames("JOKER", chance), count):
            joker.send(data)

    try:
        await asyncio.to_thread(throw, frames // 4)
        assert await asyncio.to_thread(joker.is_heard)
        before = resident_mib(pid)
        await company.work(5)
        await asyncio.to_thread(throw, frames - frames // 4)
        for _ in range(strangers):
            await asyncio.to_thread(throw_bytes, hub.sync_port, chance)
        await asyncio.to_thread(joker.oversize)
        await until(company.all_told, "nobody else is disturbed")
        heard = await asyncio.to_thread(joker.is_heard)
    finally:
        joker.stop()
    return {
        "frames": frames,
        "strangers": strangers,
        "growth_mib": round(resident_mib(pid) - before, 2),
        "same_process": hub.service.pid == pid,
        "still_heard": heard,
    }
