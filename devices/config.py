"""Which devices this warehouse has: one JSON file, read at start, every mistake told at once.

A port is bound to a role by a person. Nothing is detected: a driver that claims any adapter it
finds has taken scanners for scales and stopped shops. Give a port that survives replugging, such as
`/dev/serial/by-id/…` or `hwgrep://VID:PID`, or `socket://host:port` for a serial server.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from devices.messages import WeightKind
from devices.scales.protocols import PROTOCOLS
from devices.scales.reading import GRAMS
from devices.scales.settle import HOLD_MS, NEAR_ZERO_GRAMS
from devices.scanners.codec import SERIAL_ENDS
from shared.domain.errors import InvalidInput

CONFIG_BYTES_MAX: Final = 1_048_576
DEVICES_MAX: Final = 64
NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9-]{0,39}$"

Name = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
Baud = Annotated[int, msgspec.Meta(ge=300, le=921_600)]
HINT: Final = "Correct the devices file and start the devices process again."


class ScaleConfig(msgspec.Struct, frozen=True, kw_only=True, tag="scale", tag_field="kind"):
    """A scale on a serial port.

    `baud`, `data_bits` and `parity` default to those of the protocol. `mode` is to `poll` or to
    listen to a `stream`. `unit` and `weight_kind`, when given, must be what the frames say: a
    scale switched to pounds is an error, not a heavy parcel. A protocol whose frames tell no unit
    needs it: nobody may guess whether 1560 is grams or kilograms.
    """

    name: Name
    port: str
    protocol: str = "mt-sics"
    baud: Baud | None = None
    data_bits: Literal[7, 8] | None = None
    parity: Literal["N", "E", "O"] | None = None
    mode: Literal["poll", "stream"] = "poll"
    unit: str | None = None
    weight_kind: WeightKind | None = None
    near_zero_grams: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = NEAR_ZERO_GRAMS
    hold_ms: Annotated[int, msgspec.Meta(ge=50, le=5_000)] = HOLD_MS


class ScannerConfig(msgspec.Struct, frozen=True, kw_only=True, tag="scanner", tag_field="kind"):
    """A scanner on a serial port; `protocol` names how its scans end."""

    name: Name
    port: str
    protocol: str = "serial-crlf"
    baud: Baud = 9_600


class DevicesConfig(msgspec.Struct, frozen=True):
    """All devices of one warehouse; printers as written, their service checks them."""

    scales: tuple[ScaleConfig, ...] = ()
    scanners: tuple[ScannerConfig, ...] = ()
    printers: tuple[dict[str, object], ...] = ()

    def names(self) -> list[str]:
        """Return the names of all devices, in the order of the kinds."""
        named = [scale.name for scale in self.scales] + [scan.name for scan in self.scanners]
        return named + [str(printer.get("name")) for printer in self.printers]


def load(path: Path) -> DevicesConfig:
    """Return the devices described in the JSON file `path`.

    Raises InvalidInput with one sentence per mistake.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        message = f"The devices file cannot be read: {error.strerror}."
        raise InvalidInput("devices_config", message, hint=HINT) from error
    return parse(text)


def parse(text: bytes) -> DevicesConfig:
    """Return the devices described by the JSON `text`; raises InvalidInput as `load` does."""
    try:
        entries = msgspec.json.decode(text[:CONFIG_BYTES_MAX], type=_File).devices
    except msgspec.DecodeError as error:
        message = f"The devices file is not the JSON we expect: {error}."
        raise InvalidInput("devices_config", message, hint=HINT) from error
    problems: list[str] = []
    scales: list[ScaleConfig] = []
    scanners: list[ScannerConfig] = []
    printers: list[dict[str, object]] = []
    for number, entry in enumerate(entries, start=1):
        try:
            match entry.get("kind"):
                case "scale":
                    scales.append(_scale(entry))
                case "scanner":
                    scanners.append(_scanner(entry))
                case "printer":
                    printers.append(_printer(entry))
                case other:
                    problems.append(
                        f"Device {number}: kind must be scale, scanner or printer, got {other!r}."
                    )
        except (msgspec.ValidationError, ValueError) as error:
            problems.append(f"Device {number} ({entry.get('name', 'no name')}): {error}.")
    config = DevicesConfig(tuple(scales), tuple(scanners), tuple(printers))
    problems += _shared(config)
    if problems:
        raise InvalidInput("devices_config", " ".join(problems), hint=HINT)
    return config


class _File(msgspec.Struct):
    devices: Annotated[list[dict[str, object]], msgspec.Meta(max_length=DEVICES_MAX)]


def _scale(entry: dict[str, object]) -> ScaleConfig:
    scale = msgspec.convert(entry, ScaleConfig)
    protocol = PROTOCOLS.get(scale.protocol)
    if protocol is None:
        raise ValueError(f"protocol must be one of {', '.join(PROTOCOLS)}, got {scale.protocol!r}")
    if scale.mode == "poll" and protocol.poll is None:
        raise ValueError(f'{scale.protocol} cannot be asked: set "mode": "stream"')
    if protocol.unitless and scale.unit is None:
        raise ValueError(f'{scale.protocol} does not tell its unit: set "unit", such as "kg"')
    if scale.unit is not None and scale.unit not in GRAMS:
        raise ValueError(f"unit must be one of {', '.join(GRAMS)}, got {scale.unit!r}")
    return scale


def _scanner(entry: dict[str, object]) -> ScannerConfig:
    scanner = msgspec.convert(entry, ScannerConfig)
    if scanner.protocol not in SERIAL_ENDS:
        known = ", ".join(SERIAL_ENDS)
        raise ValueError(f"protocol must be one of {known}, got {scanner.protocol!r}")
    return scanner


def _printer(entry: dict[str, object]) -> dict[str, object]:
    msgspec.convert(entry.get("name"), Name)
    return entry


def _shared(config: DevicesConfig) -> list[str]:
    names = config.names()
    ports = [scale.port for scale in config.scales] + [scan.port for scan in config.scanners]
    twice = sorted({name for name in names if names.count(name) > 1})
    claimed = sorted({port for port in ports if ports.count(port) > 1})
    return [f"Two devices are called {name}." for name in twice] + [
        f"Two devices claim the port {port}." for port in claimed
    ]
