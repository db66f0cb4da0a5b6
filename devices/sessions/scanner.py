"""One serial scanner: every scan becomes one event with an id of its own.

A worn trigger reads the same label twice within a blink; the second read is dropped, because the
packer meant one unit. A scan whose end never came (the cable came loose in the middle) is given up
after a second, so that it cannot become the head of the next one.
"""

from __future__ import annotations

import threading
from typing import Final

from devices.config import ScannerConfig
from devices.framing import Frame
from devices.health import Health, Publish
from devices.messages import ScanRead
from devices.port import Backoff, Port, PortLost
from devices.scanners.codec import SERIAL_ENDS, text_of
from devices.scanners.interpret import split_aim
from shared.domain.ids import uuid7
from shared.domain.ports import Clock, Entropy
from shared.runtime import logs

READ_SECONDS: Final = 0.5
"""How long one read waits; also the longest a stop takes."""
DOUBLE_READ_MS: Final = 300
"""The same text again within this time is the trigger, not the packer."""
PARTIAL_MS: Final = 1_000
"""A scan that has not ended after this time never will."""
STOP_SECONDS: Final = 2.0
ENDLESS: Final = "A scan without its end was dropped: check the suffix set up in the scanner."


class ScannerSession:
    """The thread of one scanner."""

    def __init__(
        self, config: ScannerConfig, publish: Publish, clock: Clock, entropy: Entropy
    ) -> None:
        """Nothing is opened before `start`."""
        self.name = config.name
        self._config = config
        self._publish = publish
        self._clock = clock
        self._entropy = entropy
        self.health = Health(config.name, "scanner", config.protocol, publish)
        self._framer = SERIAL_ENDS[config.protocol]()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=config.name, daemon=True)
        self._seq = 0
        self._last_text = ""
        self._last_ms = -DOUBLE_READ_MS
        self._bytes_ms = 0

    def start(self) -> None:
        """Begin to open the port and to listen."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Let the thread end after its present read."""
        self._stop.set()

    def join(self) -> None:
        """Wait until the port is closed."""
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        config = self._config
        backoff = Backoff()
        while not self._stop.is_set():
            try:
                port = Port(config.port, baud=config.baud, read_seconds=READ_SECONDS)
            except PortLost as error:
                self.health.set("down", f"The port {config.port} cannot be opened: {error}.")
                self._stop.wait(backoff.next_seconds())
                continue
            self.health.count("opened")
            self.health.set("up")
            self._framer.clear()
            try:
                while not self._stop.is_set():
                    self._listen(port, backoff)
            except PortLost as error:
                self.health.count("lost")
                self.health.set("down", f"The port {config.port} is gone: {error}.")
            except Exception:  # noqa: BLE001 - a defect costs one connection, never the thread
                logs.get("scanner").exception("session failed", device=self.name)
                self.health.set("down", "A defect stopped it; it is opened again.")
            finally:
                port.close()
            self._stop.wait(backoff.next_seconds())

    def _listen(self, port: Port, backoff: Backoff) -> None:
        data = port.take()
        now_ms = self._clock.mono_ms()
        if self._framer.rest() and now_ms - self._bytes_ms > PARTIAL_MS:
            self.health.count("partial_scans")
            self.health.set("degraded", ENDLESS)
            self._framer.clear()
        if not data:
            return
        self._bytes_ms = now_ms
        backoff.reset()
        for frame in self._framer.feed(data):
            self._hear(frame, now_ms)

    def _hear(self, frame: Frame, now_ms: int) -> None:
        if not frame.whole:
            self.health.count("framing_errors")
            return
        text = text_of(frame.body)
        double = text == self._last_text and now_ms - self._last_ms < DOUBLE_READ_MS
        self._last_text, self._last_ms = text, now_ms
        if double:
            self.health.count("double_reads")
            return
        self._seq += 1
        self.health.count("scans")
        self.health.set("up")
        aim, body = split_aim(text)
        self._publish(
            ScanRead(
                device=self.name,
                scan_id=uuid7(self._clock.wall_ms(), self._entropy),
                seq=self._seq,
                text=body,
                aim=aim,
            )
        )
