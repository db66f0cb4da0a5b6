"""Planning on the command line: JSON on standard input, JSON on standard output.

`commands` holds what the group `bincard edge` adds to itself.
"""

from __future__ import annotations

import sys

import click
import msgspec

from edge.services.plan_batches import plan_batches
from edge.services.plan_routes import plan_routes


def _say(answer: msgspec.Struct) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


@click.command("plan-routes")
def plan_routes_command() -> None:
    """Read pick lists as JSON on standard input, print the shortest walk for each."""
    _say(plan_routes(sys.stdin.buffer.read()))


@click.command("plan-batches")
def plan_batches_command() -> None:
    """Read orders as JSON on standard input, print which ones share a cart."""
    _say(plan_batches(sys.stdin.buffer.read()))


commands: list[click.Command] = [plan_routes_command, plan_batches_command]
