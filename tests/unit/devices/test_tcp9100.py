"""The talk on port 9100: answers in pieces, stray bytes, silence, and what the printer hears."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.printers import trouble
from devices.printers.status import CODECS
from devices.printers.tcp9100 import Silent, ask, condition_of
from devices.simulated.printer import Faults, answer
from devices.simulated.printer_stream import Format, PrinterStream, Question

LABEL = b"^XA^FO1,1^GFA,2,2,1,FF,^FS^PQ1^XZ"
WORDS = [Question("~HS"), Format(LABEL), Question("~HQES"), Format(b"^XA^XZ")]
TALK = b"\r\n~HSnoise" + LABEL[:9] + b"~HQES" + LABEL[9:] + b"^XA^XZ^X"


@pytest.fixture
def lines() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


@given(st.lists(st.integers(0, len(TALK)), max_size=6))
def test_labels_and_questions_are_cut_alike_from_whatever_pieces(cuts: list[int]) -> None:
    stream = PrinterStream()
    edges = [0, *sorted(cuts), len(TALK)]
    heard = [word for start, end in pairwise(edges) for word in stream.feed(TALK[start:end])]
    assert sorted(map(str, heard)) == sorted(map(str, WORDS))
    assert [word for word in heard if isinstance(word, Format)] == [WORDS[1], WORDS[3]]


def test_cancelling_at_the_printer_forgets_the_half_label() -> None:
    stream = PrinterStream()
    assert stream.feed(b"^XA^FO1,1~JA" + LABEL) == [Question("~JA"), Format(LABEL)]
    assert not stream.inside


def test_an_answer_is_found_behind_stray_bytes(lines) -> None:
    ours, theirs = lines
    theirs.sendall(b"\x02late answer\x03\r\n" + answer("~HS", Faults(), 0, 0, 8))
    assert ask(ours, b"~HS", "zpl-hs")["ready"]
    assert theirs.recv(100) == b"~HS"


def test_silence_and_a_hung_up_line_are_two_things(lines) -> None:
    ours, theirs = lines
    with pytest.raises(Silent):
        ask(ours, b"~HS", "zpl-hs", within=0.05)
    theirs.close()
    with pytest.raises(OSError, match=r".*"):
        ask(ours, b"~HS", "zpl-hs", within=0.05)


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        (Faults(), None),
        (Faults(paper_out=True, head_open=True), trouble.PAPER_OUT),
        (Faults(head_open=True), trouble.HEAD_OPEN),
        (Faults(ribbon_out=True), trouble.RIBBON_OUT),
        (Faults(paused=True), trouble.PAUSED),
        (Faults(partial=True), trouble.PARTIAL_FORMAT),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(faults: Faults, reason) -> None:
    (status,) = CODECS["zpl-hs"]().feed(answer("~HS", faults, 0, 0, 8))
    condition = condition_of(status)
    assert (condition.reason if condition else None) == reason


def test_a_printer_that_is_too_hot_says_nothing_else_and_is_not_ready() -> None:
    hot = answer("~HS", Faults(), 0, 0, 8).replace(b"000,0,0,0\x03", b"000,0,0,1\x03")
    (status,) = CODECS["zpl-hs"]().feed(hot)
    assert condition_of(status).reason == trouble.TEMPERATURE


def test_every_sentence_has_a_code_of_its_own() -> None:
    sentences = [
        value for name, value in vars(trouble).items() if re.fullmatch(r"[A-Z][A-Z_]+", name)
    ]
    codes = [trouble.code_of(sentence) for sentence in sentences]
    assert "other" not in codes
    assert len(set(codes)) == len(codes) == len(set(sentences))
