"""`bincard edge …`: run one warehouse's node, and look after its books."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from edge import cli_planning
from edge import settings as edge_settings
from edge.settings import Settings
from shared.domain.errors import Conflict
from shared.runtime import folder_lock

MIGRATIONS: Final = "edge.store.migrations"
MIGRATION_SET: Final = "edge"
RUN_FILE: Final = "run.json"
LOCK_FILE: Final = "edge.lock"


def _settings() -> Settings:
    return edge_settings.load(os.environ)


def _show(answer: Any) -> None:
    click.echo(json.dumps(msgspec.to_builtins(answer), ensure_ascii=False, indent=2))


@click.group()
def edge() -> None:
    """One warehouse: receiving, picking, packing, with or without head office."""


@edge.command()
def serve() -> None:
    """Run this warehouse's node until it is told to stop."""
    from edge.app import EdgeNode, create_app
    from shared.runtime import logs, private_file
    from shared.runtime.serve import serve as serve_app

    settings = _settings()
    logs.configure(node=settings.warehouse or "edge")
    run_file = settings.state_dir / RUN_FILE
    with _books_taken(settings):
        # One that a killed node left behind would name a dead port.
        run_file.unlink(missing_ok=True)
        node = EdgeNode(settings)

        def ready(port: int) -> None:
            url = f"http://{settings.http_host}:{port}"
            told = {"pid": os.getpid(), "http_port": port, "url": url}
            private_file.write(run_file, json.dumps(told).encode())
            click.echo(f"Warehouse {node.site.warehouse or '(not enrolled)'} is at {url}", err=True)

        serve_app(
            create_app(node),
            host=settings.http_host,
            port=settings.http_port,
            stopping=node.stopping,
            on_ready=ready,
        )


@edge.command()
def migrate() -> None:
    """Bring the books to this version's form; prints what was applied."""
    from shared.runtime.migrate import migrate as apply

    settings = _settings()
    with _books_taken(settings):
        _show({"applied": apply(settings.database, MIGRATION_SET, MIGRATIONS)})


@edge.command()
@click.option("--database", type=click.Path(path_type=Path), help="Another file than this node's.")
def verify(database: Path | None) -> None:
    """Prove the books: prints JSON and exits 0 only if every promise holds."""
    from edge.services.backup import check_file

    result = check_file(database or _settings().database)
    _show(result)
    sys.exit(0 if result.ok else 1)


@edge.command()
@click.argument("target", required=False, type=click.Path(path_type=Path))
@click.option("--to-hub", is_flag=True, help="Hand the copy to head office, for a lost box.")
def backup(target: Path | None, to_hub: bool) -> None:
    """Copy the books to the new file TARGET while people work, and prove the copy."""
    from edge.services.backup import backup as copy

    if to_hub == (target is not None):
        raise click.UsageError("name a new file or say --to-hub")
    if target is not None:
        _show(copy(_settings().database, target))
    else:
        _show({"handed_over_bytes": _hand_over(_settings())})


def _hand_over(settings: Settings) -> int:
    from edge.services import hub_copy
    from edge.sync.copy_line import CopyLine
    from shared.runtime.clock import SystemClock

    hub = hub_copy.head_office(settings.state_dir, settings.hub_sync)
    if hub is None:
        raise click.UsageError("this box is not enrolled; set BINCARD_EDGE_ENROLMENT_CODE")
    now_ms = SystemClock().wall_ms()
    with CopyLine(hub) as line:
        return hub_copy.hand_over(line, settings.database, settings.state_dir, now_ms)


@edge.command()
@click.argument("source", required=False, type=click.Path(path_type=Path))
@click.option("--from-hub", is_flag=True, help="Fetch the copy that head office keeps.")
def restore(source: Path | None, from_hub: bool) -> None:
    """Put the backup SOURCE in the place of the books; the node must be stopped.

    With --from-hub a new box begins with the copy that the one before handed to head office.
    """
    from edge.services.backup import restore as put_back
    from shared.runtime.clock import SystemClock, SystemEntropy

    if from_hub == (source is not None):
        raise click.UsageError("name a backup file or say --from-hub")
    settings = _settings()
    with _books_taken(settings):
        copy = source or _fetched(settings)
        _show(put_back(copy, settings.database, SystemEntropy(), SystemClock().wall_ms()))
        if source is None:
            copy.unlink()


def _fetched(settings: Settings) -> Path:
    """Return the copy head office keeps; a box that is not enrolled yet is enrolled first."""
    from edge.services import enrolment, hub_copy
    from edge.sync.copy_line import CopyLine

    if enrolment.load(settings.state_dir) is None:
        enrolment.enrol(settings.state_dir, settings.hub_url, settings.enrolment_code)
    hub = hub_copy.head_office(settings.state_dir, settings.hub_sync)
    if hub is None:
        raise click.UsageError("this box is not enrolled; set BINCARD_EDGE_ENROLMENT_CODE")
    with CopyLine(hub) as line:
        return hub_copy.fetch(line, settings.state_dir)


@contextmanager
def _books_taken(settings: Settings) -> Iterator[None]:
    """Hold the lock of the state directory; raises Conflict when a node or command has it."""
    taken = Conflict(
        "node_running",
        "Another edge or edge command has the books in this state directory open.",
        hint="Stop it first, or set another BINCARD_EDGE_STATE_DIR.",
    )
    with folder_lock.held(settings.state_dir / LOCK_FILE, taken):
        yield


@edge.command("rotate-key")
@click.option("--code", required=True, help="One-time code of `bincard hub enrol-edge`.")
def rotate_key(code: str) -> None:
    """Give this node a new key; the old one is valid until the new one is first used.

    A running node uses it from its next connection on; restart it to use it at once.
    """
    from edge.services.enrolment import renew_key

    settings = _settings()
    identity = renew_key(settings.state_dir, settings.hub_url, code)
    _show({"warehouse": identity.node, "renewed": True})


@edge.command()
def doctor() -> None:
    """Look at everything this node needs; exits 1 when something stops it."""
    from edge.services.doctor import examine

    findings = examine(_settings())
    for finding in findings:
        click.echo(f"{finding.level:<10} {finding.subject:<13} {finding.sentence}")
    sys.exit(1 if any(finding.level == "stop" for finding in findings) else 0)


for _command in cli_planning.commands:
    edge.add_command(_command)
