"""Douyin's shops (Doudian).

Sources: https://op.jinritemai.com/docs/guide-docs/10/23 (calling and signing),
https://op.jinritemai.com/docs/guide-docs/153/99 (messages), and the platform's own Java library
(order.searchList, order.orderDetail, order.logisticsAddSinglePack).

A parcel is told as one package with the units it holds: order.logisticsAdd would mark every line
of the order as sent, also those still on the shelf.

Addresses come encrypted; orders carry the masked form until somebody decrypts them on the platform.
Secrets: `app_key`, `app_secret`, `access_token`. Options: `courier_SF` and so on.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from hub.channels.base import (
    Call,
    Heard,
    Page,
    RemoteOrder,
    RemoteState,
    Shipment,
    ShopAccess,
    Steps,
    Window,
)
from hub.channels.chinese import NoStock, courier_code, state_of, texts
from hub.channels.errors import ShopThrottled
from hub.channels.reading import (
    check,
    china_text,
    decode,
    open_order,
    refused,
    rfc3339,
    sort_out,
)
from hub.channels.signing import refusal, same

T = TypeVar("T")

NAME: Final = "douyin"
PAGE_SIZE: Final = 100
_BUSY: Final = frozenset({"80000", "80001", "80002"})
_STATES: Final[dict[str, RemoteState]] = {
    "1": "waiting",
    "105": "open",
    "2": "open",
    "101": "open",
    "3": "closed",
    "4": "cancelled",
    "5": "closed",
}


class _Place(msgspec.Struct):
    name: str = ""


class _Address(msgspec.Struct):
    province: _Place = msgspec.field(default_factory=_Place)
    city: _Place = msgspec.field(default_factory=_Place)
    town: _Place = msgspec.field(default_factory=_Place)
    street: _Place = msgspec.field(default_factory=_Place)
    detail: str = ""


class _Line(msgspec.Struct):
    order_id: str
    item_num: int
    code: str = ""
    out_sku_id: str = ""
    origin_amount: int = 0
    order_status: str = ""


class _Logistics(msgspec.Struct):
    tracking_no: str = ""


class _Order(msgspec.Struct):
    order_id: str
    order_status: str
    create_time: int
    update_time: int
    buyer_words: str = ""
    post_receiver: str = ""
    post_tel: str = ""
    mask_post_receiver: str = ""
    mask_post_tel: str = ""
    post_addr: _Address = msgspec.field(default_factory=_Address)
    mask_post_addr: _Address = msgspec.field(default_factory=_Address)
    sku_order_list: list[_Line] = msgspec.field(default_factory=list)
    logistics_info: list[_Logistics] = msgspec.field(default_factory=list)


class _Found(msgspec.Struct):
    total: int = 0
    shop_order_list: list[msgspec.Raw] = msgspec.field(default_factory=list)


class _Detail(msgspec.Struct):
    shop_order_detail: msgspec.Raw


class _Envelope(msgspec.Struct):
    code: int = 10000
    sub_code: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


def sign(params: Mapping[str, str], secret: str) -> str:
    """Return Doudian's signature of a call: HMAC-SHA256 in small hex.

    The text is `app_key..method..param_json..timestamp..v..` between two secrets; the key is the
    secret, too.
    """
    names = ("app_key", "method", "param_json", "timestamp", "v")
    text = secret + "".join(name + params[name] for name in names) + secret
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def sign_message(app_key: str, body: bytes, secret: str) -> str:
    """Return Doudian's signature of a message to us: md5 of key, body and secret."""
    text = app_key.encode() + body + secret.encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


