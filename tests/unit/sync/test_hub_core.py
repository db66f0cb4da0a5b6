"""The hub's decisions, one at a time."""

from __future__ import annotations

import random

import pytest

from hub.sync import core_events as on
from hub.sync.core import HubCore
from hub.sync.core_hello import Fence, KnownLog, KnownNode, judge
from shared.domain.commands import CommandRecord
from shared.domain.facts import ZERO_HASH, FactRecord, chain_hash
from shared.sync import protocol as wire
from shared.sync.protocol import Epoch, LogMark, Mark

EPOCH = Epoch(2, b"hub-one.")
A, B = b"a" * 32, b"b" * 32


class Seeded:
    def __init__(self):
        self.rng = random.Random(1)

    def token_bytes(self, count):
        return self.rng.randbytes(count)


def hello(**changes):
    fields = {
        "proto_min": 1,
        "proto_max": 1,
        "node": "SHA",
        "incarnation": 5,
        "parent": None,
        "boot_no": 4,
        "heads": (LogMark(5, 10, A),),
        "hub_epoch_seen": EPOCH,
        "acked": (LogMark(5, 8, A),),
        "down_cursor": 2,
        "quota_totals": (),
        "schema": "s",
        "app_version": "1",
        "wall_ms": 1,
        "nonce": bytes(16),
    }
    return wire.Hello(**(fields | changes))


def known(**changes):
    fields = {
        "owner": "SHA",
        "revoked": False,
        "epoch": EPOCH,
        "logs": (KnownLog(5, 3, Mark(8, A), Mark()),),
        "hashes": {(5, 8): A},
        "down_head": 2,
    }
    return KnownNode(**(fields | changes))


def test_an_edge_that_continues_where_it_was_is_welcome():
    assert judge(hello(), known()) is None


def test_an_edge_nobody_heard_of_before_is_welcome_under_its_key():
    assert judge(hello(acked=()), known(logs=(), hashes={}, down_head=2)) is None


@pytest.mark.parametrize(
    ("greeting", "knowledge", "code"),
    [
        (hello(), known(owner=None), "unknown_key"),
        (hello(), known(revoked=True), "revoked"),
        (hello(node="CTU"), known(), "node_key_mismatch"),
        (hello(proto_min=0, proto_max=0), known(), "upgrade_edge"),
        (hello(proto_min=9, proto_max=9), known(), "upgrade_hub"),
        (hello(hub_epoch_seen=Epoch(3, b"hub-two.")), known(), "old_hub"),
        (hello(hub_epoch_seen=Epoch(2, b"hub-two.")), known(), "old_hub"),
        (hello(boot_no=3), known(), "clone"),
        (hello(heads=(LogMark(5, 7, A),)), known(), "edge_rolled_back"),
        (hello(acked=(LogMark(5, 8, B),)), known(), "fork"),
        (hello(heads=(LogMark(5, 8, B),), acked=()), known(), "fork"),
        (hello(acked=(LogMark(5, 9, A),)), known(), "hub_rolled_back"),
        (hello(), known(logs=(), hashes={}), "hub_rolled_back"),
        (hello(down_cursor=3), known(), "hub_rolled_back"),
        (hello(down_id="assign-1"), known(down_id="assign-2"), "hub_rolled_back"),
    ],
)
def test_each_reason_not_to_greet_has_its_code_and_a_sentence(greeting, knowledge, code):
    refusal = judge(greeting, knowledge)
    assert refusal is not None
    assert refusal.code == code
    assert refusal.sentence.endswith(".")


def test_a_hub_without_any_line_of_an_edge_takes_over_from_the_one_that_was_lost():
    greeting = hello(hub_epoch_seen=Epoch(9, b"hub-nine"))
    empty = known(logs=(KnownLog(5, 3, Mark(), Mark()),), hashes={})
    refusal = judge(greeting, empty)
    assert refusal is not None
    assert refusal.code == "hub_lost"
    for knows_it in (known(), known(logs=(), hashes={}, restored=True)):
        refusal = judge(greeting, knows_it)
        assert refusal is not None
        assert refusal.code == "old_hub", "two hubs are told apart"


OLD, NEW, SHOWN = b"\0\0\0\x06old.", b"\0\0\0\x07new.", b"\0\0\0\x05copy"
FENCE = Fence(count=7, confirmed=OLD, offered=NEW, machine="box-1")


