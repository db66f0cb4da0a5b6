"""What an installer runs on a bad afternoon: each thing this node needs, and a sentence for it."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from edge.services import enrolment
from edge.services.examine import WHAT_TO_DO, expect_sound
from edge.settings import Settings
from shared.domain.errors import BincardError
from shared.runtime import backups
from shared.runtime.database import connect_read_only
from shared.runtime.storage import level_of

FREE_BYTES_MIN: Final = 1_000_000_000
"""Below this a warehouse has weeks, not months, of facts left to write."""
CONNECT_SECONDS: Final = 2.0
LATE_INTERVALS: Final = 3
"""A backup that is so many intervals old is late."""
YEAR_2025_S: Final = 1_735_689_600


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at. `level` is fine, attention or stop."""

    subject: str
    level: str
    sentence: str


def examine(settings: Settings) -> list[Finding]:
    """Return what was found, in the order in which an installer can put it right."""
    looks: tuple[Callable[[Settings], Finding], ...] = (
        _clock,
        _folder,
        _disk,
        _database,
        _backups,
        _identity,
        _hub,
        _devices,
        _port,
    )
    return [look(settings) for look in looks]


def _clock(_: Settings) -> Finding:
    if time.time() < YEAR_2025_S:
        return Finding("clock", "stop", "The clock stands in the past: set it or switch on NTP.")
    return Finding("clock", "fine", "The clock is plausible.")


def _folder(settings: Settings) -> Finding:
    folder = settings.state_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return Finding("state folder", "stop", f"It cannot be made: {error.strerror}.")
    if not os.access(folder, os.W_OK):
        return Finding("state folder", "stop", "It cannot be written: give it to this user.")
    return Finding("state folder", "fine", "It can be written.")


def _disk(settings: Settings) -> Finding:
    try:
        usage = shutil.disk_usage(settings.state_dir)
    except OSError as error:
        return Finding("disk", "stop", f"It cannot be read: {error.strerror}.")
    step = level_of(usage.free, usage.free + usage.used)
    sentence = f"{usage.free // 1_000_000} MB are free"
    if step == "full":
        return Finding("disk", "stop", f"{sentence}: no new work is taken. Free some space.")
    few = step != "ok" or usage.free < FREE_BYTES_MIN
    return Finding("disk", "attention" if few else "fine", f"{sentence}.")


def _database(settings: Settings) -> Finding:
    path: Path = settings.database
    if not path.exists():
        return Finding("books", "attention", "There are none yet: the first start makes them.")
    try:
        with closing(connect_read_only(path)) as sql:
            expect_sound(sql)
    except sqlite3.DatabaseError as error:
        return Finding("books", "stop", f"{error}. {WHAT_TO_DO}")
    except BincardError as error:
        return Finding("books", "stop", f"{error.message} {error.hint}")
    version = sqlite3.sqlite_version
    return Finding("books", "fine", f"{path.stat().st_size // 1_000} kB, SQLite {version}.")


def _backups(settings: Settings) -> Finding:
    if settings.backups.folder is None:
        return Finding("backups", "attention", "None are taken: set BINCARD_EDGE_BACKUP_DIR.")
    last_ms = backups.last_ms(settings.backups, "edge")
    if last_ms is None:
        return Finding("backups", "attention", "There is none yet; a running edge takes them.")
    minutes = max(0, round((time.time() - last_ms / 1_000) / 60))
    late = minutes > LATE_INTERVALS * settings.backups.minutes
    return Finding("backups", "attention" if late else "fine", f"The last is {minutes} min old.")


def _identity(settings: Settings) -> Finding:
    try:
        identity = enrolment.load(settings.state_dir)
    except BincardError as error:
        return Finding("enrolment", "stop", f"{error.message} {error.hint}".strip())
    if identity is not None:
        return Finding("enrolment", "fine", f"This is the edge of warehouse {identity.node}.")
    if settings.enrolment_code:
        return Finding("enrolment", "attention", "Not yet; the next start shows the code.")
    return Finding(
        "enrolment",
        "attention",
        "This edge works alone: run `bincard hub enrol-edge` at head office for a code.",
    )


def _hub(settings: Settings) -> Finding:
    parts = urlsplit(settings.hub_url)
    return _reach("hub", parts.hostname or "", parts.port or 80)


def _devices(settings: Settings) -> Finding:
    if not settings.devices_requests:
        return Finding("devices", "attention", "None are set up: BINCARD_EDGE_DEVICES_REQUESTS.")
    parts = urlsplit(settings.devices_requests)
    return _reach("devices", parts.hostname or "", parts.port or 0)


def _port(settings: Settings) -> Finding:
    if not settings.http_port:
        return Finding("port", "fine", "The system chooses one.")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.http_host, settings.http_port))
        except OSError as error:
            return Finding(
                "port",
                "attention",
                f"Port {settings.http_port} is taken ({error.strerror}): by this edge itself, or "
                "by another program.",
            )
    return Finding("port", "fine", f"Port {settings.http_port} is free.")


def _reach(subject: str, host: str, port: int) -> Finding:
    try:
        with socket.create_connection((host, port), CONNECT_SECONDS):
            return Finding(subject, "fine", f"{host}:{port} answers.")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return Finding(
            subject, "attention", f"{host}:{port} does not answer ({reason}). The floor works on."
        )
