"""How a print service talks to one printer, whatever the cable.

A driver sends one label and says what it knows afterwards, and nothing more: "sent" is not
"printed". It tells the service before the first byte leaves, so that the journal can be written.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Protocol

import msgspec

from devices.messages import HealthState

MEDIA_PATTERN: Final = r"^[1-9][0-9]{1,2}x[1-9][0-9]{1,2}$"


def size_mm(media: str) -> tuple[int, int]:
    """Return width and height of the paper `media` in mm.

    >>> size_mm("76x130")
    (76, 130)
    """
    width, height = media.split("x")
    return int(width), int(height)


class PrinterConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One printer in the devices file.

    `driver` tcp9100 needs `host` (and `port`), cups needs `queue`. `proof` is how a printed label
    is known: `status` asks the printer whether anything is left inside, `echo` lets it say the job
    id back (`^HV`; try on the real model first), `spooler` believes CUPS. `media` is the width and
    height of its paper in mm, such as 76x130. `dots_per_mm` is compared with what the printer says.
    """

    name: str
    kind: Literal["printer"] = "printer"
    driver: Literal["tcp9100", "cups"] = "tcp9100"
    host: str = ""
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 9_100
    queue: str = ""
    dots_per_mm: Literal[8, 12] = 8
    media: Annotated[str, msgspec.Meta(pattern=MEDIA_PATTERN)] = "76x130"
    proof: Literal["status", "echo", "spooler"] = "status"
    proof_seconds: Annotated[int, msgspec.Meta(ge=1, le=120)] = 10


class Condition(msgspec.Struct, frozen=True):
    """How the printer is: `state` and a sentence, empty when all is well."""

    state: HealthState
    reason: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """What a driver knows after one attempt.

    `not_sent`: not one byte of the label left, it may be tried again. `confirmed`: printed, by
    `proof`. `unknown`: some of it left, and nobody knows.
    """

    result: Literal["not_sent", "confirmed", "unknown"]
    proof: str = ""
    trouble: str = ""
    condition: Condition | None = None


class Steps(Protocol):
    """What a driver tells while it works; each call returns when it is on the disk."""

    def sending(self) -> bool:
        """The first byte is about to leave. False: do not send, the job was taken away."""
        ...

    def sent(self) -> None:
        """The last byte has left."""
        ...

    def held(self, trouble: str) -> None:
        """The printer has the label inside and cannot print it now; empty: it can again."""
        ...

    def decided(self) -> bool:
        """Tell whether a person has found the label meanwhile: nothing is left to wait for."""
        ...


class Driver(Protocol):
    """One printer."""

    def condition(self) -> Condition:
        """Ask the printer how it is; takes at most a few seconds, raises nothing."""
        ...

    def print_label(self, job_id: str, zpl: bytes, steps: Steps) -> Outcome:
        """Try to print `zpl` once."""
        ...

    def stop(self) -> None:
        """Give up waiting soon; called from another thread."""
        ...
