"""A simulated bench scale that speaks MT-SICS as in the manual (`devices/scales/mt_sics.py`).

`SI` is answered with `S S` or `S D`; `S` waits for rest and gives up in time; `SIR` streams until
the next question.

>>> scale = SicsScale(ScaleManner())
>>> scale.put(1250, 0)
>>> scale.hear(b"SI\\r\\n", 200)
b'S S    1250.00 g\\r\\n'
"""

from __future__ import annotations

from typing import Final

from devices.framing import LineFramer
from devices.simulated.scale import Platform, ScaleManner

STABLE_WAIT_MS: Final = 3_000
"""How long `S` waits for rest before it answers `S I`."""
STREAM_MS: Final = 100
"""Between two messages of `SIR`."""
DECIMALS: Final = {"g": 2, "kg": 3}


class SicsScale(Platform):
    """The scale and what it still has to answer."""

    def __init__(self, manner: ScaleManner) -> None:
        """Start empty and settled."""
        super().__init__(manner)
        self._framer = LineFramer()
        self._waiting_since_ms: int | None = None
        self._stream_ms: int | None = None

    def hear(self, data: bytes, now_ms: int) -> bytes:
        """Take bytes of the line; return the answers."""
        commands = self._framer.feed(data)
        return b"".join(self._answer(command.body, now_ms) for command in commands)

    def due_ms(self) -> int | None:
        """Return when `tick` has something to send, None when nothing is due by itself."""
        if self._waiting_since_ms is not None:
            return min(self.rest_ms(), self._waiting_since_ms + STABLE_WAIT_MS)
        return self._stream_ms

    def tick(self, now_ms: int) -> bytes:
        """Return what the scale sends by itself now: a late `S`, or the next of a stream."""
        if self._waiting_since_ms is not None:
            if now_ms >= self.rest_ms():
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
        self.reset()
        self._waiting_since_ms = self._stream_ms = None
        return _line(f'I4 A "{self.manner.serial_number}"')

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
            self.clear_tare()
            return _line("TAC A")
        if word == "TA":
            return _line(f"TA A {self._field(self._tare_grams)}")
        stable = now_ms >= self.rest_ms()
        if not stable and word in {"Z", "T"}:
            return _line(f"{word} I")
        if word.startswith("Z"):
            self.zero(now_ms)
            return _line("Z A" if word == "Z" else f"ZI {'S' if stable else 'D'}")
        mark = "T S" if word == "T" else f"TI {'S' if stable else 'D'}"
        return _line(f"{mark} {self._field(self.tare(now_ms))}")

    def _identity(self, word: str) -> bytes:
        texts = {
            "I0": 'I0 B 0 "I0"',
            "I1": 'I1 A "01" "2.30" "2.22" "2.33" "2.20"',
            "I2": f'I2 A "BINCARD SIM {self.manner.capacity_grams} g"',
            "I3": 'I3 A "1.00 1.0.0"',
            "I4": f'I4 A "{self.manner.serial_number}"',
        }
        return _line(texts.get(word, "ES"))

    def _weight(self, now_ms: int) -> bytes:
        shown = self.look(now_ms)
        self.sent(shown)
        match shown.status:
            case "overload":
                return _line("S +")
            case "underload":
                return _line("S -")
            case "stable":
                return _line(f"S S {self._field(shown.grams)}")
        return _line(f"S D {self._field(shown.grams)}")

    def _field(self, grams: int) -> str:
        unit = self.manner.unit
        value = grams / 1_000 if unit == "kg" else grams
        return f"{value:10.{DECIMALS[unit]}f} {unit}"


def _line(text: str) -> bytes:
    return text.encode("ascii") + b"\r\n"
