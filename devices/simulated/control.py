"""The control port of the simulated devices: a hand that puts parcels on scales and pulls cables.

JSON over HTTP on 127.0.0.1::

    GET  /                        state of all
    PUT  /scales/scale-1          {"grams": 1250}   {"unplugged": true}   {"silent": true}
    POST /scanners/scanner-1      {"text": "SN-1"}  {"text": "SN-1", "double": true}
    PUT  /printers/printer-1      {"paper_out": true}
    GET  /printers/printer-1/tray the files of the labels that came out
"""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import msgspec

from devices.simulated.printer import FaultChanges
from devices.simulated.site import ScaleChange, ScannerChange, Site
from shared.domain.errors import BincardError, InvalidInput, NotFound

BODY_BYTES_MAX: Final = 65_536
IDLE_SECONDS: Final = 60
HOST: Final = "127.0.0.1"

Steps = tuple[str, ...]


class ControlServer(ThreadingHTTPServer):
    """Serves one site; a connection may stay open for many requests."""

    daemon_threads = True

    def __init__(self, site: Site, port: int) -> None:
        """Bind `port` on this machine; raises OSError when it is taken."""
        super().__init__((HOST, port), _Handler)
        self.site = site


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    server: ControlServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the library
        """Say nothing: a day in a demo has thousands of requests."""

    def do_GET(self) -> None:
        """Answer a question."""
        self._carry_out(self._get)

    def do_PUT(self) -> None:
        """Carry out a change."""
        self._carry_out(self._change)

    def do_POST(self) -> None:
        """Carry out a scan."""
        self._carry_out(self._change)

    def _carry_out(self, work: Callable[[Steps, bytes], object]) -> None:
        try:
            steps = tuple(step for step in self.path.partition("?")[0].split("/") if step)
            self._answer(200, work(steps, self._body()))
        except BincardError as error:
            self._answer(error.status, {"code": error.code, "detail": error.message})
        except msgspec.DecodeError as error:
            self._answer(400, {"code": "body_unreadable", "detail": f"{error}."})

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > BODY_BYTES_MAX:
            self.close_connection = True
            raise InvalidInput("body_too_large", f"A body has at most {BODY_BYTES_MAX} bytes.")
        return self.rfile.read(int(length))

    def _get(self, steps: Steps, _body: bytes) -> object:
        match steps:
            case ():
                return self.server.site.look()
            case ("printers", name, "tray"):
                return {"labels": self.server.site.tray(name)}
        raise NotFound("path_unknown", f"There is nothing at /{'/'.join(steps)}.")

    def _change(self, steps: Steps, body: bytes) -> object:
        site = self.server.site
        match steps:
            case ("scales", name):
                return site.change_scale(name, msgspec.json.decode(body, type=ScaleChange))
            case ("scanners", name):
                return site.change_scanner(name, msgspec.json.decode(body, type=ScannerChange))
            case ("printers", name):
                return site.change_printer(name, _printer_change(body))
        raise NotFound("path_unknown", f"There is nothing at /{'/'.join(steps)}.")

    def _answer(self, status: int, content: object) -> None:
        body = msgspec.json.encode(content)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _printer_change(body: bytes) -> FaultChanges:
    """Return the faults in `body`; a misspelt one is an error, not a healthy printer."""
    known = FaultChanges.__annotations__
    if unknown := msgspec.json.decode(body, type=dict[str, object]).keys() - known.keys():
        raise InvalidInput(
            "fault_unknown",
            f"A printer has {', '.join(known)}; got {', '.join(sorted(unknown))}.",
        )
    return msgspec.json.decode(body, type=FaultChanges)
