"""A bench scale that speaks MT-SICS: it takes time to settle, it overloads, it goes below zero.

Pure except for its seeded noise: commands and the time go in, bytes come out. The display follows a
load along an exponential, with noise as long as it moves; only after `settle_ms` does it say that
it is stable, and from then on it shows the exact value. The dialect is that of the manual
(`devices/scales/mt_sics.py`): `SI` is answered with `S S` or `S D`.

>>> scale = SicsScale(ScaleManner())
>>> scale.put(1250, 0)
>>> scale.hear(b"SI\\r\\n", 200)
b'S S    1250.00 g\\r\\n'
"""

from __future__ import annotations

import math
import random
from typing import Final

import msgspec

from devices.framing import LineFramer

SETTLE_TIMES: Final = 6
"""Time constants until the display counts as settled: e**-6 of a load is left."""
STABLE_WAIT_MS: Final = 3_000
"""How long `S` waits for rest before it answers `S I`."""
STREAM_MS: Final = 100
"""Between two messages of `SIR`."""
NOISE_GRAMS: Final = 8
UNIT_GRAMS: Final = {"g": (1, 2), "kg": (1_000, 3)}
"""Grams per unit, and digits after the point."""


class ScaleManner(msgspec.Struct, frozen=True):
    """What kind of scale this is; weights in grams, times in milliseconds."""

    capacity_grams: int = 30_000
    underload_grams: int = -200
    settle_ms: int = 120
    unit: str = "g"
    seed: int = 1
    serial_number: str = "B712345678"


class SicsScale:
    """The scale and its memory: load, zero, tare, and what it still has to answer."""

    def __init__(self, manner: ScaleManner) -> None:
        """Start empty and settled."""
        self._manner = manner
        self._random = random.Random(manner.seed)  # noqa: S311 - noise is to be repeatable
        self._framer = LineFramer()
        self._from_grams = 0.0
        self._load_grams = 0
        self._moved_ms = -manner.settle_ms
        self._zero_grams = 0
        self._tare_grams = 0
        self._waiting_since_ms: int | None = None
        self._stream_ms: int | None = None
        self.shown_grams: int | None = 0

    @property
    def load_grams(self) -> int:
        """What lies on the pan."""
        return self._load_grams

    def put(self, grams: int, now_ms: int) -> None:
        """Change the load to `grams`; the display begins to move. The same load does not move."""
        if grams == self._load_grams:
            return
        self._from_grams = self._gross(now_ms)
        self._load_grams = grams
        self._moved_ms = now_ms
        self.shown_grams = None

    def nudge(self, now_ms: int) -> None:
        """Shake the load: it stays, but has to settle again."""
        self._from_grams = self._load_grams + 4.0 * NOISE_GRAMS
        self._moved_ms = now_ms
        self.shown_grams = None

    def hear(self, data: bytes, now_ms: int) -> bytes:
        """Take bytes of the line; return the answers."""
        commands = self._framer.feed(data)
        return b"".join(self._answer(command.body, now_ms) for command in commands)

    def due_ms(self) -> int | None:
        """Return when `tick` has something to send, None when nothing is due by itself."""
        if self._waiting_since_ms is not None:
            return min(self._rest_ms(), self._waiting_since_ms + STABLE_WAIT_MS)
        return self._stream_ms

    def tick(self, now_ms: int) -> bytes:
        """Return what the scale sends by itself now: a late `S`, or the next of a stream."""
        if self._waiting_since_ms is not None:
            if self._stable(now_ms):
                self._waiting_since_ms = None
                return self._weight(now_ms)
            if now_ms - self._waiting_since_ms >= STABLE_WAIT_MS:
                self._waiting_since_ms = None
                return _line("S I")
        if self._stream_ms is not None and now_ms >= self._stream_ms:
            self._stream_ms = now_ms + STREAM_MS
            return self._weight(now_ms)
        return b""

    def power_on(self) -> bytes:
        """Return what the scale says after it was switched on."""
        self._zero_grams = self._tare_grams = 0
        self._waiting_since_ms = self._stream_ms = None
        return _line(f'I4 A "{self._manner.serial_number}"')

    def _answer(self, command: bytes, now_ms: int) -> bytes:
        word = command.decode("ascii", errors="replace").strip()
        match word:
            case "SI":
                self._stream_ms = None
                return self._weight(now_ms)
            case "S":
                self._stream_ms = None
                self._waiting_since_ms = now_ms
                return self.tick(now_ms)
            case "SIR":
                self._stream_ms = now_ms + STREAM_MS
                return self._weight(now_ms)
            case "@":
                return self.power_on()
            case "Z" | "ZI" | "T" | "TI" | "TA" | "TAC":
                return self._set(word, now_ms)
        return self._identity(word)

    def _set(self, word: str, now_ms: int) -> bytes:
        if word == "TAC":
            self._tare_grams = 0
            return _line("TAC A")
        if word == "TA":
            return _line(f"TA A {self._field(self._tare_grams)}")
        stable = self._stable(now_ms)
        if not stable and word in {"Z", "T"}:
            return _line(f"{word} I")
        if word.startswith("Z"):
            self._zero_grams, self._tare_grams = round(self._gross(now_ms)), 0
            return _line("Z A" if word == "Z" else f"ZI {'S' if stable else 'D'}")
        self._tare_grams = round(self._gross(now_ms)) - self._zero_grams
        mark = "T S" if word == "T" else f"TI {'S' if stable else 'D'}"
        return _line(f"{mark} {self._field(self._tare_grams)}")

    def _identity(self, word: str) -> bytes:
        texts = {
            "I0": 'I0 B 0 "I0"',
            "I1": 'I1 A "01" "2.30" "2.22" "2.33" "2.20"',
            "I2": f'I2 A "BINCARD SIM {self._manner.capacity_grams} g"',
            "I3": 'I3 A "1.00 1.0.0"',
            "I4": f'I4 A "{self._manner.serial_number}"',
        }
        return _line(texts.get(word, "ES"))

    def _gross(self, now_ms: int) -> float:
        elapsed = now_ms - self._moved_ms
        if elapsed >= self._manner.settle_ms:
            return float(self._load_grams)
        part = math.exp(-SETTLE_TIMES * elapsed / self._manner.settle_ms)
        return self._load_grams + (self._from_grams - self._load_grams) * part

    def _rest_ms(self) -> int:
        return self._moved_ms + self._manner.settle_ms

    def _stable(self, now_ms: int) -> bool:
        return now_ms >= self._rest_ms()

    def _weight(self, now_ms: int) -> bytes:
        gross = self._gross(now_ms) - self._zero_grams
        if gross > self._manner.capacity_grams:
            return _line("S +")
        if gross < self._manner.underload_grams:
            return _line("S -")
        if self._stable(now_ms):
            self.shown_grams = self._load_grams
            return _line(f"S S {self._field(round(gross) - self._tare_grams)}")
        noisy = gross + self._random.uniform(-NOISE_GRAMS, NOISE_GRAMS)
        return _line(f"S D {self._field(noisy - self._tare_grams)}")

    def _field(self, grams: float) -> str:
        factor, digits = UNIT_GRAMS[self._manner.unit]
        return f"{grams / factor:10.{digits}f} {self._manner.unit}"


def _line(text: str) -> bytes:
    return text.encode("ascii") + b"\r\n"
