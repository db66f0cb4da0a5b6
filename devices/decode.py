"""Every wire protocol by name, for `bincard devices decode`: raw bytes in, one JSON object a line.

A technician who captured what a device said reads here what we make of it, with the same code that
runs at the bench.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

import msgspec

from devices.printers import status
from devices.scales.protocols import PROTOCOLS
from devices.scales.reading import Ack, Fault, Reading
from devices.scanners import codec
from shared.domain.errors import InvalidInput


class Codec(Protocol):
    """What the codecs of scales, scanners and printers have in common."""

    def feed(self, data: bytes) -> Sequence[object]:
        """Take the next bytes, in any pieces; return what they complete, in order."""
        ...

    def close(self) -> Sequence[object]:
        """Return what is to be said about bytes that wait when no more will come."""
        ...


CODECS: Final[dict[str, Callable[[], Codec]]] = {
    **{name: protocol.codec for name, protocol in PROTOCOLS.items()},
    **status.CODECS,
    **codec.CODECS,
}
"""A new codec for one conversation, by protocol name."""


def codec_of(protocol: str) -> Codec:
    """Return a fresh codec; raises InvalidInput for an unknown name."""
    make = CODECS.get(protocol)
    if make is None:
        raise InvalidInput(
            "protocol_unknown",
            f"There is no protocol {protocol!r}.",
            hint=f"Use one of {', '.join(CODECS)}.",
        )
    return make()


def lines(protocol: str, chunks: Iterator[bytes]) -> Iterator[str]:
    """Yield one JSON line for each thing the bytes say, in the order of the bytes."""
    decoder = codec_of(protocol)
    for chunk in chunks:
        yield from map(json_line, decoder.feed(chunk))
    yield from map(json_line, decoder.close())


def json_line(word: object) -> str:
    """Return the JSON text of one codec's word."""
    match word:
        case Reading():
            word = {"reading": word}
        case Ack(what):
            word = {"ack": what}
        case Fault(code):
            word = {"error": code}
    return msgspec.json.encode(word).decode("utf-8")
