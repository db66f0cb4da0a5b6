"""An order as a channel sends it: who bought what, to which door, by when.

The shape is fixed, because other people's systems send it. Everything a channel may get wrong is
told as a sentence with the path of the field, before anything is stored.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec

from shared.domain.catalogue import Quantity, Recipient, Sku
from shared.domain.errors import InvalidInput

ORDER_BYTES_MAX: Final = 262_144
"""Largest single order."""
LINES_MAX: Final = 200
"""Lines in one order."""
ORDER_UNITS_MAX: Final = 1_000_000
"""Units in one order over all lines."""

FLAGS_MAX: Final = 20
"""Marks such as `vip` or `presale` on one order."""

Flag = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{1,31}$")]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Text = Annotated[str, msgspec.Meta(max_length=512)]
Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]
Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]


class Buyer(msgspec.Struct, frozen=True, kw_only=True):
    """Who receives the order. Personal data."""

    name: Text = ""
    phone: Annotated[str, msgspec.Meta(max_length=64)] = ""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where it goes. Coordinates may be missing; then distance is unknown. Personal data."""

    country: Text = ""
    province: Text = ""
    city: Text = ""
    district: Text = ""
    street: Text = ""
    postcode: Annotated[str, msgspec.Meta(max_length=32)] = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None


class ChannelLine(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one SKU at one price; money in minor units (cents, fen)."""

    line_no: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    sku: Sku
    quantity: Quantity
    unit_price_minor: Annotated[int, msgspec.Meta(ge=0, le=10**12)] = 0
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")] = "CNY"


class ChannelOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order, one version. A changed order comes again under a higher version.

    `placed_at` and `ship_by` are RFC 3339 times; empty means now, and no wish. `reservation_id`
    names a reservation whose units this order takes over. `flags` are marks of the channel, such as
    `vip` or `presale`; review rules may ask for them and add to them.
    """

    channel: Word
    shop: Word
    order_no: Word
    version: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)] = 1
    placed_at: Annotated[str, msgspec.Meta(max_length=40)] = ""
    ship_by: Annotated[str, msgspec.Meta(max_length=40)] = ""
    buyer: Buyer = Buyer()
    address: Address = Address()
    lines: Annotated[tuple[ChannelLine, ...], msgspec.Meta(min_length=1, max_length=LINES_MAX)]
    buyer_remark: Annotated[str, msgspec.Meta(max_length=2_000)] = ""
    reservation_id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    flags: Annotated[tuple[Flag, ...], msgspec.Meta(max_length=FLAGS_MAX)] = ()

    @property
    def label(self) -> str:
        """How sentences name the order: `shopify/main/1001`."""
        return f"{self.channel}/{self.shop}/{self.order_no}"


_decoder: msgspec.json.Decoder[ChannelOrder] = msgspec.json.Decoder(ChannelOrder)
_encoder = msgspec.json.Encoder()


def decode_order(body: bytes) -> ChannelOrder:
    """Return the order in `body` (JSON); raises InvalidInput with the field that is wrong."""
    if len(body) > ORDER_BYTES_MAX:
        raise InvalidInput(
            "order_too_large",
            f"Failed to read an order: expected at most {ORDER_BYTES_MAX} bytes, got {len(body)}.",
            hint="Split the order, or leave out fields that are not in /schema.",
        )
    try:
        order = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidInput(
            "order_invalid",
            f"Failed to read an order: {error}.",
            hint="Correct the field after the `$` and send the order again.",
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(
            "order_not_json",
            "Failed to read an order: expected one JSON object, got text that is not JSON.",
            hint="Check quotes, commas and the encoding (UTF-8).",
        ) from error
    check_order(order)
    return order


def check_order(order: ChannelOrder) -> None:
    """Raise InvalidInput for what a type cannot say: repeated lines, blanks, bad times, totals."""
    numbers = [line.line_no for line in order.lines]
    if len(set(numbers)) != len(numbers):
        raise InvalidInput(
            "line_repeated",
            f"Failed to read order {order.label}: each line_no must occur once, got {numbers}.",
            hint="Number the lines 1, 2, 3 and send the order again.",
        )
    units = sum(line.quantity for line in order.lines)
    if units > ORDER_UNITS_MAX:
        raise InvalidInput(
            "order_too_many_units",
            f"Failed to read order {order.label}: expected at most {ORDER_UNITS_MAX} units, "
            f"got {units}.",
            hint="Split the order.",
        )
    for field in ("channel", "shop", "order_no"):
        value = getattr(order, field)
        if value != value.strip() or not value.isprintable():
            raise InvalidInput(
                "order_key",
                f"Failed to read an order: expected {field} without blanks around it or control "
                "characters inside.",
                hint="Clean the field in the channel's export.",
            )
    read_time_ms(order.placed_at, "placed_at")
    read_time_ms(order.ship_by, "ship_by")


def read_time_ms(text: str, field: str) -> int | None:
    """Return an RFC 3339 time as milliseconds since 1970 UTC, None when empty.

    A time without a zone counts as UTC. Raises InvalidInput `time_invalid`.
    """
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        milliseconds = int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        milliseconds = -1
    if milliseconds < 0:
        raise InvalidInput(
            "time_invalid",
            f"Failed to read {field}: expected a time such as 2026-11-22T10:00:00+08:00, "
            f"got {text!r}.",
            hint="Send times in RFC 3339 form.",
        )
    return milliseconds


def digest_of(order: ChannelOrder) -> str:
    """Return a digest of everything the order says, to tell a repeat from a change.

    Fields that came later count only when they say something, so that an order that was taken in
    before them is still recognised.
    """
    said = msgspec.to_builtins(order)
    if not order.flags:
        del said["flags"]
    return hashlib.sha256(_encoder.encode(said)).hexdigest()


def recipient_of(order: ChannelOrder) -> Recipient:
    """Return the address a label needs."""
    address = order.address
    return Recipient(
        name=order.buyer.name,
        phone=order.buyer.phone,
        country=address.country,
        province=address.province,
        city=address.city,
        district=address.district,
        street=address.street,
        postcode=address.postcode,
    )
