"""`bincard devices …`: run the devices process, look at devices, rehearse without hardware."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

import click

CHUNK_BYTES: Final = 65_536
PROBE_SECONDS: Final = 3.0


@click.group()
def devices() -> None:
    """Scales, scanners and label printers of one warehouse."""


@devices.command()
def serve() -> None:
    """Own the ports in BINCARD_DEVICES_CONFIG until stopped."""
    from devices import daemon, settings
    from shared.runtime import logs

    logs.configure(node="devices")
    daemon.serve(settings.read(os.environ))


@devices.command(name="list")
def list_() -> None:
    """Show the configured devices, how they are, and ports that nobody uses."""
    from devices import listing, settings

    for line in listing.lines(settings.read(os.environ)):
        click.echo(line)


@devices.command()
@click.option("--port", required=True, help="Path or URL, such as /dev/ttyUSB0 or socket://h:p.")
@click.option("--protocol", required=True, help="A scale or serial scanner protocol.")
@click.option("--baud", type=int, default=None, help="Default: that of the protocol.")
@click.option(
    "--seconds", type=float, default=PROBE_SECONDS, show_default=True, help="How long to listen."
)
def probe(port: str, protocol: str, baud: int | None, seconds: float) -> None:
    """Ask one device and show what it says. Sends nothing but the question for the weight."""
    from devices import listing

    for said in listing.probed(port, protocol, baud=baud, seconds=seconds):
        click.echo(said)


@devices.command()
@click.option(
    "--config",
    "path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="JSON file: control port, scales, scanners, printers.",
)
def simulate(path: Path) -> None:
    """Be the scales, scanners and printers described in a JSON file, on real ports."""
    from devices.simulated import process
    from shared.runtime import logs

    logs.configure(node="simulate")
    process.run(process.load(path))


@devices.command(name="decode")
@click.option("--protocol", required=True, help="Name of the protocol; a wrong one lists all.")
def decode_(protocol: str) -> None:
    """Read raw bytes on standard input, print what they say as JSON, one object a line."""
    from devices import decode

    for line in decode.lines(protocol, _chunks()):
        click.echo(line)


def _chunks() -> Iterator[bytes]:
    source = cast("io.BufferedReader", sys.stdin.buffer)
    while chunk := source.read1(CHUNK_BYTES):
        yield chunk
