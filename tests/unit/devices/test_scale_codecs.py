"""Every scale protocol reads its vectors whatever the pieces, and never invents a weight."""

from __future__ import annotations

import json
import random

import pytest

from devices.decode import lines

STX, CR = b"\x02", b"\r"


def reading(status: str, value: str | None, unit: str | None, grams: str | None, kind: str) -> dict:
    return {
        "reading": {"status": status, "value": value, "unit": unit, "grams": grams, "kind": kind}
    }


VECTORS = [
    ("mt-sics", b"S S     100.00 g\r\n", [reading("stable", "100.00", "g", "100", "unknown")]),
    ("mt-sics", b"S D      1.235 kg\r\n", [reading("unstable", "1.235", "kg", "1235", "unknown")]),
    ("mt-sics", b"S S      1.001 kg\r\n", [reading("stable", "1.001", "kg", "1001", "unknown")]),
    ("mt-sics", b"S S     -12.50 g\r\n", [reading("stable", "-12.50", "g", "-12.5", "unknown")]),
    ("mt-sics", b"S S      2.500 lb\r\n",
     [reading("stable", "2.500", "lb", "1133.980925", "unknown")]),
    ("mt-sics", b"S S       8.00 oz\r\n",
     [reading("stable", "8.00", "oz", "226.796185", "unknown")]),
    ("mt-sics", b"S S 1.235 kg\r\n", [reading("stable", "1.235", "kg", "1235", "unknown")]),
    ("mt-sics", b"S +\r\nS -\r\n", [reading("overload", None, None, None, "unknown"),
                                    reading("underload", None, None, None, "unknown")]),
    ("mt-sics", b"S I\r\nES\r\nET\r\nEL\r\n", [{"error": "not_executable"}, {"error": "syntax"},
                                              {"error": "transmission"}, {"error": "logical"}]),
    ("mt-sics", b'I4 A "B712345678"\r\n', [{"ack": "reset"}]),
    ("mt-sics", b"Z A\r\nZ +\r\nZ I\r\n", [{"ack": "zero"}, {"error": "above_range"},
                                          {"error": "not_executable"}]),
    ("mt-sics", b"T S      10.00 g\r\nTA A      10.00 g\r\nTAC A\r\n",
     [{"ack": "tare"}, {"ack": "tare_value"}, {"ack": "tare_cleared"}]),
    ("mt-sics", b"S S     100.00 xx\r\n", [{"error": "unit"}]),
    ("mt-sics", b"S S    100.00 g\r\n", [{"error": "framing"}]),
    ("mt-sics", b"SI S    100.00 g\r\n", [{"error": "framing"}]),
    ("toledo-8217", STX + b"01.235" + CR, [reading("stable", "01.235", "kg", "1235", "gross")]),
    ("toledo-8217", STX + b"01.235N" + CR, [reading("stable", "01.235", "kg", "1235", "net")]),
    ("toledo-8217", STX + b"002.50" + CR,
     [reading("stable", "002.50", "lb", "1133.980925", "gross")]),
    ("toledo-8217", STX + b"?\x41" + CR, [reading("unstable", None, None, None, "gross")]),
    ("toledo-8217", STX + b"?\x42" + CR, [reading("overload", None, None, None, "gross")]),
    ("toledo-8217", STX + b"?\x44" + CR, [reading("underload", None, None, None, "gross")]),
    ("toledo-8217", STX + b"?\xf1" + CR, [reading("unstable", None, None, None, "net")]),
    ("toledo-8217", STX + b"?\x01" + CR, [{"error": "framing"}]),
    ("toledo-8217", STX + b"E" + CR + STX + b"F" + CR, [{"ack": "echo_on"}, {"ack": "echo_off"}]),
    ("generic-stgs", b"ST,GS,+  1.240kg\r\n", [reading("stable", "1.240", "kg", "1240", "gross")]),
    ("generic-stgs", b"US,NT,-0012.5 g\r\n", [reading("unstable", "-0012.5", "g", "-12.5", "net")]),
    ("generic-stgs", b"ST,GS +1.240 KG\r\n", [reading("stable", "1.240", "kg", "1240", "gross")]),
    ("generic-stgs", b"01ST,GS,     1.5,kg\r\n", [reading("stable", "1.5", "kg", "1500", "gross")]),
    ("generic-stgs", b"OL,GS,+999999.9kg\r\n", [reading("overload", None, None, None, "gross")]),
    ("generic-stgs", b"OL\r\n", [reading("overload", None, None, None, "unknown")]),
]  # fmt: skip


