"""Settings of the hub, from the environment, checked before anything starts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from hub.domain.backoff import FARTHEST_MS
from hub.domain.courier_choice import DEFAULT_COURIERS, Courier
from hub.domain.policy import UTC_OFFSET_MINUTES, CourierTable, Policy, SourcingRules
from hub.domain.webhooks import Pace as WebhookPace
from hub.shops.pace import Pace
from hub.shops.vault import Secrets
from shared.domain.errors import InvalidInput
from shared.runtime import ballast
from shared.runtime.backups import BackupPlan, plan_in
from shared.runtime.settings import Environment

PREFIX: Final = "BINCARD_HUB_"
SQLITE: Final = "sqlite:///"
POSTGRES: Final = ("postgresql://", "postgres://")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the hub can be told at start."""

    http_host: str = "127.0.0.1"
    http_port: int = 8080
    sync_host: str = "127.0.0.1"
    sync_port: int = 5580
    state_dir: Path = Path("hub-state")
    database: Path = Path("hub-state/hub.db")
    postgres_url: str = ""
    """The server that keeps the books instead of `database`; may carry a password."""
    couriers: tuple[Courier, ...] = DEFAULT_COURIERS
    utc_offset_minutes: int = UTC_OFFSET_MINUTES
    sourcing: SourcingRules = SourcingRules()
    ballast_bytes: int = 0
    """Kept free beside the books for the day the disk is full; 0 for programs that only look."""
    backups: BackupPlan = BackupPlan()
    shop_pace: Pace = Pace()
    webhook_pace: WebhookPace = WebhookPace()
    webhook_hosts: tuple[str, ...] = ()
    """Hosts and networks that webhooks may call, besides public ones and this machine."""
    shop_secrets: Mapping[str, Secrets] = {}
    """Keys of shops by `CHANNEL/SHOP`; those of other shops lie in files of the state directory."""

    @property
    def shop_secrets_dir(self) -> Path:
        """Where the keys of shops lie, one private file each."""
        return self.state_dir / "shops"

    @property
    def courier_table(self) -> CourierTable:
        """The couriers in use and the local time their cut-offs are meant in."""
        return CourierTable(couriers=self.couriers, utc_offset_minutes=self.utc_offset_minutes)

    @property
    def policy(self) -> Policy:
        """What the house has decided about its parcels."""
        return Policy(couriers=self.courier_table, sourcing=self.sourcing)


def load(values: Mapping[str, str]) -> Settings:
    """Return the settings in `values`, usually `os.environ`.

    Raises InvalidInput that names every setting which is wrong.
    """
    env = Environment(PREFIX, values)
    state_dir = env.path("STATE_DIR", "hub-state")
    database = env.text("DATABASE_URL", f"{SQLITE}{state_dir / 'hub.db'}")
    settings = Settings(
        http_host=env.text("HTTP_HOST", "127.0.0.1"),
        http_port=env.port("HTTP_PORT", 8080),
        sync_host=env.text("SYNC_HOST", "127.0.0.1"),
        sync_port=env.port("SYNC_PORT", 5580),
        state_dir=state_dir,
        database=Path(database.removeprefix(SQLITE)),
        postgres_url=database if database.startswith(POSTGRES) else "",
        couriers=_couriers(env.text("COURIERS", "")),
        utc_offset_minutes=env.number("UTC_OFFSET_MINUTES", UTC_OFFSET_MINUTES, low=-720, high=840),
        sourcing=_sourcing(env.text("SOURCING", "")),
        backups=plan_in(env),
        ballast_bytes=env.number("BALLAST_BYTES", ballast.DEFAULT_BYTES),
        shop_pace=Pace(
            round_ms=env.number("SHOP_ROUND_MS", Pace().round_ms, low=10),
            pull_ms=env.number("SHOP_PULL_MS", Pace().pull_ms, low=100, high=FARTHEST_MS),
            retry_ms=env.number("SHOP_RETRY_MS", Pace().retry_ms, low=10, high=FARTHEST_MS),
            late_ms=env.number("SHOP_LATE_MS", Pace().late_ms, low=10, high=FARTHEST_MS),
            timeout_ms=env.number("SHOP_TIMEOUT_MS", Pace().timeout_ms, low=10),
            look_ms=env.number("SHOP_LOOK_MS", Pace().look_ms, low=100),
        ),
        webhook_pace=WebhookPace(
            retry_ms=env.number("WEBHOOK_RETRY_MS", WebhookPace().retry_ms, low=10),
            timeout_ms=env.number("WEBHOOK_TIMEOUT_MS", WebhookPace().timeout_ms, low=10),
            failures_max=env.number("WEBHOOK_FAILURES_MAX", WebhookPace().failures_max, low=1),
        ),
        webhook_hosts=tuple(env.text("WEBHOOK_HOSTS", "").replace(",", " ").split()),
        shop_secrets=_shop_secrets(env.text("SHOP_SECRETS", "")),
    )
    env.done()
    if not database.startswith((SQLITE, *POSTGRES)):
        raise InvalidInput(
            "settings",
            f"{PREFIX}DATABASE_URL: expected sqlite:///PATH or postgresql://..., got another kind.",
            hint="Leave it out to keep the books in a file of the state directory.",
        )
    return settings


def _shop_secrets(text: str) -> dict[str, dict[str, str]]:
    """Return the keys of shops given by the setting; the error shows none of them."""
    if not text:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, dict[str, str]])
    except msgspec.DecodeError:
        raise InvalidInput(
            "settings",
            f'{PREFIX}SHOP_SECRETS: expected JSON such as {{"shopify/main": {{"access_token": '
            '"..."}}.',
            hint="Name a file with it in BINCARD_HUB_SHOP_SECRETS_FILE.",
        ) from None


def _couriers(path: str) -> tuple[Courier, ...]:
    """Return the couriers in a JSON file, or the defaults when no file is named."""
    if not path:
        return DEFAULT_COURIERS
    try:
        text = Path(path).read_text(encoding="utf-8")
        couriers = msgspec.convert(json.loads(text), tuple[Courier, ...])
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise InvalidInput(
            "settings",
            f"{PREFIX}COURIERS: cannot read the couriers: {error}.",
            hint="Name a JSON file with a list of couriers, or leave the setting out.",
        ) from error
    if not couriers:
        raise InvalidInput("settings", f"{PREFIX}COURIERS: expected one courier at least.")
    return couriers


def _sourcing(path: str) -> SourcingRules:
    """Return the rules of sourcing in a JSON file, or the defaults when no file is named."""
    if not path:
        return SourcingRules()
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=SourcingRules)
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidInput(
            "settings",
            f"{PREFIX}SOURCING: cannot read the rules of sourcing: {error}.",
            hint="Name a JSON file with the fields of SourcingRules, or leave the setting out.",
        ) from error
