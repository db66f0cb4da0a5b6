"""Webhooks: people subscribe to what happens, and each event finds its way to each of them once.

Every event of the change feed is put on its way in a transaction of its own, behind the commit that
made it. Whoever sends one takes a lease first, so that two hub processes never send the same one in
a normal run; after a crash it may come again, under the same `webhook-id`. A subscriber that fails
is called ever more patiently, and after many failures in a row it is left alone and a person told.
"""

from __future__ import annotations

import base64
from typing import Annotated, Final

import msgspec

from hub.domain.backoff import is_due, wait_ms
from hub.domain.rows import Event
from hub.domain.webhooks import (
    KINDS_MAX,
    TEST_KIND,
    WEBHOOKS_MAX,
    DeliveryRow,
    Pace,
    WebhookRow,
    check_url,
)
from hub.services.order_views import iso, view_event
from hub.store.protocol import Desk
from shared.domain.errors import Conflict, NotFound, Refused
from shared.domain.ports import Entropy

EVENTS_PER_COMMIT: Final = 200
"""Lines of the change feed put on their way in one transaction."""
BACKLOG_MAX: Final = 2_000
"""Events on their way to one subscription; further ones wait in the change feed."""
SENT_AT_ONCE: Final = 20
"""Events that one lease covers."""
SECRET_BYTES: Final = 32
OLD_SECRET_MS: Final = 86_400_000
"""How long the secret before the last one signs too."""
LOG_KEPT_MS: Final = 7 * 86_400_000
FORGOTTEN_PER_COMMIT: Final = 500
ANSWER_CHARS_MAX: Final = 200
GONE: Final = 410

Kind = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class WebhookRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription; no `kinds` means all. `active` False pauses it, True begins it again."""

    url: str
    kinds: Annotated[tuple[Kind, ...], msgspec.Meta(max_length=KINDS_MAX)] = ()
    active: bool = True


class WebhookView(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription without its secret. `why_not`: why it is not active."""

    webhook_id: str
    url: str
    kinds: tuple[str, ...]
    active: bool
    why_not: str
    failures: int
    waiting: int
    made_at: str
    changed_at: str


