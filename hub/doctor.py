"""What an installer wants to know on a bad afternoon: what is wrong, in sentences."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Final

import msgspec

from hub.instance import KEY_FILE, running_hub
from hub.office import Office
from hub.services.examine import WHAT_TO_DO, expect_sound
from hub.settings import Settings
from hub.store.open_books import pending_migrations
from shared.domain.errors import BincardError
from shared.runtime import backups, private_file
from shared.runtime.database import connect_read_only

DISK_FREE_BYTES_MIN: Final = 1_073_741_824
LATE_INTERVALS: Final = 3
"""A backup that is so many intervals old is late."""
SANE_SECONDS: Final = 1_704_067_200
"""2024-01-01; an earlier clock was never set."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    what: str
    good: bool
    sentence: str


def examine(settings: Settings) -> list[Finding]:
    """Look at everything the hub needs."""
    found = [_system(), _disk(settings), _clock(), _books(settings)]
    found += [_backups(settings), _key(settings)]
    found += _recovery(settings)
    found += _ports(settings)
    return found


def _system() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding("system", True, f"Python {version}, SQLite {sqlite3.sqlite_version}.")


def _disk(settings: Settings) -> Finding:
    try:
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        probe = settings.state_dir / ".doctor"
        probe.write_bytes(b"ok")
        probe.unlink()
    except OSError as error:
        return Finding("disk", False, f"{settings.state_dir} cannot be written: {error.strerror}.")
    free = shutil.disk_usage(settings.state_dir).free
    good = free >= DISK_FREE_BYTES_MIN
    need = "" if good else f"; expected at least {DISK_FREE_BYTES_MIN >> 20} MiB"
    return Finding("disk", good, f"{free >> 20} MiB are free in {settings.state_dir}{need}.")


def _clock() -> Finding:
    now = time.time()
    shown = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now))
    return Finding("clock", now > SANE_SECONDS, f"The clock says {shown}.")


def _books(settings: Settings) -> Finding:
    if settings.postgres_url:
        return _server(settings)
    if not settings.database.exists():
        return Finding("books", True, "There are no books yet; the hub makes them at its start.")
    try:
        waiting = pending_migrations(settings.database, "")
    except sqlite3.DatabaseError as error:
        return Finding("books", False, f"{settings.database} cannot be read: {error}.")
    if waiting:
        return Finding("books", False, f"Run `bincard hub migrate`: {', '.join(waiting)} waits.")
    try:
        with closing(connect_read_only(settings.database)) as sql:
            expect_sound(sql)
    except sqlite3.DatabaseError as error:
        return Finding("books", False, f"{error}. {WHAT_TO_DO}")
    except BincardError as error:
        return Finding("books", False, f"{error.message} {error.hint}")
    return Finding("books", True, f"{settings.database} is up to date and sound.")


def _backups(settings: Settings) -> Finding:
    if settings.postgres_url:
        return Finding("backups", True, "The PostgreSQL server takes them.")
    if settings.backups.folder is None:
        text = "None are taken, so no warehouse may drop anything: set BINCARD_HUB_BACKUP_DIR."
        return Finding("backups", True, text)
    last_ms = backups.last_ms(settings.backups, "hub")
    if last_ms is None:
        return Finding("backups", True, "There is none yet; a running hub takes them.")
    minutes = max(0, round((time.time() - last_ms / 1_000) / 60))
    good = minutes <= LATE_INTERVALS * settings.backups.minutes
    return Finding("backups", good, f"The last is {minutes} min old.")


def _recovery(settings: Settings) -> Iterator[Finding]:
    """Say whether goods are frozen because the hub went back in time."""
    if not settings.postgres_url and not settings.database.exists():
        return
    try:
        if pending_migrations(settings.database, settings.postgres_url):
            return
        report = Office(settings).recovery()
    except Exception as error:  # noqa: BLE001  why the books do not open is said elsewhere
        kind = type(error).__name__
        yield Finding("recovery", False, f"The books cannot be asked how recovery goes ({kind}).")
        return
    yield Finding("recovery", report.state == "NORMAL", report.sentence)


def _server(settings: Settings) -> Finding:
    """Look at the books on a server; its address is not told, for it may carry a password."""
    try:
        waiting = pending_migrations(settings.database, settings.postgres_url)
    except Exception as error:  # noqa: BLE001  whatever the driver says, the books are not there
        kind = type(error).__name__
        return Finding("books", False, f"The PostgreSQL server cannot be asked ({kind}).")
    if waiting:
        return Finding("books", False, f"Run `bincard hub migrate`: {', '.join(waiting)} waits.")
    return Finding("books", True, "The books on the PostgreSQL server are up to date.")


def _key(settings: Settings) -> Finding:
    try:
        content = private_file.read(settings.state_dir / KEY_FILE)
    except BincardError as error:
        return Finding("key", False, f"{error.message} {error.hint}")
    there = "is there and private" if content is not None else "is made at the first start"
    return Finding("key", True, f"The key for warehouses {there}.")


def _ports(settings: Settings) -> Iterator[Finding]:
    try:
        run = running_hub(settings.state_dir)
    except BincardError as error:
        yield Finding("hub", False, f"{error.message} {error.hint}")
        return
    if run is not None:
        yield Finding(
            "hub",
            True,
            f"The hub runs as process {run.pid}: HTTP {run.http_host}:{run.http_port}, "
            f"warehouses {run.sync_host}:{run.sync_port}.",
        )
        return
    for name, host, port in (
        ("http port", settings.http_host, settings.http_port),
        ("sync port", settings.sync_host, settings.sync_port),
    ):
        yield _port(name, host, port)


def _port(name: str, host: str, port: int) -> Finding:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return Finding(
                name,
                False,
                f"{host}:{port} cannot be opened ({error.strerror}); stop what uses it or set "
                "another port.",
            )
    return Finding(name, True, f"{host}:{port} is free.")
