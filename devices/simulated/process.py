"""The process behind `bincard devices simulate`: the devices of one warehouse without hardware."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType

import msgspec

from devices.files import RUN_NAME, write_whole
from devices.simulated.control import HOST, ControlServer
from devices.simulated.site import Site, SiteSetting
from shared.domain.errors import InvalidInput, Unavailable
from shared.runtime import logs


class Running(msgspec.Struct, frozen=True):
    """What `run.json` says once everything is there; `printers` maps names to TCP ports."""

    pid: int
    control_port: int
    printers: dict[str, int]


def load(path: Path) -> SiteSetting:
    """Return the simulated site described in the JSON file `path`; raises InvalidInput."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=SiteSetting)
    except OSError as error:
        raise InvalidInput(
            "simulate_config", f"The simulation file cannot be read: {error.strerror}."
        ) from error
    except msgspec.DecodeError as error:
        raise InvalidInput(
            "simulate_config",
            f"The simulation file is not as expected: {error}.",
            hint="devices/README.md has an example.",
        ) from error


def run(setting: SiteSetting) -> None:
    """Simulate until SIGTERM or SIGINT; raises Unavailable when a port is taken."""
    log = logs.get("simulate")
    state_dir = Path(setting.state_dir)
    state_dir.mkdir(parents=True, exist_ok=True)
    site = Site(setting)
    try:
        site.start()
        control = ControlServer(site, setting.control_port)
    except OSError as error:
        raise Unavailable("port_taken", f"A port is not free: {error.strerror}.") from error

    def stop(_signal: int, _frame: FrameType | None) -> None:
        threading.Thread(target=control.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    ports = {name: printer.port for name, printer in site.look().printers.items()}
    run_file = state_dir / RUN_NAME
    running = Running(os.getpid(), control.server_address[1], ports)
    write_whole(run_file, msgspec.json.encode(running))
    log.info("ready", control=f"http://{HOST}:{running.control_port}/", printers=ports)
    try:
        control.serve_forever()
    finally:
        run_file.unlink(missing_ok=True)
        control.server_close()
        site.stop()
        log.info("stopped")
