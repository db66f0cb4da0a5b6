"""A scan gives keys only where they can be trusted, and one broken element costs only itself."""

from __future__ import annotations

import json
import random

import pytest

from devices.decode import lines
from devices.scanners.interpret import interpret

GS = "\x1d"
PRODUCT = "0109506000134352"

SCANS = [
    ("4006381333931", {"gtin14": "04006381333931"}),
    ("]E04006381333931", {"aim": "]E0", "gtin14": "04006381333931"}),
    ("036000291452", {"gtin14": "00036000291452"}),
    ("96385074", {"gtin14": "00000096385074"}),
    ("4006381333932", {"error": "gtin_check_digit"}),
    (f"]C1{PRODUCT}21ABC{GS}10LOT7",
     {"aim": "]C1", "gtin14": "09506000134352", "serial": "ABC", "lot": "LOT7"}),
    (f"]d2{GS}{PRODUCT}1726123121X-1", {"aim": "]d2", "gtin14": "09506000134352",
                                        "expiry": "2026-12-31", "serial": "X-1"}),
    (f"]d2{PRODUCT}17260200", {"aim": "]d2", "gtin14": "09506000134352", "expiry": "2026-02-28"}),
    (f"]d2{PRODUCT}1726133121X-1", {"aim": "]d2", "gtin14": "09506000134352", "serial": "X-1",
                                    "warning": "expiry_date"}),
    (f"]d2{PRODUCT}1726023021X-1", {"aim": "]d2", "gtin14": "09506000134352", "serial": "X-1",
                                    "warning": "expiry_date"}),
    ("]d2010950600013435321X-1", {"aim": "]d2", "serial": "X-1", "error": "gtin_check_digit"}),
    ("]C100106141412345678908", {"aim": "]C1", "sscc": "106141412345678908"}),
    ("]C100106141412345678907", {"aim": "]C1", "error": "sscc_check_digit"}),
    ("00106141412345678908", {"sscc": "106141412345678908"}),
    (f"{PRODUCT}21ABC<GS>10L", {"gtin14": "09506000134352", "serial": "ABC", "lot": "L"}),
    (f"]C1{PRODUCT}21{'9' * 25}", {"aim": "]C1", "gtin14": "09506000134352",
                                   "error": "element_too_long"}),
    ("(01)09506000134352(21)ABC", {"gtin14": "09506000134352", "serial": "ABC"}),
    ("]Q1https://id.gs1.org/01/09506000134352/21/A%2F1?17=261231",
     {"aim": "]Q1", "gtin14": "09506000134352", "serial": "A/1", "expiry": "2026-12-31"}),
    ("https://shop.example/page", {}),
    ("http://[bad/01/1", {}),
    ("]C0SF1234567890128", {"aim": "]C0"}),
    ("４００６３８１３３３９３１\u3000", {"gtin14": "04006381333931"}),
    ("B07-12-3", {}),
    # a separator was lost on the way
    (f"]C1{PRODUCT}21{'A' * 20}10LOT", {"aim": "]C1", "gtin14": "09506000134352",
                                       "serial": "A" * 20, "lot": "LOT",
                                       "warning": "separator_missing"}),
    (f"]d2{PRODUCT}8005000500{PRODUCT}", {"aim": "]d2", "gtin14": "09506000134352",
                                          "warning": "separator_missing"}),
    (f"]d2{PRODUCT}7003260228121021X", {"aim": "]d2", "gtin14": "09506000134352", "serial": "X",
                                        "warning": "separator_missing"}),
    (f"]d2{PRODUCT}21{'1' * 17}2110A", {"aim": "]d2", "gtin14": "09506000134352",
                                        "error": "element_too_long"}),
    (f"{PRODUCT}21ABC^]10L", {"gtin14": "09506000134352", "serial": "ABC", "lot": "L"}),
    (f"]d2{PRODUCT}21ABC|10L", {"aim": "]d2", "gtin14": "09506000134352", "serial": "ABC",
                                "lot": "L"}),
    (f"]d2{PRODUCT}21ABC{GS}\x04", {"aim": "]d2", "gtin14": "09506000134352", "serial": "ABC"}),
    # what a code must not hold
    (f"]d2{PRODUCT}21A{GS}21B", {"aim": "]d2", "gtin14": "09506000134352", "serial": "A",
                                 "error": "contradiction"}),
    (f"]d2{PRODUCT}21A B{GS}10L", {"aim": "]d2", "gtin14": "09506000134352", "lot": "L",
                                   "error": "element"}),
    (f"]d2{PRODUCT}17261", {"aim": "]d2", "gtin14": "09506000134352", "error": "element"}),
    (f"]d2{PRODUCT}17280229", {"aim": "]d2", "gtin14": "09506000134352", "expiry": "2028-02-29"}),
    (f"]d2{PRODUCT}17270229", {"aim": "]d2", "gtin14": "09506000134352",
                               "warning": "expiry_date"}),
    # lengths that a symbology can have
    ("]E0036000291452", {"aim": "]E0", "gtin14": "00036000291452"}),
    ("]E096385074", {"aim": "]E0", "error": "gtin_length"}),
    ("]E496385074", {"aim": "]E4", "gtin14": "00000096385074"}),
    ("]E3978020137962412345", {"aim": "]E3", "gtin14": "09780201379624"}),
    ("]I109506000134352", {"aim": "]I1", "gtin14": "09506000134352"}),
    ("]I1123456", {"aim": "]I1"}),
    ("4006381333931\x1d", {"gtin14": "04006381333931"}),
    ("106141412345678907", {}),
    ("00106141412345678907", {"error": "sscc_check_digit"}),
    # brackets and links
    ("(01)09506000134352(17)261331(21)A(B)C", {"gtin14": "09506000134352", "serial": "A(B)C",
                                               "warning": "expiry_date"}),
    ("]d2(01)09506000134352(21)X", {"aim": "]d2", "gtin14": "09506000134352", "serial": "X"}),
    ("]Q1https://id.gs1.org/00/106141412345678908", {"aim": "]Q1", "sscc": "106141412345678908"}),
    ("]Q1HTTPS://ID.GS1.ORG/01/9506000134352", {"aim": "]Q1", "gtin14": "09506000134352"}),
    ("https://a.example/x/gtin/09506000134352/ser/S1", {"gtin14": "09506000134352",
                                                        "serial": "S1"}),
    ("https://a.example/01/09506000134353/21/1", {"serial": "1", "error": "gtin_check_digit"}),
    ("https://shop.example/01/page", {}),
    ("]Q1" + PRODUCT, {"aim": "]Q1"}),
    ("]d1" + PRODUCT, {"aim": "]d1"}),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "expected"), SCANS)
