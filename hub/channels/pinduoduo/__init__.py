"""Pinduoduo through its open platform.

Sources: https://open.pinduoduo.com/application/document/browse?idStr=8EC06C399636041E (calling and
signing), and the pages of pdd.order.number.list.increment.get, pdd.order.information.get and
pdd.logistics.online.send at https://open.pinduoduo.com/application/document/api.

A question covers half an hour at most. Secrets: `client_id`, `client_secret`, `access_token`.
Options: `courier_SF` and so on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from hub.channels.base import (
    Heard,
    Page,
    RemoteOrder,
    RemoteState,
    Shipment,
    ShopAccess,
    Steps,
    Window,
)
from hub.channels.chinese import NoStock, courier_code, form, texts
from hub.channels.errors import ShopThrottled
from hub.channels.reading import (
    check,
    china_ms,
    decode,
    minor,
    open_order,
    refused,
    rfc3339,
    sort_out,
)
from hub.channels.signing import bracketed_md5, refusal

T = TypeVar("T")

NAME: Final = "pinduoduo"
PAGE_SIZE: Final = 100
_BUSY: Final = frozenset({"70031", "70034"})


class _Item(msgspec.Struct):
    goods_count: int
    outer_id: str = ""
    outer_goods_id: str = ""
    goods_price: float | str = 0
    sku_id: str = ""


class _Order(msgspec.Struct):
    order_sn: str
    order_status: int
    updated_at: str
    created_time: str = ""
    refund_status: int = 1
    confirm_status: int = 1
    buyer_memo: str = ""
    receiver_name: str = ""
    receiver_phone: str = ""
    province: str = ""
    city: str = ""
    town: str = ""
    address: str = ""
    tracking_number: str = ""
    item_list: list[_Item] = msgspec.field(default_factory=list)


class _Found(msgspec.Struct):
    total_count: int = 0
    order_sn_list: list[msgspec.Raw] = msgspec.field(default_factory=list)


class _ListAnswer(msgspec.Struct):
    order_sn_increment_get_response: _Found


class _Info(msgspec.Struct):
    order_info: msgspec.Raw


class _InfoAnswer(msgspec.Struct):
    order_info_get_response: _Info


class _Error(msgspec.Struct):
    error_code: int = 0
    sub_code: str | None = None


class _Envelope(msgspec.Struct):
    error_response: _Error | None = None


def sign(params: Mapping[str, str], secret: str) -> str:
    """Return the signature: md5 of the sorted parameters between two secrets, in capitals."""
    return bracketed_md5(params, secret)


class Pinduoduo(NoStock):
    """See `hub.channels.base.Channel`."""

    name = NAME
    window_ms_max = 30 * 60_000

    def pull(self, shop: ShopAccess, window: Window, now_ms: int) -> Steps[Page]:
        """Return one page, from the last page to the first as the platform demands.

        An order that changes while we read moves to the end; read backwards, none is skipped.
        """
        number = int(window.page or "1")
        params = {
            "start_updated_at": str(window.since_ms // 1000),
            "end_updated_at": str(window.until_ms // 1000),
            "order_status": "5",
            "refund_status": "5",
            "is_lucky_flag": "0",  # all: a lottery order that was won is shipped like others
            "page": str(number),
            "page_size": str(PAGE_SIZE),
        }
        answer = yield from _ask(
            shop, "pdd.order.number.list.increment.get", params, now_ms, _ListAnswer, "read orders"
        )
        found = answer.order_sn_increment_get_response
        last = -(-found.total_count // PAGE_SIZE)
        if not window.page and last > 1:
            return Page(next=str(last))
        page = sort_out(found.order_sn_list, lambda item: remote(shop, item), "order_sn")
        return msgspec.structs.replace(page, next=str(number - 1) if number > 1 else "")

    def heard(
        self, shop: ShopAccess, headers: Mapping[str, str], body: bytes, now_ms: int  # noqa: ARG002
    ) -> Heard:  # fmt: skip
        """Refuse: Pinduoduo's messages come over a socket of its own, which is not connected."""
        raise refusal("Pinduoduo has no webhooks, its orders are pulled")

    def confirm(self, shop: ShopAccess, shipment: Shipment, now_ms: int) -> Steps[None]:
        """Send the tracking number, unless the order has it."""
        answer = yield from _ask(
            shop,
            "pdd.order.information.get",
            {"order_sn": shipment.order_no},
            now_ms,
            _InfoAnswer,
            "read a shipment",
        )
        order = _read(bytes(answer.order_info_get_response.order_info))
        if order.tracking_number == shipment.waybill:
            return
        params = {
            "order_sn": shipment.order_no,
            "logistics_id": courier_code(shop, shipment),
            "tracking_number": shipment.waybill,
        }
        yield from _ask(
            shop, "pdd.logistics.online.send", params, now_ms, _Envelope, "confirm a shipment"
        )


def _read(content: bytes) -> _Order:
    return msgspec.convert(texts(msgspec.json.decode(content)), _Order, strict=False)


def _state(order: _Order) -> RemoteState:
    """Refund status 4 is "refunded"; 2 and 3 are still argued about, so the goods wait."""
    if order.refund_status == 4 or order.confirm_status == 2:
        return "cancelled"
    if order.order_status != 1:
        return "closed"
    return "open" if order.confirm_status == 1 and order.refund_status == 1 else "waiting"


def remote(shop: ShopAccess, content: bytes) -> RemoteOrder:
    """Return one order."""
    order = _read(content)
    state = _state(order)
    found = None
    if state == "open":
        found = open_order(NAME, shop.shop, order.order_sn, _fields(order), _lines(order))
    return RemoteOrder(
        order_no=order.order_sn,
        mark=china_ms(order.updated_at),
        state=state,
        remote_id=order.order_sn,
        order=found,
        line_ids={number: item.sku_id for number, item in enumerate(order.item_list, 1)},
    )


def _fields(order: _Order) -> dict[str, Any]:
    return {
        "placed_at": rfc3339(china_ms(order.created_time)),
        "buyer": {"name": order.receiver_name, "phone": order.receiver_phone},
        "address": {
            "country": "CN",
            "province": order.province,
            "city": order.city,
            "district": order.town,
            "street": order.address,
        },
        "buyer_remark": order.buyer_memo[:2_000],
    }


def _lines(order: _Order) -> list[dict[str, Any]]:
    return [
        {
            "line_no": number,
            "sku": (item.outer_id or item.outer_goods_id).strip(),
            "quantity": item.goods_count,
            "unit_price_minor": minor(item.goods_price, "CNY"),
            "currency": "CNY",
        }
        for number, item in enumerate(order.item_list, 1)
    ]


def _ask(
    shop: ShopAccess, method: str, params: Mapping[str, str], now_ms: int, kind: type[T], what: str
) -> Steps[T]:
    signed = {
        "type": method,
        "client_id": shop.secret("client_id"),
        "access_token": shop.secret("access_token"),
        "timestamp": str(now_ms // 1000),
        "data_type": "JSON",
        **params,
    }
    signed["sign"] = sign(signed, shop.secret("client_secret"))
    reply = yield form(shop, signed)
    body = check(reply, what).body
    error = decode(body, _Envelope, what).error_response
    if error is not None:
        if str(error.error_code) in _BUSY:
            raise ShopThrottled(
                f"Failed to {what}: the platform asks us to slow down.", retry_after_ms=0
            )
        raise refused(what, error.sub_code or error.error_code)
    return decode(body, kind, what)