@pytest.mark.parametrize(
    ("greeting", "fence", "silent_ms", "code"),
    [
        ({"fence": OLD}, FENCE, 0, None),
        ({"fence": NEW}, FENCE, 0, None),
        ({"fence": None}, FENCE, 0, None),
        ({"fence": SHOWN}, Fence(count=7), 0, None),
        ({"fence": SHOWN}, Fence(count=7, offered=NEW), 0, None),
        ({"fence": SHOWN}, FENCE, 29_999, "clone"),
        ({"fence": SHOWN}, FENCE, 30_000, "edge_rolled_back"),
        ({"fence": SHOWN, "incarnation": 6}, FENCE, 29_999, "clone"),
        ({"fence": SHOWN, "incarnation": 6}, FENCE, 30_000, None),
        ({"fence": NEW, "machine": "box-2"}, FENCE, 29_999, "clone"),
        ({"fence": NEW, "machine": "box-2"}, FENCE, 30_000, None),
        ({"fence": b"\0\0\0\x08away"}, FENCE, 0, "hub_rolled_back"),
        ({"fence": OLD}, Fence(7, OLD, None, "box-1", branch_first=True), 0, "edge_rolled_back"),
        ({"fence": NEW, "down_cursor": 1}, FENCE, 0, "edge_rolled_back"),
    ],
)
def test_one_machine_goes_on_and_others_wait_or_branch(greeting, fence, silent_ms, code):
    refusal = judge(hello(**greeting), known(fence=fence, silent_ms=silent_ms, cacked=2))
    assert (None if refusal is None else refusal.code) == code
    if code == "edge_rolled_back":
        assert refusal.agreed == LogMark(5, 8, A)
    if code == "clone":
        assert refusal.waiting
        assert 0 < refusal.retry_after_ms <= 10_000


def test_a_hub_in_a_new_life_may_have_forgotten_what_it_acknowledged():
    seen = Epoch(1, b"hub-one.")
    greeting = hello(hub_epoch_seen=seen, acked=(LogMark(5, 9, A),), down_cursor=7)
    assert judge(greeting, known()) is None


class Driver:
    """Feeds a core and sorts what comes out."""

    def __init__(self):
        self.core = HubCore(Seeded())
        self.now_ms = 0

    def feed(self, event):
        effects = self.core.handle(event, self.now_ms)
        self.sent = [wire.decode(e.data).message for e in effects if isinstance(e, on.Send)]
        self.effects = [e for e in effects if not isinstance(e, on.Send)]
        return self

    def hears(self, message, session=None, peer=b"p1", key="key"):
        data = wire.encode(self.session if session is None else session, message)
        return self.feed(on.Received(peer, key, data))

    def open(self, peer=b"p1", greeting=None):
        greeting = greeting or hello()
        self.hears(greeting, wire.NO_SESSION, peer)
        (admit,) = self.effects
        self.session = admit.session
        applied = (LogMark(5, 0, ZERO_HASH),)
        return self.feed(
            on.Admitted(peer, "key", admit.session, greeting, EPOCH, applied, (), 2, 1)
        )

    def applied(self, outcome):
        return self.feed(on.FactsApplied(b"p1", self.session, 5, outcome))


def facts(seq=1, node="SHA"):
    digest = chain_hash(ZERO_HASH, node, 5, seq, "k", 1, b"{}")
    record = FactRecord(node, 5, seq, ZERO_HASH, digest, "k", 1, b"{}", 1, 1, "op", "a")
    return wire.Facts(5, seq, ZERO_HASH, (record,))


def test_an_acknowledgement_leaves_only_after_the_commit():
    driver = Driver().open()
    driver.hears(facts())
    assert driver.sent == []
    assert [type(effect) for effect in driver.effects] == [on.ApplyFacts]
    (ack,) = driver.applied(on.Stored(Mark(1, A), 0)).sent
    assert ack.applied == Mark(1, A)


def test_storage_that_fails_takes_the_credit_away_and_gives_it_back_later():
    driver = Driver().open()
    for _ in range(wire.CREDIT_BATCHES_MAX * 2):
        driver.hears(facts())
        driver.feed(on.ApplyFailed(b"p1", driver.session))
    ping = wire.Ping(0, 0, 0, 1)
    assert driver.hears(ping).sent[0].credit_batches == 0
    driver.now_ms += 5_000
    driver.feed(on.Tick())
    assert driver.hears(ping).sent[0].credit_batches == 1
    assert [type(effect) for effect in driver.hears(facts()).effects] == [on.ApplyFacts]


