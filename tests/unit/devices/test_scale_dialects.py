"""Every simulated scale speaks so that our codec reads exactly what lies on it."""

from __future__ import annotations

import pytest

from devices.scales.protocols import PROTOCOLS
from devices.scales.reading import Ack, Fault, Reading, in_unit
from devices.simulated.dialects import DIALECTS, DIBAL_WAIT_MS, scale_of
from devices.simulated.scale import ScaleManner, SimulatedScale
from devices.simulated.wire import FaultyLine, LineFaults
from shared.domain.errors import InvalidInput

FLAGLESS = {"adam", "dibal", "yaohua-a9", "yaohua-a12", "yaohua-eq", "yaohua-eq-reversed"}
SHOWS_NEGATIVE = set(PROTOCOLS) - {"toledo-8217", "dibal"}
TELLS_NET = set(PROTOCOLS) - {
    "mt-sics", "and", "cas-ecr", "dibal", "yaohua-a9", "yaohua-eq", "yaohua-eq-reversed",
}  # fmt: skip


def heard(protocol: str, scale: SimulatedScale, now_ms: int) -> list[object]:
    """Ask as the session does, or listen, and read with the codec of the protocol."""
    known = PROTOCOLS[protocol]
    codec = known.codec()
    data = scale.hear(known.poll, now_ms) if known.poll else scale.tick(now_ms)
    words: list[object] = []
    for word in codec.feed(data):
        words.append(word)
        if reply := known.reply_to(word):
            words += codec.feed(scale.hear(reply, now_ms))
    words += codec.close()
    return [in_unit(word, "kg") if isinstance(word, Reading) else word for word in words]


def reading(protocol: str, scale: SimulatedScale, now_ms: int) -> Reading:
    (found,) = [word for word in heard(protocol, scale, now_ms) if isinstance(word, Reading)]
    return found


def loaded(protocol: str, grams: int) -> SimulatedScale:
    scale = scale_of(protocol, ScaleManner(unit="kg"))
    scale.put(grams, 0)
    return scale


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("grams", [0, 7, 1_235, 30_000])
def test_what_lies_on_it_is_what_we_read(protocol: str, grams: int) -> None:
    found = reading(protocol, loaded(protocol, grams), 500)
    assert found.grams == str(grams)
    assert found.status == ("unknown_stability" if protocol in FLAGLESS else "stable")


@pytest.mark.parametrize("protocol", sorted(set(PROTOCOLS) - FLAGLESS))
def test_a_moving_load_is_not_stable(protocol: str) -> None:
    assert reading(protocol, loaded(protocol, 1_235), 60).status == "unstable"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("grams", [30_001, -5_000])
def test_beyond_its_range_there_is_no_weight(protocol: str, grams: int) -> None:
    words = heard(protocol, loaded(protocol, grams), 500)
    assert [word.value for word in words if isinstance(word, Reading) and word.value] == []


@pytest.mark.parametrize("protocol", sorted(SHOWS_NEGATIVE))
def test_a_little_below_zero_keeps_its_sign(protocol: str) -> None:
    assert reading(protocol, loaded(protocol, -50), 500).grams == "-50"


@pytest.mark.parametrize("protocol", sorted(TELLS_NET))
def test_a_tare_makes_the_weight_net(protocol: str) -> None:
    scale = loaded(protocol, 200)
    tare_with = {
        b"Z\r\n" if protocol == "adam" else command
        for command, (act, _) in getattr(DIALECTS[protocol], "acts", {}).items()
        if act == "tare"
    }
    if not tare_with:
        scale.tare(500)  # type: ignore[attr-defined]
    for command in tare_with:
        scale.hear(command, 500)
    scale.put(1_200, 600)
    found = reading(protocol, scale, 1_200)
    assert (found.grams, found.kind) == ("1000", "net")


def test_a_question_may_come_in_pieces_and_nonsense_is_passed_over() -> None:
    scale = loaded("dibal", 316)
    assert scale.hear(b"xx980", 500) == b""
    assert scale.hear(b"00001\r", 500) == b""
    assert scale.hear(b"\n", 500) == b"9900031600000004\r\n"


def test_a_dibal_answers_at_rest_or_after_seven_seconds() -> None:
    scale = loaded("dibal", 316)
    assert scale.hear(b"98000001\r\n", 10) == b""
    assert scale.due_ms() == 120
    assert scale.tick(119) == b""
    assert scale.tick(120) == b"9900031600000004\r\n"
    slow = scale_of("dibal", ScaleManner(settle_ms=DIBAL_WAIT_MS * 3))
    slow.put(316, 0)
    slow.hear(b"98000001\r\n", 1)
    assert slow.due_ms() == DIBAL_WAIT_MS + 1


def test_a_stream_ends_with_the_first_question_and_power_brings_it_back() -> None:
    scale = loaded("yaohua-a9", 1_235)
    assert scale.tick(500) == b"\x02+00123531D\x03"
    assert reading("yaohua-a9", scale, 600).kind == "gross"
    assert scale.due_ms() is None
    assert heard("yaohua-a9", scale, 600)
    assert PROTOCOLS["yaohua-a9"].codec().feed(scale.hear(b"\x02AA00\x03", 700)) == [Ack("here")]
    scale.power_on()
    assert scale.tick(900).startswith(b"\x02+")


def test_an_unknown_command_is_refused_as_the_maker_does() -> None:
    for protocol in ("and", "and-18", "cas-22", "ohaus"):
        codec = PROTOCOLS[protocol].codec()
        assert codec.feed(loaded(protocol, 0).hear(b"XYZ\r\n", 500)) == [Fault("syntax")]


def test_an_8217_echoes_between_e_and_f() -> None:
    scale = loaded("toledo-8217", 0)
    said = scale.hear(b"Ehello", 500) + scale.hear(b"F", 500) + scale.hear(b"hello", 500)
    assert said == b"\x02E\rhello\x02F\r"


def test_a_scale_without_a_flag_counts_as_read_after_two_readings_at_rest() -> None:
    scale = loaded("adam", 500)
    reading("adam", scale, 60)
    reading("adam", scale, 200)
    assert scale.shown_grams is None
    reading("adam", scale, 300)
    assert scale.shown_grams == 500


def test_a_parity_bit_on_the_line_is_read_and_a_flipped_bit_is_not_a_weight() -> None:
    line = FaultyLine(LineFaults(parity="E", parity_one_in=2), 3)
    codec = PROTOCOLS["and"].codec()
    words = [word for _ in range(200) for word in codec.feed(line.pass_on(b"ST,+001234.5  g\r\n"))]
    weights = [word for word in words if isinstance(word, Reading)]
    assert {word.grams for word in weights} == {"1234.5"}
    assert 50 < len(weights) < 150


def test_an_unknown_protocol_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput) as caught:
        scale_of("guess", ScaleManner())
    assert "yaohua-eq-reversed" in caught.value.hint
