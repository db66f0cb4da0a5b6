"""What a label printer says about itself: paper, head, pause, how many labels are still inside.

A printer's word decides whether a label may be sent and whether it came out, so each answer is read
strictly: wrong length or wrong characters are an error of framing, never a guess. All codecs are
pure: bytes in any pieces go in, JSON objects come out.

======== =========== ==========================================================================
name     question    answer
======== =========== ==========================================================================
zpl-hs   `~HS`       three strings in STX … ETX: paper, pause, buffer | head, ribbon, left | memory
zpl-hi   `~HI`       model, firmware, dots per mm, memory
zpl-hm   `~HM`       memory in total, largest block, free, in kB
zpl-hqes `~HQES`     errors and warnings as two words of flags
zpl-hqod `~HQOD`     how much was printed in its life, in inches or centimetres
zpl-hv   `^HV`       the text of a field, once its label is printed
sgd      `! U1 getvar "device.host_status"`  as `~HS`, without STX and ETX
======== =========== ==========================================================================

Source: ZPL II Programming Guide (Zebra P1012728), the pages of these commands.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Protocol

from devices.framing import BracketFramer, Frame, LineFramer

ANSWER_BYTES_MAX: Final = 4_096
"""The longest of these answers has a few hundred bytes."""

Word = dict[str, Any]
"""One JSON object, as `bincard devices decode` prints it."""

_FIRST: Final = re.compile(
    r"\d{3},([01]),([01]),\d{4,5},(\d{3}),([01]),[01],([01]),\d{3},[01],([01]),([01])", re.ASCII
)
_SECOND: Final = re.compile(
    r"\d{3},[01],([01]),([01]),[01],[0-9A-Z],\d,[01],(\d{8}),\d,\d{3}", re.ASCII
)
_THIRD: Final = re.compile(r"\d{4},[01]", re.ASCII)
_IDENTITY: Final = re.compile(r"([^,]+),([^,]+),(\d{1,2}),(\d+) *KB(?:,.*)?", re.ASCII)
_MEMORY: Final = re.compile(r"(\d+),(\d+),(\d+)", re.ASCII)
_FLAGS: Final = re.compile(
    r"(ERRORS|WARNINGS): +([01]) +([0-9A-F]{8}) +([0-9A-F]{8})", re.ASCII | re.IGNORECASE
)
_METER: Final = re.compile(r'([A-Z][A-Z0-9 ]*): +(\d+) *("|in|cm)', re.ASCII | re.IGNORECASE)

_ERRORS: Final = {
    0x1: "paper_out", 0x2: "ribbon_out", 0x4: "head_open", 0x8: "cutter_fault",
    0x10: "head_too_hot", 0x20: "motor_too_hot", 0x40: "head_element_bad",
    0x80: "head_not_detected", 0x100: "firmware_settings_invalid", 0x200: "thermistor_open",
    0x1000: "paper_jam", 0x2000: "presenter_not_running", 0x4000: "paper_feed_error",
    0x8000: "clear_paper_path_failed", 0x10000: "paused", 0x20000: "retract_timed_out",
    0x40000: "black_mark_not_calibrated", 0x80000: "black_mark_not_found",
}  # fmt: skip
_WARNINGS: Final = {
    0x1: "calibrate_paper", 0x2: "clean_head", 0x4: "replace_head", 0x8: "paper_near_end",
    0x10: "sensor_1", 0x20: "sensor_2", 0x40: "sensor_3", 0x80: "sensor_4",
    0x100: "sensor_5", 0x200: "sensor_6", 0x400: "sensor_7", 0x800: "sensor_8",
}  # fmt: skip
_FRAMING: Final[Word] = {"error": "framing"}


class StatusCodec(Protocol):
    """Bytes of a printer in, JSON objects out."""

    def feed(self, data: bytes) -> list[Word]:
        """Take the next bytes, in any pieces; return what they complete."""
        ...

    def close(self) -> list[Word]:
        """Return what is to be said about bytes that wait when no more will come."""
        ...


class HostStatus:
    """`~HS`: three bracketed strings make one status."""

    def __init__(self) -> None:
        """Start with nothing held."""
        self._framer = BracketFramer(b"\x02", b"\x03", ANSWER_BYTES_MAX)
        self._strings = _ThreeStrings()

    def feed(self, data: bytes) -> list[Word]:
        """See `StatusCodec.feed`."""
        return [
            word
            for frame in self._framer.feed(data)
            for word in self._strings.take(_text(frame.body) if frame.whole else "")
        ]

    def close(self) -> list[Word]:
        """See `StatusCodec.close`."""
        return [_FRAMING] if self._framer.rest() or self._strings.held else []


class SgdStatus:
    """`device.host_status` by SGD: the same three strings, as lines, perhaps in quotes."""

    def __init__(self) -> None:
        """Start with nothing held."""
        self._framer = LineFramer(limit=ANSWER_BYTES_MAX)
        self._strings = _ThreeStrings()

    def feed(self, data: bytes) -> list[Word]:
        """See `StatusCodec.feed`."""
        return [word for frame in self._framer.feed(data) for word in self._read(frame.body)]

    def close(self) -> list[Word]:
        """See `StatusCodec.close`: the closing quote may be all that ends the last string."""
        words = self._read(self._framer.rest())
        self._framer.clear()
        return [*words, _FRAMING] if self._strings.held else words

    def _read(self, body: bytes) -> list[Word]:
        line = _text(body).strip('"')
        return self._strings.take(line) if line else []


class _ThreeStrings:
    """Collects the three strings of one status, in order."""

    def __init__(self) -> None:
        self.held: list[re.Match[str]] = []

    def take(self, text: str) -> list[Word]:
        """Add one string; a first string always begins anew, anything else is an error."""
        first = _FIRST.fullmatch(text)
        if first:
            lost = [_FRAMING] if self.held else []
            self.held = [first]
            return lost
        expected = (_SECOND, _THIRD)[len(self.held) - 1] if self.held else None
        found = expected.fullmatch(text) if expected else None
        if found is None:
            self.held = []
            return [_FRAMING]
        self.held.append(found)
        if len(self.held) < 3:
            return []
        word = _status(self.held[0], self.held[1])
        self.held = []
        return [word]


def _status(first: re.Match[str], second: re.Match[str]) -> Word:
    paper, pause, formats, full, partial, cold, hot = first.groups()
    head, ribbon, left = second.groups()
    status = {
        "paper_out": paper == "1",
        "paused": pause == "1",
        "head_open": head == "1",
        "ribbon_out": ribbon == "1",
        "buffer_full": full == "1",
        "partial_format": partial == "1",
        "labels_remaining": int(left),
        "formats_in_buffer": int(formats),
    }
    stopped = any(value is True for value in status.values())
    return {"status": status, "ready": not stopped and cold == hot == "0"}


class OneAnswer:
    """Answers that are one text in STX … ETX, or on lines without them; `read` says what it is."""

    def __init__(self, read: Callable[[str], Word | None]) -> None:
        """`read` returns None for a text that is no such answer."""
        self._framer: BracketFramer | LineFramer | None = None
        self._read = read

    def feed(self, data: bytes) -> list[Word]:
        """See `StatusCodec.feed`. The first byte tells which of the two forms is spoken."""
        data = data if self._framer else data.lstrip(b"\r\n\x00 ")
        if not data:
            return []
        if self._framer is None:
            bracketed = data.startswith(b"\x02")
            self._framer = (
                BracketFramer(b"\x02", b"\x03", ANSWER_BYTES_MAX)
                if bracketed
                else LineFramer(limit=ANSWER_BYTES_MAX)
            )
        return [self._said(frame) for frame in self._framer.feed(data)]

    def close(self) -> list[Word]:
        """See `StatusCodec.close`: an answer without brackets may lack its last line end."""
        if self._framer is None or not (rest := self._framer.rest()):
            return []
        bracketed = isinstance(self._framer, BracketFramer)
        self._framer.clear()
        return [self._said(Frame(rest, whole=not bracketed))]

    def _said(self, frame: Frame) -> Word:
        word = self._read(_text(frame.body).strip()) if frame.whole else None
        return word or _FRAMING


class Report:
    """`~HQ…`: a text of several lines, in STX … ETX or bare; each line of interest is found."""

    def __init__(self, read: Callable[[list[str]], Word | None], lines: int) -> None:
        """`read` gets the lines after the heading; `lines` make a whole report."""
        self._framer = LineFramer((b"\r", b"\n", b"\x03", b"\x02"), ANSWER_BYTES_MAX)
        self._read = read
        self._wanted = lines
        self._lines: list[str] = []

    def feed(self, data: bytes) -> list[Word]:
        """See `StatusCodec.feed`."""
        words: list[Word] = []
        for frame in self._framer.feed(data):
            words += self._take(_text(frame.body).strip())
        return words

    def close(self) -> list[Word]:
        """See `StatusCodec.close`."""
        words = self._take(_text(self._framer.rest()).strip())
        self._framer.clear()
        words += [self._read(self._lines) or _FRAMING] if self._lines else []
        self._lines = []
        return words

    def _take(self, line: str) -> list[Word]:
        if not line:
            return []
        if ":" not in line:
            lost = [_FRAMING] if self._lines else []
            self._lines = []
            return lost
        self._lines.append(line)
        if len(self._lines) < self._wanted:
            return []
        word = self._read(self._lines)
        self._lines = []
        return [word or _FRAMING]


def _text(data: bytes) -> str:
    return data.decode("ascii", "replace")


def _identity(text: str) -> Word | None:
    found = _IDENTITY.fullmatch(text)
    if found is None:
        return None
    model, firmware, dots, memory = found.groups()
    identity = {
        "model": model,
        "firmware": firmware,
        "dots_per_mm": int(dots),
        "memory_kb": int(memory),
    }
    return {"identity": identity}


def _memory(text: str) -> Word | None:
    found = _MEMORY.fullmatch(text)
    if found is None:
        return None
    total, largest, free = (int(figure) for figure in found.groups())
    return {"memory": {"total_kb": total, "largest_kb": largest, "free_kb": free}}


def _flags(lines: list[str]) -> Word | None:
    found = {match[1].upper(): match for line in lines if (match := _FLAGS.fullmatch(line))}
    if found.keys() != {"ERRORS", "WARNINGS"}:
        return None
    return {
        "errors": _named(found["ERRORS"], _ERRORS),
        "warnings": _named(found["WARNINGS"], _WARNINGS),
    }


def _named(match: re.Match[str], names: dict[int, str]) -> list[str]:
    """Every raised flag, also one without a name: an unknown error is still an error."""
    flags = int(match[3], 16) << 32 | int(match[4], 16)
    raised = [1 << place for place in range(64) if flags >> place & 1]
    if match[2] == "1" and not raised:
        return ["unspecified"]
    return [names.get(flag, f"unknown_{flag:x}") for flag in raised]


def _meters(lines: list[str]) -> Word | None:
    found = [match for line in lines if (match := _METER.fullmatch(line))]
    units = {"cm" if match[3].lower() == "cm" else "in" for match in found}
    if not found or len(found) < len(lines) or len(units) > 1:
        return None
    meters = {match[1].strip().lower().replace(" ", "_"): int(match[2]) for match in found}
    return {"odometer": {"unit": units.pop(), **meters}}


CODECS: Final[dict[str, Callable[[], StatusCodec]]] = {
    "zpl-hs": HostStatus,
    "zpl-hi": lambda: OneAnswer(_identity),
    "zpl-hm": lambda: OneAnswer(_memory),
    "zpl-hqes": lambda: Report(_flags, 2),
    "zpl-hqod": lambda: Report(_meters, 3),
    "zpl-hv": lambda: OneAnswer(lambda text: {"ack": text} if text else None),
    "sgd": SgdStatus,
}
"""A new codec for one conversation, by the name `bincard devices decode --protocol` knows it by."""
