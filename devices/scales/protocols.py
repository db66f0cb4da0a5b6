"""Every scale protocol by its configured name. A new one is one file and one entry here.

A protocol is configured, never guessed: two formats of one maker differ only in the order of their
digits, and a driver that tries its luck on every port has silenced whole shops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, Protocol

import msgspec

from devices.scales.adam import AdamCodec
from devices.scales.and_18 import And18Codec
from devices.scales.and_line import AndCodec
from devices.scales.cas_22 import Cas22Codec
from devices.scales.cas_ecr import READY, CasEcrCodec
from devices.scales.dibal import DibalCodec
from devices.scales.generic_stgs import StgsCodec
from devices.scales.mt_sics import SicsCodec
from devices.scales.ohaus import OhausCodec
from devices.scales.reading import ScaleWord
from devices.scales.toledo_8217 import ToledoCodec
from devices.scales.toledo_continuous import ToledoContinuousCodec
from devices.scales.yaohua_a9 import YaohuaA9Codec
from devices.scales.yaohua_a12 import YaohuaA12Codec
from devices.scales.yaohua_eq import YaohuaEqCodec, YaohuaEqReversedCodec


class ScaleCodec(Protocol):
    """Bytes of a line in, words out; pure."""

    def feed(self, data: bytes) -> list[ScaleWord]:
        """Take the next bytes, in any pieces; return what they complete."""
        ...

    def close(self) -> list[ScaleWord]:
        """Return what is to be said about bytes that wait when no more will come."""
        ...

    def clear(self) -> None:
        """Forget what waits for its end."""
        ...


class ScaleProtocol(msgspec.Struct, frozen=True):
    """How to talk to a scale: `poll` asks once, `stream` asks for a stream, None where unknown.

    A scale with a stream but no `stream` question sends by itself. `fetch` is what to send when the
    scale answered the poll with `ready`. `unitless` means that frames do not tell the unit.
    """

    codec: Callable[[], ScaleCodec]
    poll: bytes | None = None
    stream: bytes | None = None
    baud: int = 9_600
    data_bits: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    fetch: bytes | None = None
    unitless: bool = False

    def reply_to(self, word: ScaleWord) -> bytes | None:
        """Return what has to be sent after `word` so that the weight follows, None for nothing."""
        return self.fetch if word == READY else None


PROTOCOLS: Final[dict[str, ScaleProtocol]] = {
    "mt-sics": ScaleProtocol(SicsCodec, poll=b"SI\r\n", stream=b"SIR\r\n"),
    "toledo-8217": ScaleProtocol(ToledoCodec, poll=b"W", data_bits=7, parity="E"),
    "toledo-continuous": ScaleProtocol(ToledoContinuousCodec, data_bits=7, parity="E"),
    "and": ScaleProtocol(
        AndCodec, poll=b"Q\r\n", stream=b"SIR\r\n", baud=2_400, data_bits=7, parity="E"
    ),
    "and-18": ScaleProtocol(And18Codec, poll=b"RW\r\n", baud=2_400, data_bits=7, parity="E"),
    "cas-22": ScaleProtocol(Cas22Codec, poll=b"01RW\r\n"),
    "cas-ecr": ScaleProtocol(CasEcrCodec, poll=b"\x05", fetch=b"\x11"),
    "ohaus": ScaleProtocol(OhausCodec, poll=b"IP\r\n", stream=b"CP\r\n"),
    "adam": ScaleProtocol(AdamCodec, poll=b"G\r\n"),
    "dibal": ScaleProtocol(DibalCodec, poll=b"98000001\r\n"),
    "yaohua-a9": ScaleProtocol(YaohuaA9Codec, poll=b"\x02AB03\x03", unitless=True),
    "yaohua-a12": ScaleProtocol(YaohuaA12Codec),
    "yaohua-eq": ScaleProtocol(YaohuaEqCodec, unitless=True),
    "yaohua-eq-reversed": ScaleProtocol(YaohuaEqReversedCodec, unitless=True),
    "generic-stgs": ScaleProtocol(StgsCodec),
}
