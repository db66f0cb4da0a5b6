"""Every scale protocol reads its vectors whatever the pieces, and never invents a weight."""

from __future__ import annotations

import json
import random

import pytest

from devices.decode import lines
from devices.scales.protocols import PROTOCOLS
from devices.simulated.wire import with_parity

STX, CR = b"\x02", b"\r"
TOLEDO = bytes.fromhex("022D30203030313233353030303030300D29")
GARBAGE = b"\xff\xfe\x00 1.000 kg 00x\xff"


def reading(status: str, value: str | None, unit: str | None, grams: str | None, kind: str) -> dict:
    return {
        "reading": {"status": status, "value": value, "unit": unit, "grams": grams, "kind": kind}
    }


def no_weight(status: str, kind: str = "unknown") -> dict:
    return reading(status, None, None, None, kind)


def continuous(a: int, b: int, c: int, weight: bytes, tare: bytes = b"000000") -> bytes:
    body = bytes([2, a, b, c]) + weight + tare + CR
    return body + bytes([-sum(value & 0x7F for value in body) & 0x7F])


def ecr(data: bytes) -> bytes:
    check = 0
    for value in data:
        check ^= value
    return b"\x01\x02" + data + bytes([check]) + b"\x03\x04"


def yaohua(data: bytes) -> bytes:
    check = 0
    for value in data:
        check ^= value
    return STX + data + b"%02X\x03" % check