def test_a_scan_means_exactly_this(raw: str, expected: dict[str, str]) -> None:
    scan = interpret(raw)
    keys = ("aim", "gtin14", "sscc", "serial", "lot", "expiry", "error", "warning")
    assert {key: value for key in keys if (value := getattr(scan, key)) is not None} == expected
    assert scan.raw == raw


@pytest.mark.parametrize(
    ("protocol", "head", "tail"),
    [
        ("serial-cr", b"", b"\r"),
        ("serial-crlf", b"", b"\r\n"),
        ("serial-stx-etx", b"\x02", b"\x03"),
        ("serial-tab", b"", b"\t"),
        ("wedge-text", b"", b"\n"),
    ],
)
def test_two_scans_in_one_read_are_two_and_any_cut_changes_nothing(
    protocol: str, head: bytes, tail: bytes
) -> None:
    raw = head + f"]C1{PRODUCT}21A{GS}10L".encode() + tail + head + "货位-1".encode() + tail
    whole = list(lines(protocol, iter([raw])))
    assert [json.loads(line)["scan"]["raw"] for line in whole] == [
        f"]C1{PRODUCT}21A{GS}10L",
        "货位-1",
    ]
    assert list(json.loads(whole[0])["scan"]) == [
        "raw", "aim", "gtin14", "sscc", "serial", "lot", "expiry", "error", "warning",
    ]  # fmt: skip
    for at in range(len(raw)):
        assert list(lines(protocol, iter([raw[:at], raw[at:]]))) == whole


def test_the_last_line_of_typed_text_needs_no_end_but_a_serial_scan_does() -> None:
    assert json.loads(*lines("wedge-text", iter([b"SN-1"])))["scan"]["raw"] == "SN-1"
    assert list(lines("serial-crlf", iter([b"SN-1"]))) == ['{"error":"framing"}']


@pytest.mark.parametrize("seed", [77, 78])
def test_nothing_typed_makes_it_fail_or_pass_a_wrong_check_digit(seed: int) -> None:
    rng = random.Random(seed)
    pieces = ["01", "00", "21", "17", "10", "]C1", "]d2", GS, "(01)", "http://a/01/", "3103", "91",
              "09506000134352", "9950600013435", "é", "仓", "8008", "7003", "424",
              "-", ")"]  # fmt: skip
    for _ in range(10_000):
        text = "".join(rng.choice(pieces) for _ in range(rng.randint(1, 8)))
        text += "".join(rng.choice("0123456789") for _ in range(rng.randint(0, 16)))
        scan = interpret(text)
        assert scan.gtin14 is None or _check_digit_fits(scan.gtin14), text
        assert scan.sscc is None or _check_digit_fits(scan.sscc), text


def _check_digit_fits(digits: str) -> bool:
    weights = [3 if place % 2 == 0 else 1 for place in range(len(digits) - 1)][::-1]
    total = sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))
    return (10 - total % 10) % 10 == int(digits[-1])
