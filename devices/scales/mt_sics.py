"""MT-SICS, the Mettler-Toledo Standard Interface Command Set.

Line: 9600 baud 8N1, commands in capitals, CR LF. `SI` asks for the weight now, `S` for the next
stable one, `SIR` for a stream. Answers::

    S S     100.00 g     stable          S I    cannot be done now     ES   syntax error
    S D     100.03 g     moving          S +    overload               ET   transmission error
    Z A     zero was set                 S -    underload              EL   logical error
    T S      10.00 g     tare was taken  I4 A "0123456789"  after power-on: everything is reset

`SI` is answered with `S S` or `S D`, never with `SI S`. The weight field is ten characters wide and
right-aligned, which is the only guard against a lost digit on a line without a checksum: a field of
another width is not a weight. Some indicators of other makers do not pad at all, and send exactly
one blank; that form is read too. Source: Mettler-Toledo, MT-SICS interface commands, level 0 and 1.

>>> SicsCodec().feed(b"S S     100.00 g\\r\\n")
[Reading(status='stable', value='100.00', unit='g', grams='100', kind='unknown')]
"""

from __future__ import annotations

import re
from typing import Final

from devices.framing import Frame, LineFramer
from devices.messages import ReadingStatus
from devices.scales.reading import Ack, Fault, Reading, ScaleWord, weighed

FIELD_WIDTH: Final = 10
_WEIGHT: Final = re.compile(r"S ([SD]) ( *-?\d+(?:\.\d+)?) ([A-Za-z]{1,3}) *")
_TARE: Final = re.compile(r"(T S|TI [SD]|TA A) +-?\d+(?:\.\d+)? [A-Za-z]{1,3} *")
_IDENTITY: Final = re.compile(r"(I\d{1,2}) [AB](?: .*)?")
_WITHOUT_WEIGHT: Final[dict[str, ScaleWord]] = {
    "S +": Reading("overload"),
    "S -": Reading("underload"),
    "S I": Fault("not_executable"),
    "S L": Fault("logical"),
    "ES": Fault("syntax"),
    "ET": Fault("transmission"),
    "EL": Fault("logical"),
    "Z A": Ack("zero"),
    "ZI S": Ack("zero"),
    "ZI D": Ack("zero"),
    "TAC A": Ack("tare_cleared"),
}
_REFUSAL: Final = re.compile(r"(?:Z|ZI|T|TI|TA|TAC) ([IL+-])")
_REFUSALS: Final = {
    "I": "not_executable",
    "L": "logical",
    "+": "above_range",
    "-": "below_range",
}


class SicsCodec:
    """Turns the bytes of an MT-SICS line into words."""

    def __init__(self) -> None:
        """Start with nothing held."""
        self._framer = LineFramer()

    def feed(self, data: bytes) -> list[ScaleWord]:
        """Take the next bytes, in any pieces; return what they complete."""
        return [read(frame) for frame in self._framer.feed(data)]

    def close(self) -> list[ScaleWord]:
        """No more bytes will come: a message without its end is no message."""
        return [Fault("framing")] if self._framer.rest() else []

    def clear(self) -> None:
        """Forget what waits for its end."""
        self._framer.clear()


def read(frame: Frame) -> ScaleWord:
    """Return what one line says; a line that is not exactly as specified is Fault('framing')."""
    if not frame.whole or not frame.body.isascii():
        return Fault("framing")
    line = frame.body.decode("ascii")
    if weight := _WEIGHT.fullmatch(line):
        return _weight(*weight.groups())
    if word := _WITHOUT_WEIGHT.get(line.rstrip()):
        return word
    if refusal := _REFUSAL.fullmatch(line.rstrip()):
        return Fault(_REFUSALS[refusal[1]])
    if tare := _TARE.fullmatch(line):
        return Ack("tare_value" if tare[1] == "TA A" else "tare")
    if identity := _IDENTITY.fullmatch(line):
        return Ack("reset" if identity[1] == "I4" else "identity")
    return Fault("framing")


def _weight(letter: str, field: str, unit: str) -> ScaleWord:
    padded = field.startswith(" ")
    if len(field) != FIELD_WIDTH and (padded or len(field) > FIELD_WIDTH):
        return Fault("framing")
    status: ReadingStatus = "stable" if letter == "S" else "unstable"
    return weighed(status, field.strip(), unit)
