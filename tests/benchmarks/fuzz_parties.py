"""Who meets at the hub's port in the fuzz: an enrolled machine gone mad, and a good edge."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any, Final, Self

import zmq

from edge.store import fact_log as edge_log
from edge.sync import apply as edge_apply
from edge.sync.line import Line, LineSettings
from shared.domain.facts import CommandAccepted, FactRecord, chain_hash, encode_fact
from shared.runtime import curve
from shared.runtime.clock import SystemClock, SystemEntropy
from shared.runtime.curve import KeyPair
from shared.runtime.database import Database, connect
from shared.runtime.migrate import migrate
from shared.sync import protocol as wire
from shared.sync.protocol import Epoch, LogMark, Mark
from tests.benchmarks.fuzz_frames import NODE as BAD
from tests.benchmarks.fuzz_frames import OTHER as GOOD
from tests.benchmarks.fuzz_frames import WAYS

GREET_EVERY: Final = 500
"""Frames after which the fuzzer greets properly, so that mutations reach an open session."""
BYE_SHARE: Final = 0.05
"""Sessions in which farewells are sent too; they end the session at once."""
KEPT_FRAMES: Final = 500
FACT_SECONDS: Final = 0.05
ANSWER_SECONDS: Final = 15.0


class GoodEdge:
    """A warehouse that works while the port is under fire."""

    def __init__(
        self, folder: Path, keys: KeyPair, server_key: str, port: int, hub_file: Path
    ) -> None:
        """Open its books and its line; `hub_file` shows what the hub has on its disk."""
        folder.mkdir()
        self._hub = connect(hub_file, writable=False)
        migrate(folder / "edge.db", "edge", "edge.store.migrations")
        self._database = Database(folder / "edge.db")
        entropy = SystemEntropy()
        self._database.write_sync(lambda tx: edge_log.ensure_identity(tx.sql, GOOD, entropy))
        self._database.write_sync(lambda tx: edge_apply.expect_present(tx, folder, entropy))
        settings = LineSettings(
            address=f"tcp://127.0.0.1:{port}",
            server_key=server_key,
            keys=keys,
            state_dir=folder,
            app_version="fuzz",
            schema="fuzz",
        )
        self._line = Line(settings, self._database, _nothing, clock=SystemClock(), entropy=entropy)
        self.times_ms: list[float] = []
        self.unanswered = 0
        self.stop = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Self:
        """Begin to work."""
        self._line.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End work."""
        self.stop.set()
        self._thread.join()
        self._line.stop()
        self._database.close()
        self._hub.close()

    def _work(self) -> None:
        pause = threading.Event()
        while not self.stop.is_set():
            start = time.perf_counter()
            seq = self._database.write_sync(self._write).seq
            while self._acked() < seq and time.perf_counter() - start < ANSWER_SECONDS:
                pause.wait(0.005)
            if self._acked() < seq:
                self.unanswered += 1
            self.times_ms.append((time.perf_counter() - start) * 1000)
            self.stop.wait(FACT_SECONDS)

    def _write(self, tx: Any) -> FactRecord:
        tx.after_commit(self._line.notify)
        fact = CommandAccepted(command_id="fuzz")
        return edge_log.append(tx.sql, fact, op_id="op", actor="BDG", wall_ms=1, mono_ms=1)

    def _acked(self) -> int:
        row = self._hub.execute(
            "SELECT max(applied_seq) FROM node_logs WHERE node = ?", (GOOD,)
        ).fetchone()
        return int(row[0] or 0)


def _nothing(*_: object) -> None:
    """No command is expected; any would be refused by the floor."""


