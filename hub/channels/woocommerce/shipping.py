"""A parcel in WooCommerce: a note the customer sees, a line of meta data, and the order's end."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from hub.channels.base import Shipment, ShopAccess, Steps
from hub.channels.reading import check, decode
from hub.channels.woocommerce.rest import call

META_KEY: Final = "bincard_parcels"


class _Meta(msgspec.Struct):
    key: str
    value: Any = None


class _Order(msgspec.Struct):
    status: str
    meta_data: list[_Meta] = msgspec.field(default_factory=list)


class _Note(msgspec.Struct):
    note: str = ""


def confirm(shop: ShopAccess, shipment: Shipment) -> Steps[None]:
    """Write the note first, then the meta data: what is there already is left alone."""
    path = f"orders/{shipment.remote_id}"
    reply = yield call(shop, "GET", path)
    order = decode(check(reply, "read a shipment").body, _Order, "read a shipment")
    known = _known(order)
    ended = order.status == "completed" or not shipment.whole
    if any(one.get("parcel_id") == shipment.parcel_id for one in known) and ended:
        return
    reply = yield call(shop, "GET", f"{path}/notes")
    notes = decode(check(reply, "read notes").body, list[_Note], "read notes")
    if not any(shipment.waybill in note.note for note in notes):
        text = f"Shipped with {shipment.courier}, tracking number {shipment.waybill}."
        reply = yield call(
            shop, "POST", f"{path}/notes", body={"note": text, "customer_note": True}
        )
        check(reply, "write a note")
    mine = {
        "parcel_id": shipment.parcel_id,
        "courier": shipment.courier,
        "waybill": shipment.waybill,
    }
    others = [one for one in known if one.get("parcel_id") != shipment.parcel_id]
    body: dict[str, Any] = {"meta_data": [{"key": META_KEY, "value": [*others, mine]}]}
    if shipment.whole:
        body["status"] = "completed"
    reply = yield call(shop, "PUT", path, body=body)
    check(reply, "confirm a shipment")


def _known(order: _Order) -> list[dict[str, Any]]:
    """Return the parcels the order tells of; other people's meta data may have any form."""
    for meta in order.meta_data:
        if meta.key == META_KEY and isinstance(meta.value, list):
            return [one for one in meta.value if isinstance(one, dict)]
    return []
