"""JD's marketplace (POP) through JOS.

Sources: https://open.jd.com/v2/#/doc/dev-guide?listId=2643 (calling and signing), and JD's own
libraries (jingdong.pop.order.search, jingdong.pop.order.get, jingdong.pop.order.shipment).

Secrets: `app_key`, `app_secret`, `access_token`. Options: `courier_SF` and so on.
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
from hub.channels.chinese import NoStock, courier_code, form, state_of, texts
from hub.channels.errors import ShopRefused, ShopThrottled
from hub.channels.reading import (
    check,
    china_ms,
    china_text,
    decode,
    minor,
    open_order,
    refused,
    rfc3339,
    sort_out,
)
from hub.channels.signing import bracketed_md5, refusal

T = TypeVar("T")

NAME: Final = "jd"
PAGE_SIZE: Final = 50
_PARAM: Final = "360buy_param_json"
_FIELDS: Final = (
    "orderId,orderState,orderStartTime,modified,orderRemark,consigneeInfo,itemInfoList,waybill"
)
_WANTED: Final = "WAIT_SELLER_STOCK_OUT,WAIT_GOODS_RECEIVE_CONFIRM,FINISHED_L,TRADE_CANCELED,LOCKED"
_BUSY: Final = frozenset({"43", "67"})
_STATES: Final[dict[str, RemoteState]] = {
    "WAIT_SELLER_STOCK_OUT": "open",
    "WAIT_GOODS_RECEIVE_CONFIRM": "closed",
    "FINISHED_L": "closed",
    "TRADE_CANCELED": "cancelled",
    "LOCKED": "waiting",
}


class _Item(msgspec.Struct, rename="camel"):
    sku_id: str
    item_total: int
    outer_sku_id: str = ""
    jd_price: str = "0"


class _Consignee(msgspec.Struct):
    fullname: str = ""
    mobile: str = ""
    telephone: str = ""
    province: str = ""
    city: str = ""
    county: str = ""
    town: str = ""
    full_address: str = msgspec.field(name="fullAddress", default="")


class _Order(msgspec.Struct, rename="camel"):
    order_id: str
    order_state: str
    order_start_time: str
    modified: str
    order_remark: str = ""
    consignee_info: _Consignee = msgspec.field(default_factory=_Consignee)
    item_info_list: list[_Item] = msgspec.field(default_factory=list)


class _Result(msgspec.Struct, rename="camel"):
    order_total: int = 0
    order_info_list: list[msgspec.Raw] = msgspec.field(default_factory=list)


class _Search(msgspec.Struct):
    searchorderinfo_result: _Result


class _SearchAnswer(msgspec.Struct):
    jingdong_pop_order_search_responce: _Search


class _Waybill(msgspec.Struct):
    """What the order has been told: couriers and their numbers in step, `|` between couriers."""

    waybill: str | None = None
    logistics_id: str | int | None = msgspec.field(name="logisticsId", default=None)


class _GetInfo(msgspec.Struct, rename="camel"):
    order_info: _Waybill


class _GetDetail(msgspec.Struct):
    order_detail_info: _GetInfo = msgspec.field(name="orderDetailInfo")


class _GetAnswer(msgspec.Struct):
    jingdong_pop_order_get_responce: _GetDetail


class _Error(msgspec.Struct):
    code: str = ""


class _Envelope(msgspec.Struct):
    error_response: _Error | None = None


def sign(params: Mapping[str, str], secret: str) -> str:
    """Return JOS's signature: md5 of the sorted parameters between two secrets, in capitals."""
    return bracketed_md5(params, secret)