class Fuzzer:
    """One enrolled machine that has gone mad."""

    def __init__(
        self, keys: KeyPair, server_key: str, port: int, seed: int, hub_file: Path
    ) -> None:
        """Connect to the hub's port; `hub_file` shows how far the hub has the fuzzer's log."""
        self._hub = connect(hub_file, writable=False)
        self._incarnation = 1
        self._dice = random.Random(seed)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = curve.client_socket(self._context, keys, server_key)
        self._socket.connect(f"tcp://127.0.0.1:{port}")
        self._session = wire.NO_SESSION
        self._mark = Mark()
        self._kept: deque[bytes] = deque(maxlen=KEPT_FRAMES)
        self.sent = self.greeted = self.refused = self.answers = 0
        self._seeds: list[bytes] = []

    def close(self) -> None:
        """End the connection."""
        self._context.destroy(linger=0)
        self._hub.close()

    def fire(self, frames: int) -> None:
        """Send so many frames, greeting properly now and then."""
        for number in range(frames):
            if number % GREET_EVERY == 0:
                self._greet()
            self._send(self._parts())
        self._read()

    def _send(self, parts: list[bytes]) -> None:
        while True:
            try:
                self._socket.send_multipart(parts, zmq.NOBLOCK)
            except zmq.Again:
                self._read()
                self._socket.poll(100, zmq.POLLOUT)
                continue
            self.sent += 1
            return

    def _read(self) -> None:
        while True:
            try:
                self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self.answers += 1

    def _hello(self) -> wire.Hello:
        row = self._hub.execute(
            "SELECT boot_no, applied_seq, applied_hash FROM node_logs"
            " WHERE node = ? AND incarnation = ?",
            (BAD, self._incarnation),
        ).fetchone()
        boot_no = 1 if row is None else int(row[0]) + 1
        self._mark = Mark() if row is None else Mark(int(row[1]), bytes(row[2]))
        return wire.Hello(
            proto_min=1, proto_max=1, node=BAD, incarnation=self._incarnation, parent=None,
            boot_no=min(boot_no, 2**63 - 1), hub_epoch_seen=Epoch(),
            heads=(LogMark(self._incarnation, self._mark.seq, self._mark.hash),),
            acked=(), down_cursor=0, quota_totals=(), schema="f", app_version="f", wall_ms=1,
            nonce=self._dice.randbytes(16),
        )  # fmt: skip

    def _greet(self) -> None:
        """Greet as an honest edge would; the frames of this session become seeds of mutations."""
        self._read()
        hello = self._hello()
        self._send([wire.encode(wire.NO_SESSION, hello)])
        until = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < until:
            if not self._socket.poll(100):
                continue
            message = self._answer()
            if isinstance(message, wire.Welcome) and message.nonce == hello.nonce:
                self._session = message.session
                self.greeted += 1
                break
            if isinstance(message, wire.Reject) and message.nonce == hello.nonce:
                self._incarnation += 1
                self.refused += 1
                break
        self._seeds = self._frames(hello)

    def _answer(self) -> wire.Message | None:
        data = self._socket.recv_multipart()[0]
        self.answers += 1
        try:
            return wire.decode(data).message
        except Exception:  # noqa: BLE001  an echo of what the fuzzer sent may be anything
            return None

    def _frames(self, hello: wire.Hello) -> list[bytes]:
        """Return a real frame of every type, as of now."""
        body = encode_fact(CommandAccepted(command_id="x" * self._dice.randint(1, 60)))
        records = []
        mark = self._mark
        for _ in range(3):
            seq = mark.seq + 1
            digest = chain_hash(mark.hash, BAD, self._incarnation, seq, "command_accepted", 1, body)
            records.append(
                FactRecord(
                    BAD,
                    self._incarnation,
                    seq,
                    mark.hash,
                    digest,
                    "command_accepted",
                    1,
                    body,
                    1,
                    1,
                    "op",
                    "BDG",
                )
            )
            mark = Mark(seq, digest)
        messages: list[wire.Message] = [
            hello,
            wire.Facts(self._incarnation, records[0].seq, records[0].prev_hash, tuple(records)),
            wire.Cack(0), wire.Cack(9), wire.Ping(1, 5, 0, 1), wire.Recall(self._incarnation, 0),
            wire.Ack(self._incarnation, mark, 0, 4, 1_000),
            wire.Nack(self._incarnation, mark, "gap"),
            wire.Reject(hello.nonce, "x", "y"), wire.Pong(1, 1, 4, 1_000, 0),
            wire.Recalled(1, tuple(records)),
        ]  # fmt: skip
        if self._dice.random() < BYE_SHARE:
            messages.append(wire.Bye("bye"))
        return [wire.encode(self._session, message) for message in messages]

    def _parts(self) -> list[bytes]:
        """Return the next thing to send."""
        way = self._dice.random()
        if way < 0.03:
            return [self._dice.randbytes(self._dice.randint(0, 64)) for _ in range(3)]
        if way < 0.15 and self._kept:
            return [self._dice.choice(self._kept)]
        data = WAYS[self._dice.randrange(len(WAYS))](self._dice, self._seeds)
        if len(data) < 2_000 and self._dice.random() < 0.05:
            self._kept.append(data)
        return [data]
