"""One scale: ask, listen, watch the load come to rest, survive the cable.

The thread wakes about twenty times a second while something happens on the scale and seven times
while nothing does; each wake takes what has arrived and asks once more. It waits for an answer no
longer than `REPLY_MS`, because an answer that comes later belongs to another moment. When the scale
falls silent its last reading is taken back: a number without a scale behind it is a rumour.
"""

from __future__ import annotations

import threading
from typing import Final

from devices.config import ScaleConfig
from devices.health import Health, Publish
from devices.messages import Event, ReadingSeen, WeightSettled
from devices.port import Backoff, Port, PortLost
from devices.scales.protocols import PROTOCOLS
from devices.scales.reading import Ack, Fault, Reading, ScaleWord, in_unit
from devices.scales.settle import Settler
from shared.domain.ids import uuid7
from shared.domain.ports import Clock, Entropy
from shared.runtime import logs

BUSY_SECONDS: Final = 0.045
"""Between two questions while the load changes."""
IDLE_SECONDS: Final = 0.15
"""Between two questions once nothing changed for `IDLE_AFTER_MS`."""
IDLE_AFTER_MS: Final = 2_000
REPLY_MS: Final = 300
"""An answer that takes longer is lost; ask again."""
SILENT_MS: Final = 1_500
"""Without an answer for this long the scale is silent and its last reading is void."""
SILENT_SECONDS: Final = 1.0
"""Between two questions to a silent scale."""
PUBLISH_MS_MIN: Final = 50
"""Readings are published at most twenty times a second."""
FAULTS_MAX: Final = 5
"""Faults in a row after which the scale counts as degraded."""
STOP_SECONDS: Final = 2.0

FAULT_SENTENCES: Final = {
    "framing": "What it sends does not follow its protocol: check protocol, baud rate and cable.",
    "not_executable": "It cannot weigh at the moment: check that its platform stands free.",
    "checksum": "What it sends is garbled on the way: check cable, plugs and baud rate.",
    "defect": "It reports a defect of its own: restart it, and have it serviced if that repeats.",
    "expanded": "It shows ten times more digits than it weighs: leave its expanded mode.",
    "unit": "It weighs in a unit we do not know.",
    "unit_mismatch": "It weighs in another unit than configured: switch it back.",
    "kind_mismatch": "It shows gross instead of net or net instead of gross: clear its tare.",
}


