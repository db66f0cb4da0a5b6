"""Settings of one warehouse node, from the environment, checked before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from edge.domain.site import (
    CART_TOTES,
    CART_VOLUME_MM3,
    CART_WEIGHT_GRAMS,
    Bench,
    Geometry,
    Site,
)
from edge.services.hub_copy import HUB_COPY_HOURS
from edge.services.prune import DAY_MS, FACT_RETENTION_DAYS
from shared.domain import sscc
from shared.domain.errors import InvalidInput
from shared.runtime import ballast
from shared.runtime.backups import BackupPlan, plan_in
from shared.runtime.settings import Environment

PREFIX: Final = "BINCARD_EDGE_"
SQLITE: Final = "sqlite:///"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an edge can be told at start."""

    warehouse: str = ""
    name: str = ""
    http_host: str = "127.0.0.1"
    http_port: int = 8081
    state_dir: Path = Path("edge-state")
    database: Path = Path("edge-state/edge.db")
    hub_url: str = "http://127.0.0.1:8080"
    hub_sync: str = ""
    enrolment_code: str = ""
    devices_requests: str = ""
    devices_events: str = ""
    site: Site = Site()
    people: Path | None = None
    auto_waves: bool = True
    wave_parcels_min: int = 12
    """Plan as soon as so many parcels wait: one full cart."""
    wave_wait_ms: int = 5_000
    """Plan anyway when the oldest parcel waits so long."""
    hub_copy_hours: int = HUB_COPY_HOURS
    """How often head office gets a copy of the books; 0 for never."""
    fact_retention_ms: int = FACT_RETENTION_DAYS * DAY_MS
    """Lines of the log stay here at least so long, also when the hub has them in a backup."""
    ballast_bytes: int = 0
    """Kept free beside the books for the day the disk is full; 0 for programs that only look."""
    backups: BackupPlan = BackupPlan()


def load(values: Mapping[str, str]) -> Settings:
    """Return the settings in `values`, usually `os.environ`.

    Raises InvalidInput that names every setting which is wrong.
    """
    env = Environment(PREFIX, values)
    state_dir = env.path("STATE_DIR", "edge-state")
    database = env.text("DATABASE_URL", f"{SQLITE}{state_dir / 'edge.db'}")
    people = env.text("PEOPLE", "")
    settings = Settings(
        warehouse=env.text("WAREHOUSE", ""),
        name=env.text("NAME", ""),
        http_host=env.text("HTTP_HOST", "127.0.0.1"),
        http_port=env.port("HTTP_PORT", 8081),
        state_dir=state_dir,
        database=Path(database.removeprefix(SQLITE)).expanduser(),
        hub_url=env.text("HUB_URL", "http://127.0.0.1:8080"),
        hub_sync=env.text("HUB_SYNC", ""),
        enrolment_code=env.text("ENROLMENT_CODE", ""),
        devices_requests=env.text("DEVICES_REQUESTS", ""),
        devices_events=env.text("DEVICES_EVENTS", ""),
        site=_site(env),
        people=Path(people).expanduser() if people else None,
        auto_waves=env.text("AUTO_WAVES", "1") not in {"0", "off", "false"},
        wave_parcels_min=env.number("WAVE_PARCELS_MIN", 12, low=1, high=1_000),
        wave_wait_ms=env.number("WAVE_WAIT_MS", 5_000, high=3_600_000),
        backups=plan_in(env),
        ballast_bytes=env.number("BALLAST_BYTES", ballast.DEFAULT_BYTES),
        hub_copy_hours=env.number("HUB_COPY_HOURS", HUB_COPY_HOURS, high=10_000),
        fact_retention_ms=DAY_MS
        * env.number("FACT_RETENTION_DAYS", FACT_RETENTION_DAYS, low=1, high=3_650),
    )
    env.done()
    if not database.startswith(SQLITE):
        raise InvalidInput(
            "settings",
            f"{PREFIX}DATABASE_URL: expected sqlite:///PATH, got another kind of address.",
            hint="An edge keeps its books in a file of its own.",
        )
    return settings


def _site(env: Environment) -> Site:
    default = Geometry()
    return Site(
        warehouse=env.text("WAREHOUSE", ""),
        name=env.text("NAME", ""),
        cart_totes=env.number("CART_TOTES", CART_TOTES, low=1, high=99),
        cart_weight_grams=env.number("CART_WEIGHT_GRAMS", CART_WEIGHT_GRAMS, low=1_000),
        cart_volume_mm3=env.number("CART_VOLUME_MM3", CART_VOLUME_MM3, low=1_000_000, high=10**12),
        sscc_prefix=_sscc_prefix(env),
        benches=_benches(env.text("STATIONS", "{}")),
        geometry=Geometry(
            env.number("AISLE_PITCH_MM", default.aisle_pitch_mm, low=500, high=100_000),
            env.number("CELL_PITCH_MM", default.cell_pitch_mm, low=100, high=100_000),
            env.number("END_TO_FIRST_CELL_MM", default.end_to_first_cell_mm, high=100_000),
        ),
    )


def _sscc_prefix(env: Environment) -> str:
    """Extension digit, GS1 company prefix, and what tells this warehouse from its sisters."""
    prefix = env.text("SSCC_PREFIX", "")
    fits = sscc.PREFIX_MIN <= len(prefix) <= sscc.PREFIX_MAX
    if prefix and not (fits and prefix.isascii() and prefix.isdigit()):
        raise InvalidInput(
            "settings",
            f"{PREFIX}SSCC_PREFIX: expected {sscc.PREFIX_MIN} to {sscc.PREFIX_MAX} digits (an "
            f"extension digit, the GS1 company prefix, digits of this warehouse), got {prefix!r}.",
            hint="Give every warehouse leading digits of its own, or leave it empty.",
        )
    return prefix


def _benches(text: str) -> dict[str, Bench]:
    try:
        return msgspec.json.decode(text, type=dict[str, Bench])
    except msgspec.MsgspecError as error:
        raise InvalidInput(
            "settings",
            f"{PREFIX}STATIONS: expected JSON such as "
            f'{{"bench-1": {{"scale": "scale-1", "printer": "printer-1"}}}} ({error}).',
            hint="Correct it and start the edge again.",
        ) from None
