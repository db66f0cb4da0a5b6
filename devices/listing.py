"""What `bincard devices list` and `probe` show: devices, their health, free ports, raw answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import msgspec
import zmq
from serial.tools import list_ports_posix

from devices import config, decode
from devices.daemon import Running
from devices.files import RUN_NAME
from devices.messages import AskHealth, HealthChanged, HealthReply, encoder, reply_decoder
from devices.port import Port, PortLost
from devices.printers.service import printers_from
from devices.scales.protocols import PROTOCOLS
from devices.scales.reading import Ack
from devices.settings import Settings
from shared.domain.errors import Unavailable

ANSWER_MS: Final = 2_000
BAUD: Final = 9_600
PROBE_PAUSE_SECONDS: Final = 0.2


def lines(settings: Settings) -> Iterator[str]:
    """Yield one line per device, then one per port that no device uses."""
    known = config.load(settings.config)
    running = _running(settings)
    health = {device.device: device for device in (_ask(running) if running else ())}
    yield f"devices process: pid {running.pid}" if running and health else "devices process: none"
    for scale in known.scales:
        yield _line(scale.name, "scale", scale.protocol, scale.port, health)
    for scanner in known.scanners:
        yield _line(scanner.name, "scanner", scanner.protocol, scanner.port, health)
    for printer in printers_from(known.printers):
        place = f"{printer.host}:{printer.port}" if printer.host else printer.queue
        yield _line(printer.name, "printer", printer.driver, place, health)
    used = {scale.port for scale in known.scales} | {scan.port for scan in known.scanners}
    for port in list_ports_posix.comports():  # type: ignore[attr-defined,no-untyped-call]
        if port.device not in used:
            yield f"{'(free)':<16} {'port':<8} {port.device} {port.description}"


def _line(name: str, kind: str, protocol: str, place: str, health: dict[str, HealthChanged]) -> str:
    state = health.get(name)
    how = f"{state.state} {state.reason}".rstrip() if state else "unknown"
    return f"{name:<16} {kind:<8} {protocol:<16} {place}  {how}"


def _running(settings: Settings) -> Running | None:
    try:
        text = (settings.state_dir / RUN_NAME).read_bytes()
        return msgspec.json.decode(text, type=Running)
    except (OSError, msgspec.DecodeError):
        return None


def _ask(running: Running) -> tuple[HealthChanged, ...]:
    context = zmq.Context()
    wire = context.socket(zmq.DEALER)
    wire.setsockopt(zmq.LINGER, 0)
    try:
        wire.connect(running.requests)
        wire.send(encoder.encode(AskHealth(request_id="list")))
        if not wire.poll(ANSWER_MS):
            return ()
        reply = reply_decoder.decode(wire.recv())
    finally:
        wire.close()
        context.term()
    return reply.devices if isinstance(reply, HealthReply) else ()


def probed(port: str, protocol: str, *, baud: int | None, seconds: float) -> Iterator[str]:
    """Ask the device at `port` for `seconds`; yield what it says as `decode` prints it.

    Sends nothing but the question for the weight. Raises InvalidInput for an unknown protocol and
    Unavailable for a port that cannot be used or stays silent.
    """
    codec = decode.codec_of(protocol)
    scale = PROTOCOLS.get(protocol)
    poll = scale.poll if scale else None
    said = 0
    until = time.monotonic() + seconds
    try:
        line = Port(
            port,
            baud=baud or (scale.baud if scale else BAUD),
            data_bits=scale.data_bits if scale else 8,
            parity=scale.parity if scale else "N",
            read_seconds=PROBE_PAUSE_SECONDS,
        )
        while time.monotonic() < until:
            if poll:
                line.send(poll)
            for word in codec.feed(line.take()):
                said += 1
                yield decode.json_line(word)
                if scale and isinstance(word, Ack) and (reply := scale.reply_to(word)):
                    line.send(reply)
            time.sleep(PROBE_PAUSE_SECONDS)  # a person watches; no loop runs beside it
        line.close()
    except PortLost as error:
        raise Unavailable(
            "port_lost", f"The port {port} cannot be used: {error}.", hint="Check cable and name."
        ) from error
    if not said:
        raise Unavailable(
            "device_silent",
            f"Nothing came from {port} within {seconds:g} seconds.",
            hint="Check power, cable, baud rate and protocol.",
        )