def test_an_edge_that_ignores_its_credit_does_not_fill_the_hubs_memory():
    driver = Driver().open()
    taken = [driver.hears(facts()).effects for _ in range(wire.CREDIT_BATCHES_MAX + 5)]
    assert sum(len(effects) for effects in taken) == wire.CREDIT_BATCHES_MAX


def test_a_session_number_of_the_past_is_told_to_greet_again():
    driver = Driver().open()
    driver.hears(facts(), session=b"session0")
    assert driver.effects == []
    assert [message.code for message in driver.sent] == ["unknown_session"]


def test_the_same_greeting_twice_gets_the_same_answer_twice():
    driver = Driver().open()
    first = driver.sent
    assert driver.hears(hello(), wire.NO_SESSION).sent == first
    assert driver.effects == []


def test_a_newer_session_of_a_warehouse_ends_the_older_one():
    driver = Driver().open()
    driver.open(peer=b"p2", greeting=hello(nonce=b"n" * 16, boot_no=5))
    assert [type(message) for message in driver.sent] == [wire.Bye, wire.Welcome]
    assert driver.hears(facts(), peer=b"p1").effects == []


def test_fifteen_seconds_of_silence_end_a_session():
    driver = Driver().open()
    driver.now_ms = wire.DEAD_MS
    driver.feed(on.Tick())
    link = driver.core.links()["SHA"]
    assert (link.up, link.since_ms) == (False, wire.DEAD_MS)


def test_commands_go_one_batch_at_a_time_until_the_edge_has_them():
    driver = Driver().open()
    record = CommandRecord(3, "3", "cancel_parcel", 1, b"{}")
    driver.feed(on.CommandsRead(b"p1", driver.session, (record,), 3))
    assert driver.sent == [wire.Cmds(EPOCH, 3, (record,))]
    assert driver.feed(on.CommandsQueued("SHA")).effects == []
    driver.now_ms += 5_000
    assert driver.feed(on.Tick()).sent == [wire.Cmds(EPOCH, 3, (record,))]
    store, read = driver.hears(wire.Cack(3)).effects
    assert store == on.StoreCack("SHA", 3)
    assert read.after_seq == 3


def test_how_far_commands_are_done_is_noted_again_when_there_was_no_room_for_it():
    driver = Driver().open()
    note = on.StoreCack("SHA", hello().down_cursor)
    assert driver.feed(on.CackFailed("unheard")).effects == []
    for noted, kept in ((on.CackFailed("SHA"), True), (on.CommandsQueued("unheard"), False)):
        driver.feed(noted)
        driver.now_ms += wire.PUMP_MS
        assert (note in driver.feed(on.Tick()).effects) is kept


def test_an_edge_cannot_confirm_commands_it_was_never_sent():
    driver = Driver().open()
    assert driver.hears(wire.Cack(2**40)).effects == []


def test_a_key_that_is_no_longer_valid_ends_its_session():
    driver = Driver().open()
    assert driver.feed(on.KeysLoaded({"key": "SHA"})).sent == []
    assert [m.code for m in driver.feed(on.KeysLoaded({})).sent] == ["revoked"]
    assert driver.hears(facts()).effects == []


def test_a_frame_under_another_key_belongs_to_no_session():
    driver = Driver().open()
    driver.hears(facts(), key="other")
    assert driver.effects == []
    assert [message.code for message in driver.sent] == ["unknown_session"]


def test_a_fact_of_another_warehouse_ends_the_session():
    driver = Driver().open()
    driver.hears(facts(node="CTU"))
    assert driver.effects == []
    assert [message.code for message in driver.sent] == ["node_key_mismatch"]
    assert not driver.core.links()["SHA"].up


def test_a_batch_whose_lines_do_not_follow_each_other_never_reaches_the_books():
    driver = Driver().open()
    (first,) = facts(1).facts
    (third,) = facts(3).facts
    driver.hears(wire.Facts(5, 1, ZERO_HASH, (first, third)))
    assert driver.effects == []
    assert [message.reason for message in driver.sent] == ["chain"]