VECTORS = [
    ("mt-sics", b"S S     100.00 g\r\n", [reading("stable", "100.00", "g", "100", "unknown")]),
    ("mt-sics", b"S D      1.235 kg\r\n", [reading("unstable", "1.235", "kg", "1235", "unknown")]),
    ("mt-sics", b"S S      1.001 kg\r\n", [reading("stable", "1.001", "kg", "1001", "unknown")]),
    ("mt-sics", b"S S     -12.50 g\r\n", [reading("stable", "-12.50", "g", "-12.5", "unknown")]),
    ("mt-sics", b"S S      2.500 lb\r\n",
     [reading("stable", "2.500", "lb", "1133.980925", "unknown")]),
    ("mt-sics", b"S S       8.00 oz\r\n",
     [reading("stable", "8.00", "oz", "226.796185", "unknown")]),
    ("mt-sics", b"S S         12 PCS\r\n", [reading("stable", "12", "pcs", None, "unknown")]),
    ("mt-sics", b"S S 1.235 kg\r\n", [reading("stable", "1.235", "kg", "1235", "unknown")]),
    ("mt-sics", b"S S      1.235 kg\r\nS S 1.235 kg\r\n",
     [reading("stable", "1.235", "kg", "1235", "unknown"), {"error": "framing"}]),
    ("mt-sics", b"S S 00.00 g\r\n", [{"error": "framing"}]),
    ("mt-sics", b"S +\r\nS -\r\n", [no_weight("overload"), no_weight("underload")]),
    ("mt-sics", b"S I\r\nES\r\nET\r\nEL\r\n", [{"error": "not_executable"}, {"error": "syntax"},
                                              {"error": "transmission"}, {"error": "logical"}]),
    ("mt-sics", b'I4 A "B712345678"\r\n', [{"ack": "reset"}]),
    ("mt-sics", b"Z A\r\nZ +\r\nZ -\r\nZ I\r\n", [{"ack": "zero"}, {"error": "above_range"},
                                                 {"error": "below_range"},
                                                 {"error": "not_executable"}]),
    ("mt-sics", b"T S      10.00 g\r\nTA A      10.00 g\r\nTAC A\r\n",
     [{"ack": "tare"}, {"ack": "tare_value"}, {"ack": "tare_cleared"}]),
    ("mt-sics", b"S S     100.00 xx\r\n", [{"error": "unit"}]),
    ("mt-sics", b"S S    100.00 g\r\n", [{"error": "framing"}]),
    ("mt-sics", b"SI S    100.00 g\r\n", [{"error": "framing"}]),
    ("toledo-8217", STX + b"01.235" + CR, [reading("stable", "1.235", "kg", "1235", "gross")]),
    ("toledo-8217", STX + b"01.235N" + CR, [reading("stable", "1.235", "kg", "1235", "net")]),
    ("toledo-8217", STX + b"002.50" + CR,
     [reading("stable", "2.50", "lb", "1133.980925", "gross")]),
    ("toledo-8217", STX + b"02.50" + CR, [reading("stable", "2.50", "lb", "1133.980925", "gross")]),
    ("toledo-8217", STX + b"01.235" + CR + STX + b"01.23" + CR,
     [reading("stable", "1.235", "kg", "1235", "gross"), {"error": "framing"}]),
    ("toledo-8217", STX + b"?\x41" + CR, [no_weight("unstable", "gross")]),
    ("toledo-8217", STX + b"?\x42" + CR, [no_weight("overload", "gross")]),
    ("toledo-8217", STX + b"?\x44" + CR, [no_weight("underload", "gross")]),
    ("toledo-8217", STX + b"?\x58" + CR, [no_weight("unknown_stability", "gross")]),
    ("toledo-8217", STX + b"?\xf1" + CR, [no_weight("unstable", "net")]),
    ("toledo-8217", STX + b"?\x01" + CR, [{"error": "framing"}]),
    ("toledo-8217", STX + b"E" + CR + b"hello" + STX + b"F" + CR,
     [{"ack": "echo_on"}, {"ack": "echo_off"}]),
    ("toledo-continuous", TOLEDO, [reading("stable", "1.235", "kg", "1235", "gross")]),
    ("toledo-continuous", TOLEDO[:-1] + b"\x28", [{"error": "checksum"}]),
    ("toledo-continuous", TOLEDO[:-1] + b"\x02", [reading("stable", "1.235", "kg", "1235", "gross"),
                                                 {"error": "framing"}]),
    ("toledo-continuous", continuous(0x2A, 0x21, 0x21, b"   500", b"   250"),
     [reading("stable", "500", "g", "500", "net")]),
    ("toledo-continuous", continuous(0x6C, 0x5A, 0x00, b"    12"),
     [reading("unstable", "-0.12", "kg", "-120", "gross")]),
    ("toledo-continuous", continuous(0x29, 0x30, 0x20, b"001235"),
     [reading("stable", "12350", "kg", "12350000", "gross")]),
    ("toledo-continuous", continuous(0x2D, 0x34, 0x20, b"999999"),
     [no_weight("overload", "gross")]),
    ("toledo-continuous", continuous(0x2D, 0x36, 0x20, b"      "),
     [no_weight("underload", "gross")]),
    ("toledo-continuous", continuous(0x2D, 0x20, 0x20, b"001000"),
     [reading("stable", "1.000", "lb", "453.59237", "gross")]),
    ("toledo-continuous", continuous(0x2D, 0x70, 0x20, b"001000"),
     [reading("unstable", "1.000", "kg", "1000", "gross")]),
    ("toledo-continuous", continuous(0x2D, 0x30, 0x30, b"001235"), [{"error": "expanded"}]),
    ("and", b"ST,+001234.5  g\r\n", [reading("stable", "1234.5", "g", "1234.5", "unknown")]),
    ("and", b"US,-0000.500 kg\r\n", [reading("unstable", "-0.500", "kg", "-500", "unknown")]),
    ("and", b"QT,+00000123 PC\r\n", [reading("stable", "123", "pcs", None, "unknown")]),
    ("and", b"OL,+999999.9\r\n", [no_weight("overload")]),
    ("and", b"OL,+999999.9  g\r\nOL,-999999.9  g\r\n",
     [no_weight("overload"), no_weight("underload")]),
    ("and", b"ST,+01234.5  g\r\n", [{"error": "framing"}]),
    ("and", b"?\r\nI\r\nEC,E06\r\n", [{"error": "syntax"}, {"error": "not_executable"},
                                      {"error": "syntax"}]),
    ("and-18", b"ST,GS,+00012.3kg\r\n", [reading("stable", "12.3", "kg", "12300", "gross")]),
    ("and-18", b"US,NT,-00012.3KG\r\n", [reading("unstable", "-12.3", "kg", "-12300", "net")]),
    ("and-18", b"@23ST,TR,+00000.3kg\r\n", [reading("stable", "0.3", "kg", "300", "tare")]),
    ("and-18", b"OL,GS,+99999.9kg\r\nOL,NT,-       kg\r\n",
     [no_weight("overload", "gross"), no_weight("underload", "net")]),
    ("and-18", b"ST,GS,+0012.3kg\r\n", [{"error": "framing"}]),
    ("cas-22", b"ST,GS,1\xc4,  12.345 kg\r\n",
     [reading("stable", "12.345", "kg", "12345", "gross")]),
    ("cas-22", b"ST,NT,1\x8d,000012.5 kg\r\n", [reading("stable", "12.5", "kg", "12500", "net")]),
    ("cas-22", b"US,GS,1\x8a,-  12.34 kg\r\n",
     [reading("unstable", "-12.34", "kg", "-12340", "gross")]),
    ("cas-22", b"ST,GS,1\xd4,  12.345 kg\r\n",
     [reading("unstable", "12.345", "kg", "12345", "gross")]),
    ("cas-22", b"OL,GS,1\x84,99999.99 kg\r\n", [no_weight("overload", "gross")]),
    ("cas-22", b"!\r\n?\r\n", [{"error": "not_executable"}, {"error": "syntax"}]),
    ("cas-ecr", b"\x06" + ecr(b"S 01.235kg") + b"\x15",
     [{"ack": "ready"}, reading("stable", "1.235", "kg", "1235", "unknown"),
      {"error": "not_executable"}]),
    ("cas-ecr", ecr(b"U-00.100lb"), [reading("unstable", "-0.100", "lb", "-45.359237", "unknown")]),
    ("cas-ecr", ecr(b"SFFFFFFFkg"), [no_weight("overload")]),
    ("cas-ecr", ecr(b"SF01.535kg"), [no_weight("overload")]),
    ("cas-ecr", ecr(b"S 01.235kg").replace(b"\x64\x03", b"\x65\x03"), [{"error": "checksum"}]),
    ("cas-ecr", b"\n  1.235kg\r\nH00\r\x03", [reading("stable", "1.235", "kg", "1235", "unknown")]),
    ("cas-ecr", b"\n- 1.235kg\r\n1pt0\r\x03",
     [reading("unstable", "-1.235", "kg", "-1235", "net")]),
    ("cas-ecr", b"\n^^^^^^kg\r\n0rp\r\x03\n______kg\r\n0qp\r\x03",
     [no_weight("overload"), no_weight("underload")]),
    ("ohaus", b"    1.235 kg       \r\n", [reading("stable", "1.235", "kg", "1235", "unknown")]),
    ("ohaus", b"-  12.500 lb   ?NET\r\n",
     [reading("unstable", "-12.500", "lb", "-5669.904625", "net")]),
    ("ohaus", b"     1235     g G  \r\n", [reading("stable", "1235", "g", "1235", "gross")]),
    ("ohaus", b"    1.235 kg      \r\n", [{"error": "framing"}]),
    ("ohaus", b"  Err 8.3 kg       \r\n  Err 8.4 kg       \r\n  ------- kg       \r\n",
     [no_weight("overload"), no_weight("underload"), no_weight("overload")]),
    ("ohaus", b"ES\r\nOK!\r\n", [{"error": "syntax"}, {"ack": "done"}]),
    ("adam", b"G +  2.00 kg\r\n", [reading("unknown_stability", "2.00", "kg", "2000", "gross")]),
    ("adam", b"N/W -  1.50 lb\r\n",
     [reading("unknown_stability", "-1.50", "lb", "-680.388555", "net")]),
    ("adam", b"T +  1.00 kg\r\n", [reading("unknown_stability", "1.00", "kg", "1000", "tare")]),
    ("adam", b"G +   OL kg\r\n------\r\n", [no_weight("overload"), no_weight("overload")]),
    ("dibal", b"9900031600000004\r\n",
     [reading("unknown_stability", "0.316", "kg", "316", "unknown")]),
    ("dibal", b"9900031600000005\r\n9900031700000004\r\n",
     [{"error": "checksum"}, {"error": "checksum"}]),
    ("yaohua-a9", bytes.fromhex("022B30303135363030313903"),
     [reading("unknown_stability", "1560", None, None, "unknown")]),
    ("yaohua-a9", yaohua(b"-0015602") + yaohua(b"+   0123"),
     [reading("unknown_stability", "-15.60", None, None, "unknown"),
      reading("unknown_stability", "0.012", None, None, "unknown")]),
    ("yaohua-a9", STX + b"+00000001B\x03" + STX + b"+00000001\x3a\x03" + STX + b"+00000001;\x03",
     [reading("unknown_stability", "0", None, None, "unknown"), {"error": "checksum"},
      reading("unknown_stability", "0", None, None, "unknown")]),
    ("yaohua-a9", STX + b"+00000001\x42\x03" + STX + b"+00000003\x42\x03",
     [reading("unknown_stability", "0", None, None, "unknown"), {"error": "checksum"}]),
    ("yaohua-a9", yaohua(b"AB+0012353") + yaohua(b"AD-0000503") + yaohua(b"AC+0012853")
     + yaohua(b"AA"),
     [reading("unknown_stability", "1.235", None, None, "gross"),
      reading("unknown_stability", "-0.050", None, None, "net"),
      reading("unknown_stability", "1.285", None, None, "tare"), {"ack": "here"}]),
    ("yaohua-a12", b"ww000.000kg", [reading("unknown_stability", "0.000", "kg", "0", "gross")]),
    ("yaohua-a12", b"wn0003.17kg\r\nwn-003.17kg\r\nwt000.150kg\r\n",
     [reading("unknown_stability", "3.17", "kg", "3170", "net"),
      reading("unknown_stability", "-3.17", "kg", "-3170", "net"),
      reading("unknown_stability", "0.150", "kg", "150", "tare")]),
    ("yaohua-a12", b"wn03.17kg\r\n", [{"error": "framing"}]),
    ("yaohua-eq", b"=0003.000", [reading("unknown_stability", "3.000", None, None, "unknown")]),
    ("yaohua-eq", b"=-003.170=0003.0001=0001.500",
     [reading("unknown_stability", "-3.170", None, None, "unknown"),
      reading("unknown_stability", "1.500", None, None, "unknown")]),
    ("yaohua-eq-reversed", b"=000.3000",
     [reading("unknown_stability", "3.000", None, None, "unknown")]),
    ("yaohua-eq-reversed", b"=071.300-\r\n=.0651000",
     [reading("unknown_stability", "-3.170", None, None, "unknown"),
      reading("unknown_stability", "1560", None, None, "unknown")]),
    ("generic-stgs", b"ST,GS,+  1.240kg\r\n", [reading("stable", "1.240", "kg", "1240", "gross")]),
    ("generic-stgs", b"US,NT,-0012.5 g\r\n", [reading("unstable", "-12.5", "g", "-12.5", "net")]),
    ("generic-stgs", b"ST,GS +1.240 KG\r\n", [reading("stable", "1.240", "kg", "1240", "gross")]),
    ("generic-stgs", b"ST GS 1.240kg\r\n", [reading("stable", "1.240", "kg", "1240", "gross")]),
    ("generic-stgs", b"01ST,GS,     1.5,kg\r\n", [reading("stable", "1.5", "kg", "1500", "gross")]),
    ("generic-stgs", b"HD,GS,+  1.240kg\r\n",
     [reading("unstable", "1.240", "kg", "1240", "gross")]),
    ("generic-stgs", b"OL,GS,+999999.9kg\r\n", [no_weight("overload", "gross")]),
    ("generic-stgs", b"OL\r\nUL\r\nOL,GS,------kg\r\n",
     [no_weight("overload"), no_weight("underload"), no_weight("overload", "gross")]),
]  # fmt: skip
ONE_OF_EACH = {name: raw for name, raw, said in reversed(VECTORS) if "reading" in said[0]}


