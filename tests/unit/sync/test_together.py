"""What waits behind a batch that is being counted leaves as one step, in order and once."""

from __future__ import annotations

import random

import pytest

from hub.sync.core_events import ApplyFacts
from hub.sync.together import IN_HAND_MAX, LINES_MAX, Step, Together
from shared.domain.facts import ZERO_HASH, FactRecord
from shared.sync.protocol import FACTS_PER_BATCH_MAX, Mark


def batch(first_seq: int, lines: int, *, incarnation: int = 1, skip_to: Mark | None = None):
    records = tuple(
        FactRecord("SHA", incarnation, seq, ZERO_HASH, ZERO_HASH, "k", 1, b"{}", 1, 1, "op", "a")
        for seq in range(first_seq, first_seq + lines)
    )
    return ApplyFacts(b"p", b"session1", "key", "SHA", incarnation, records, skip_to)


@pytest.mark.parametrize("seed", range(30))
def test_every_batch_leaves_once_and_in_order_whatever_the_writer_does(seed):
    dice = random.Random(seed)
    steps: list[Step] = []
    together = Together(steps.append)
    sent, seq, open_steps = [], 1, 0
    for _ in range(200):
        if dice.random() < 0.6:
            if dice.random() < 0.1:
                seq += dice.randint(1, 9)
            sent.append(batch(seq, dice.randint(1, FACTS_PER_BATCH_MAX)))
            seq += len(sent[-1].records)
            together.add(sent[-1])
        elif open_steps < len(steps):
            open_steps += 1
            together.done(b"session1")
        assert len(steps) - open_steps <= IN_HAND_MAX
    while open_steps < len(steps):
        open_steps += 1
        together.done(b"session1")
    assert sum(step.batches for step in steps) == len(sent)
    assert [line for step in steps for line in step.facts.records] == [
        line for one in sent for line in one.records
    ]
    for step in steps:
        numbers = [line.seq for line in step.facts.records]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert len(numbers) <= LINES_MAX
    assert len(steps) < len(sent)


def test_lines_of_another_log_and_a_skip_go_by_themselves():
    steps: list[Step] = []
    together = Together(steps.append)
    told = [
        batch(1, 2), batch(3, 2), batch(5, 2), batch(7, 2, incarnation=2),
        batch(1, 0, skip_to=Mark(9, ZERO_HASH)), batch(10, 1), batch(11, 1),
    ]  # fmt: skip
    for one in told:
        together.add(one)
    for _ in range(len(told)):
        if steps:
            together.done(b"session1")
        if sum(step.batches for step in steps) == len(told):
            break
    assert [step.batches for step in steps] == [1, 1, 1, 1, 1, 2]
