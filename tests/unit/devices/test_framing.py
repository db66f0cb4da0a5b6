"""Framers cut the same messages out of a stream whatever its pieces, in bounded memory."""

from __future__ import annotations

import pytest

from devices.framing import SCALE_BYTES_MAX, BracketFramer, Frame, Framer, LineFramer

STREAMS = [
    (lambda: LineFramer((b"\r\n",)), b"A\r\n\r\nB\rC\r\nD", [b"A", b"B\rC"], b"D"),
    (lambda: LineFramer((b"\r",)), b"A\r\nB\r\n", [b"A", b"B"], b""),
    (lambda: LineFramer((b"\r", b"\n")), b"\x00A\r\nB\nC\r", [b"A", b"B", b"C"], b""),
    (lambda: BracketFramer(b"\x02", b"\x03"), b"x\x02A\r\x03\x02B\x03\x02C", [b"A\r", b"B"], b"C"),
]


def framed(framer: Framer, *chunks: bytes) -> list[Frame]:
    return [frame for chunk in chunks for frame in framer.feed(chunk)]


@pytest.mark.parametrize(("make", "stream", "bodies", "rest"), STREAMS)
def test_two_pieces_anywhere_make_the_same_messages(make, stream, bodies, rest) -> None:
    for at in range(len(stream) + 1):
        framer = make()
        frames = framed(framer, stream[:at], stream[at:])
        assert [frame.body for frame in frames if frame.whole] == bodies
        assert framer.rest() == rest


@pytest.mark.parametrize("length", range(SCALE_BYTES_MAX - 2, SCALE_BYTES_MAX + 4))
@pytest.mark.parametrize("step", [1, 7, 511, 512, 513, 10_000])
def test_the_bound_is_the_same_in_one_piece_and_in_many(length: int, step: int) -> None:
    stream = b"x" * length + b"\r\n" + b"next\r\n"
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)]
    frames = framed(LineFramer((b"\r\n",)), *pieces)
    assert [frame.whole for frame in frames] == [length <= SCALE_BYTES_MAX, True]
    assert frames[1].body == b"next"


def test_a_second_start_gives_the_torn_message_up() -> None:
    assert framed(BracketFramer(b"\x02", b"\x03"), b"\x02AB\x02CD\x03") == [
        Frame(b"AB", whole=False),
        Frame(b"CD"),
    ]


def test_clearing_forgets_what_waits() -> None:
    framer = LineFramer()
    framer.feed(b"old")
    framer.clear()
    assert framer.feed(b"new\r\n") == [Frame(b"new")]
