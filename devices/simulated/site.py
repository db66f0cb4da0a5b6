"""The simulated devices of one warehouse: scales and scanners on pseudo terminals, and printers.

One thread serves all lines and sleeps until somebody writes or a scale has something to say by
itself, so that six warehouses of simulated scales cost next to nothing. Loads and scans come in
from other threads (the control port) under one lock.
"""

from __future__ import annotations

import os
import selectors
import threading
import time
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec

from devices.config import Name
from devices.simulated.dialects import scale_of
from devices.simulated.printer import FaultChanges, PrinterState, SimulatedPrinter
from devices.simulated.scale import ScaleManner
from devices.simulated.scanner import Habit, typed
from devices.simulated.wire import Cable, FaultyLine, LineFaults
from shared.domain.errors import InvalidInput, NotFound

SLEEP_SECONDS_MAX: Final = 3_600.0
READ_WAIT_SECONDS: Final = 1.0
"""How long `put_load` waits until a new load was read."""
GRAMS_MAX: Final = 1_000_000
LINE_SEED: Final = 7_919

Device = TypeVar("Device")


class ScaleSetting(msgspec.Struct, frozen=True, kw_only=True):
    """A simulated scale: the file name of its port, what it speaks, how it weighs, its cable."""

    name: Name
    port: str
    protocol: str = "mt-sics"
    manner: ScaleManner = ScaleManner()
    faults: LineFaults = LineFaults()


class ScannerSetting(msgspec.Struct, frozen=True, kw_only=True):
    """A simulated scanner and the suffix it was set up to send."""

    name: Name
    port: str
    suffix: str = "\r\n"


class PrinterSetting(msgspec.Struct, frozen=True, kw_only=True):
    """A simulated printer on TCP and the directory that is its tray; port 0 is chosen."""

    name: Name
    tray: str
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    dots_per_mm: int = 8


class SiteSetting(msgspec.Struct, frozen=True, kw_only=True):
    """One warehouse. Relative paths start at `state_dir`; control port 0 is chosen."""

    state_dir: str
    control_port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    scales: tuple[ScaleSetting, ...] = ()
    scanners: tuple[ScannerSetting, ...] = ()
    printers: tuple[PrinterSetting, ...] = ()


class ScaleChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens at a scale; what is left out stays as it is.

    `wait_read` answers only when the devices process has read the new load at rest; by default so
    for an emptied scale, because a swap that nobody saw is no swap.
    """

    grams: Annotated[int, msgspec.Meta(ge=-GRAMS_MAX, le=GRAMS_MAX)] | None = None
    wait_read: bool | None = None
    unplugged: bool | None = None
    silent: bool | None = None
    power_cycle: bool = False
    nudge: bool = False
    faults: LineFaults | None = None


class ScannerChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A scan, or the cable. `double`, `partial`, `pieces`: see `scanner.Habit`."""

    text: str | None = None
    double: bool = False
    partial: bool = False
    pieces: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    unplugged: bool | None = None


class ScaleLook(msgspec.Struct, frozen=True):
    """What a look at a scale shows; `shown_grams` None while nobody has read it at rest."""

    grams: int
    shown_grams: int | None
    plugged: bool
    silent: bool
    faults: LineFaults


class ScannerLook(msgspec.Struct, frozen=True):
    """What a look at a scanner shows."""

    scans: int
    plugged: bool


class Label(msgspec.Struct, frozen=True):
    """A label in a printer's tray: the path of its ZPL, and the file's name with the waybill."""

    file: str
    name: str


class SiteLook(msgspec.Struct, frozen=True):
    """What a look around the warehouse shows, by device name."""

    scales: dict[str, ScaleLook]
    scanners: dict[str, ScannerLook]
    printers: dict[str, PrinterState]


class _ScaleAtWork:
    def __init__(self, setting: ScaleSetting, root: Path, number: int) -> None:
        self.scale = scale_of(setting.protocol, setting.manner)
        self.cable = Cable(root / setting.port)
        self.line = FaultyLine(setting.faults, setting.manner.seed * LINE_SEED + number)
        self.silent = False

    def send(self, data: bytes) -> None:
        """Let the scale say something, as far as cable and mood let it."""
        if data and self.cable.plugged and not self.silent:
            self.cable.write(self.line.pass_on(data))

    def look(self) -> ScaleLook:
        """Return what a look at it shows."""
        return ScaleLook(
            self.scale.load_grams,
            self.scale.shown_grams,
            self.cable.plugged,
            self.silent,
            self.line.faults,
        )


class _ScannerAtWork:
    def __init__(self, setting: ScannerSetting, root: Path) -> None:
        self.cable = Cable(root / setting.port)
        self.suffix = setting.suffix
        self.scans = 0


