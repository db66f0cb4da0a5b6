"""A label printer that is only a program: it speaks the real bytes and fills a tray of files.

With it a site rehearses a bad day before it has one: paper runs out, the head stands open, the
printer falls silent, the cable is pulled in the middle of a label. Every label that "comes out" is
a file `NNNN-<waybill>.zpl` in the tray with exactly the bytes that were received, so whoever counts
the files counts the labels. The tray survives the program's own sudden end.

What it knows of ZPL: formats from `^XA` to `^XZ`, `^PQ`, `^HV` with `^FN`, and the questions
`~HS ~HI ~HM ~HQES ~HQOD` and `~JA` (forget everything inside).
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack

import msgspec

from devices.printers import zpl
from devices.simulated.printer_stream import Format, PrinterStream, Question

INSIDE_MAX: Final = 256
"""Labels inside the printer; from there on it says that its buffer is full."""
RECEIVE_BYTES: Final = 16_384
CONNECTIONS_MAX: Final = 16
DRAIN_SECONDS: Final = 0.05
"""How often a slow printer takes some bytes."""
_NUMBER: Final = re.compile(r"(\d{4,})-.*\.zpl")
_UNSAFE: Final = re.compile(r"[^0-9A-Za-z-]+")
_COPIES: Final = re.compile(rb"\^PQ(\d+)")
_ECHO: Final = re.compile(rb"\^HV(\d+),\d+,([^,^]*),([^,^]*),L")
_RESET: Final = struct.pack("ii", 1, 0)
"""Linger 0: closing sends RST instead of FIN."""


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with the printer, and how slow it is.

    `silent`: it takes bytes and prints but answers nothing. `partial`: half a label of somebody
    else is inside. `swallows`: it takes labels and prints none. `reset_after_bytes`: the connection
    breaks once, after so many bytes of labels. `drain_bytes_per_second` 0 is as fast as it can.
    """

    paper_out: bool = False
    head_open: bool = False
    ribbon_out: bool = False
    paused: bool = False
    silent: bool = False
    partial: bool = False
    swallows: bool = False
    reset_after_bytes: int | None = None
    drain_bytes_per_second: int = 0
    print_ms: int = 30

    @property
    def stopped(self) -> bool:
        """No label comes out now."""
        return self.paper_out or self.head_open or self.ribbon_out or self.paused


class FaultChanges(TypedDict, total=False):
    """The keywords of `SimulatedPrinter.set`: the fields of `Faults`."""

    paper_out: bool
    head_open: bool
    ribbon_out: bool
    paused: bool
    silent: bool
    partial: bool
    swallows: bool
    reset_after_bytes: int | None
    drain_bytes_per_second: int
    print_ms: int


