"""Taobao and Tmall through TOP.

Sources: https://open.taobao.com/doc.htm?docId=101617&docType=1 (calling and signing), and the pages
of taobao.trades.sold.increment.get, taobao.trade.fullinfo.get and taobao.logistics.offline.send at
https://open.taobao.com/api.htm.

Secrets: `app_key`, `app_secret`, `session`. Options: `courier_SF` and so on.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from hub.channels.base import Heard, Page, Shipment, ShopAccess, Steps, Window
from hub.channels.chinese import NoStock, courier_code, form
from hub.channels.errors import ShopThrottled
from hub.channels.reading import check, china_text, decode, refused, sort_out
from hub.channels.signing import bracketed_md5, joined, refusal
from hub.channels.taobao import orders

T = TypeVar("T")

PAGE_SIZE: Final = 100
_BUSY: Final = frozenset({"7", "accesscontrol.limited-by-api-access-count"})


def sign(params: Mapping[str, str], secret: str) -> str:
    """Return TOP's signature by the `sign_method` of `params`: md5, hmac (md5) or hmac-sha256."""
    method = params.get("sign_method", "md5")
    if method == "md5":
        return bracketed_md5(params, secret)
    digest = hashlib.sha256 if method == "hmac-sha256" else hashlib.md5
    return hmac.new(secret.encode(), joined(params).encode(), digest).hexdigest().upper()


class _Error(msgspec.Struct):
    code: int = 0
    sub_code: str = ""


class _Envelope(msgspec.Struct):
    error_response: _Error | None = None


class Taobao(NoStock):
    """See `hub.channels.base.Channel`."""

    name = orders.NAME
    window_ms_max = 86_400_000
    """TOP answers for one day at most."""

    def pull(self, shop: ShopAccess, window: Window, now_ms: int) -> Steps[Page]:
        """Return one page, from the last page to the first as TOP advises.

        A trade that changes while we read moves to the end; read backwards, none is skipped.
        """
        number = int(window.page or "1")
        answer = yield from _ask(
            shop,
            "taobao.trades.sold.increment.get",
            {
                "fields": orders.LIST_FIELDS,
                "start_modified": china_text(window.since_ms),
                "end_modified": china_text(window.until_ms + 999),
                "page_no": str(number),
                "page_size": str(PAGE_SIZE),
            },
            now_ms,
            orders.ListAnswer,
            "read orders",
        )
        found = answer.trades_sold_increment_get_response
        last = -(-found.total_results // PAGE_SIZE)
        if not window.page and last > 1:
            return Page(next=str(last))
        page = sort_out(found.trades.trade, lambda item: orders.remote(shop, item), "tid")
        page = yield from self._remarks(shop, page, now_ms)
        return msgspec.structs.replace(page, next=str(number - 1) if number > 1 else "")

    def _remarks(self, shop: ShopAccess, page: Page, now_ms: int) -> Steps[Page]:
        """Ask for what the list leaves out: the remarks of orders that have one."""
        whole = []
        for remote in page.orders:
            if remote.order is None or not remote.order.buyer_remark:
                whole.append(remote)
                continue
            answer = yield from _ask(
                shop,
                "taobao.trade.fullinfo.get",
                {"fields": "tid,buyer_message", "tid": remote.order_no},
                now_ms,
                orders.FullAnswer,
                "read an order",
            )
            remark = answer.trade.buyer_message
            order = msgspec.structs.replace(remote.order, buyer_remark=remark[:2_000])
            whole.append(msgspec.structs.replace(remote, order=order))
        return msgspec.structs.replace(page, orders=tuple(whole))

    def heard(
        self, shop: ShopAccess, headers: Mapping[str, str], body: bytes, now_ms: int  # noqa: ARG002
    ) -> Heard:  # fmt: skip
        """Refuse: TOP's messages come over a socket of its own (TMC), which is not connected."""
        raise refusal("Taobao has no webhooks, its orders are pulled")

    def confirm(self, shop: ShopAccess, shipment: Shipment, now_ms: int) -> Steps[None]:
        """Send the tracking number, unless the trade has it."""
        answer = yield from _ask(
            shop,
            "taobao.trade.fullinfo.get",
            {"fields": "tid,orders", "tid": shipment.order_no},
            now_ms,
            orders.FullAnswer,
            "read a shipment",
        )
        subs = answer.trade.orders.order
        if any(sub.invoice_no == shipment.waybill for sub in subs):
            return
        params = {
            "tid": shipment.order_no,
            "out_sid": shipment.waybill,
            "company_code": courier_code(shop, shipment),
        }
        if not shipment.whole:
            params |= {"is_split": "1", "sub_tid": _subs(shipment)}
        yield from _ask(
            shop, "taobao.logistics.offline.send", params, now_ms, _Envelope, "confirm a shipment"
        )


def _subs(shipment: Shipment) -> str:
    return ",".join(sorted({line.remote_line_id for line in shipment.lines}))


def _ask(
    shop: ShopAccess, method: str, params: Mapping[str, str], now_ms: int, kind: type[T], what: str
) -> Steps[T]:
    signed = {
        "method": method,
        "app_key": shop.secret("app_key"),
        "session": shop.secret("session"),
        "timestamp": china_text(now_ms),
        "format": "json",
        "v": "2.0",
        "sign_method": "hmac-sha256",
        **params,
    }
    signed["sign"] = sign(signed, shop.secret("app_secret"))
    reply = yield form(shop, signed)
    body = check(reply, what).body
    error = decode(body, _Envelope, what).error_response
    if error is not None:
        if str(error.code) in _BUSY or error.sub_code in _BUSY:
            raise ShopThrottled(f"Failed to {what}: TOP asks us to slow down.", retry_after_ms=0)
        raise refused(what, error.sub_code or error.code)
    return decode(body, kind, what)
