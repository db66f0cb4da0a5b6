"""Two orders of one buyer to one door: recognised without keeping the person twice.

Phones are written in many ways and streets in more, so each is normalised before it is digested.
The digests answer "have we seen this buyer, this door, these lines before" and cannot be read back
as a name; they are erased together with the person.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

import msgspec

from hub.domain.channel_order import ChannelOrder
from hub.domain.conditions import total_minor


class OrderKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Digests of who, where and what; empty where an order does not say. `total` in minor units."""

    buyer: str
    door: str
    lines: str
    total_minor: int
    flags: tuple[str, ...] = ()


def keys_of(order: ChannelOrder, flags: tuple[str, ...] = ()) -> OrderKeys:
    """Return the keys of an order; `flags` are those that review rules added to its own."""
    address = order.address
    phone = re.sub(r"\D", "", order.buyer.phone)[-11:]
    name = _plain(order.buyer.name)
    door = [address.country, address.province, address.city, address.district, address.street]
    lines = sorted((line.sku, line.quantity) for line in order.lines)
    return OrderKeys(
        buyer=_digest("buyer", phone or name),
        door=_digest("door", "".join(_plain(part) for part in door)),
        lines=_digest("lines", "\n".join(f"{sku}\t{units}" for sku, units in lines)),
        total_minor=total_minor(order),
        flags=tuple(sorted({*order.flags, *flags})),
    )


def _plain(text: str) -> str:
    """Return letters and digits only, in one width and case."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if character.isalnum())


def _digest(kind: str, text: str) -> str:
    return hashlib.sha256(f"{kind}:{text}".encode()).hexdigest()[:32] if text else ""
