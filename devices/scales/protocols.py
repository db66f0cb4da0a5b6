"""Every scale protocol by its configured name. A new one is one file and one entry here.

A protocol is configured, never guessed: two formats of one maker differ only in the order of their
digits, and a driver that tries its luck on every port has silenced whole shops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, Protocol

import msgspec

from devices.scales.generic_stgs import StgsCodec
from devices.scales.mt_sics import SicsCodec
from devices.scales.reading import ScaleWord
from devices.scales.toledo_8217 import ToledoCodec


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
    """How to talk to a scale: `poll` asks once, `stream` asks for a stream, None where unknown."""

    codec: Callable[[], ScaleCodec]
    poll: bytes | None = None
    stream: bytes | None = None
    baud: int = 9_600
    data_bits: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"


PROTOCOLS: Final[dict[str, ScaleProtocol]] = {
    "mt-sics": ScaleProtocol(SicsCodec, poll=b"SI\r\n", stream=b"SIR\r\n"),
    "toledo-8217": ScaleProtocol(ToledoCodec, poll=b"W", data_bits=7, parity="E"),
    "generic-stgs": ScaleProtocol(StgsCodec),
}