class PrinterState(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at the printer shows; `received_bytes` counts the bytes of labels."""

    name: str
    port: int
    faults: Faults
    labels: int
    formats_in_buffer: int
    received_bytes: int


class SimulatedPrinter:
    """A printer on `host`:`port` (0 lets the system choose) that prints into `tray`."""

    def __init__(
        self, name: str, host: str, port: int, tray: Path, *, dots_per_mm: int = 8
    ) -> None:
        """Nothing listens before `start`."""
        self.name = name
        self.host = host
        self.port = port
        self.tray = tray
        self._dots_per_mm = dots_per_mm
        self._faults = Faults()
        self._changed = threading.Condition()
        self._inside: deque[tuple[bytes, socket.socket]] = deque()
        self._received = 0
        self._open: set[socket.socket] = set()
        self._stopping = False
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None

    def start(self) -> None:
        """Listen and print; `port` is the real one afterwards. Raises OSError when it is taken."""
        self.tray.mkdir(parents=True, exist_ok=True)
        self._stopping = False
        self._listener = socket.create_server((self.host, self.port), backlog=CONNECTIONS_MAX)
        self.port = self._listener.getsockname()[1]
        self._run(self._accept, self._listener)
        self._run(self._print)

    def stop(self) -> None:
        """Switch off: connections end, what is inside is lost, the tray stays."""
        with self._changed:
            self._stopping = True
            self._inside.clear()
            self._changed.notify_all()
        for line in [self._listener, *self._open]:
            if line is not None:
                _hang_up(line)
        for thread in self._threads:
            thread.join(timeout=5)
        self._threads.clear()

    def set(self, **faults: Unpack[FaultChanges]) -> None:
        """Change what is wrong, see `Faults`; the rest stays as it is."""
        with self._changed:
            self._faults = msgspec.structs.replace(self._faults, **faults)
            self._changed.notify_all()

    def state(self) -> PrinterState:
        """Return a look at the printer."""
        labels = len(self.labels())
        with self._changed:
            return PrinterState(
                name=self.name,
                port=self.port,
                faults=self._faults,
                labels=labels,
                formats_in_buffer=len(self._inside),
                received_bytes=self._received,
            )

    def labels(self) -> list[Path]:
        """Return the labels in the tray, oldest first."""
        labels = (path for path in self.tray.glob("*.zpl") if _NUMBER.fullmatch(path.name))
        return sorted(labels, key=_number)

    def wait_for_bytes(self, count: int, timeout_seconds: float) -> bool:
        """Wait until `count` bytes of labels have come in since the start; False when too late."""
        with self._changed:
            return self._changed.wait_for(lambda: self._received >= count, timeout_seconds)

    def wait_for_labels(self, count: int, timeout_seconds: float) -> bool:
        """Wait until the tray holds at least `count` labels; False when it takes too long."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.labels()) >= count, timeout_seconds)

    def _run(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, name=self.name, daemon=True)
        self._threads = [*(old for old in self._threads if old.is_alive()), thread]
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while not self._stopping:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            with self._changed:
                full = len(self._open) >= CONNECTIONS_MAX
                if not full:
                    self._open.add(line)
            if full:
                line.close()
            else:
                self._run(self._serve, line)

    def _serve(self, line: socket.socket) -> None:
        stream = PrinterStream()
        taken = 0
        try:
            while data := line.recv(self._portion()):
                allowed = self._before_reset(data, taken)
                taken += len(allowed)
                for word in stream.feed(allowed):
                    if isinstance(word, Question):
                        taken -= len(word.command)
                        self._answer(line, word.command)
                    else:
                        self._take(word, line)
                self._count(len(allowed))
                if len(allowed) < len(data) or self._reset_now(taken):
                    self.set(reset_after_bytes=None)
                    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    return
        except OSError:
            pass
        finally:
            with self._changed:
                self._open.discard(line)
            line.close()

    def _portion(self) -> int:
        """Return how many bytes to take now; with a slow drain a little, after a while."""
        rate = self._faults.drain_bytes_per_second
        if rate == 0:
            return RECEIVE_BYTES
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, DRAIN_SECONDS)
        return max(int(rate * DRAIN_SECONDS), 1)

    def _before_reset(self, data: bytes, taken: int) -> bytes:
        limit = self._faults.reset_after_bytes
        # A question is not part of a label: only labels bring the reset nearer.
        return data if limit is None or data.startswith(b"~") else data[: max(limit - taken, 0)]

    def _reset_now(self, taken: int) -> bool:
        limit = self._faults.reset_after_bytes
        return limit is not None and taken >= limit

    def _count(self, count: int) -> None:
        with self._changed:
            self._received += count
            self._changed.notify_all()

    def _take(self, label: Format, line: socket.socket) -> None:
        with self._changed:
            if not self._faults.swallows:
                copies = _COPIES.search(label.data)
                for _ in range(min(int(copies[1]) if copies else 1, INSIDE_MAX)):
                    self._inside.append((label.data, line))
            self._changed.notify_all()

    def _print(self) -> None:
        """Print what is inside, one label after the other, as soon as nothing is wrong."""
        for left in self.tray.glob("*.part"):
            left.unlink()
        printed = self.labels()
        number = _number(printed[-1]) if printed else 0
        while True:
            with self._changed:
                self._changed.wait_for(self._may_print)
                seconds = self._faults.print_ms / 1_000
                stopped = self._changed.wait_for(lambda: not self._may_go_on(), seconds)
                if self._stopping:
                    return
                if stopped:
                    continue
                data, line = self._inside[0]
            number += 1
            self._put_into_tray(number, data)
            with self._changed:
                if self._inside:
                    self._inside.popleft()
                silent = self._faults.silent
                self._changed.notify_all()
            if not silent:
                _echo(data, line)

    def _may_print(self) -> bool:
        return self._stopping or (bool(self._inside) and not self._faults.stopped)

    def _may_go_on(self) -> bool:
        return bool(self._inside) and not self._stopping and not self._faults.stopped

    def _put_into_tray(self, number: int, data: bytes) -> None:
        """A label is in the tray whole or not at all: written beside, then renamed."""
        codes = zpl.barcodes(data)
        name = _UNSAFE.sub("-", codes[0] if codes else "label")[:60]
        part = self.tray / f"{number:04d}-{name}.part"
        part.write_bytes(data)
        part.rename(part.with_suffix(".zpl"))

    def _answer(self, line: socket.socket, command: str) -> None:
        with self._changed:
            if command == "~JA":
                self._inside.clear()
                self._faults = msgspec.structs.replace(self._faults, partial=False)
            faults, inside = self._faults, len(self._inside)
        printed = len(self.labels()) if command == "~HQOD" else 0
        if not faults.silent and command != "~JA":
            line.sendall(answer(command, faults, inside, printed, self._dots_per_mm))


