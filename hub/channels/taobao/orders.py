"""Taobao's trades and their orders (we say: orders and their lines) as ours."""

from __future__ import annotations

from typing import Final

import msgspec

from hub.channels.base import RemoteOrder, RemoteState, ShopAccess
from hub.channels.chinese import state_of, texts
from hub.channels.errors import ShopSilent
from hub.channels.reading import china_ms, minor, open_order, rfc3339

NAME: Final = "taobao"
LIST_FIELDS: Final = (
    "tid,status,created,pay_time,modified,has_buyer_message,receiver_name,receiver_state,"
    "receiver_city,receiver_district,receiver_town,receiver_address,receiver_zip,"
    "receiver_mobile,receiver_phone,orders"
)
_STATES: Final[dict[str, RemoteState]] = {
    "WAIT_SELLER_SEND_GOODS": "open",
    "SELLER_CONSIGNED_PART": "open",
    "WAIT_BUYER_CONFIRM_GOODS": "closed",
    "TRADE_BUYER_SIGNED": "closed",
    "TRADE_FINISHED": "closed",
    "TRADE_CLOSED": "cancelled",
    "TRADE_CLOSED_BY_TAOBAO": "cancelled",
}


class _Sub(msgspec.Struct):
    oid: str
    num: int
    price: str = "0"
    outer_sku_id: str = ""
    outer_iid: str = ""
    status: str = ""
    invoice_no: str = ""


class _Subs(msgspec.Struct):
    order: list[_Sub] = msgspec.field(default_factory=list)


class Trade(msgspec.Struct):
    """One trade; TOP writes numbers sometimes as numbers and sometimes as text."""

    tid: str
    status: str = ""
    created: str = ""
    modified: str = ""
    buyer_message: str = ""
    has_buyer_message: bool = False
    receiver_name: str = ""
    receiver_state: str = ""
    receiver_city: str = ""
    receiver_district: str = ""
    receiver_town: str = ""
    receiver_address: str = ""
    receiver_zip: str = ""
    receiver_mobile: str = ""
    receiver_phone: str = ""
    orders: _Subs = msgspec.field(default_factory=_Subs)


class _Trades(msgspec.Struct):
    trade: list[msgspec.Raw] = msgspec.field(default_factory=list)


class _List(msgspec.Struct):
    total_results: int = 0
    trades: _Trades = msgspec.field(default_factory=_Trades)


class ListAnswer(msgspec.Struct):
    """The answer of taobao.trades.sold.increment.get."""

    trades_sold_increment_get_response: _List


class _Full(msgspec.Struct):
    trade: msgspec.Raw


class FullAnswer(msgspec.Struct):
    """The answer of taobao.trade.fullinfo.get."""

    trade_fullinfo_get_response: _Full

    @property
    def trade(self) -> Trade:
        """The one trade that was asked for; raises ShopSilent when it has another form."""
        try:
            return trade_of(bytes(self.trade_fullinfo_get_response.trade))
        except (msgspec.DecodeError, RecursionError) as error:
            raise ShopSilent(
                "shop_answer_unreadable", "Failed to read a trade: it has another form."
            ) from error


def trade_of(content: bytes) -> Trade:
    """Return a trade; `tid` and `oid` may come as numbers."""
    return msgspec.convert(texts(msgspec.json.decode(content)), Trade, strict=False)


def remote(shop: ShopAccess, content: bytes) -> RemoteOrder:
    """Return one trade. A remark of one blank means: there is one, ask for it."""
    trade = trade_of(content)
    wanted = sorted(
        (sub for sub in trade.orders.order if not sub.status.startswith("TRADE_CLOSED")),
        key=lambda sub: (len(sub.oid), sub.oid),
    )
    state = state_of(trade.status, _STATES, len(wanted))
    order = None
    if state == "open":
        street = " ".join(part for part in (trade.receiver_town, trade.receiver_address) if part)
        order = open_order(
            NAME,
            shop.shop,
            trade.tid,
            {
                "placed_at": rfc3339(china_ms(trade.created)),
                "buyer": {
                    "name": trade.receiver_name,
                    "phone": trade.receiver_mobile or trade.receiver_phone,
                },
                "address": {
                    "country": "CN",
                    "province": trade.receiver_state,
                    "city": trade.receiver_city,
                    "district": trade.receiver_district,
                    "street": street,
                    "postcode": trade.receiver_zip,
                },
                "buyer_remark": trade.buyer_message or (" " if trade.has_buyer_message else ""),
            },
            [
                {
                    "line_no": number,
                    "sku": (sub.outer_sku_id or sub.outer_iid).strip(),
                    "quantity": sub.num,
                    "unit_price_minor": minor(sub.price, "CNY"),
                    "currency": "CNY",
                }
                for number, sub in enumerate(wanted, 1)
            ],
        )
    return RemoteOrder(
        order_no=trade.tid,
        mark=china_ms(trade.modified),
        state=state,
        remote_id=trade.tid,
        order=order,
        line_ids={number: sub.oid for number, sub in enumerate(wanted, 1)},
    )
