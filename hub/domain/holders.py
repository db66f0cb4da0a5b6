"""Who may spend rights without asking first: a warehouse's own counter, or a shop on a channel.

Stock that came in for presale orders is lent to them the same way, so that nobody else is promised
a unit of it.

Both are holders: what they may spend was debited from the pool before they heard of it, so they can
be cut off for a week and still never promise a unit that somebody else has.
"""

from __future__ import annotations

from typing import Final

EDGE: Final = "edge"
"""The holder that is the warehouse itself, with its counter."""
PRESALE: Final = "presale"
"""The holder that is all presale orders waiting for goods that have come in."""
SHOP_PREFIX: Final = "shop:"


def shop_holder(channel: str, shop: str) -> str:
    """Return the name of a shop's account.

    >>> shop_holder("taobao", "flagship")
    'shop:taobao/flagship'
    """
    return f"{SHOP_PREFIX}{channel}/{shop}"


def is_holder(account: str) -> bool:
    """Return True for an account that is not the pool's, an order's or a reservation's.

    >>> [is_holder(account) for account in ("edge", "shop:jd/main", "presale", "pool")]
    [True, True, True, False]
    """
    return account in (EDGE, PRESALE) or account.startswith(SHOP_PREFIX)
