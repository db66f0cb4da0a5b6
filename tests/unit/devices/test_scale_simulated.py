"""The simulated scale speaks the manual's dialect, and our codec understands all of it."""

from __future__ import annotations

import pytest

from devices.scales.mt_sics import SicsCodec
from devices.scales.reading import Ack, Fault, Reading
from devices.simulated.scale import ScaleManner
from devices.simulated.sics import STABLE_WAIT_MS, STREAM_MS, SicsScale
from devices.simulated.wire import FaultyLine, LineFaults


def said(answer: bytes) -> list[object]:
    return list(SicsCodec().feed(answer))


def grams(answer: bytes) -> list[tuple[str, str | None]]:
    return [(word.status, word.grams) for word in said(answer) if isinstance(word, Reading)]


def test_a_load_moves_first_and_is_exact_once_it_rests() -> None:
    scale = SicsScale(ScaleManner(settle_ms=120))
    scale.put(1_250, 1_000)
    assert said(scale.hear(b"SI\r\n", 1_030))[0].status == "unstable"
    assert grams(scale.hear(b"S", 1_119)) == []
    assert grams(scale.hear(b"I\r\nSI\r\n", 1_120)) == [("stable", "1250")] * 2


@pytest.mark.parametrize(("load", "status"), [(30_001, "overload"), (-201, "underload")])
def test_beyond_its_range_it_sends_no_weight(load: int, status: str) -> None:
    scale = SicsScale(ScaleManner())
    scale.put(load, 0)
    assert grams(scale.hear(b"SI\r\n", 500)) == [(status, None)]


def test_s_waits_for_rest_and_gives_up_in_time() -> None:
    scale = SicsScale(ScaleManner(settle_ms=1_000))
    scale.put(500, 0)
    assert scale.hear(b"S\r\n", 100) == b""
    assert scale.due_ms() == 1_000
    assert grams(scale.tick(1_000)) == [("stable", "500")]
    slow = SicsScale(ScaleManner(settle_ms=STABLE_WAIT_MS * 2))
    slow.put(500, 0)
    assert slow.hear(b"S\r\n", 0) == b""
    assert said(slow.tick(STABLE_WAIT_MS)) == [Fault("not_executable")]


def test_a_stream_goes_on_until_the_next_question() -> None:
    scale = SicsScale(ScaleManner())
    assert len(grams(scale.hear(b"SIR\r\n", 0))) == 1
    assert [len(grams(scale.tick(STREAM_MS * n))) for n in (1, 2, 3)] == [1, 1, 1]
    scale.hear(b"SI\r\n", 1_000)
    assert scale.due_ms() is None


def test_zero_and_tare_change_what_is_shown() -> None:
    scale = SicsScale(ScaleManner())
    scale.put(200, 0)
    assert said(scale.hear(b"T\r\n", 500)) == [Ack("tare")]
    scale.put(1_200, 600)
    assert grams(scale.hear(b"SI\r\n", 900)) == [("stable", "1000")]
    assert said(scale.hear(b"TA\r\nTAC\r\nZ\r\n", 900)) == [
        Ack("tare_value"), Ack("tare_cleared"), Ack("zero"),
    ]  # fmt: skip
    assert grams(scale.hear(b"SI\r\n", 900)) == [("stable", "0")]
    scale.put(0, 1_000)
    assert grams(scale.hear(b"SI\r\n", 1_500)) == [("underload", None)]
    assert said(scale.hear(b"@\r\nXYZ\r\nI4\r\n", 1_500)) == [
        Ack("reset"), Fault("syntax"), Ack("reset"),
    ]  # fmt: skip


def test_a_faulty_line_spoils_the_same_messages_for_the_same_seed() -> None:
    faults = LineFaults(cut_one_in=3, merge_one_in=3, garbage_one_in=3)
    message = b"S S     100.00 g\r\n"
    first, second = FaultyLine(faults, 5), FaultyLine(faults, 5)
    spoilt = [first.pass_on(message) for _ in range(200)]
    assert spoilt == [second.pass_on(message) for _ in range(200)]
    assert b"" in spoilt
    assert any(len(piece) > len(message) for piece in spoilt)
    assert any(0 < len(piece) < len(message) for piece in spoilt)
