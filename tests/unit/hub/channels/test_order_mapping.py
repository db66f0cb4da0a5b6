"""Orders of every platform, as its documentation shows them, become ours; odd ones are reported."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.channels import CHANNELS, douyin
from hub.channels.base import Channel, Page, RemoteOrder, Window
from hub.channels.errors import ShopRefused, ShopSilent
from hub.channels.shopify import orders as shopify_orders
from hub.channels.signing import hmac_base64, standard_webhook
from hub.domain.channel_order import Address, Buyer, ChannelLine, ChannelOrder
from hub.shops.simulated.server import FACES
from hub.shops.simulated.shop import SimulatedShop
from tests.unit.hub.channels.talk import NOW_MS, SHOP, answer, fixture, talk

WINDOW = Window(since_ms=NOW_MS - 60_000, until_ms=NOW_MS)


def page_of(channel: str) -> Page:
    reply = answer(fixture(f"{channel}_orders.json"), x_wp_totalpages="1")
    page, _ = talk(CHANNELS[channel].pull(SHOP, WINDOW, NOW_MS), [reply])
    return page


def shown(remote: RemoteOrder) -> tuple[Any, ...]:
    """Return what matters of an order, in one line."""
    order = remote.order
    if order is None:
        return remote.order_no, remote.state, remote.mark
    return (
        remote.order_no,
        remote.state,
        remote.mark,
        remote.remote_id,
        remote.line_ids,
        (order.channel, order.shop, order.order_no, order.placed_at),
        (order.buyer.name, order.buyer.phone),
        tuple(value for value in msgspec.structs.astuple(order.address) if value not in ("", None)),
        [
            (line.line_no, line.sku, line.quantity, line.unit_price_minor, line.currency)
            for line in order.lines
        ],
        order.buyer_remark,
    )


EXPECTED: dict[str, list[tuple[Any, ...]]] = {
    "generic": [
        ("G-1", "open", 3, "G-1", {1: "1"},
         ("generic", "main", "G-1", "2026-11-22T10:00:00+08:00"), ("张三", "13712342206"),
         ("CN", "上海", "上海", "人民路1号"), [(1, "PHONE", 2, 199900, "CNY")], "快点"),
    ],
    "shopify": [
        ("#1001", "open", 1767985331000, "gid://shopify/Order/450789469",
         {1: "gid://shopify/LineItem/466157049", 2: "gid://shopify/LineItem/518995019"},
         ("shopify", "main", "#1001", "2026-01-09T19:00:00Z"), ("Bob Bobsen", "555-625-1199"),
         ("US", "Kentucky", "Louisville", "Chestnut Street 92", "40202", 45.41634, -75.6868),
         [(1, "IPOD2008GREEN", 2, 19999, "USD"), (2, "IPOD2008RED", 1, 19900, "USD")],
         "leave at the door"),
        ("#1002", "cancelled", 1767985500000),
        ("#1003", "waiting", 1767985560000),
    ],
    "woocommerce": [
        ("728", "open", 1490211060000, "728", {1: "317"},
         ("woocommerce", "main", "728", "2017-03-22T19:30:00Z"), ("John Doe", "(555) 555-5555"),
         ("US", "CA", "San Francisco", "969 Market", "94103"), [(1, "Bar3", 1, 1250, "USD")],
         "ring twice"),
        ("729", "cancelled", 1490211120000),
    ],
    "taobao": [
        ("2231958349", "open", 1794326410000, "2231958349", {1: "2231958350", 2: "2231958351"},
         ("taobao", "main", "2231958349", "2026-11-10T16:00:01Z"), ("张三", "13500000000"),
         ("CN", "浙江省", "杭州市", "西湖区", "三墩镇 文三路1号", "310000"),
         [(1, "CABLE", 1, 990, "CNY"), (2, "PHONE", 2, 20007, "CNY")], ""),
        ("2231958360", "cancelled", 1794330010000),
    ],
    "jd": [
        ("1234567890", "open", 1788998465000, "1234567890", {1: "100008"},
         ("jd", "main", "1234567890", "2026-09-10T00:00:05Z"), ("李四", "13600000000"),
         ("CN", "北京", "大兴区", "亦庄", "科创十一街18号"), [(1, "SCALE", 2, 4950, "CNY")],
         "周末送"),
        ("1234567891", "cancelled", 1789002000000),
    ],
    "douyin": [
        ("4784888888888888888", "open", 1789027500000, "4784888888888888888",
         {1: "4784888888888888889"},
         ("douyin", "main", "4784888888888888888", "2026-09-10T08:00:00Z"), ("王*", "1********00"),
         ("CN", "广东省", "广州市", "天河区", "石牌街道 体育西路***"),
         [(1, "CABLE", 2, 5900, "CNY")], ""),
        ("4784888888888888899", "waiting", 1789027201000),
    ],
    "pinduoduo": [
        ("201204-345678901234567", "open", 1796349630000, "201204-345678901234567", {1: "7001"},
         ("pinduoduo", "main", "201204-345678901234567", "2026-12-04T02:00:00Z"),
         ("赵六", "13800000000"), ("CN", "江苏省", "南京市", "玄武区", "中山路9号"),
         [(1, "PHONE", 1, 129990, "CNY")], "要红色"),
        ("201204-345678901234568", "cancelled", 1796353200000),
        ("201204-345678901234569", "waiting", 1796353200000),
    ],
}  # fmt: skip


@pytest.mark.parametrize("channel", sorted(CHANNELS))
def test_documented_orders_become_ours(channel: str) -> None:
    assert [shown(remote) for remote in page_of(channel).orders] == EXPECTED[channel]


@pytest.mark.parametrize(
    ("channel", "order_no", "told"),
    [("generic", "G-2", "$.order.lines[0].quantity"), ("woocommerce", "727", "$.lines[0].sku")],
)
def test_an_order_that_cannot_be_taken_is_named_with_its_reason(
    channel: str, order_no: str, told: str
) -> None:
    bad = page_of(channel).bad
    assert [one.order_no for one in bad] == [order_no]
    assert told in bad[0].reason


def test_a_shopify_webhook_and_the_query_tell_the_same_order() -> None:
    from_webhook = shopify_orders.from_webhook(SHOP, fixture("shopify_webhook.json"))
    assert from_webhook == page_of("shopify").orders[0]


def test_a_remark_that_taobao_leaves_out_is_asked_for() -> None:
    found = json.loads(fixture("taobao_orders.json"))
    found["trades_sold_increment_get_response"]["trades"]["trade"][0]["has_buyer_message"] = True
    full = {"trade_fullinfo_get_response": {"trade": {"tid": 2231958349, "buyer_message": "加急"}}}
    page, calls = talk(CHANNELS["taobao"].pull(SHOP, WINDOW, NOW_MS), [answer(found), answer(full)])
    assert len(calls) == 2
    assert page.orders[0].order is not None
    assert page.orders[0].order.buyer_remark == "加急"


@pytest.mark.parametrize("channel", ["taobao", "pinduoduo"])
def test_pages_are_read_backwards_so_that_an_order_that_moves_is_not_skipped(channel: str) -> None:
    found = json.loads(fixture(f"{channel}_orders.json"))
    body = next(iter(found.values()))
    body["total_results" if channel == "taobao" else "total_count"] = 250
    asked, window = [], WINDOW
    while True:
        page, _ = talk(CHANNELS[channel].pull(SHOP, window, NOW_MS), [answer(found)])
        asked.append((window.page, len(page.orders)))
        if not page.next:
            break
        window = msgspec.structs.replace(window, page=page.next)
    orders = len(EXPECTED[channel])
    assert asked == [("", 0), ("3", orders), ("2", orders), ("1", orders)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def mangled(value: Any, path: list[int], other: Any) -> Any:
    """Return `value` with one part, found by `path`, replaced by `other`."""
    if isinstance(value, dict) and value and path:
        name = sorted(value)[path[0] % len(value)]
        return {**value, name: mangled(value[name], path[1:], other)}
    if isinstance(value, list) and value and path:
        at = path[0] % len(value)
        return [*value[:at], mangled(value[at], path[1:], other), *value[at + 1 :]]
    return other


def items_of(channel: str) -> tuple[Any, list[Any]]:
    found = json.loads(fixture(f"{channel}_orders.json"))
    where: Any = found
    for name in {
        "generic": ("orders",),
        "shopify": ("data", "orders", "nodes"),
        "woocommerce": (),
        "taobao": ("trades_sold_increment_get_response", "trades", "trade"),
        "jd": ("jingdong_pop_order_search_responce", "searchorderinfo_result", "orderInfoList"),
        "douyin": ("data", "shop_order_list"),
        "pinduoduo": ("order_sn_increment_get_response", "order_sn_list"),
    }[channel]:
        where = where[name]
    return found, where


@pytest.mark.parametrize("channel", sorted(CHANNELS))
@given(path=st.lists(st.integers(0, 40), min_size=1, max_size=5), other=JSON)
def test_an_odd_order_never_blocks_the_others(channel: str, path: list[int], other: Any) -> None:
    found, items = items_of(channel)
    untouched = len(items)
    items.insert(0, mangled(items[0], path, other))
    body = json.dumps(found, allow_nan=False) if _finite(other) else json.dumps(found)
    replies = [answer(body.encode(), x_wp_totalpages="1")]
    talked: Channel = CHANNELS[channel]
    try:
        page, _ = talk(talked.pull(SHOP, WINDOW, NOW_MS), replies)
    except IndexError:
        return  # taobao: the odd order claims a remark, which would be asked for
    except ShopSilent:
        assert not _finite(other)
        return
    assert len(page.orders) + len(page.bad) == untouched + 1
    assert {one.order_no for one in page.orders} >= {row[0] for row in EXPECTED[channel][1:]}
    assert all(one.reason for one in page.bad)


def _finite(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("channel", sorted(CHANNELS))
@given(body=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_answer_is_read_or_refused_in_a_sentence(channel: str, body: bytes) -> None:
    with suppress(ShopSilent, ShopRefused):
        page, _ = talk(CHANNELS[channel].pull(SHOP, WINDOW, NOW_MS), [answer(body)])
        assert page.orders == ()


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)
WORD = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
LINES = st.lists(st.tuples(WORD, st.integers(1, 1_000)), min_size=1, max_size=5)


@given(order_no=WORD, lines=LINES, name=TEXT, street=TEXT, remark=TEXT, version=st.integers(1, 99))
def test_a_generic_order_comes_through_as_it_was_sent(
    order_no: str, lines: list[tuple[str, int]], name: str, street: str, remark: str, version: int
) -> None:
    sent = ChannelOrder(
        channel="generic",
        shop="main",
        order_no=order_no,
        version=version,
        buyer=Buyer(name=name),
        address=Address(street=street),
        lines=tuple(
            ChannelLine(line_no=number, sku=sku, quantity=units)
            for number, (sku, units) in enumerate(lines, 1)
        ),
        buyer_remark=remark,
    )
    body = {"orders": [{"order": msgspec.to_builtins(sent)}]}
    page, _ = talk(CHANNELS["generic"].pull(SHOP, WINDOW, NOW_MS), [answer(body)])
    assert [remote.order for remote in page.orders] == [sent]
    assert page.orders[0].mark == version


@pytest.mark.parametrize("face", sorted(FACES))
@given(lines=LINES)
def test_what_the_simulated_shop_sells_is_what_we_read(
    face: str, lines: list[tuple[str, int]]
) -> None:
    shop = SimulatedShop()
    shop.sell("1001", lines, NOW_MS, force=True)
    steps = CHANNELS[face].pull(SHOP, WINDOW, NOW_MS)
    sent = next(steps)
    target = urlsplit(sent.url)
    query = target.query or urlencode(sent.query)
    path = target.path + (f"?{query}" if query else "")
    status, content = FACES[face](shop, sent.method, path, sent.body)
    with pytest.raises(StopIteration) as ended:
        steps.send(answer(content, status))
    (remote,) = ended.value.value.orders
    assert [(line.sku, line.quantity) for line in remote.order.lines] == lines


def signed_headers(channel: str, body: bytes) -> dict[str, str]:
    secret = SHOP.secret("webhook_secret")
    if channel == "generic":
        stamp = str(NOW_MS // 1000)
        signature = standard_webhook(secret, "msg_1", stamp, body)
        return {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": signature}
    if channel == "douyin":
        return {"event-sign": douyin.sign_message("key", body, "secret")}
    signature = hmac_base64(secret.encode(), body)
    return {
        "x-shopify-hmac-sha256": signature,
        "x-shopify-topic": "orders/create",
        "x-wc-webhook-signature": signature,
        "x-wc-webhook-topic": "order.created",
    }


@pytest.mark.parametrize("channel", ["generic", "shopify", "woocommerce", "douyin"])
@given(
    body=st.binary(max_size=60)
    | JSON.map(lambda value: json.dumps(value).encode())
    | JSON.map(lambda value: json.dumps({"type": "order.updated", "data": value}).encode())
)
def test_a_signed_webhook_with_any_body_is_heard_and_what_is_odd_is_reported(
    channel: str, body: bytes
) -> None:
    heard = CHANNELS[channel].heard(SHOP, signed_headers(channel, body), body, NOW_MS)
    assert heard.orders == ()
    assert heard.pull or heard.bad
