"""A label printer on the network, port 9100: raw bytes in, and it answers questions.

Before a label the printer is asked how it is (`~HS`). Paper out, head open, paused, or half a label
of somebody else inside: nothing is sent, the job waits and says why. After the label it is asked
until nothing is left inside; only then the label counts as printed. A printer that does not answer
is silent, which is neither off nor ready: many models say nothing while paper or ribbon is out.

One label, one connection: other computers get their turn between two labels.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from devices.printers import trouble
from devices.printers import zpl as language
from devices.printers.driver import Condition, Outcome, PrinterConfig, Steps
from devices.printers.status import CODECS, Word

CONNECT_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 2.0
SEND_SECONDS: Final = 30.0
"""A whole label; a slow print server takes 40 kB in about 10 s."""
HELD_SECONDS: Final = 900.0
"""How long to wait for a printer that says it has the label inside and lacks paper."""
POLL_SECONDS: Final = 0.02
POLL_SLOWEST_SECONDS: Final = 0.5
CHUNK_BYTES: Final = 16_384
RECEIVE_BYTES: Final = 4_096

_TROUBLES: Final[tuple[tuple[str, str], ...]] = (
    ("paper_out", trouble.PAPER_OUT),
    ("head_open", trouble.HEAD_OPEN),
    ("ribbon_out", trouble.RIBBON_OUT),
    ("paused", trouble.PAUSED),
    ("partial_format", trouble.PARTIAL_FORMAT),
    ("buffer_full", trouble.BUFFER_FULL),
)


class Silent(Exception):
    """No answer came in time."""


class Tcp9100:
    """A printer at `host`:`port`."""

    def __init__(self, config: PrinterConfig) -> None:
        """Nothing is connected before the first label or question."""
        self._config = config
        self._identified = False
        self._stopped = threading.Event()

    def condition(self) -> Condition:
        """See `Driver.condition`."""
        try:
            with self._connected() as line:
                status = ask(line, b"~HS", "zpl-hs")
                return condition_of(status) or self._mismatch(line) or Condition("up")
        except Silent:
            return Condition("degraded", trouble.SILENT)
        except OSError:
            self._identified = False
            return Condition("down", trouble.UNREACHABLE)

    def print_label(self, job_id: str, zpl: bytes, steps: Steps) -> Outcome:
        """See `Driver.print_label`."""
        try:
            with self._connected() as line:
                refusal = self._refusal(line)
                if refusal is not None:
                    return Outcome("not_sent", trouble=refusal.reason, condition=refusal)
                return self._send(line, job_id, zpl, steps)
        except Silent:
            condition = Condition("degraded", trouble.SILENT)
        except OSError:
            self._identified = False
            condition = Condition("down", trouble.UNREACHABLE)
        return Outcome("not_sent", trouble=condition.reason, condition=condition)

    def stop(self) -> None:
        """See `Driver.stop`."""
        self._stopped.set()

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        address = (self._config.host, self._config.port)
        with socket.create_connection(address, timeout=CONNECT_SECONDS) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield line

    def _refusal(self, line: socket.socket) -> Condition | None:
        """Return why nothing may be sent now, or None."""
        status = ask(line, b"~HS", "zpl-hs")
        if bad := condition_of(status):
            return bad
        if _inside(status):
            return Condition("up", trouble.BUSY)
        return self._mismatch(line)

    def _mismatch(self, line: socket.socket) -> Condition | None:
        """Compare the print head with the settings, once after each time it was unreachable."""
        if self._identified:
            return None
        try:
            dots = ask(line, b"~HI", "zpl-hi")["identity"]["dots_per_mm"]
        except Silent:
            # Some printers that speak ZPL answer ~HS only: nothing to compare, nothing to refuse.
            self._identified = True
            return None
        if dots != self._config.dots_per_mm:
            return Condition("degraded", trouble.OTHER_HEAD)
        self._identified = True
        return None

    def _send(self, line: socket.socket, job_id: str, zpl: bytes, steps: Steps) -> Outcome:
        echo = self._config.proof == "echo"
        data = language.with_echo(zpl, job_id) if echo else zpl
        if not steps.sending():
            return Outcome("not_sent")
        gone = 0
        deadline = time.monotonic() + SEND_SECONDS
        try:
            while gone < len(data):
                line.settimeout(max(deadline - time.monotonic(), 0.01))
                gone += line.send(data[gone : gone + CHUNK_BYTES])
        except OSError:
            if gone == 0:
                return Outcome("not_sent", trouble=trouble.CUT)
            return Outcome("unknown", trouble=trouble.CUT)
        steps.sent()
        try:
            return self._heard(line, job_id) if echo else self._emptied(line, steps)
        except Silent:
            return Outcome(
                "unknown", trouble=trouble.NO_PROOF, condition=Condition("degraded", trouble.SILENT)
            )
        except OSError:
            return Outcome("unknown", trouble=trouble.CUT)

    def _heard(self, line: socket.socket, job_id: str) -> Outcome:
        """Wait until the printer says the job's own id back."""
        codec = CODECS["zpl-hv"]()
        deadline = time.monotonic() + self._config.proof_seconds
        for data in _received(line, deadline):
            if {"ack": job_id} in codec.feed(data):
                return Outcome("confirmed", proof="the printer said the job id back")
        raise Silent

    def _emptied(self, line: socket.socket, steps: Steps) -> Outcome:
        """Ask until nothing is inside any more.

        While the printer says that it holds the label and why it cannot print, waiting goes on: it
        will print this very label when the paper is back.
        """
        deadline = time.monotonic() + self._config.proof_seconds
        held_until = time.monotonic() + HELD_SECONDS
        pause = POLL_SECONDS
        said = ""
        while time.monotonic() < deadline:
            status = ask(line, b"~HS", "zpl-hs", within=deadline - time.monotonic())
            bad = condition_of(status)
            if bad is None and not _inside(status):
                return Outcome("confirmed", proof="the printer has nothing left inside")
            if (bad.reason if bad else "") != said:
                said = bad.reason if bad else ""
                steps.held(said)
            if bad and _inside(status):
                deadline = min(time.monotonic() + self._config.proof_seconds, held_until)
            if steps.decided():
                return Outcome("confirmed", proof="a person looked")
            if self._stopped.wait(pause) and bad:
                break
            pause = min(pause * 1.5, POLL_SLOWEST_SECONDS)
        return Outcome("unknown", trouble=said or trouble.NO_PROOF)


