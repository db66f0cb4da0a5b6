"""What printers answer, byte by byte: the vectors of the programming guide, whole and in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.printers.status import CODECS

WELL = {
    "paper_out": False, "paused": False, "head_open": False, "ribbon_out": False,
    "buffer_full": False, "partial_format": False, "labels_remaining": 0, "formats_in_buffer": 0,
}  # fmt: skip
HS = (
    b"\x02030,0,0,1245,000,0,0,0,000,0,0,0\x03\r\n"
    b"\x02000,0,0,0,0,2,4,0,00000000,1,000\x03\r\n\x021234,0\x03\r\n"
)
STOPPED = (
    b"\x02030,1,1,1245,002,1,0,1,000,0,0,0\x03\r\n"
    b"\x02000,0,1,1,0,2,4,0,00000017,1,000\x03\r\n\x021234,0\x03\r\n"
)
IS_STOPPED = {
    "status": {
        "paper_out": True, "paused": True, "head_open": True, "ribbon_out": True,
        "buffer_full": True, "partial_format": True, "labels_remaining": 17,
        "formats_in_buffer": 2,
    },
    "ready": False,
}  # fmt: skip
READY = {"status": WELL, "ready": True}
FRAMING = {"error": "framing"}
HI = b"\x02GK420t-200dpi,V61.17.17Z,8,2104KB\x03\r\n"
IDENTITY = {
    "model": "GK420t-200dpi", "firmware": "V61.17.17Z", "dots_per_mm": 8, "memory_kb": 2104,
}  # fmt: skip
HQES = (
    b"\x02\r\n  PRINTER STATUS\r\n   ERRORS:         1 00000000 00000005\r\n"
    b"   WARNINGS:       1 00000000 00000002\r\n\x03"
)
HQOD = (
    b'\x02\r\n  PRINT METERS\r\n   TOTAL NONRESETTABLE:      8560 "\r\n'
    b'   USER RESETTABLE CNTR1:       9 "\r\n   USER RESETTABLE CNTR2:    8560 "\r\n\x03'
)
SGD = b'"' + HS.replace(b"\x02", b"").replace(b"\x03", b"").rstrip() + b'"'

VECTORS = [
    ("zpl-hs", HS, [READY]),
    ("zpl-hs", STOPPED + HS, [IS_STOPPED, READY]),
    ("zpl-hs", HS[:40] + HS, [FRAMING, READY]),
    ("zpl-hs", HS[:-5], [FRAMING]),
    ("zpl-hs", HS.replace(b"030,0", b"030,7"), [FRAMING] * 3),
    ("zpl-hs", HS.replace(b"000,0,0,0\x03", b"000,0,0,1\x03"), [{"status": WELL, "ready": False}]),
    ("zpl-hi", HI, [{"identity": IDENTITY}]),
    ("zpl-hi", b"\x02nonsense\x03", [FRAMING]),
    ("zpl-hm", b"1024,0780,0779\r\n",
     [{"memory": {"total_kb": 1024, "largest_kb": 780, "free_kb": 779}}]),
    ("zpl-hqes", HQES, [{"errors": ["paper_out", "head_open"], "warnings": ["clean_head"]}]),
    ("zpl-hqes", HQES.replace(b"1 00000000 00000005", b"1 00000001 0001000A"),
     [{"errors": ["ribbon_out", "cutter_fault", "paused", "unknown_100000000"],
       "warnings": ["clean_head"]}]),
    ("zpl-hqes", HQES.replace(b"00000005", b"0000000X"), [FRAMING]),
    ("zpl-hqes", HQES[:60], [FRAMING]),
    ("zpl-hqod", HQOD,
     [{"odometer": {"unit": "in", "total_nonresettable": 8560, "user_resettable_cntr1": 9,
                    "user_resettable_cntr2": 8560}}]),
    ("zpl-hqod", HQOD.replace(b'8560 "', b"8560 cm", 1), [FRAMING]),
    ("zpl-hv", b"job-1\r\njob-2\r\n", [{"ack": "job-1"}, {"ack": "job-2"}]),
    ("sgd", SGD, [READY]),
    ("sgd", b'"?"\r\n', [FRAMING]),
]  # fmt: skip


@pytest.mark.parametrize(("protocol", "data", "words"), VECTORS)
def test_an_answer_says_the_same_in_whatever_pieces_it_comes(protocol, data, words) -> None:
    for size in (len(data), 1, 3, 7):
        codec = CODECS[protocol]()
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        heard = [word for piece in pieces for word in codec.feed(piece)]
        assert heard + codec.close() == words


@pytest.mark.parametrize("protocol", CODECS)
def test_noise_never_raises_and_never_sounds_like_a_ready_printer(protocol) -> None:
    @given(st.binary(max_size=300))
    def heard(noise: bytes) -> None:
        codec = CODECS[protocol]()
        words = codec.feed(noise) + codec.close()
        assert all(not word.get("ready") for word in words)

    heard()


def test_after_noise_the_next_status_is_heard() -> None:
    codec = CODECS["zpl-hs"]()
    assert codec.feed(b"\x00\xff^XA\x02" + b"x" * 9_000 + HS)[-1] == READY
