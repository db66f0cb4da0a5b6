"""Planning on the command line: JSON on standard input, JSON on standard output.

`commands` holds what the group `bincard edge` adds to itself.
"""

from __future__ import annotations

import sys

import click
import msgspec

from edge.services.plan_routes import plan_routes


@click.command("plan-routes")
def plan_routes_command() -> None:
    """Read pick lists as JSON on standard input, print the shortest walk for each."""
    answer = plan_routes(sys.stdin.buffer.read())
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


commands: list[click.Command] = [plan_routes_command]
