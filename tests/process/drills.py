"""The five drills every company should have held before the day comes, with real programs.

A warehouse's disk goes back to a backup, is lost, or is copied and runs twice; head office's goes
back to a backup, or is lost. Each drill uses the commands a person would use, starts the programs
again, and from there nobody helps: the clock runs until every node says by itself that all is
normal. What cannot be recovered has to be a declared gap, never silence.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from pathlib import Path
from typing import Final, NamedTuple

from deploy.demo.door import Door
from deploy.demo.processes import Service, run
from deploy.demo.town import free_port
from tests.process.town import Town, check_logs, rows, until, write_files

NORMAL_SECONDS_MAX: Final = 60.0
PATIENCE_SECONDS: Final = 180.0
"""A drill that takes longer than it may still shows how long."""
SCANS_PER_REQUEST: Final = 500
TABLE: Final = "receiving-9"
BADGE: Final = "BDG-0031"
LOOK_SECONDS: Final = 0.2

OURS: Final = (
    "SELECT sku, sum(quantity) FROM balances WHERE account LIKE '%:%'"
    " GROUP BY sku HAVING sum(quantity) > 0 ORDER BY sku"
)


class Drilled(NamedTuple):
    """How a drill ended. `gaps` are what the hub declares as possibly lost, in sentences."""

    drill: str
    seconds: float
    facts: int
    gaps: tuple[str, ...]


async def scan_in(town: Town, code: str, count: int) -> None:
    """Receive `count` phones at a warehouse, scanning each: as many facts."""
    door = town.sites[code].door
    name = door.new_id().replace("-", "")[-12:].upper()
    row = {"bin": "A03-01-1", "sku": "PHONE", "quantity": count, "serials": []}
    notice = {"op_id": door.new_id(), "supplier": "factory", "asn": f"A{name}", "rows": [row]}
    await door.post("/api/v1/receipts", notice)
    screen = await door.get(f"/api/v1/stations/{TABLE}")
    first = [] if screen["person"] else [BADGE]
    await door.scan(TABLE, *first, f"A{name}", "A03-01-1", "6901200100016")
    for start in range(0, count, SCANS_PER_REQUEST):
        end = min(count, start + SCANS_PER_REQUEST)
        answers = await door.scan(TABLE, *(f"{name}{number:06d}" for number in range(start, end)))
        bad = [answer for answer in answers if answer["outcome"] != "accepted"]
        assert not bad, bad[:3]


async def is_normal(town: Town) -> bool:
    """Say whether all lines are quiet, nothing recovers anywhere, and the books are equal."""
    if not await town.is_quiet() or rows(town.hub.database, "SELECT 1 FROM recovering"):
        return False
    for code, site in town.sites.items():
        if rows(site.database, "SELECT 1 FROM recoveries WHERE NOT ended"):
            return False
        theirs = (
            "SELECT sku, quantity FROM on_hand WHERE quantity > 0 AND loading = 0"
            f" AND warehouse = '{code}' ORDER BY sku"
        )
        if rows(site.database, OURS) != rows(town.hub.database, theirs):
            return False
    return True


async def timed(town: Town, drill: str, began: float) -> Drilled:
    """Wait for normal days, then prove the logs; `began` is when the last program was started."""
    await until(lambda: is_normal(town), f"{drill}: normal", PATIENCE_SECONDS, look=LOOK_SECONDS)
    seconds = time.monotonic() - began
    await asyncio.to_thread(check_logs, town)
    gaps = rows(town.hub.database, "SELECT sentence FROM exceptions WHERE kind = 'log_gap'")
    ((facts,),) = rows(town.hub.database, "SELECT count(*) FROM facts")
    return Drilled(drill, round(seconds, 1), facts, tuple(text for (text,) in gaps))


def command(group: str, *arguments: str, settings: dict[str, str]) -> str:
    """Run `bincard GROUP ...` as a person would; it must succeed."""
    done = run([group, *arguments], settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def edge_rolled_back(town: Town, code: str, later: int) -> Drilled:
    """F-22: the edge's last backup is put back; `later` facts had happened since."""
    site = town.sites[code]
    old = town.folder / f"{code}-old.db"
    await asyncio.to_thread(command, "edge", "backup", str(old), settings=site.edge_settings)
    await scan_in(town, code, later)
    await until(town.is_quiet, "the later facts are told")
    edge = site.services["edge"]
    edge.kill()
    await asyncio.to_thread(command, "edge", "restore", str(old), settings=site.edge_settings)
    began = time.monotonic()
    edge.start()
    await edge.ready()
    return await timed(town, "edge rolled back", began)


async def edge_lost(town: Town, code: str, untold: int) -> Drilled:
    """F-23: the edge's disk is gone, and with it `untold` facts; a new machine is enrolled."""
    site = town.sites[code]
    town.line(code).cut()
    await scan_in(town, code, untold)
    edge = site.services["edge"]
    edge.kill()
    shutil.rmtree(edge.state)
    town.line(code).mend()
    site.edge_settings["BINCARD_EDGE_ENROLMENT_CODE"] = await town.hub.enrolment_code(code)
    began = time.monotonic()
    edge.start()
    await edge.ready()
    return await timed(town, "edge lost", began)