def decoded(protocol: str, *chunks: bytes) -> list[dict]:
    return [json.loads(line) for line in lines(protocol, iter(chunks))]


def readings(words: list[dict]) -> list[dict]:
    return [word for word in words if "reading" in word]


def weights(words: list[dict]) -> list[str]:
    return [word["reading"]["value"] for word in readings(words) if word["reading"]["value"]]


def test_every_protocol_has_vectors() -> None:
    assert {name for name, _, _ in VECTORS} == set(PROTOCOLS) == set(ONE_OF_EACH)


@pytest.mark.parametrize(("protocol", "raw", "expected"), VECTORS)
def test_every_vector_reads_the_same_however_it_is_cut(
    protocol: str, raw: bytes, expected: list[dict]
) -> None:
    if protocol != "toledo-continuous" and not raw.startswith(b"=-003.170"):
        assert decoded(protocol, raw) == expected
    whole = decoded(protocol, raw)
    assert readings(whole) == readings(expected)
    for at in range(len(raw) + 1):
        assert decoded(protocol, raw[:at], raw[at:]) == whole
    assert decoded(protocol, *(raw[at : at + 1] for at in range(len(raw)))) == whole


@pytest.mark.parametrize(("protocol", "raw", "expected"), VECTORS)
def test_garbage_before_and_after_costs_the_garbage_only(
    protocol: str, raw: bytes, expected: list[dict]
) -> None:
    if raw == TOLEDO[:-1] + STX:
        return
    for garbage in (GARBAGE, GARBAGE + b"\r\n", GARBAGE + STX + CR, b"\x00\r\n\x00", b"\xc3\x9f"):
        words = decoded(protocol, garbage, raw, garbage)
        if garbage.endswith((b"\r\n", b"\r")) or not raw.startswith(b"-"):
            assert weights(words) == weights(expected), garbage


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_message_without_its_end_is_no_message(protocol: str) -> None:
    raw = ONE_OF_EACH[protocol].rstrip(b"\r\n")
    complete = {"yaohua-a12": 11, "yaohua-eq": 9, "yaohua-eq-reversed": 9}.get(protocol)
    torn_to = len(raw) if complete is None else complete - 1
    if protocol in {"toledo-continuous", "cas-ecr"}:
        torn_to = 15
    for length in range(3, torn_to):
        assert weights(decoded(protocol, raw[:length])) == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_torn_message_never_lends_its_head_to_the_next(protocol: str) -> None:
    true = ONE_OF_EACH[protocol]
    expected = weights(decoded(protocol, true))
    for kept in range(len(true)):
        found = weights(decoded(protocol, true[:kept] + true + true))
        assert set(found) <= set(expected), kept
        assert found, kept


