"""What each simulated scale answers, and what it sends by itself: every protocol by its name.

A scale that streams does so until it is first asked, as an indicator does whose output is switched
to command mode; power brings the stream back.

>>> scale = scale_of("cas-ecr", ScaleManner(unit="kg"))
>>> scale.put(1235, 0)
>>> scale.hear(b"\\x05", 200), scale.hear(b"\\x11", 210)
(b'\\x06', b'\\x01\\x02S 01.235kgd\\x03\\x04')
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Literal

import msgspec

from devices.framing import SCALE_BYTES_MAX
from devices.simulated import frames
from devices.simulated.scale import Platform, ScaleManner, Shown, SimulatedScale
from devices.simulated.sics import STREAM_MS, SicsScale
from shared.domain.errors import InvalidInput

DIBAL_WAIT_MS: Final = 7_000
"""How long a Dibal waits for rest before it answers anyway."""
FLAGLESS_SENT_MIN: Final = 2
"""Without a stability flag a reader takes two equal readings for an empty scale."""

Frame = Callable[[Shown], bytes]
Act = Literal["zero", "tare", "clear", "stream", "echo_on", "echo_off", "nothing"]


class Dialect(msgspec.Struct, frozen=True):
    """How a scale talks.

    `questions` maps what asks for a weight to the message that answers it, `acts` what makes it do
    something to that and its confirmation. `unasked` is what it streams by itself. `refusal`
    answers an unknown line; without one, unknown bytes are passed over. `patience_ms` is how long
    it waits for rest before it answers.
    """

    questions: dict[bytes, Frame] = {}
    acts: dict[bytes, tuple[Act, bytes]] = {}
    unasked: Frame | None = None
    refusal: bytes = b""
    patience_ms: int = 0
    flagless: bool = False


class TalkingScale(Platform):
    """A scale that speaks a dialect."""

    def __init__(self, manner: ScaleManner, dialect: Dialect) -> None:
        """Start empty and settled; a scale that streams does so from the beginning."""
        super().__init__(manner, FLAGLESS_SENT_MIN if dialect.flagless else 1)
        self._dialect = dialect
        self._commands = sorted({*dialect.questions, *dialect.acts}, key=len, reverse=True)
        self._held = b""
        self._echoes = False
        self._stream: Frame | None = dialect.unasked
        self._stream_ms = 0
        self._waiting: tuple[int, Frame] | None = None

    def hear(self, data: bytes, now_ms: int) -> bytes:
        """Take bytes of the line; return the answers."""
        self._held = (self._held + data)[-SCALE_BYTES_MAX:]
        said = b""
        while command := self._next_command():
            said += self._answer(command, now_ms)
        return said

    def due_ms(self) -> int | None:
        """Return when `tick` has something to send, None when nothing is due by itself."""
        if self._waiting:
            return min(self.rest_ms(), self._waiting[0] + self._dialect.patience_ms)
        return self._stream_ms if self._stream else None

    def tick(self, now_ms: int) -> bytes:
        """Return what the scale sends by itself now: a late answer, or the next of a stream."""
        if self._waiting:
            since_ms, frame = self._waiting
            if now_ms < min(self.rest_ms(), since_ms + self._dialect.patience_ms):
                return b""
            self._waiting = None
            return self._say(frame, now_ms)
        if self._stream is None or now_ms < self._stream_ms:
            return b""
        self._stream_ms = now_ms + STREAM_MS
        return self._say(self._stream, now_ms)

    def power_on(self) -> bytes:
        """Forget zero and tare and what was asked; these scales say nothing about it."""
        self.reset()
        self._stream = self._dialect.unasked
        self._waiting = None
        self._echoes = False
        return b""

    def _next_command(self) -> bytes:
        """Take the next command from what was heard; empty while it may be incomplete."""
        if self._dialect.refusal:
            line, end, rest = self._held.partition(b"\n")
            if end:
                self._held = rest
            return line + end if end else b""
        while self._held:
            for command in self._commands:
                if self._held.startswith(command):
                    self._held = self._held[len(command) :]
                    return command
            if any(command.startswith(self._held) for command in self._commands):
                return b""
            byte, self._held = self._held[:1], self._held[1:]
            if self._echoes:
                return byte
        return b""

    def _answer(self, command: bytes, now_ms: int) -> bytes:
        if frame := self._dialect.questions.get(command):
            self._stream = None
            if self._dialect.patience_ms and now_ms < self.rest_ms():
                self._waiting = (now_ms, frame)
                return b""
            return self._say(frame, now_ms)
        if command in self._dialect.acts:
            act, confirmation = self._dialect.acts[command]
            self._act(act, now_ms)
            return confirmation
        return command if self._echoes else self._dialect.refusal

    def _act(self, act: Act, now_ms: int) -> None:
        match act:
            case "zero":
                self.zero(now_ms)
            case "tare":
                self.tare(now_ms)
            case "clear":
                self.clear_tare()
            case "stream":
                self._stream = next(iter(self._dialect.questions.values()))
                self._stream_ms = now_ms
            case "echo_on" | "echo_off":
                self._echoes = act == "echo_on"
            case "nothing":
                pass

    def _say(self, frame: Frame, now_ms: int) -> bytes:
        shown = self.look(now_ms)
        self.sent(shown)
        return frame(shown)


DIALECTS: Final[dict[str, Dialect]] = {
    "toledo-8217": Dialect(
        questions={b"W": frames.toledo_8217},
        acts={
            b"Z": ("zero", b""), b"T": ("tare", b""), b"C": ("clear", b""),
            b"E": ("echo_on", b"\x02E\r"), b"F": ("echo_off", b"\x02F\r"),
        },
    ),
    "toledo-continuous": Dialect(
        acts={b"Z": ("zero", b""), b"T": ("tare", b""), b"C": ("clear", b"")},
        unasked=frames.toledo_continuous,
    ),
    "and": Dialect(
        questions={b"Q\r\n": frames.and_line},
        acts={
            b"SIR\r\n": ("stream", b""), b"Z\r\n": ("zero", b"Z\r\n"), b"T\r\n": ("tare", b"T\r\n"),
        },
        refusal=b"?\r\n",
    ),
    "and-18": Dialect(
        questions={b"RW\r\n": frames.and_18},
        acts={
            b"MZ\r\n": ("zero", b"MZ\r\n"), b"MT\r\n": ("tare", b"MT\r\n"),
            b"CT\r\n": ("clear", b"CT\r\n"),
        },
        unasked=frames.and_18,
        refusal=b"?\r\n",
    ),
    "cas-22": Dialect(
        questions={b"01RW\r\n": frames.cas_22},
        acts={b"01MZ\r\n": ("zero", b"01MZ\r\n"), b"01MT\r\n": ("tare", b"01MT\r\n")},
        unasked=frames.cas_22,
        refusal=b"?\r\n",
    ),
    "cas-ecr": Dialect(
        questions={b"\x11": frames.cas_ecr}, acts={b"\x05": ("nothing", b"\x06")}
    ),
    "ohaus": Dialect(
        questions={b"IP\r\n": frames.ohaus},
        acts={
            b"CP\r\n": ("stream", b""), b"Z\r\n": ("zero", b"OK!\r\n"),
            b"T\r\n": ("tare", b"OK!\r\n"),
        },
        refusal=b"ES\r\n",
    ),
    "adam": Dialect(
        questions={b"G\r\n": frames.adam, b"N\r\n": frames.adam},
        acts={b"Z\r\n": ("tare", b"")},
        flagless=True,
    ),
    "dibal": Dialect(
        questions={b"98000001\r\n": frames.dibal}, patience_ms=DIBAL_WAIT_MS, flagless=True
    ),
    "yaohua-a9": Dialect(
        questions={
            b"\x02AB03\x03": partial(frames.yaohua_a9, command=b"AB"),
            b"\x02AC02\x03": partial(frames.yaohua_a9, command=b"AC"),
            b"\x02AD05\x03": partial(frames.yaohua_a9, command=b"AD"),
        },
        acts={b"\x02AA00\x03": ("nothing", b"\x02AA00\x03")},
        unasked=frames.yaohua_a9,
        flagless=True,
    ),
    "yaohua-a12": Dialect(unasked=frames.yaohua_a12, flagless=True),
    "yaohua-eq": Dialect(unasked=frames.yaohua_eq, flagless=True),
    "yaohua-eq-reversed": Dialect(unasked=frames.yaohua_eq_reversed, flagless=True),
    "generic-stgs": Dialect(unasked=frames.generic_stgs),
}  # fmt: skip
"""Dialect of each protocol but MT-SICS, which has a memory of its own."""


def scale_of(protocol: str, manner: ScaleManner) -> SimulatedScale:
    """Return a simulated scale that speaks `protocol`; raises InvalidInput for an unknown one."""
    if protocol == "mt-sics":
        return SicsScale(manner)
    dialect = DIALECTS.get(protocol)
    if dialect is None:
        raise InvalidInput(
            "protocol_unknown",
            f"There is no simulated scale that speaks {protocol!r}.",
            hint=f"Use mt-sics, {', '.join(DIALECTS)}.",
        )
    return TalkingScale(manner, dialect)