async def edge_cloned(town: Town, code: str, each: int) -> Drilled:
    """F-24: the state of a live edge is copied and both run; the copy is then stopped."""
    site = town.sites[code]
    edge = site.services["edge"]
    state = edge.state.with_name("twin")
    edge.kill()
    shutil.copytree(edge.state, state)
    port = free_port()
    settings = site.edge_settings | {
        "BINCARD_EDGE_STATE_DIR": str(state),
        "BINCARD_EDGE_DATABASE_URL": f"sqlite:///{state / 'edge.db'}",
        "BINCARD_EDGE_HTTP_PORT": str(port),
    }
    twin = Service(f"{code} twin", ["edge", "serve"], settings, state)
    edge.start()
    await edge.ready()
    await scan_in(town, code, each)
    await until(town.is_quiet, "the first of the two has its line")
    began = time.monotonic()
    twin.start()
    try:
        await twin.ready()
        kinds = "SELECT kind FROM exceptions WHERE kind IN ('edge_clone', 'edge_fork')"
        await until(lambda: rows(town.hub.database, kinds), "head office hears of two machines", 60)
        door = Door(f"http://127.0.0.1:{port}")
        links = [await one.get("/api/v1/link") for one in (site.door, door)]
        assert [link["up"] for link in links].count(True) <= 1, links
        await door.close()
    finally:
        twin.stop()
    return await timed(town, "edge cloned", began)


async def edge_moved(town: Town, code: str, later: int) -> Drilled:
    """F-25: an edge is shut down and its disk put into another machine; head office is told."""
    edge = town.sites[code].services["edge"]
    number = town.folder / "machine-id"
    number.write_text("0123456789abcdef0123456789abcdef\n", encoding="ascii")
    edge.stop()
    edge.wrapper = [
        "unshare", "-m", "sh", "-c", f'mount --bind {number} /etc/machine-id && exec "$0" "$@"'
    ]  # fmt: skip
    began = time.monotonic()
    edge.start()
    await edge.ready()
    await scan_in(town, code, later)
    ended = await timed(town, "edge moved", began)
    moved = "SELECT warehouse FROM exceptions WHERE kind = 'edge_machine_changed'"
    assert rows(town.hub.database, moved) == [(code,)]
    return ended


async def hub_rolled_back(town: Town, later: int) -> Drilled:
    """F-31: the hub's last backup is put back; each warehouse had told `later` facts since."""
    old = town.folder / "hub-old.db"
    await asyncio.to_thread(command, "hub", "backup", str(old), settings=town.hub.settings)
    await asyncio.gather(*(scan_in(town, code, later) for code in town.codes))
    await until(town.is_quiet, "the later facts are told")
    town.hub.service.kill()
    await asyncio.to_thread(command, "hub", "restore", str(old), settings=town.hub.settings)
    began = time.monotonic()
    town.hub.service.start()
    await town.hub.service.ready()
    return await timed(town, "hub rolled back", began)


async def hub_lost(town: Town) -> Drilled:
    """F-32: nothing is left of the hub; a new one gets the catalogue and every edge enrols anew."""
    town.hub.service.kill()
    shutil.rmtree(town.hub.state)
    town.hub.state.mkdir()
    files = write_files(town.folder, town.codes)
    for what in ("warehouses", "products"):
        arguments = (f"import-{what}", str(files[what]))
        await asyncio.to_thread(command, "hub", *arguments, settings=town.hub.settings)
    told = await asyncio.to_thread(command, "hub", "rebuild", settings=town.hub.settings)
    assert json.loads(told)["rebuilding"]
    for site in town.sites.values():
        site.services["edge"].kill()
    began = time.monotonic()
    await town.hub.open()
    for code, site in town.sites.items():
        site.edge_settings["BINCARD_EDGE_ENROLMENT_CODE"] = await town.hub.enrolment_code(code)
        site.services["edge"].start()
    await asyncio.gather(*(site.services["edge"].ready() for site in town.sites.values()))
    return await timed(town, "hub lost", began)


async def old_hub_returns(town: Town, spare: Path) -> str:
    """F-33: after a restore the old hub's disk is started as well, and a warehouse finds it.

    Return the code under which the warehouse refuses to work with it.
    """
    old = town.folder / "hub-older.db"
    await asyncio.to_thread(command, "hub", "backup", str(old), settings=town.hub.settings)
    town.hub.service.kill()
    shutil.copytree(town.hub.state, spare)
    await asyncio.to_thread(command, "hub", "restore", str(old), settings=town.hub.settings)
    town.hub.service.start()
    await town.hub.service.ready()
    await until(lambda: is_normal(town), "normal with the restored hub", look=LOOK_SECONDS)
    sync_port = free_port()
    zombie = Service(
        "old hub",
        ["hub", "serve"],
        town.hub.settings
        | {
            "BINCARD_HUB_STATE_DIR": str(spare),
            "BINCARD_HUB_DATABASE_URL": f"sqlite:///{spare / 'hub.db'}",
            "BINCARD_HUB_HTTP_PORT": str(free_port()),
            "BINCARD_HUB_SYNC_PORT": str(sync_port),
        },
        spare,
    )
    zombie.start()
    try:
        await zombie.ready()
        code = town.codes[0]
        line, door = town.line(code), town.sites[code].door
        line.target = sync_port
        line.drop()

        async def refused() -> str:
            link = await door.get("/api/v1/link")
            return "" if link["up"] else str(link["code"])

        async def told() -> str:
            found = await refused()
            return found if found not in {"", "line_cut"} else ""

        return str(await until(told, "the warehouse finds out"))
    finally:
        zombie.stop()
        line.target = town.hub.sync_port
        line.drop()
        # A refused edge tries again after half a minute; nobody here waits for that.
        await town.sites[code].services["edge"].restart_after_kill(0)
        await until(lambda: is_normal(town), "normal again", look=LOOK_SECONDS)