class ScaleSession:
    """The thread of one scale."""

    def __init__(
        self, config: ScaleConfig, publish: Publish, clock: Clock, entropy: Entropy
    ) -> None:
        """Nothing is opened before `start`."""
        self.name = config.name
        self._config = config
        self._protocol = PROTOCOLS[config.protocol]
        self._publish = publish
        self._clock = clock
        self._entropy = entropy
        self.health = Health(config.name, "scale", config.protocol, publish)
        self._settler = Settler(near_zero_grams=config.near_zero_grams, hold_ms=config.hold_ms)
        self._codec = self._protocol.codec()
        self._stopping = False
        self._rearm = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name=config.name, daemon=True)
        self._seen: ReadingSeen | None = None
        self._published_ms = 0
        self._changed_ms = 0
        self._heard_ms = 0
        self._asked_ms: int | None = None
        self._faults = 0
        self._settled: WeightSettled | None = None

    def start(self) -> None:
        """Begin to open the port and to weigh."""
        self._thread.start()

    def rearm(self) -> None:
        """Announce the present load again, as soon as it is at rest."""
        self._rearm = True
        self._wake.set()

    def snapshot(self) -> list[Event]:
        """Return what a newcomer has to know: the reading, and the announced load still there."""
        seen, settled = self._seen, self._settled
        if seen is None:
            return []
        there = seen.grams is not None and seen.grams == self._settler.told
        return [seen, settled] if settled and there else [seen]

    def ask_to_stop(self) -> None:
        """Let the thread end at its next wake, which is now."""
        self._stopping = True
        self._wake.set()

    def join(self) -> None:
        """Wait until the port is closed."""
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        backoff = Backoff()
        while not self._stopping:
            try:
                port = self._open()
            except PortLost as error:
                self.health.set("down", f"The port {self._config.port} cannot be opened: {error}.")
                self._pause(backoff)
                continue
            try:
                self._talk(port, backoff)
            except PortLost as error:
                self.health.count("lost")
                self.health.set("down", f"The port {self._config.port} is gone: {error}.")
            except Exception:  # noqa: BLE001 - a defect costs one connection, never the thread
                logs.get("scale").exception("session failed", device=self.name)
                self.health.set("down", "A defect stopped it; it is opened again.")
            finally:
                port.close()
            self._forget()
            self._pause(backoff)

    def _pause(self, backoff: Backoff) -> None:
        self._wake.wait(backoff.next_seconds())
        if not self._stopping:
            self._wake.clear()

    def _open(self) -> Port:
        config, protocol = self._config, self._protocol
        port = Port(
            config.port,
            baud=config.baud or protocol.baud,
            data_bits=config.data_bits or protocol.data_bits,
            parity=config.parity or protocol.parity,
        )
        self.health.count("opened")
        self._codec.clear()
        self._heard_ms = self._changed_ms = self._clock.mono_ms()
        self._asked_ms = None
        self._faults = 0
        return port

    def _talk(self, port: Port, backoff: Backoff) -> None:
        if self._config.mode == "stream" and self._protocol.stream:
            port.send(self._protocol.stream)
        while not self._stopping:
            self._ask(port)
            if self._wake.wait(self._interval_seconds()):
                self._wake.clear()
            if self._stopping:
                return
            self._rearm_if_asked()
            for word in self._codec.feed(port.take()):
                self._hear(word)
                self._fetch(port, word)
                backoff.reset()
            self._watch_silence(port)

    def _ask(self, port: Port) -> None:
        if self._config.mode == "poll" and self._asked_ms is None and self._protocol.poll:
            port.send(self._protocol.poll)
            self._asked_ms = self._clock.mono_ms()

    def _fetch(self, port: Port, word: ScaleWord) -> None:
        """Ask a scale that said it is ready for the weight itself."""
        if reply := self._protocol.reply_to(word):
            port.send(reply)
            self._asked_ms = self._clock.mono_ms()

    def _interval_seconds(self) -> float:
        now_ms = self._clock.mono_ms()
        if now_ms - self._heard_ms > SILENT_MS:
            return SILENT_SECONDS
        return IDLE_SECONDS if now_ms - self._changed_ms > IDLE_AFTER_MS else BUSY_SECONDS

    def _rearm_if_asked(self) -> None:
        if self._rearm:
            self._rearm = False
            self._settler.rearm()
            self._changed_ms = self._clock.mono_ms()

    def _watch_silence(self, port: Port) -> None:
        now_ms = self._clock.mono_ms()
        if self._asked_ms is not None and now_ms - self._asked_ms > REPLY_MS:
            self.health.count("timeouts")
            self._codec.clear()
            port.clear()
            self._asked_ms = None
        if now_ms - self._heard_ms > SILENT_MS:
            self.health.set("degraded", "It does not answer: check that it is switched on.")
            self._forget()
            if self._config.mode == "stream" and self._protocol.stream:
                port.send(self._protocol.stream)

    def _hear(self, word: ScaleWord) -> None:
        self._asked_ms = None
        self._heard_ms = self._clock.mono_ms()
        match word:
            case Reading():
                self._hear_reading(word)
            case Ack("reset"):
                self.health.count("resets")
                self._settler.lost()
                self._heard_ms -= SILENT_MS if self._config.mode == "stream" else 0
            case Ack():
                self.health.count("acks")
            case Fault(code):
                self._hear_fault(code)

    def _hear_fault(self, code: str) -> None:
        self.health.count(f"{code}_errors")
        self._faults += 1
        if self._faults >= FAULTS_MAX:
            known = FAULT_SENTENCES.get(code, f"It answers with the error {code}.")
            self.health.set("degraded", known)
            self._forget()

    def _hear_reading(self, reading: Reading) -> None:
        self.health.count("frames")
        weighed = in_unit(reading, self._config.unit)
        if isinstance(weighed, Fault):
            self._hear_fault(weighed.code)
            return
        reading = weighed
        if mismatch := self._mismatch(reading):
            self._hear_fault(mismatch)
            return
        self._faults = 0
        self.health.set("up")
        self._show(
            ReadingSeen(
                device=self.name, status=reading.status, grams=reading.grams, kind=reading.kind
            )
        )
        self._settle(reading)

    def _settle(self, reading: Reading) -> None:
        settled = self._settler.see(reading, self._heard_ms)
        if settled is None:
            return
        if self._settled is None or not settled.repeated:
            self._settled = WeightSettled(
                device=self.name,
                placement=uuid7(self._clock.wall_ms(), self._entropy),
                grams=settled.grams,
                raw=settled.shown,
            )
        self.health.count("settled")
        self._publish(self._settled)

    def _mismatch(self, reading: Reading) -> str | None:
        config = self._config
        if config.unit and reading.unit and reading.unit != config.unit:
            return "unit_mismatch"
        if config.weight_kind and reading.kind not in {config.weight_kind, "unknown"}:
            return "kind_mismatch"
        return None

    def _show(self, seen: ReadingSeen) -> None:
        """Publish a reading that differs from the last one published."""
        if seen == self._seen:
            return
        now_ms = self._clock.mono_ms()
        self._changed_ms = now_ms
        if now_ms - self._published_ms < PUBLISH_MS_MIN:
            return
        self._published_ms = now_ms
        self._seen = seen
        self._publish(seen)

    def _forget(self) -> None:
        """Take back the last reading: nobody knows what is on the scale now."""
        self._settler.lost()
        if self._seen is not None and self._seen.grams is not None:
            self._seen = ReadingSeen(device=self.name, status="unknown_stability", grams=None)
            self._publish(self._seen)
