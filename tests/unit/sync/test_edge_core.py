"""The edge's decisions, one at a time."""

from __future__ import annotations

import random

import msgspec
import pytest

from edge.sync import core_events as on
from edge.sync.core import EdgeCore
from shared.domain.commands import CommandRecord
from shared.domain.facts import ZERO_HASH, FactRecord, chain_hash
from shared.sync import protocol as wire
from shared.sync.protocol import Epoch, LogMark, Mark

EPOCH = Epoch(1, b"hub-one.")
SESSION = b"session1"


class Seeded:
    def __init__(self):
        self.rng = random.Random(1)

    def token_bytes(self, count):
        return self.rng.randbytes(count)


def lines(count, start=1, prev=ZERO_HASH, incarnation=5):
    made = []
    for seq in range(start, start + count):
        digest = chain_hash(prev, "SHA", incarnation, seq, "kind", 1, b"{}")
        made.append(
            FactRecord("SHA", incarnation, seq, prev, digest, "kind", 1, b"{}", 1, 1, "op", "actor")
        )
        prev = digest
    return made


LOG = lines(20)


def mark(seq):
    return Mark(seq, LOG[seq - 1].hash) if seq else Mark()


class Driver:
    """Feeds a core and sorts what comes out."""

    def __init__(self, *, acked=0, head=20, epoch=EPOCH):
        self.core = EdgeCore(Seeded(), app_version="1", schema="s")
        self.now_ms = 0
        self.sent = []
        self.effects = []
        log = on.LogState(5, None, mark(head), mark(acked), 0)
        self.state = on.LocalState("SHA", 3, epoch, 0, (log,))

    def feed(self, event):
        effects = self.core.handle(event, self.now_ms)
        self.effects = [e for e in effects if not isinstance(e, on.Send)]
        self.sent = [wire.decode(e.data).message for e in effects if isinstance(e, on.Send)]
        return self

    def hears(self, message, session=SESSION):
        return self.feed(on.Received(wire.encode(session, message)))

    def greet(self):
        self.feed(on.Started())
        self.feed(on.Connected())
        self.feed(on.Booted(self.state, 1))
        (self.hello,) = self.sent
        return self

    def welcome(self, applied=0, *, nonce=None, epoch=EPOCH, credit=4):
        applied_marks = (LogMark(5, applied, mark(applied).hash),)
        return self.hears(
            wire.Welcome(
                nonce=self.hello.nonce if nonce is None else nonce,
                session=SESSION,
                proto=1,
                hub_epoch=epoch,
                applied=applied_marks,
                stable=(),
                credit_batches=credit,
                credit_bytes=wire.CREDIT_BYTES_MAX,
                down_head=0,
                wall_ms=1,
            )
        )

    def give(self, first, last):
        return self.feed(on.FactsRead(SESSION, tuple(LOG[first - 1 : last])))

    def pass_ms(self, wait_ms):
        self.now_ms += wait_ms
        return self.feed(on.Tick())

    @property
    def trouble(self):
        trouble = self.core.status.trouble
        return None if trouble is None else trouble.code


def ack(seq):
    return wire.Ack(5, mark(seq), 0, 4, wire.CREDIT_BYTES_MAX)


def command(seq):
    return CommandRecord(seq, str(seq), "cancel_parcel", 1, b"{}")


def test_a_greeting_names_every_log_by_number_and_hash():
    hello = Driver(acked=7).greet().hello
    assert hello.node == "SHA"
    assert hello.boot_no == 3
    assert hello.heads == (LogMark(5, 20, mark(20).hash),)
    assert hello.acked == (LogMark(5, 7, mark(7).hash),)


def test_the_boot_number_is_stored_before_the_greeting_leaves():
    driver = Driver()
    driver.feed(on.Started())
    driver.feed(on.Connected())
    assert driver.effects == [on.Boot()]
    assert driver.sent == []


def test_sending_starts_behind_what_the_hub_has():
    driver = Driver().greet().welcome(7)
    (read,) = driver.effects
    assert (read.incarnation, read.after_seq) == (5, 7)


def test_a_welcome_for_an_earlier_greeting_is_ignored():
    driver = Driver().greet().welcome(nonce=bytes(16))
    assert not driver.core.status.up


def test_frames_of_an_earlier_session_are_ignored():
    driver = Driver().greet().welcome()
    driver.give(1, 4)
    driver.hears(wire.Bye("unknown_session"), session=b"session0")
    assert driver.core.status.up
    driver.hears(ack(4), session=b"session0")
    driver.pass_ms(5_000)
    assert any(isinstance(message, wire.Facts) for message in driver.sent)


