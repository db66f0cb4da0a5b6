"""MT-SICS, the Mettler-Toledo Standard Interface Command Set.

Line: 9600 baud 8N1, commands in capitals, CR LF. `SI` asks for the weight now, `S` for the next
stable one, `SIR` for a stream. Answers::

    S S     100.00 g     stable          S I    cannot be done now     ES   syntax error
    S D     100.03 g     moving          S +    overload               ET   transmission error
    Z A     zero was set                 S -    underload              EL   logical error
    T S      10.00 g     tare was taken  I4 A "0123456789"  after power-on: everything is reset

`SI` is answered with `S S` or `S D`, never with `SI S`. The weight field is ten characters wide and
right-aligned, which is the only guard against lost digits on a line without a checksum: a field of
another width is not a weight. Some indicators of other makers do not pad at all, and send exactly
one blank; that form is read too, but not from a scale that was heard to pad, and not with leading
zeros, since it is also what is left of a padded message that lost its front. Nothing guards the
unit: a lost `k` makes grams of kilograms, so give `unit` in the devices file.
Source: Mettler-Toledo, MT-SICS interface commands, level 0 and 1.

>>> SicsCodec().feed(b"S S     100.00 g\\r\\n")
[Reading(status='stable', value='100.00', unit='g', grams='100', kind='unknown')]
"""

from __future__ import annotations

import re
from typing import Final

from devices.messages import ReadingStatus
from devices.scales.lines import Form, LineCodec
from devices.scales.reading import Ack, Fault, Reading, ScaleWord, weighed

FIELD_WIDTH: Final = 10
_WEIGHT: Final = re.compile(r"S ([SD]) ( *-?\d+(?:\.\d+)?) ([a-z]{1,3}|[A-Z]{1,3}|%) *")
_UNPADDED: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")
_TARE: Final = re.compile(r"(T S|TI [SD]|TA A) +-?\d+(?:\.\d+)? [A-Za-z]{1,3} *")
_IDENTITY: Final = re.compile(r"(I\d{1,2}) [AB](?: .*)?")
_STATE: Final = re.compile(r"(S [+\-IL]|E[STL]|Z A|ZI [SD]|TAC A) *")
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
_REFUSAL: Final = re.compile(r"(?:Z|ZI|T|TI|TA|TAC) ([IL+-]) *")
_REFUSALS: Final = {
    "I": "not_executable",
    "L": "logical",
    "+": "above_range",
    "-": "below_range",
}


class SicsCodec(LineCodec):
    """Turns the bytes of an MT-SICS line into words."""

    def __init__(self) -> None:
        """Start with nothing held, and without knowing whether the scale pads."""
        self._pads = False
        forms = (
            Form(_WEIGHT, self._weight, inside=True),
            Form(_STATE, lambda found: _WITHOUT_WEIGHT[found[1]]),
            Form(_REFUSAL, lambda found: Fault(_REFUSALS[found[1]])),
            Form(_TARE, lambda found: Ack("tare_value" if found[1] == "TA A" else "tare")),
            Form(_IDENTITY, lambda found: Ack("reset" if found[1] == "I4" else "identity")),
        )
        super().__init__(forms)

    def clear(self) -> None:
        """Forget what waits for its end; the next scale may be another one."""
        super().clear()
        self._pads = False

    def _weight(self, found: re.Match[str]) -> ScaleWord:
        letter, field, unit = found.groups()
        if len(field) == FIELD_WIDTH:
            self._pads = True
        elif self._pads or not _UNPADDED.fullmatch(field) or len(field) > FIELD_WIDTH:
            return Fault("framing")
        status: ReadingStatus = "stable" if letter == "S" else "unstable"
        return weighed(status, field.strip(), unit)