@pytest.mark.parametrize("protocol", sorted(set(PROTOCOLS) - {"adam", "generic-stgs"}))
def test_one_lost_byte_is_noticed_where_the_protocol_has_any_guard(protocol: str) -> None:
    true = ONE_OF_EACH[protocol]
    guarded = len(true.rstrip(b"\r\n"))
    for lost in range(guarded - (len("g") if protocol == "mt-sics" else 0)):
        found = weights(decoded(protocol, true + true[:lost] + true[lost + 1 :]))
        assert set(found) <= set(weights(decoded(protocol, true))), lost


@pytest.mark.parametrize("protocol", ["toledo-continuous", "cas-ecr", "dibal", "yaohua-a9"])
def test_one_wrong_bit_is_never_a_weight_where_there_is_a_checksum(protocol: str) -> None:
    true = {"cas-ecr": ecr(b"S 01.235kg"), "toledo-continuous": TOLEDO * 2}.get(
        protocol, ONE_OF_EACH[protocol]
    )
    expected = weights(decoded(protocol, true))
    seen = set()
    for at in range(len(true) - (len(TOLEDO) if protocol == "toledo-continuous" else 0)):
        for bit in range(7):
            wrong = bytearray(true)
            wrong[at] ^= 1 << bit
            words = decoded(protocol, bytes(wrong))
            seen |= {word.get("error") for word in words}
            assert set(weights(words)) <= set(expected), (at, bit)
            if protocol != "toledo-continuous" and b"\r" not in wrong[at : at + 1]:
                in_front_of_end = len(true.rstrip(b"\r\n"))
                assert at >= in_front_of_end or not weights(words), (at, bit)
    assert "checksum" in seen