def test_no_more_batches_leave_than_the_hub_gives_credit_for():
    driver = Driver().greet().welcome(credit=2)
    driver.give(1, 4)
    assert [type(effect) for effect in driver.effects] == [on.ReadFacts]
    driver.give(5, 8)
    assert driver.effects == []
    driver.hears(ack(4))
    assert [type(effect) for effect in driver.effects] == [on.ReadFacts]


def test_a_gap_at_the_hub_sends_everything_from_there_again_once():
    driver = Driver().greet().welcome()
    driver.give(1, 4)
    driver.give(5, 8)
    nack = wire.Nack(5, mark(4), "gap")
    driver.hears(nack)
    assert [message.first_seq for message in driver.sent] == [5]
    driver.hears(nack)
    assert driver.sent == []


def test_silence_sends_the_oldest_batch_again_and_each_answer_the_next():
    driver = Driver().greet().welcome()
    driver.give(1, 4)
    driver.give(5, 8)
    driver.pass_ms(3_000)
    assert [m.first_seq for m in driver.sent if isinstance(m, wire.Facts)] == [1]
    driver.hears(ack(4))
    assert [m.first_seq for m in driver.sent if isinstance(m, wire.Facts)] == [5]


def test_without_any_wake_up_the_timer_looks_for_new_facts_within_a_second():
    driver = Driver(head=0).greet().welcome()
    driver.feed(on.FactsRead(SESSION, ()))
    driver.pass_ms(wire.PUMP_MS)
    assert [type(effect) for effect in driver.effects] == [on.ReadFacts]


def test_fifteen_seconds_of_silence_destroy_the_socket():
    driver = Driver().greet().welcome()
    driver.pass_ms(wire.DEAD_MS - 1)
    assert driver.core.status.up
    driver.pass_ms(1)
    assert driver.effects[-1] == on.CloseSocket(farewell=True)
    assert [type(message) for message in driver.sent] == [wire.Bye]
    assert (driver.core.status.up, driver.trouble) == (False, "hub_silent")
    driver.pass_ms(wire.RETRY_MIN_MS)
    assert driver.effects == [on.RebuildSocket()]


def test_an_acknowledgement_is_stored_but_not_with_every_scan():
    driver = Driver().greet().welcome()
    driver.give(1, 4)
    driver.hears(ack(4))
    assert not any(isinstance(effect, on.StoreAck) for effect in driver.effects)
    driver.pass_ms(wire.PUMP_MS)
    assert on.StoreAck(5, mark(4), 0) in driver.effects


def test_an_acknowledgement_with_another_hash_is_a_fork():
    driver = Driver().greet().welcome()
    driver.give(1, 4)
    driver.hears(wire.Ack(5, Mark(4, b"x" * 32), 0, 4, 1_000))
    assert driver.trouble == "fork"


@pytest.mark.parametrize(
    ("driver", "applied", "epoch", "code"),
    [
        (Driver(head=5), 9, EPOCH, "edge_rolled_back"),
        (Driver(acked=9), 5, EPOCH, "hub_rolled_back"),
        (Driver(), 0, Epoch(0, b"hub-one."), "old_hub"),
        (Driver(), 0, Epoch(1, b"hub-two."), "old_hub"),
    ],
)
def test_a_hub_that_does_not_fit_the_past_is_not_followed(driver, applied, epoch, code):
    driver.greet().welcome(applied, epoch=epoch)
    assert (driver.core.status.up, driver.trouble) == (False, code)


def test_a_new_life_of_the_hub_gets_everything_it_lost_again():
    driver = Driver(acked=9).greet().welcome(5, epoch=Epoch(2, b"hub-new."))
    store, read = driver.effects
    assert store == on.StoreEpoch(Epoch(2, b"hub-new."), (LogMark(5, 5, mark(5).hash),))
    assert read.after_seq == 5


def test_a_refusal_is_told_in_the_hubs_own_words_and_retried_slowly():
    driver = Driver().greet()
    driver.hears(wire.Reject(driver.hello.nonce, "clone", "Stop one."), session=wire.NO_SESSION)
    assert driver.effects == [on.CloseSocket(), on.TurnedAway()]
    assert driver.core.status.trouble == on.Trouble("clone", "Stop one.")
    assert driver.pass_ms(wire.RETRY_MAX_MS - 1).effects == []
    assert driver.pass_ms(1).effects == [on.RebuildSocket()]


def test_being_superseded_means_another_machine_has_this_identity():
    driver = Driver().greet().welcome()
    driver.hears(wire.Bye("superseded"))
    assert driver.trouble == "clone"


