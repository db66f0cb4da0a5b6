"""The program `bincard`. Its groups come from the packages through entry points."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import Final

import click

from shared.domain.errors import BincardError

GROUP: Final = "bincard.commands"


class LateGroup(click.Group):
    """Loads a command group only when it is used, so that `bincard edge` never imports the hub."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all installed groups."""
        del ctx
        return sorted(point.name for point in entry_points(group=GROUP))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the group called `cmd_name`."""
        del ctx
        for point in entry_points(group=GROUP, name=cmd_name):
            try:
                command = point.load()
            except ModuleNotFoundError as error:
                if error.name and point.module.startswith(error.name):
                    return None  # the simulator is not installed outside a checkout
                raise
            if not isinstance(command, click.Command):
                raise TypeError(f"{point.value} is not a click command")
            return command
        return None


@click.group(cls=LateGroup)
@click.version_option(package_name="bincard")
def bincard() -> None:
    """Warehouse fulfilment that works offline and never promises a unit twice."""


def main() -> None:
    """Run the program; our own errors become a sentence on standard error and exit status 1."""
    try:
        bincard.main(standalone_mode=True)
    except BincardError as error:
        click.echo(f"{error.message} {error.hint}".strip(), err=True)
        sys.exit(1)