def answer(command: str, faults: Faults, inside: int, printed: int, dots_per_mm: int) -> bytes:
    """Return the bytes with which a printer answers `command`."""
    if command == "~HS":
        first = (
            f"030,{faults.paper_out:d},{faults.paused:d},1040,{min(inside, 999):03d},"
            f"{inside >= INSIDE_MAX:d},0,{faults.partial:d},000,0,0,0"
        )
        second = f"001,0,{faults.head_open:d},{faults.ribbon_out:d},0,2,4,0,00000000,1,000"
        return b"".join(_bracketed(text) for text in (first, second, "1234,0"))
    if command == "~HI":
        dpi = 203 if dots_per_mm == 8 else 300
        return _bracketed(f"BINCARD-{dpi}dpi,V1.0,{dots_per_mm},8192KB")
    if command == "~HM":
        return _bracketed("8192,6144,6144")
    if command == "~HQES":
        flags = faults.paper_out | faults.ribbon_out << 1 | faults.head_open << 2
        flags |= faults.paused << 16
        lines = (
            "  PRINTER STATUS",
            f"   ERRORS:         {flags > 0:d} 00000000 {flags:08X}",
            "   WARNINGS:       0 00000000 00000000",
        )
        return _bracketed("\r\n" + "\r\n".join(lines) + "\r\n")
    names = ("TOTAL NONRESETTABLE", "USER RESETTABLE CNTR1", "USER RESETTABLE CNTR2")
    inches = printed * 130 * 10 // 254
    meters = [f'   {name}: {inches:>12} "' for name in names]
    return _bracketed("\r\n".join(["", "  PRINT METERS", *meters, ""]))


def _bracketed(text: str) -> bytes:
    return b"\x02" + text.encode() + b"\x03\r\n"


def _echo(label: bytes, line: socket.socket) -> None:
    """Say the field back that the label asks for with `^HV`, to whoever sent it."""
    asked = _ECHO.search(label)
    field = re.search(rb"\^FN%b\^FH_\^FD([^^]*)\^FS" % asked[1], label) if asked else None
    if asked is None or field is None:
        return
    parts = (asked[2], field[1], asked[3])
    with suppress(OSError):  # the sender may have hung up: then nobody listens
        line.sendall("".join(zpl.unescaped(part) for part in parts).encode())


def _number(label: Path) -> int:
    found = _NUMBER.fullmatch(label.name)
    return int(found[1]) if found else 0


def _hang_up(line: socket.socket) -> None:
    with suppress(OSError):  # the other side may have been faster
        line.shutdown(socket.SHUT_RDWR)
    line.close()