def test_lines_the_hub_keeps_refusing_as_damaged_end_the_session():
    driver = Driver().greet().welcome()
    driver.give(1, 4)
    for _ in range(4):
        driver.hears(wire.Nack(5, Mark(), "chain"))
    assert driver.trouble == "log_damaged"


def test_commands_are_applied_in_order_and_acknowledged_together():
    driver = Driver().greet().welcome()
    driver.hears(wire.Cmds(EPOCH, 1, (command(1), command(2))))
    assert [effect.record.seq for effect in driver.effects] == [1, 2]
    assert driver.feed(on.CommandApplied(SESSION, 1)).sent == []
    assert driver.feed(on.CommandApplied(SESSION, 2)).sent == [wire.Cack(2)]


def test_a_gap_or_a_repeat_in_the_commands_is_answered_with_the_cursor():
    driver = Driver().greet().welcome()
    driver.hears(wire.Cmds(EPOCH, 2, (command(2),)))
    assert (driver.effects, driver.sent) == ([], [wire.Cack(0)])
    driver.hears(wire.Cmds(EPOCH, 1, (command(1),)))
    driver.feed(on.CommandApplied(SESSION, 1))
    driver.hears(wire.Cmds(EPOCH, 1, (command(1),)))
    assert (driver.effects, driver.sent) == ([], [wire.Cack(1)])


def test_commands_of_another_life_of_the_hub_are_not_applied():
    driver = Driver().greet().welcome()
    driver.hears(wire.Cmds(Epoch(1, b"hub-two."), 1, (command(1),)))
    assert driver.effects == []


def test_a_command_the_disk_did_not_take_is_taken_again():
    driver = Driver().greet().welcome()
    message = wire.Cmds(EPOCH, 1, (command(1),))
    driver.hears(message)
    driver.feed(on.CommandFailed(SESSION))
    assert [effect.record.seq for effect in driver.hears(message).effects] == [1]


def test_a_log_that_branched_off_from_the_hubs_is_a_fork():
    driver = Driver().greet().welcome(0)
    other = lines(3, start=1, prev=b"x" * 32)
    driver.feed(on.FactsRead(SESSION, tuple(other)))
    assert driver.trouble == "fork"
    assert driver.sent == []


def test_a_line_nobody_has_tried_yet_gets_little_at_once():
    driver = Driver().greet().welcome(credit=32)
    (read,) = driver.effects
    assert read.bytes_max <= 16_384
    big = [msgspec.structs.replace(line, body=b"x" * 40_000) for line in LOG]
    driver.feed(on.FactsRead(SESSION, (big[0],)))
    assert driver.effects == []


def test_a_refused_key_is_tried_again_soon_because_enrolment_may_just_have_happened():
    driver = Driver()
    driver.feed(on.Started())
    driver.feed(on.KeyRefused())
    assert driver.trouble == "unknown_key"
    assert driver.pass_ms(wire.RETRY_MIN_MS).effects == [on.RebuildSocket()]


def test_what_the_hub_has_in_a_proven_backup_is_noted_from_its_welcome_and_from_its_acks():
    driver = Driver(head=20, acked=12).greet()
    driver.hears(
        wire.Welcome(
            nonce=driver.hello.nonce,
            session=SESSION,
            proto=1,
            hub_epoch=EPOCH,
            applied=(LogMark(5, 12, mark(12).hash), LogMark(99, 3, ZERO_HASH)),
            stable=(LogMark(5, 8, mark(8).hash), LogMark(99, 3, ZERO_HASH)),
            credit_batches=4,
            credit_bytes=10**6,
            down_head=0,
            wall_ms=1,
        )
    )
    noted = [e for e in driver.effects if isinstance(e, on.StoreAck)]
    assert noted == [on.StoreAck(5, mark(8), 8)]


def test_a_log_of_which_the_hub_has_no_line_is_told_as_well():
    driver = Driver(head=20).greet()
    driver.hears(
        wire.Welcome(
            nonce=driver.hello.nonce,
            session=SESSION,
            proto=1,
            hub_epoch=EPOCH,
            applied=(LogMark(4, 0, ZERO_HASH), LogMark(5, 0, ZERO_HASH)),
            stable=(),
            credit_batches=4,
            credit_bytes=10**6,
            down_head=7,
            wall_ms=1,
        )
    )
    told = [e for e in driver.effects if isinstance(e, on.StoreTargets)]
    assert told == [on.StoreTargets((LogMark(4, 0, ZERO_HASH),), 7)]