def decoded(protocol: str, *chunks: bytes) -> list[dict]:
    return [json.loads(line) for line in lines(protocol, iter(chunks))]


@pytest.mark.parametrize(("protocol", "raw", "expected"), VECTORS)
def test_every_vector_reads_the_same_however_it_is_cut(
    protocol: str, raw: bytes, expected: list[dict]
) -> None:
    assert decoded(protocol, raw) == expected
    for at in range(len(raw) + 1):
        assert decoded(protocol, raw[:at], raw[at:]) == expected
    assert decoded(protocol, *(raw[at : at + 1] for at in range(len(raw)))) == expected


@pytest.mark.parametrize(("protocol", "raw", "expected"), VECTORS)
def test_a_vector_is_found_between_garbage(protocol: str, raw: bytes, expected: list[dict]) -> None:
    end = b"\x02\r" if protocol == "toledo-8217" else b"\r\n"
    garbage = b"\xff\xfe\x00 1.000 kg 0099" + end
    assert [word for word in decoded(protocol, garbage, raw, garbage) if "reading" in word] == [
        word for word in expected if "reading" in word
    ]


@pytest.mark.parametrize("protocol", ["mt-sics", "toledo-8217", "generic-stgs"])
def test_a_message_without_its_end_is_no_message(protocol: str) -> None:
    raw = next(raw for name, raw, _ in VECTORS if name == protocol)
    for length in range(2, len(raw.rstrip(b"\r\n")) + 1):
        assert decoded(protocol, raw[:length]) == [{"error": "framing"}]


@pytest.mark.parametrize("protocol", ["mt-sics", "toledo-8217", "generic-stgs"])
def test_a_torn_message_never_lends_its_head_to_the_next(protocol: str) -> None:
    true = {
        "mt-sics": b"S S     345.67 g\r\n",
        "toledo-8217": STX + b"03.457" + CR,
        "generic-stgs": b"ST,GS,+345.67 g\r\n",
    }[protocol]
    expected = decoded(protocol, true)
    for kept in range(len(true)):
        found = [word for word in decoded(protocol, true[:kept] + true) if "reading" in word]
        assert all(word in expected for word in found), kept


def test_one_lost_digit_of_an_sics_weight_is_noticed() -> None:
    true = b"S S     345.67 g\r\n"
    for lost in range(len(true) - 2):
        words = decoded("mt-sics", true[:lost] + true[lost + 1 :])
        assert not any("reading" in word for word in words), lost


@pytest.mark.parametrize("seed", [20_260_411, 7])
def test_noise_never_makes_a_stable_weight_that_nobody_sent(seed: int) -> None:
    rng = random.Random(seed)
    sent: set[str] = set()
    noise = bytearray()
    while len(noise) < 100_000:
        grams = rng.randint(0, 3_000_000) / 100
        message = f"S S {grams:10.2f} g\r\n".encode()
        sent.add(f"{grams:.2f}")
        roll = rng.random()
        if roll < 0.3:
            message = message[: rng.randrange(len(message))]
        elif roll < 0.5:
            message = rng.randbytes(rng.randint(1, 40)) + message
        noise += message
    chunks = []
    while noise:
        size = rng.randint(1, 70)
        chunks.append(bytes(noise[:size]))
        del noise[:size]
    words = decoded("mt-sics", *chunks)
    shown = [word["reading"]["value"] for word in words if "reading" in word]
    assert len(shown) > 1_000
    assert set(shown) <= sent


def test_a_line_without_end_keeps_no_more_than_its_bound_and_the_next_one_is_read() -> None:
    words = decoded("mt-sics", *[b"x" * 1_000] * 50, b"\r\n", b"S S     100.00 g\r\n")
    assert [list(word) for word in words] == [["error"], ["reading"]]