class Jd(NoStock):
    """See `hub.channels.base.Channel`."""

    name = NAME
    window_ms_max = 86_400_000

    def pull(self, shop: ShopAccess, window: Window, now_ms: int) -> Steps[Page]:
        """Return one page of orders, oldest change first."""
        number = int(window.page or "1")
        params = {
            "start_date": china_text(window.since_ms),
            "end_date": china_text(window.until_ms + 999),
            "order_state": _WANTED,
            "optional_fields": _FIELDS,
            "page": str(number),
            "page_size": str(PAGE_SIZE),
            "dateType": "0",
            "sortType": "0",  # 1 would be newest first
        }
        answer = yield from _ask(
            shop, "jingdong.pop.order.search", params, now_ms, _SearchAnswer, "read orders"
        )
        found = answer.jingdong_pop_order_search_responce.searchorderinfo_result
        page = sort_out(found.order_info_list, lambda item: remote(shop, item), "orderId")
        more = number * PAGE_SIZE < found.order_total
        return msgspec.structs.replace(page, next=str(number + 1) if more else "")

    def heard(
        self, shop: ShopAccess, headers: Mapping[str, str], body: bytes, now_ms: int  # noqa: ARG002
    ) -> Heard:  # fmt: skip
        """Refuse: JD is pulled; its message service is not connected."""
        raise refusal("JD has no webhooks here, its orders are pulled")

    def confirm(self, shop: ShopAccess, shipment: Shipment, now_ms: int) -> Steps[None]:
        """Send the tracking number, unless the order has it."""
        asked = {"order_id": shipment.order_no, "optional_fields": "orderId,waybill,logisticsId"}
        answer = yield from _ask(
            shop, "jingdong.pop.order.get", asked, now_ms, _GetAnswer, "read a shipment"
        )
        known = answer.jingdong_pop_order_get_responce.order_detail_info.order_info
        if shipment.waybill in (known.waybill or "").replace("|", ",").split(","):
            return
        told = _with_parcel(known, courier_code(shop, shipment), shipment.waybill)
        params = {
            "orderId": shipment.order_no,
            "logiCoprId": "|".join(told),
            "logiNo": "|".join(told.values()),
        }
        yield from _ask(
            shop, "jingdong.pop.order.shipment", params, now_ms, _Envelope, "confirm a shipment"
        )


def _with_parcel(known: _Waybill, courier: str, waybill: str) -> dict[str, str]:
    """Return each courier's waybills, a comma between two of one courier.

    Raises ShopRefused when the order's couriers and numbers are not in step: to guess would give a
    buyer the wrong courier.
    """
    numbers = known.waybill.split("|") if known.waybill else []
    couriers = str(known.logistics_id or courier).split("|") if numbers else []
    if len(couriers) != len(numbers):
        raise ShopRefused(
            "waybills_unclear",
            f"Expected one courier for each of the order's {len(numbers)} waybills, "
            f"got {len(couriers)}.",
            hint="Add this parcel's waybill to the order in JD's own tools.",
        )
    told = dict(zip(couriers, numbers, strict=True))
    told[courier] = ",".join(part for part in (told.get(courier, ""), waybill) if part)
    return told


def remote(shop: ShopAccess, content: bytes) -> RemoteOrder:
    """Return one order; JD writes numbers as text or as numbers."""
    order = msgspec.convert(texts(msgspec.json.decode(content)), _Order, strict=False)
    items = sorted(order.item_info_list, key=lambda item: (len(item.sku_id), item.sku_id))
    state = state_of(order.order_state, _STATES, len(items))
    found = None
    if state == "open":
        found = open_order(NAME, shop.shop, order.order_id, _fields(order), _lines(items))
    return RemoteOrder(
        order_no=order.order_id,
        mark=china_ms(order.modified),
        state=state,
        remote_id=order.order_id,
        order=found,
        line_ids={number: item.sku_id for number, item in enumerate(items, 1)},
    )


def _fields(order: _Order) -> dict[str, Any]:
    to = order.consignee_info
    return {
        "placed_at": rfc3339(china_ms(order.order_start_time)),
        "buyer": {"name": to.fullname, "phone": to.mobile or to.telephone},
        "address": {
            "country": "CN",
            "province": to.province,
            "city": to.city,
            "district": to.county,
            "street": to.full_address,
        },
        "buyer_remark": order.order_remark[:2_000],
    }


def _lines(items: list[_Item]) -> list[dict[str, Any]]:
    return [
        {
            "line_no": number,
            "sku": item.outer_sku_id.strip(),
            "quantity": item.item_total,
            "unit_price_minor": minor(item.jd_price, "CNY"),
            "currency": "CNY",
        }
        for number, item in enumerate(items, 1)
    ]


def _ask(
    shop: ShopAccess, method: str, params: Mapping[str, str], now_ms: int, kind: type[T], what: str
) -> Steps[T]:
    signed = {
        "method": method,
        "app_key": shop.secret("app_key"),
        "access_token": shop.secret("access_token"),
        "timestamp": china_text(now_ms),
        "v": "2.0",
        _PARAM: msgspec.json.encode(params, order="sorted").decode(),
    }
    signed["sign"] = sign(signed, shop.secret("app_secret"))
    reply = yield form(shop, signed)
    body = check(reply, what).body
    error = decode(body, _Envelope, what).error_response
    if error is not None:
        if error.code in _BUSY:
            raise ShopThrottled(f"Failed to {what}: JOS asks us to slow down.", retry_after_ms=0)
        raise refused(what, error.code)
    return decode(body, kind, what)
