"""Who may spend rights without asking first: a warehouse's own counter, or a shop on a channel.

Both are holders: what they may spend was debited from the pool before they heard of it, so they can
be cut off for a week and still never promise a unit that somebody else has.
"""

from __future__ import annotations

from typing import Final

EDGE: Final = "edge"
"""The holder that is the warehouse itself, with its counter."""
SHOP_PREFIX: Final = "shop:"


def shop_holder(channel: str, shop: str) -> str:
    """Return the name of a shop's account.

    >>> shop_holder("taobao", "flagship")
    'shop:taobao/flagship'
    """
    return f"{SHOP_PREFIX}{channel}/{shop}"


def is_holder(account: str) -> bool:
    """Return True for an account that somebody outside head office spends from."""
    return account == EDGE or account.startswith(SHOP_PREFIX)