class WebhookMade(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription and its `secret`, which is shown this once and never again."""

    webhook: WebhookView
    secret: str


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """One event on its way, or told. `answer` is what came back last, in a few words."""

    event_id: int
    kind: str
    state: str
    tries: int
    answer: str
    next_at: str | None
    changed_at: str


class Claimed(msgspec.Struct, frozen=True):
    """What one process may send now to one subscription."""

    webhook: WebhookRow
    deliveries: tuple[tuple[DeliveryRow, Event], ...]


class Sent(msgspec.Struct, frozen=True):
    """What came of one call: `status` 0 when there was no answer at all."""

    delivery: DeliveryRow
    status: int
    answer: str

    @property
    def good(self) -> bool:
        """True when the subscriber has it."""
        return 200 <= self.status < 300


# Subscriptions


def subscribe(
    desk: Desk, request: WebhookRequest, allowed: tuple[str, ...], entropy: Entropy
) -> WebhookMade:
    """Add a subscription to everything that happens from now on.

    Raises Refused `webhook_url`, Conflict `webhooks_max`.
    """
    check_url(request.url, allowed)
    if len(desk.webhooks.all()) >= WEBHOOKS_MAX:
        raise Conflict(
            "webhooks_max",
            f"Failed to subscribe: this hub has {WEBHOOKS_MAX} webhooks, which is all it keeps.",
            hint="Delete one that nobody needs.",
        )
    row = WebhookRow(
        webhook_id=desk.new_id(),
        url=request.url,
        kinds=request.kinds,
        secret=_new_secret(entropy),
        active=request.active,
        cursor=desk.journal.last_event_id(),
        made_ms=desk.now_ms,
        changed_ms=desk.now_ms,
    )
    desk.webhooks.put(row)
    desk.journal.audit("add_webhook", row.webhook_id)
    return WebhookMade(webhook=view_webhook(desk, row), secret=row.secret)


def change(
    desk: Desk, webhook_id: str, request: WebhookRequest, allowed: tuple[str, ...]
) -> WebhookView:
    """Change a subscription; one that is begun again starts with what was left to tell."""
    check_url(request.url, allowed)
    row = msgspec.structs.replace(
        need_webhook(desk, webhook_id),
        url=request.url,
        kinds=request.kinds,
        active=request.active,
        why_not="" if request.active else "paused",
        failures=0,
        next_ms=0,
        changed_ms=desk.now_ms,
    )
    desk.webhooks.put(row)
    desk.journal.solve("webhook_dead", "", webhook_id, "the subscription was changed")
    desk.journal.audit("change_webhook", webhook_id)
    desk.tell("events")
    return view_webhook(desk, row)


def remove(desk: Desk, webhook_id: str) -> None:
    """End a subscription; raises NotFound."""
    if not desk.webhooks.remove(webhook_id):
        need_webhook(desk, webhook_id)
    desk.journal.solve("webhook_dead", "", webhook_id, "the subscription was deleted")
    desk.journal.audit("remove_webhook", webhook_id)


def rotate(desk: Desk, webhook_id: str, entropy: Entropy) -> WebhookMade:
    """Give a subscription a new secret; the one before signs too for a day."""
    before = need_webhook(desk, webhook_id)
    row = msgspec.structs.replace(
        before,
        secret=_new_secret(entropy),
        old_secret=before.secret,
        old_until_ms=desk.now_ms + OLD_SECRET_MS,
        changed_ms=desk.now_ms,
    )
    desk.webhooks.put(row)
    desk.journal.audit("rotate_webhook", webhook_id)
    return WebhookMade(webhook=view_webhook(desk, row), secret=row.secret)


def test(desk: Desk, webhook_id: str) -> None:
    """Let something happen that only this subscription is told."""
    need_webhook(desk, webhook_id)
    desk.journal.event(TEST_KIND, data={"webhook": webhook_id})


def redeliver(desk: Desk, webhook_id: str, event_id: int) -> DeliveryView:
    """Tell an event once more, whatever came of it; raises NotFound."""
    need_webhook(desk, webhook_id)
    row = desk.webhooks.delivery(webhook_id, event_id)
    if row is None:
        raise NotFound(
            "delivery_unknown",
            f"Failed to find event {event_id} among what webhook {webhook_id} was told.",
            hint="The log is kept for seven days; read older events from /api/v1/events.",
        )
    if not is_due(row.leased_ms, desk.now_ms) and row.state == "waiting":
        raise Refused(
            "delivery_under_way", f"Failed to send event {event_id} again: it is being sent.",
            hint="Look at the log in a minute.",
        )  # fmt: skip
    after = msgspec.structs.replace(
        row, state="waiting", tries=0, next_ms=0, leased_ms=0, changed_ms=desk.now_ms
    )
    desk.webhooks.put_delivery(after)
    desk.journal.audit("redeliver_webhook", f"{webhook_id}/{event_id}")
    desk.tell("events")
    return view_delivery(after)


def need_webhook(desk: Desk, webhook_id: str) -> WebhookRow:
    """Return a subscription or raise NotFound."""
    row = desk.webhooks.get(webhook_id)
    if row is None:
        raise NotFound("webhook_unknown", f"Failed to find webhook {webhook_id[:64]!r}.")
    return row


def view_webhook(desk: Desk, row: WebhookRow) -> WebhookView:
    """Show a subscription without its secret."""
    return WebhookView(
        webhook_id=row.webhook_id,
        url=row.url,
        kinds=row.kinds,
        active=row.active,
        why_not=row.why_not,
        failures=row.failures,
        waiting=desk.webhooks.waiting(row.webhook_id),
        made_at=iso(row.made_ms) or "",
        changed_at=iso(row.changed_ms) or "",
    )


def view_delivery(row: DeliveryRow) -> DeliveryView:
    """Show one event on its way."""
    return DeliveryView(
        event_id=row.event_id,
        kind=row.kind,
        state=row.state,
        tries=row.tries,
        answer=row.answer,
        next_at=iso(row.next_ms) if row.state == "waiting" else None,
        changed_at=iso(row.changed_ms) or "",
    )


def _new_secret(entropy: Entropy) -> str:
    return "whsec_" + base64.b64encode(entropy.token_bytes(SECRET_BYTES)).decode()


# On the way


def agenda(desk: Desk) -> tuple[bool, list[str]]:
    """Return whether there are events to put on their way, and which subscriptions to call now."""
    rows = [row for row in desk.webhooks.all() if row.active]
    last = desk.journal.last_event_id() if rows else 0
    callable_now = [
        row.webhook_id
        for row in rows
        if is_due(row.next_ms, desk.now_ms) and desk.webhooks.due(row.webhook_id, desk.now_ms, 1)
    ]
    return any(row.cursor < last for row in rows), callable_now


def spread(desk: Desk) -> int:
    """Put the next events on their way to everybody who wants them; return how many were read."""
    most = 0
    for row in desk.webhooks.all():
        if not row.active or desk.webhooks.waiting(row.webhook_id) >= BACKLOG_MAX:
            continue
        events = desk.journal.events(row.cursor, EVENTS_PER_COMMIT)
        if not events:
            continue
        most = max(most, len(events))
        desk.webhooks.add(
            DeliveryRow(
                webhook_id=row.webhook_id,
                event_id=event.event_id,
                kind=event.kind,
                made_ms=desk.now_ms,
                changed_ms=desk.now_ms,
            )
            for event in events
            if _concerns(row, event)
        )
        desk.webhooks.put(msgspec.structs.replace(row, cursor=events[-1].event_id))
    return most


def _concerns(row: WebhookRow, event: Event) -> bool:
    if event.kind == TEST_KIND:
        told: dict[str, str] = msgspec.json.decode(event.data)
        return told.get("webhook") == row.webhook_id
    return row.wants(event.kind)


def claim(desk: Desk, webhook_id: str, pace: Pace) -> Claimed | None:
    """Take a lease on what may be sent now; None when there is nothing."""
    row = desk.webhooks.get(webhook_id)
    if row is None or not row.active or not is_due(row.next_ms, desk.now_ms):
        return None
    until_ms = desk.now_ms + pace.lease_ms
    claimed = []
    for one in desk.webhooks.due(webhook_id, desk.now_ms, SENT_AT_ONCE):
        (event,) = desk.journal.events(one.event_id - 1, 1)
        leased = msgspec.structs.replace(one, leased_ms=until_ms)
        desk.webhooks.put_delivery(leased)
        claimed.append((leased, event))
    return Claimed(row, tuple(claimed)) if claimed else None


def settle(desk: Desk, claimed: Claimed, sent: list[Sent], pace: Pace) -> None:
    """Record what came of the calls, and give back what was not sent."""
    row = desk.webhooks.get(claimed.webhook.webhook_id)
    if row is None:
        return
    outcomes = {one.delivery.event_id: one for one in sent}
    for leased, _ in claimed.deliveries:
        known = desk.webhooks.delivery(row.webhook_id, leased.event_id)
        if known is None or known.leased_ms != leased.leased_ms:
            continue  # the lease ran out and somebody else has it
        outcome = outcomes.get(leased.event_id)
        desk.webhooks.put_delivery(_after(desk, known, outcome, pace))
        if outcome is not None:
            row = _standing(desk, row, outcome, pace)
    desk.webhooks.put(row)


def _after(desk: Desk, known: DeliveryRow, outcome: Sent | None, pace: Pace) -> DeliveryRow:
    if outcome is None:
        return msgspec.structs.replace(known, leased_ms=0)
    tries = known.tries + 1
    over = outcome.good or tries >= pace.tries_max
    return msgspec.structs.replace(
        known,
        state=("delivered" if outcome.good else "failed") if over else "waiting",
        tries=tries,
        next_ms=desk.now_ms + (0 if over else wait_ms(tries, pace.retry_ms)),
        leased_ms=0,
        answer=outcome.answer[:ANSWER_CHARS_MAX],
        changed_ms=desk.now_ms,
    )


def _standing(desk: Desk, row: WebhookRow, outcome: Sent, pace: Pace) -> WebhookRow:
    """Count failures in a row; who answers nothing but failures is left alone."""
    if outcome.good:
        return msgspec.structs.replace(row, failures=0, next_ms=0)
    failures = row.failures + 1
    after = msgspec.structs.replace(
        row, failures=failures, next_ms=desk.now_ms + wait_ms(failures, pace.retry_ms)
    )
    if row.active and (failures >= pace.failures_max or outcome.status == GONE):
        after = msgspec.structs.replace(
            after, active=False, why_not=outcome.answer[:ANSWER_CHARS_MAX],
            changed_ms=desk.now_ms,
        )  # fmt: skip
        desk.journal.raise_exception(
            "webhook_dead",
            "",
            row.webhook_id,
            f"Webhook {row.webhook_id} was called {failures} times in a row without success and is "
            f"not called any more (last: {after.why_not}); put it right and activate it again.",
        )
    return after


def body_of(event: Event) -> bytes:
    """Return what is sent: the kind, the time and the line of the change feed."""
    shown = view_event(event)
    return msgspec.json.encode({"type": shown.kind, "timestamp": shown.at, "data": shown})


def message_id(event: Event) -> str:
    """Return the `webhook-id`: the same for every try, another one after a restore of the hub."""
    return f"evt_{event.event_id}_{event.at_ms}"


def forget_told(desk: Desk) -> int:
    """Drop a little of the log of what was told long ago; return how much."""
    return desk.webhooks.forget(desk.now_ms - LOG_KEPT_MS, FORGOTTEN_PER_COMMIT)
