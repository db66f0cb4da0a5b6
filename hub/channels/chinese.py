"""What the four Chinese platforms have in common.

They take one signed form at one address, answer with an envelope, and date everything in China's
time. Their messages carry numbers only, or come over sockets of their own, so they are pulled.
Quantities are not pushed to them yet, and a parcel's confirmation needs the platform's own code of
the courier, given as a shop's option `courier_SF=...`.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from hub.channels.base import (
    Call,
    Publish,
    Published,
    RemoteState,
    Shipment,
    ShopAccess,
    Steps,
)
from hub.channels.errors import ShopRefused


class NoStock:
    """The part of a channel that sets no quantities and answers no cancellations."""

    name: str
    swaps = False
    publishes = False
    answers_cancels = False

    def publish(self, shop: ShopAccess, wish: Publish, now_ms: int) -> Steps[Published]:  # noqa: ARG002
        """Raise: quantities are not pushed to this platform."""
        raise ShopRefused("publish_unsupported", f"{self.name} quantities are not pushed yet.")
        yield  # a generator like its sisters

    def answer_cancel(
        self, shop: ShopAccess, order_no: str, accepted: bool, now_ms: int  # noqa: ARG002
    ) -> Steps[None]:  # fmt: skip
        """Raise: this platform's refunds are answered by people, in its own tools."""
        raise ShopRefused("cancel_answer", f"{self.name} refunds are answered in its own tools.")
        yield  # a generator like its sisters


def form(shop: ShopAccess, params: Mapping[str, str]) -> Call:
    """Return a form-encoded POST to the platform's gateway."""
    return Call(
        method="POST",
        url=shop.url,
        headers=(("content-type", "application/x-www-form-urlencoded;charset=utf-8"),),
        body=urlencode(sorted(params.items())).encode(),
    )


def courier_code(shop: ShopAccess, shipment: Shipment) -> str:
    """Return the platform's code of the courier; raises ShopRefused when nobody gave it."""
    code = shop.options.get(f"courier_{shipment.courier}", "")
    if not code:
        raise ShopRefused(
            "courier_unknown",
            f"Failed to confirm a shipment: this shop has no code for courier {shipment.courier}.",
            hint=f"Add the shop again with the option courier_{shipment.courier}=CODE.",
        )
    return code


def state_of(status: str, states: Mapping[str, RemoteState], lines: int) -> RemoteState:
    """Return what a platform's status means to us; without lines left it is cancelled."""
    state = states.get(status, "waiting")
    return "cancelled" if state == "open" and not lines else state


def texts(value: object) -> object:
    """Return JSON with numbers as text and without nulls.

    These platforms write an id now as a number and now as text; it must mean the same either way.
    """
    if isinstance(value, dict):
        return {name: texts(part) for name, part in value.items() if part is not None}
    if isinstance(value, list):
        return [texts(part) for part in value]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
