"""Mettler-Toledo 8217, the protocol of counter and bench scales (Ariva, Viva, DIVA).

Line: 9600 baud 7E1. The command is one letter without an end: `W` asks for the weight. Answers::

    02 30 31 2E 32 33 35 0D       01.235: kilograms, gross
    02 30 31 2E 32 33 35 4E 0D    01.235N: net, a tare is set
    02 30 30 32 2E 35 30 0D       002.50: two decimals mean pounds
    02 3F ss 0D                   no weight now: bits of ss say why
    02 45 0D hello                `Ehello` was heard; what comes until the next 02 is its echo

Bits of `ss`: 0 in motion, 1 over capacity, 2 under zero, 3 outside the zero capture range, 4 centre
of zero, 5 net, 6 always one, 7 parity. Bits 3 to 5 alone are not errors. Pounds come as `02.50`
too, which is also a weight in kilograms that lost a digit: not from a scale that weighs in
kilograms. The parity bit is the only guard of this line; where a port shows it, all bytes of a
weight must agree on it.
Source: Mettler-Toledo DIVA service manual, section 6.1.4.

>>> ToledoCodec().feed(bytes([2]) + b"01.235" + bytes([13]))
[Reading(status='stable', value='1.235', unit='kg', grams='1235', kind='gross')]
"""

from __future__ import annotations

import re
from typing import Final

from devices.framing import BracketFramer, Frame
from devices.messages import WeightKind
from devices.scales.lines import SEVEN_BITS, same_parity
from devices.scales.reading import Ack, Fault, Reading, ScaleWord, weighed

MOTION, OVER_CAPACITY, UNDER_ZERO, NET, ALWAYS_ONE = 0x01, 0x02, 0x04, 0x20, 0x40
_WEIGHT: Final = re.compile(rb"(?:([ \d]\d\.\d{3})|([ \d]?[ \d]\d\.\d{2}))(N?)")
SHORT_POUNDS: Final = len("02.50")
ECHO_ON: Final = Ack("echo_on")
_ACKS: Final = {b"E": ECHO_ON, b"F": Ack("echo_off")}


class ToledoCodec:
    """Turns the bytes of an 8217 line into words."""

    def __init__(self) -> None:
        """Start with nothing held."""
        self._framer = BracketFramer(b"\x02\x82", b"\r\x8d")
        self._echoes = False
        self._kilograms = False

    def feed(self, data: bytes) -> list[ScaleWord]:
        """Take the next bytes, in any pieces; return what they complete."""
        words = []
        for frame in self._framer.feed(data):
            word = self._believed(frame, read(frame))
            if frame.whole or not self._echoes:
                words.append(word)
            self._echoes = word == ECHO_ON
        return words

    def close(self) -> list[ScaleWord]:
        """No more bytes will come: a message without its end is no message."""
        return [Fault("framing")] if self._framer.rest() else []

    def clear(self) -> None:
        """Forget what waits for its end."""
        self._framer.clear()
        self._echoes = False
        self._kilograms = False

    def _believed(self, frame: Frame, word: ScaleWord) -> ScaleWord:
        """Refuse pounds from a scale of kilograms: that is a weight that lost a digit."""
        if not isinstance(word, Reading) or word.value is None:
            return word
        if self._kilograms and len(frame.body.rstrip(b"N\xce")) == SHORT_POUNDS:
            return Fault("framing")
        self._kilograms = word.unit == "kg"
        return word


def read(frame: Frame) -> ScaleWord:
    """Return what one answer says."""
    if not frame.whole:
        return Fault("framing")
    body = frame.body.translate(SEVEN_BITS)
    weight = _WEIGHT.fullmatch(body)
    if weight and same_parity(frame.body):
        kilograms, pounds, net = weight.groups()
        kind: WeightKind = "net" if net else "gross"
        unit = "kg" if kilograms else "lb"
        return weighed("stable", (kilograms or pounds).decode("ascii").strip(), unit, kind)
    if len(body) == len(b"?s") and body.startswith(b"?"):
        return _without_weight(body[1])
    return _ACKS.get(body, Fault("framing"))


def _without_weight(bits: int) -> ScaleWord:
    if not bits & ALWAYS_ONE:
        return Fault("framing")
    kind: WeightKind = "net" if bits & NET else "gross"
    if bits & OVER_CAPACITY:
        return Reading("overload", kind=kind)
    if bits & UNDER_ZERO:
        return Reading("underload", kind=kind)
    return Reading("unstable" if bits & MOTION else "unknown_stability", kind=kind)