def condition_of(status: Word) -> Condition | None:
    """Return what is wrong with a printer that answered `status`, or None when it can print."""
    flags = status["status"]
    for flag, sentence in _TROUBLES:
        if flags[flag]:
            return Condition("degraded", sentence)
    return None if status["ready"] else Condition("degraded", trouble.TEMPERATURE)


def _inside(status: Word) -> bool:
    flags = status["status"]
    return bool(flags["formats_in_buffer"] or flags["labels_remaining"])


def ask(
    line: socket.socket, question: bytes, protocol: str, *, within: float = ANSWER_SECONDS
) -> Word:
    """Send `question` and return the first answer that `protocol` can read.

    Raises Silent when none comes within the time (s), OSError when the connection breaks.
    """
    codec = CODECS[protocol]()
    deadline = time.monotonic() + within
    line.settimeout(ANSWER_SECONDS)
    line.sendall(question)
    for data in _received(line, deadline):
        for word in codec.feed(data):
            if "error" not in word:
                return word
    raise Silent


def _received(line: socket.socket, deadline: float) -> Iterator[bytes]:
    """Yield what comes in until `deadline`. Raises OSError when the other side hangs up."""
    while (left := deadline - time.monotonic()) > 0:
        line.settimeout(left)
        try:
            data = line.recv(RECEIVE_BYTES)
        except TimeoutError:
            return
        if not data:
            raise ConnectionResetError
        yield data
