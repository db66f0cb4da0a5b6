"""What the commands do, either through the hub that runs or straight on its books.

Both ways end in the same services, so a command means the same whether the hub runs or not.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from hub.domain.reports import ImportReport
from hub.instance import RunFile, books_taken, running_hub
from hub.services import enrolment
from hub.services.access import TokenMade, TokenRequest, create_token
from hub.services.adopt_edge import adopt_edge
from hub.services.apply_facts import project
from hub.services.channel_publish import ListingView
from hub.services.channel_tasks import need_shop
from hub.services.first_start import seed_rules
from hub.services.import_files import FileKind, import_file
from hub.services.presale import PresaleRequest, PresaleView, set_presale
from hub.services.quotas import QuotaRequest, QuotaView, set_quota
from hub.services.recover import write_off
from hub.services.recovery_report import RecoveryReport, report_recovery
from hub.services.safety_stock import SafetyStock, set_safety_stock
from hub.services.shop_drift import DriftView, drift_of
from hub.services.shop_quota import ShopQuotaRequest, set_shop_quota
from hub.services.shops import ShopRequest, ShopView, add_shop, view_shop
from hub.services.verify_books import VerifyReport, verify_books
from hub.services.waybill_numbers import (
    NumbersReport,
    NumbersRequest,
    load_numbers,
    need_courier,
)
from hub.settings import Settings
from hub.shops.vault import Vault, read_secrets
from hub.store.backup import LogEnd, advance_stable, back_up
from hub.store.open_books import open_books
from hub.store.protocol import Desk
from hub.store.sqlite.hub_store import SqliteHub
from hub.sync.apply import Retried, retry_quarantined
from shared.domain.errors import BincardError, Refused, Unavailable
from shared.runtime.clock import SystemClock, SystemEntropy
from shared.runtime.database import Transaction

ACTOR: Final = "command-line"
HTTP_SECONDS: Final = 600.0
"""A command waits this long for the running hub; a large import takes a while."""
T = TypeVar("T")


class _DriftPage(msgspec.Struct, frozen=True):
    items: list[DriftView]
    next: str | None


class Office:
    """The commands' way to the books."""

    def __init__(self, settings: Settings) -> None:
        """Find out whether a hub runs on these settings."""
        self._settings = settings
        self._run = running_hub(settings.state_dir)

    def import_csv(self, kind: FileKind, path: Path, import_id: str) -> ImportReport:
        """Import a file and return its report."""
        content = path.read_bytes()
        if self._run is not None:
            return self._ask(
                "POST",
                f"/api/v1/imports/{kind}",
                ImportReport,
                params={"file": path.name, "import_id": import_id},
                content=content,
            )
        with self._books() as books:
            return asyncio.run(
                import_file(
                    books,
                    kind,
                    file=path.name,
                    content=content,
                    import_id=import_id,
                    actor=ACTOR,
                )
            )

    def create_token(self, request: TokenRequest) -> TokenMade:
        """Make an API token."""
        if self._run is not None:
            return self._ask("POST", "/api/v1/tokens", TokenMade, content=_json(request))
        with self._books() as books:
            return books.write_sync(
                lambda desk: create_token(desk, request, books.entropy), actor=ACTOR
            )

    def add_shop(self, request: ShopRequest, secrets: bytes | None) -> ShopView:
        """Add or change a shop; its keys, if given, go into a private file of this machine."""
        settings = self._settings
        vault = Vault(settings.shop_secrets_dir, settings.shop_secrets)
        if secrets is not None:
            read_secrets(secrets)
        if self._run is not None:
            answer = self._ask("POST", "/api/v1/shops", ShopView, content=_json(request))
        else:
            with self._books() as books:
                answer = books.write_sync(
                    lambda desk: view_shop(desk, add_shop(desk, request), False), actor=ACTOR
                )
        if secrets is not None:
            vault.keep(request.channel, request.shop, secrets)
        return msgspec.structs.replace(answer, secrets=vault.known(request.channel, request.shop))

    def enrol_edge(self, warehouse: str) -> str:
        """Return a one-time code for the edge of a warehouse."""
        if self._run is not None:
            answer = self._ask(
                "POST", "/api/v1/enrolment-codes", dict[str, str],
                content=_json({"warehouse": warehouse}),
            )  # fmt: skip
            return answer["code"]
        with self._books() as books:
            return books.database.write_sync(
                lambda tx: enrolment.make_code(
                    tx, warehouse, now_ms=books.clock.wall_ms(), entropy=books.entropy
                )
            )

    def set_quota(self, warehouse: str, request: QuotaRequest) -> QuotaView:
        """Set how many units of a SKU a warehouse should be able to sell by itself."""
        if self._run is not None:
            path = f"/api/v1/warehouses/{quote(warehouse, safe='')}/quota"
            return self._ask("POST", path, QuotaView, content=_json(request))
        with self._books() as books:
            return books.write_sync(lambda desk: set_quota(desk, warehouse, request), actor=ACTOR)

    def load_numbers(self, courier: str, request: NumbersRequest) -> NumbersReport:
        """Take ranges of a courier's waybill numbers into the pool."""
        if self._run is not None:
            path = f"/api/v1/couriers/{quote(courier, safe='')}/numbers"
            return self._ask("POST", path, NumbersReport, content=_json(request))
        found = need_courier(self._settings.couriers, courier)
        with self._books() as books:
            return asyncio.run(load_numbers(books, found, request, actor=ACTOR))

    def set_shop_quota(self, channel: str, shop: str, request: ShopQuotaRequest) -> ListingView:
        """Set how a shop sells one SKU."""
        path = f"/api/v1/shops/{quote(channel, safe='')}/{quote(shop, safe='')}/quotas"
        return self._do(
            "POST", path, ListingView, request,
            lambda desk: set_shop_quota(desk, channel, shop, request),
        )  # fmt: skip

    def set_presale(self, request: PresaleRequest) -> PresaleView:
        """Set how much of a SKU may be sold before it is there."""
        return self._do(
            "PUT", "/api/v1/presales", PresaleView, request,
            lambda desk: set_presale(desk, request),
        )  # fmt: skip

    def set_safety_stock(self, request: SafetyStock) -> SafetyStock:
        """Keep some units of a SKU in one warehouse unpromised."""
        return self._do(
            "PUT", "/api/v1/safety-stock", SafetyStock, request,
            lambda desk: set_safety_stock(desk, request),
        )  # fmt: skip

    def drift(self, channel: str, shop: str) -> list[DriftView]:
        """Say how far what a shop shows is from the books, for each of its SKUs."""
        if self._run is None:
            with self._books() as books:
                return books.read_sync(
                    lambda desk: drift_of(desk, need_shop(desk, channel, shop), "", sys.maxsize)
                )
        path = f"/api/v1/shops/{quote(channel, safe='')}/{quote(shop, safe='')}/drift"
        found: list[DriftView] = []
        cursor: str | None = ""
        while cursor is not None:
            page = self._ask("GET", path, _DriftPage, params={"cursor": cursor})
            found += page.items
            cursor = page.next
        return found

    def _do(
        self,
        method: str,
        path: str,
        answer: type[T],
        request: object,
        work: Callable[[Desk], T],
    ) -> T:
        """Ask the running hub, or do the same straight on its books."""
        if self._run is not None:
            return self._ask(method, path, answer, content=_json(request))
        with self._books() as books:
            return books.write_sync(work, actor=ACTOR)

    def write_off(self, warehouse: str) -> None:
        """Stop waiting for a warehouse that will not report to a restored hub."""
        if self._run is not None:
            self._ask(
                "POST", "/api/v1/write-offs", dict[str, str],
                content=_json({"warehouse": warehouse}),
            )  # fmt: skip
            return
        with self._books() as books:
            books.write_sync(lambda desk: write_off(desk, warehouse), actor=ACTOR)

    def recovery(self) -> RecoveryReport:
        """Say how far a hub that was restored or rebuilt has come."""
        if self._run is not None:
            return self._ask("GET", "/api/v1/recovery", RecoveryReport)
        with self._books() as books:
            return books.read_sync(report_recovery)

    def retry(self) -> Retried:
        """Count facts again that could not be counted, for example after an update."""
        if self._run is not None:
            return self._ask("POST", "/api/v1/quarantine/retry", Retried)
        with self._books() as books:

            def work(tx: Transaction) -> Retried:
                counted, waiting = retry_quarantined(
                    tx,
                    lambda inner, record: project(books.desk(inner, f"edge:{record.node}"), record),
                    wall_ms=books.clock.wall_ms(),
                )
                return Retried(counted, waiting)

            return books.database.write_sync(work)

    def adopt(self, warehouse: str) -> bool:
        """Make the machine turned away last the warehouse's; return False when none was."""
        if self._run is not None:
            answer = self._ask(
                "POST", "/api/v1/adoptions", dict[str, Any],
                content=_json({"warehouse": warehouse}),
            )  # fmt: skip
            return bool(answer["adopted"])
        with self._books() as books:
            return books.write_sync(lambda desk: adopt_edge(desk, warehouse), actor=ACTOR)

    def verify(self) -> VerifyReport:
        """Check every promise that can be checked on disk."""
        if self._run is not None:
            return self._ask("GET", "/api/v1/verify", VerifyReport)
        with self._books() as books:
            return books.read_sync(verify_books)

    def backup(self, path: Path) -> int:
        """Copy the books into the new file `path`; return its size in bytes."""
        target = path.resolve()
        if self._run is not None:
            answer = self._ask(
                "POST", "/api/v1/backups", dict[str, Any], content=_json({"path": str(target)})
            )
            return int(answer["bytes"])
        with self._books() as books:
            made = books.database.read_sync(lambda sql: back_up(sql, target))
            books.database.write_sync(lambda tx: advance_stable(tx.sql, made.ends))
            return made.size_bytes

    def prove_backup(self, url: str) -> list[LogEnd]:
        """Prove the copy that was restored at `url`; what it holds counts as backed up from now on.

        Several processes may work on a server's books, so the hub may run meanwhile.
        """
        settings = self._settings
        if not settings.postgres_url:
            raise Refused(
                "backup_by_file",
                "Failed to prove a backup: these books are a file.",
                hint="`bincard hub backup` makes copies of it and proves them.",
            )
        from hub.store.postgres.proof import count_as_backed_up, open_copy

        copy = open_copy(url)
        books = open_books(settings.database, settings.postgres_url, SystemClock(), SystemEntropy())
        try:
            return books.database.write_sync(lambda tx: count_as_backed_up(tx.sql, copy))
        finally:
            books.close()

    @contextmanager
    def _books(self) -> Iterator[SqliteHub]:
        """Open the books for one command, with nobody else in them."""
        with books_taken(self._settings.state_dir):
            settings = self._settings
            books = open_books(
                settings.database, settings.postgres_url, SystemClock(), SystemEntropy()
            )
            books.policy = settings.policy
            try:
                books.write_sync(seed_rules, actor=ACTOR)
                yield books
            finally:
                books.close()

    def _ask(self, method: str, path: str, answer: Callable[..., T] | type[T], **request: Any) -> T:
        """Send a request to the running hub and decode what it says."""
        run = self._run
        if run is None:
            raise Unavailable("hub_stopped", "The hub does not run.")
        try:
            reply = httpx.request(
                method,
                f"http://{_host(run)}:{run.http_port}{path}",
                headers={
                    "Authorization": f"Bearer {run.token}",
                    "Content-Type": "application/json"
                    if not path.startswith("/api/v1/imports")
                    else "text/csv",
                },
                timeout=HTTP_SECONDS,
                trust_env=False,
                **request,
            )
        except httpx.HTTPError as error:
            raise Unavailable(
                "hub_silent",
                f"The running hub did not answer ({type(error).__name__}).",
                hint="Try again; a repeated import counts once.",
            ) from error
        if reply.status_code >= 400:
            raise _problem(reply)
        return msgspec.json.decode(reply.content, type=answer)


def _host(run: RunFile) -> str:
    return "127.0.0.1" if run.http_host in {"0.0.0.0", "::"} else run.http_host  # noqa: S104


def _problem(reply: httpx.Response) -> BincardError:
    """Return what the hub's problem answer says, as an error of our own."""
    try:
        told = reply.json()
    except ValueError:
        told = {}
    error = BincardError(
        str(told.get("code", f"http_{reply.status_code}")),
        str(told.get("detail", f"The hub answered {reply.status_code}.")),
        hint=str(told.get("hint", "")),
    )
    error.status = reply.status_code
    return error


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)
