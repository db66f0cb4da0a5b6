"""Reading what platforms send: strict about what matters, patient about the rest.

One order that cannot be read is reported with its number and a reason; the others of the page go
in. Reasons name fields, never their content, because the content may be personal data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

from hub.channels.base import BadOrder, Page, RemoteOrder, Reply
from hub.channels.errors import ShopRefused, ShopSilent, ShopThrottled
from hub.domain.channel_order import ChannelOrder, decode_order
from shared.domain.errors import BincardError, InvalidInput

T = TypeVar("T")

CODE_CHARS_MAX: Final = 48
"""Of a platform's own error code we tell this much."""
REASON_CHARS_MAX: Final = 300
CHINA: Final = timezone(timedelta(hours=8))
"""Chinese platforms date everything in this zone."""
WAIT_SECONDS_MAX: Final = 3_600
"""A shop that asks us to wait longer is asked again after this."""
NAMES_MAX: Final = 512
"""Characters in an order's number and in the platform's own name of it."""
MARK_MAX: Final = 2**53
"""Latest time of change; JSON keeps whole numbers exactly up to here."""
AMOUNT_DIGITS_MAX: Final = 12
"""Digits before the point of an amount; more is a mistake, and would fill the memory."""
UNREADABLE: Final = (
    BincardError,
    msgspec.DecodeError,
    ValueError,
    ArithmeticError,
    RecursionError,
)
"""What reading one odd order may raise."""
_NO_CENTS: Final = frozenset({"JPY", "KRW", "VND", "CLP"})
"""Currencies without a minor unit in daily use (ISO 4217)."""


def check(reply: Reply, what: str) -> Reply:
    """Return `reply` if it is a success; raise what it means otherwise. `what`: `read orders`."""
    if 200 <= reply.status < 300:
        return reply
    if reply.status == 429:
        raise ShopThrottled(
            f"Failed to {what}: the shop asks us to slow down (429).",
            retry_after_ms=_retry_after_ms(reply),
        )
    if reply.status >= 500 or reply.status in {408, 425}:
        raise ShopSilent("shop_broken", f"Failed to {what}: the shop answered {reply.status}.")
    code = "shop_credentials" if reply.status in {401, 403} else "shop_refused"
    raise ShopRefused(
        code,
        f"Failed to {what}: the shop answered {reply.status}.",
        hint="Check the shop's address, keys and permissions."
        if code == "shop_credentials"
        else "Look at the order on the platform.",
    )


def _retry_after_ms(reply: Reply) -> int:
    text = reply.headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        return 0
    return int(1000 * min(max(seconds, 0.0), WAIT_SECONDS_MAX)) if seconds == seconds else 0


def refused(what: str, code: object) -> ShopRefused:
    """Return the error for a platform's own no; of `code` only plain characters are told."""
    told = "".join(c for c in str(code) if c.isascii() and (c.isalnum() or c in "_-."))
    return ShopRefused(
        "shop_refused",
        f"Failed to {what}: the shop says {told[:CODE_CHARS_MAX] or 'no'}.",
        hint="Look up the code in the platform's documentation.",
    )


def decode(body: bytes, kind: type[T], what: str) -> T:
    """Return a JSON answer; raise ShopSilent when it is not what the platform documents."""
    try:
        return msgspec.json.decode(body, type=kind, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ShopSilent(
            "shop_answer_unreadable", f"Failed to {what}: the shop's answer has another form."
        ) from error


def sort_out(
    items: Iterable[msgspec.Raw], read: Callable[[bytes], RemoteOrder], number: str
) -> Page:
    """Read each item by itself; `number` is the field that holds the order number."""
    good: list[RemoteOrder] = []
    bad: list[BadOrder] = []
    for item in items:
        content = bytes(item)
        try:
            good.append(_checked(read(content)))
        except (
            BincardError,
            msgspec.DecodeError,
            ValueError,
            ArithmeticError,
            RecursionError,
        ) as e:
            bad.append(BadOrder(order_no=_number_in(content, number), reason=_reason(e)))
    return Page(orders=tuple(good), bad=tuple(bad))


def _checked(remote: RemoteOrder) -> RemoteOrder:
    """Return the order after the same check that every order of our own interface passes."""
    names = f"{remote.order_no}{remote.remote_id}"
    if not 1 <= len(remote.order_no) <= 64 or not names.isprintable() or len(names) > NAMES_MAX:
        raise InvalidInput("order_key", "The order has no usable number or name.")
    if not 0 <= remote.mark <= MARK_MAX:
        raise InvalidInput("order_key", "The order has no usable time of change.")
    if remote.order is None:
        return remote
    order = decode_order(msgspec.json.encode(remote.order))
    return msgspec.structs.replace(remote, order=order)


def _reason(error: Exception) -> str:
    if isinstance(error, BincardError | msgspec.ValidationError):
        return str(error)[:REASON_CHARS_MAX]
    return f"A field has a form the platform does not document ({type(error).__name__})."


def _number_in(content: bytes, field: str) -> str:
    """Return the order number of an item that cannot be read otherwise, empty if even that."""
    try:
        value: Any = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return str(value)[:64] if isinstance(value, str | int) else ""


def minor(amount: object, currency: str) -> int:
    """Return an amount such as `12.34` in minor units; raises ArithmeticError or ValueError."""
    value = Decimal(str(amount).strip() or "0")
    if value.adjusted() >= AMOUNT_DIGITS_MAX:
        raise ValueError("amount")
    units = value if currency in _NO_CENTS else value * 100
    return int(units.to_integral_value())


def rfc3339_ms(text: str) -> int:
    """Return an RFC 3339 time in milliseconds since 1970; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return _milliseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def china_ms(text: str) -> int:
    """Return `2016-01-01 12:00:00` of China's time in milliseconds since 1970."""
    return _milliseconds(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA))


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def rfc3339(at_ms: int) -> str:
    """Return a moment as `2026-11-22T10:00:00Z`."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def china_text(at_ms: int) -> str:
    """Return a moment as Chinese platforms write it: `2016-01-01 12:00:00`."""
    return datetime.fromtimestamp(at_ms // 1000, CHINA).strftime("%Y-%m-%d %H:%M:%S")


def open_order(
    channel: str, shop: str, order_no: str, fields: dict[str, Any], lines: list[dict[str, Any]]
) -> ChannelOrder:
    """Return our order from plain values; a wrong one raises msgspec.ValidationError."""
    return msgspec.convert(
        {"channel": channel, "shop": shop, "order_no": order_no, "lines": lines, **fields},
        ChannelOrder,
    )
