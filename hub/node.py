"""What the hub's process holds as long as it lives: books, pumps, the port for warehouses.

Handlers reach it as `request.app.state.node`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from hub.couriers.rounds import CourierRounds
from hub.domain.roll_call import everybody_heard
from hub.instance import KEY_FILE, RUN_FILE, RunFile
from hub.pumps import Pump
from hub.reservation_queue import ReservationQueue
from hub.services import examine
from hub.services.access import TOKEN_BYTES, TOKEN_PREFIX, forget_answers, token_hash
from hub.services.adopt_edge import raise_alarm
from hub.services.apply_facts import project, project_all
from hub.services.backorders import retry_backorders
from hub.services.balance_shops import ShopBalancer
from hub.services.channel_tasks import forget_settled
from hub.services.first_start import seed_rules
from hub.services.quotas import balance_quotas
from hub.services.recover import settle_recovery
from hub.services.release_parcels import release_ready
from hub.services.replan import OpenPool
from hub.services.reservations import expire_reservations
from hub.services.shop_drift import check_drift
from hub.services.waybill_numbers import supply_numbers
from hub.services.webhooks import forget_told
from hub.settings import Settings
from hub.shops.rounds import Rounds
from hub.shops.vault import Vault
from hub.storage import StorageKeeper
from hub.store.open_books import open_books
from hub.store.protocol import Desk
from hub.store.sqlite.hub_store import SqliteHub
from hub.sync.listener import LinkView, Listener
from hub.sync.shelf import Shelf
from hub.web.enrolments import EnrolmentDesk
from hub.web.principal import Principal
from hub.webhook_sender import WebhookSender
from shared.domain.errors import BincardError
from shared.domain.facts import FactRecord
from shared.domain.ports import Clock, Entropy
from shared.runtime import backups, logs, private_file
from shared.runtime.clock import SystemClock, SystemEntropy
from shared.runtime.curve import load_or_make_key
from shared.runtime.database import Transaction
from shared.runtime.storage import open_with_room
from shared.web.live import LiveBus

PRINCIPALS_MAX: Final = 1_000
EXPIRY_SECONDS: Final = 1.0
BALANCE_SECONDS: Final = 3.0
"""Pause between two rounds over the SKUs that shops sell by quota."""
DRIFT_SECONDS: Final = 60.0
SUPPLY_SECONDS: Final = 15.0
FORGET_SECONDS: Final = 3_600.0

log = logs.get("node")


class HubNode:
    """The hub, put together from its settings. Start it once inside an event loop."""

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, entropy: Entropy | None = None
    ) -> None:
        """Open the books in `settings.database`, creating or migrating them first."""
        self.settings = settings
        self.clock = clock or SystemClock()
        self.entropy = entropy or SystemEntropy()
        self.stopping = asyncio.Event()
        self.live = LiveBus(self.stopping)
        self.books: SqliteHub = open_with_room(settings.database, self._open, examine.WHAT_TO_DO)
        self.storage = self._storage()
        self.keys = load_or_make_key(settings.state_dir / KEY_FILE)
        self.books.own_key(self.keys.public_key)
        self.stands_by = False
        self.checkouts = ReservationQueue(self.books)
        self.local_token = TOKEN_PREFIX + self.entropy.token_bytes(TOKEN_BYTES).hex()
        self.http_port = settings.http_port
        self.listener: Listener | None = None
        self._local_hash = token_hash(self.local_token)
        self._principals: dict[str, Principal] = {}
        self._tasks: list[asyncio.Task[Any]] = []
        self._led_ms = 0
        self._expected: frozenset[str] = frozenset()
        self._pool = OpenPool()
        self._pumps = [
            Pump("release", self._release, self.books),
            Pump("backorders", retry_backorders, self.books),
            Pump("replan", self._replan, self.books, period_seconds=self._replan_seconds()),
            Pump("quotas", balance_quotas, self.books),
            Pump("shop_quotas", ShopBalancer(), self.books, period_seconds=BALANCE_SECONDS),
            Pump("drift", check_drift, self.books, period_seconds=DRIFT_SECONDS),
            Pump("numbers", self._supply, self.books, period_seconds=SUPPLY_SECONDS),
            Pump("recovery", settle_recovery, self.books, period_seconds=EXPIRY_SECONDS),
            Pump("reservations", expire_reservations, self.books, period_seconds=EXPIRY_SECONDS),
            Pump("answers", _forget, self.books, period_seconds=FORGET_SECONDS),
        ]
        self.vault = Vault(settings.shop_secrets_dir, settings.shop_secrets)
        self._rounds = Rounds(self.books, self.vault, settings.shop_pace, self.clock)
        self._couriers = CourierRounds(
            self.books, self.vault, settings.shop_pace, settings.couriers
        )
        self._sender = WebhookSender(
            self.books, self.clock, settings.webhook_pace, settings.webhook_hosts
        )
        self.books.listeners.append(self._told)

    def _open(self) -> SqliteHub:
        settings = self.settings
        backups.expect_no_half_restore(settings.database)
        books = open_books(settings.database, settings.postgres_url, self.clock, self.entropy)
        try:
            if not settings.postgres_url:
                books.database.read_sync(examine.expect_sound)
            books.policy = settings.policy
            books.write_sync(seed_rules, actor="hub:start")
        except (BincardError, sqlite3.Error):
            books.close()
            raise
        return books

    def _storage(self) -> StorageKeeper:
        """Watch the disk of the books; a server watches its own, so there only our folder."""
        settings = self.settings
        return StorageKeeper(
            self.books,
            settings.state_dir if settings.postgres_url else settings.database.parent,
            own_file=not settings.postgres_url,
            ballast_bytes=settings.ballast_bytes,
            plan=settings.backups,
            on_change=lambda state: self.live.publish("storage", {"level": state.level}),
        )

    def _told(self, topic: str) -> None:
        """Pass on what a commit told: to pumps, to pages, and commands to the port."""
        if topic == "events":
            self.live.publish("events")
        elif topic == "tokens":
            self._principals.clear()
        elif topic.startswith("commands:") and self.listener is not None:
            self.listener.commands_queued(topic.partition(":")[2])
        self._rounds.told(topic)
        self._couriers.told(topic)
        self._sender.told(topic)
        for pump in self._pumps:
            pump.told(topic)

    def _replan_seconds(self) -> float:
        return self.settings.sourcing.replan_minutes * 60.0 or FORGET_SECONDS

    def _replan(self, desk: Desk) -> int:
        """Plan some of the open pool again, if the house wants that."""
        if not self.settings.sourcing.replan_minutes:
            return 0
        return self._pool.turn(desk, [name for name, link in self.links().items() if link.up])

    def _release(self, desk: Desk) -> int:
        """Release parcels once the warehouses were heard; see `hub.domain.roll_call`."""
        waited_ms = self.clock.mono_ms() - self._led_ms
        if not everybody_heard(self._expected, self.links(), waited_ms):
            return 0
        return release_ready(desk, self.settings.courier_table)

    def _supply(self, desk: Desk) -> int:
        """Lend waybill numbers to the warehouses that run short of them."""
        return supply_numbers(desk, self.settings.couriers)

    def project_fact(self, transaction: Transaction, record: FactRecord) -> None:
        """Count one fact in the books, under the name of the warehouse it came from."""
        project(self.books.desk(transaction, f"edge:{record.node}"), record)

    def _project_all(self, transaction: Transaction, records: Sequence[FactRecord]) -> None:
        desk = self.books.batch_desk(transaction, f"edge:{records[0].node}")
        project_all(desk, records)
        desk.finish()

    def _alarm(self, transaction: Transaction, node: str, code: str, sentence: str) -> None:
        desk = self.books.desk(transaction, "hub:listener")
        raise_alarm(desk, node, code, sentence)

    async def principal(self, token: str) -> Principal | None:
        """Return who carries `token`, None for an unknown one."""
        hashed = token_hash(token)
        if hashed == self._local_hash:
            return Principal(name="local-admin", scopes=frozenset({"admin"}))
        known = self._principals.get(hashed)
        if known is not None:
            return known
        row = await self.books.read(lambda desk: desk.access.token_by_hash(hashed))
        if row is None:
            return None
        if len(self._principals) >= PRINCIPALS_MAX:
            self._principals.clear()
        principal = Principal(name=row.name, scopes=frozenset(row.scopes))
        self._principals[hashed] = principal
        return principal

    def forget_principals(self) -> None:
        """Look every token up again, in every hub process; call it after one was revoked."""
        self.books.publish("tokens")

    def links(self) -> dict[str, LinkView]:
        """Return every warehouse's line, by code."""
        return {} if self.listener is None else self.listener.links()

    async def start(self) -> EnrolmentDesk:
        """Lead or stand by; return what enrolment needs."""
        loop = asyncio.get_running_loop()
        self.live.attach(loop)

        def led(leads: bool) -> None:
            loop.call_soon_threadsafe(self._lead_changed, leads)

        leads = await asyncio.to_thread(self.books.lead, led)
        self.stands_by = not leads
        if leads:
            await self._lead()
        return EnrolmentDesk(
            database=self.books.database,
            clock=self.clock,
            server_key=self.keys.public_key,
            sync_host=self.settings.sync_host,
            sync_port=self.settings.sync_port if self.listener is None else self.listener.port,
            on_enrolled=self._enrolled,
        )

    def _lead_changed(self, leads: bool) -> None:
        """Take over from a hub process that ended; or end, for another one took over from us."""
        if self.stopping.is_set():
            return
        if leads:
            self.stands_by = False
            self._tasks.append(asyncio.create_task(self._take_over()))
        else:
            signal.raise_signal(signal.SIGTERM)

    async def _take_over(self) -> None:
        """Lead, or end so that somebody notices: a leader without its port serves no warehouse."""
        try:
            await self._lead()
            await asyncio.to_thread(self.write_run_file)
        except BincardError as error:
            log.warning("take_over_failed", code=error.code)
            signal.raise_signal(signal.SIGTERM)

    async def _lead(self) -> None:
        """Open the port for warehouses and start the pumps."""
        await self.books.write(lambda desk: desk.nodes.begin_roll_call(), actor="hub:start")
        listener = Listener(
            self.books.database,
            self.keys,
            self.project_fact,
            host=self.settings.sync_host,
            port=self.settings.sync_port,
            clock=self.clock,
            entropy=self.entropy,
            on_change=lambda node: self.live.publish("link", {"warehouse": node}),
            alarm=self._alarm,
            has_room=lambda: self.storage.watch.takes_new_work,
            project_all=self._project_all,
            shelf=Shelf(self.settings.state_dir / "copies"),
        )
        await asyncio.to_thread(listener.start)
        self._led_ms = self.clock.mono_ms()
        self._expected = listener.enrolled()
        self.listener = listener
        self._tasks.append(asyncio.create_task(self.storage.run(self.stopping)))
        self._tasks += [asyncio.create_task(pump.run(self.stopping)) for pump in self._pumps]
        self._tasks.append(asyncio.create_task(self._rounds.run(self.stopping)))
        self._tasks.append(asyncio.create_task(self._couriers.run(self.stopping)))
        self._tasks.append(asyncio.create_task(self._sender.run(self.stopping)))

    def _enrolled(self) -> None:
        if self.listener is not None:
            self.listener.keys_changed()
        for pump in self._pumps:
            pump.told("release")

    def write_run_file(self) -> None:
        """Say in `run.json` where the hub listens; readable by its owner only."""
        run = RunFile(
            pid=os.getpid(),
            http_host=self.settings.http_host,
            http_port=self.http_port,
            sync_host=self.settings.sync_host,
            sync_port=self.settings.sync_port if self.listener is None else self.listener.port,
            token=self.local_token,
        )
        private_file.write(self.settings.state_dir / RUN_FILE, msgspec.json.encode(run) + b"\n")

    async def stop(self) -> None:
        """Stop in the reverse order; the books close last."""
        self.stopping.set()
        (self.settings.state_dir / RUN_FILE).unlink(missing_ok=True)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.listener is not None:
            await asyncio.to_thread(self.listener.stop)
        await asyncio.to_thread(self.books.close)


def _forget(desk: Desk) -> int:
    """Forget a little of what nobody asks for again; return how much."""
    return forget_answers(desk) + forget_settled(desk) + forget_told(desk)