def test_a_check_byte_that_looks_like_a_control_byte_ends_nothing() -> None:
    for check in range(0x20):
        found = [
            raw
            for digits in range(1_000)
            if (raw := ecr(b"SF%02d.%03dkg" % (digits % 97, digits)))[-3] == check
        ]
        for raw in found[:2]:
            assert decoded("cas-ecr", raw) == [no_weight("overload")]
            assert decoded("cas-ecr", raw[:-4], raw[-4:]) == [no_weight("overload")]


@pytest.mark.parametrize("lamps", range(0x80, 0x100))
def test_every_lamp_byte_leaves_the_weight_alone(lamps: int) -> None:
    raw = b"ST,GS,1" + bytes([lamps]) + b",  12.345 kg\r\n"
    (word,) = decoded("cas-22", raw)
    assert word["reading"]["grams"] == "12345"
    assert word["reading"]["status"] == ("unstable" if lamps & 0x10 else "stable")


@pytest.mark.parametrize("protocol", sorted(set(PROTOCOLS) - {"cas-22"}))
@pytest.mark.parametrize("parity", ["E", "O"])
def test_a_parity_bit_read_as_data_changes_nothing(protocol: str, parity: str) -> None:
    raw = ONE_OF_EACH[protocol]
    true = decoded(protocol, raw)
    assert decoded(protocol, with_parity(raw, parity)) == true
    for at in range(len(raw)):
        assert (
            decoded(protocol, with_parity(raw, parity)[:at], with_parity(raw, parity)[at:]) == true
        )