class Douyin(NoStock):
    """See `hub.channels.base.Channel`."""

    name = NAME
    window_ms_max = 86_400_000

    def pull(self, shop: ShopAccess, window: Window, now_ms: int) -> Steps[Page]:
        """Return one page of orders by time of change, oldest first."""
        number = int(window.page or "0")
        found = yield from _ask(
            shop,
            "order.searchList",
            {
                "update_time_start": window.since_ms // 1000,
                "update_time_end": window.until_ms // 1000 + 1,
                "order_by": "update_time",
                "order_asc": True,
                "page": number,
                "size": PAGE_SIZE,
            },
            now_ms,
            _Found,
            "read orders",
        )
        page = sort_out(found.shop_order_list, lambda item: remote(shop, item), "order_id")
        more = (number + 1) * PAGE_SIZE < found.total
        return msgspec.structs.replace(page, next=str(number + 1) if more else "")

    def heard(
        self, shop: ShopAccess, headers: Mapping[str, str], body: bytes, now_ms: int  # noqa: ARG002
    ) -> Heard:  # fmt: skip
        """Return "pull" after proving the message; it names an order, it does not carry it."""
        expected = sign_message(shop.secret("app_key"), body, shop.secret("app_secret"))
        given = headers.get("event-sign", "")
        if not shop.secret("app_secret") or not same(expected, given.lower()):
            raise refusal("event-sign does not fit")
        return Heard(pull=True)

    def confirm(self, shop: ShopAccess, shipment: Shipment, now_ms: int) -> Steps[None]:
        """Send the tracking number, unless the order has it."""
        detail = yield from _ask(
            shop,
            "order.orderDetail",
            {"shop_order_id": shipment.order_no},
            now_ms,
            _Detail,
            "read a shipment",
        )
        order = _read(bytes(detail.shop_order_detail))
        if any(one.tracking_no == shipment.waybill for one in order.logistics_info):
            return
        params = {
            "order_id_list": [shipment.order_no],
            "shipped_order_info": _units(shipment),
            "company_code": courier_code(shop, shipment),
            "logistics_code": shipment.waybill,
            "request_id": shipment.parcel_id,  # asked twice, the platform answers the first again
        }
        yield from _ask(
            shop, "order.logisticsAddSinglePack", params, now_ms, msgspec.Raw, "confirm a shipment"
        )


def _units(shipment: Shipment) -> list[dict[str, Any]]:
    units: dict[str, int] = {}
    for line in shipment.lines:
        units[line.remote_line_id] = units.get(line.remote_line_id, 0) + line.quantity
    return [{"shipped_order_id": name, "shipped_num": count} for name, count in units.items()]


def _read(content: bytes) -> _Order:
    return msgspec.convert(texts(msgspec.json.decode(content)), _Order, strict=False)


def remote(shop: ShopAccess, content: bytes) -> RemoteOrder:
    """Return one order; amounts are in fen, times in seconds."""
    order = _read(content)
    wanted = sorted(
        (line for line in order.sku_order_list if line.order_status != "4"),
        key=lambda line: (len(line.order_id), line.order_id),
    )
    state = state_of(order.order_status, _STATES, len(wanted))
    found = None
    if state == "open":
        found = open_order(NAME, shop.shop, order.order_id, _fields(order), _lines(wanted))
    return RemoteOrder(
        order_no=order.order_id,
        mark=order.update_time * 1000,
        state=state,
        remote_id=order.order_id,
        order=found,
        line_ids={number: line.order_id for number, line in enumerate(wanted, 1)},
    )


def _fields(order: _Order) -> dict[str, Any]:
    to = order.post_addr if order.post_addr.detail else order.mask_post_addr
    return {
        "placed_at": rfc3339(order.create_time * 1000),
        "buyer": {
            "name": order.post_receiver or order.mask_post_receiver,
            "phone": order.post_tel or order.mask_post_tel,
        },
        "address": {
            "country": "CN",
            "province": to.province.name,
            "city": to.city.name,
            "district": to.town.name,
            "street": " ".join(part for part in (to.street.name, to.detail) if part),
        },
        "buyer_remark": order.buyer_words[:2_000],
    }


def _lines(wanted: list[_Line]) -> list[dict[str, Any]]:
    return [
        {
            "line_no": number,
            "sku": (line.code or line.out_sku_id).strip(),
            "quantity": line.item_num,
            "unit_price_minor": line.origin_amount,
            "currency": "CNY",
        }
        for number, line in enumerate(wanted, 1)
    ]


def _ask(
    shop: ShopAccess, method: str, params: dict[str, Any], now_ms: int, kind: type[T], what: str
) -> Steps[T]:
    body = msgspec.json.encode(params, order="sorted")
    signed = {
        "method": method,
        "app_key": shop.secret("app_key"),
        "param_json": body.decode(),
        "timestamp": china_text(now_ms),
        "v": "2",
    }
    query = {name: value for name, value in signed.items() if name != "param_json"} | {
        "access_token": shop.secret("access_token"),
        "sign": sign(signed, shop.secret("app_secret")),
        "sign_method": "hmac-sha256",
    }
    reply = yield Call(
        method="POST",
        url=f"{shop.url.rstrip('/')}/{method.replace('.', '/')}",
        query=tuple(query.items()),
        headers=(("content-type", "application/json;charset=UTF-8"),),
        body=body,
    )
    answer = decode(check(reply, what).body, _Envelope, what)
    if answer.code != 10000:
        if str(answer.code) in _BUSY:
            raise ShopThrottled(
                f"Failed to {what}: Doudian asks us to slow down.", retry_after_ms=0
            )
        raise refused(what, answer.sub_code or answer.code)
    return decode(bytes(answer.data), kind, what)