class Site:
    """All simulated devices; `start`, then change them, then `stop`."""

    def __init__(self, setting: SiteSetting) -> None:
        """Nothing exists before `start`."""
        root = Path(setting.state_dir)
        self._scales = {
            scale.name: _ScaleAtWork(scale, root, number)
            for number, scale in enumerate(setting.scales)
        }
        self._scanners = {scan.name: _ScannerAtWork(scan, root) for scan in setting.scanners}
        self._printers = {
            printer.name: SimulatedPrinter(
                printer.name,
                printer.host,
                printer.port,
                root / printer.tray,
                dots_per_mm=printer.dots_per_mm,
            )
            for printer in setting.printers
        }
        self._lock = threading.Condition()
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = os.pipe()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="simulated lines", daemon=True)

    def start(self) -> None:
        """Make the ports appear and the printers listen."""
        self._selector.register(self._wake_in, selectors.EVENT_READ)
        for device in self._lines():
            self._plug(device, unplugged=False)
        for printer in self._printers.values():
            printer.start()
        self._thread.start()

    def stop(self) -> None:
        """Take everything away again; the printers' trays stay."""
        self._stopping = True
        self._wake()
        self._thread.join()
        for device in self._lines():
            self._plug(device, unplugged=True)
        for printer in self._printers.values():
            printer.stop()
        self._selector.close()
        os.close(self._wake_in)
        os.close(self._wake_out)

    def change_scale(self, name: str, change: ScaleChange) -> ScaleLook:
        """Put a load on or take it off, pull the cable, shake it; raises NotFound."""
        with self._lock:
            device = _named(self._scales, name)
            if change.unplugged is not None:
                self._plug(device, unplugged=change.unplugged)
            if change.silent is not None:
                device.silent = change.silent
            if change.faults is not None:
                device.line.faults = change.faults
            if change.power_cycle:
                device.send(device.scale.power_on())
            if change.nudge:
                device.scale.nudge(_now_ms())
            if change.grams is not None:
                device.scale.put(change.grams, _now_ms())
            self._wake()
            wait = change.grams == 0 if change.wait_read is None else change.wait_read
            if wait and device.cable.plugged and not device.silent:
                self._lock.wait_for(lambda: device.scale.shown_grams is not None, READ_WAIT_SECONDS)
            return device.look()

    def change_scanner(self, name: str, change: ScannerChange) -> ScannerLook:
        """Scan a text or pull the cable; raises NotFound, InvalidInput while unplugged."""
        with self._lock:
            device = _named(self._scanners, name)
            if change.unplugged is not None:
                self._plug(device, unplugged=change.unplugged)
            if change.text is not None:
                if not device.cable.plugged:
                    raise InvalidInput("unplugged", f"The scanner {name} is unplugged.")
                habit = Habit(device.suffix, change.double, change.partial, change.pieces)
                for piece in typed(change.text, habit):
                    device.cable.write(piece)
                device.scans += 1
            return ScannerLook(device.scans, device.cable.plugged)

    def change_printer(self, name: str, change: FaultChanges) -> PrinterState:
        """Set what is wrong with a printer; raises NotFound."""
        printer = _named(self._printers, name)
        printer.set(**change)
        return printer.state()

    def tray(self, name: str) -> list[Label]:
        """Return the labels that came out of a printer, oldest first; raises NotFound."""
        return [Label(str(path), path.name) for path in _named(self._printers, name).labels()]

    def look(self) -> SiteLook:
        """Return the state of everything."""
        with self._lock:
            return SiteLook(
                {name: device.look() for name, device in self._scales.items()},
                {
                    name: ScannerLook(device.scans, device.cable.plugged)
                    for name, device in self._scanners.items()
                },
                {name: printer.state() for name, printer in self._printers.items()},
            )

    def _lines(self) -> list[_ScaleAtWork | _ScannerAtWork]:
        return [*self._scales.values(), *self._scanners.values()]

    def _plug(self, device: _ScaleAtWork | _ScannerAtWork, *, unplugged: bool) -> None:
        if unplugged == (not device.cable.plugged):
            return
        if unplugged:
            self._selector.unregister(device.cable)
            device.cable.unplug()
        else:
            device.cable.plug()
            self._selector.register(device.cable, selectors.EVENT_READ, device)

    def _wake(self) -> None:
        os.write(self._wake_out, b"!")

    def _run(self) -> None:
        while not self._stopping:
            ready = self._selector.select(self._sleep_seconds())
            with self._lock:
                for key, _ in ready:
                    self._hear(key.data)
                now_ms = _now_ms()
                for device in self._scales.values():
                    due_ms = device.scale.due_ms()
                    if due_ms is not None and due_ms <= now_ms:
                        device.send(device.scale.tick(now_ms))
                self._lock.notify_all()

    def _hear(self, device: _ScaleAtWork | _ScannerAtWork | None) -> None:
        if device is None:
            os.read(self._wake_in, 4_096)
        elif device.cable.plugged:
            data = device.cable.read()
            if isinstance(device, _ScaleAtWork) and not device.silent:
                device.send(device.scale.hear(data, _now_ms()))

    def _sleep_seconds(self) -> float:
        with self._lock:
            due = [device.scale.due_ms() for device in self._scales.values()]
        soonest = min((due_ms for due_ms in due if due_ms is not None), default=None)
        if soonest is None:
            return SLEEP_SECONDS_MAX
        return max(0.0, (soonest - _now_ms()) / 1_000)


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _named(devices: dict[str, Device], name: str) -> Device:
    if name not in devices:
        raise NotFound(
            "device_unknown", f"There is no simulated device called {name} of this kind."
        )
    return devices[name]