def test_a_parity_bit_that_disagrees_is_noise() -> None:
    raw = bytearray(with_parity(b"S S     100.00 g\r\n", "E"))
    raw[10] ^= 0x80
    assert decoded("mt-sics", bytes(raw)) == [{"error": "framing"}]


def test_a_toledo_without_a_checksum_is_read_until_one_was_seen() -> None:
    short = TOLEDO[:-1]
    assert weights(decoded("toledo-continuous", short * 3)) == ["1.235"] * 3
    assert decoded("toledo-continuous", TOLEDO, short)[1:] == [{"error": "checksum"}]


def test_two_messages_in_one_read_and_line_ends_in_two_reads() -> None:
    for protocol, raw in ONE_OF_EACH.items():
        once = readings(decoded(protocol, raw))
        assert readings(decoded(protocol, raw + raw)) == once * 2
        if raw.endswith(b"\r\n"):
            assert decoded(protocol, raw[:-1], raw[-1:], raw[:-1], raw[-1:]) == once * 2


def test_a_line_without_end_keeps_no_more_than_its_bound_and_the_next_one_is_read() -> None:
    words = decoded("mt-sics", *[b"x" * 1_000] * 50, b"\r\n", b"S S     100.00 g\r\n")
    assert [list(word) for word in words] == [["error"], ["reading"]]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_is_kept_of_endless_garbage(protocol: str) -> None:
    codec = PROTOCOLS[protocol].codec()
    rng = random.Random(5)
    for _ in range(200):
        codec.feed(rng.randbytes(100).replace(b"\r", b"").replace(b"\n", b""))
    held = len(vars(codec)["_framer"].rest())
    assert held <= 1_024
    codec.clear()
    assert weights(decoded(protocol, ONE_OF_EACH[protocol]))
