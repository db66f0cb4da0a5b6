"""What a simulated shop does wrong, and how often: told to it call by call."""

from __future__ import annotations

from typing import Literal

import msgspec

Wrong = Literal["429", "500", "401", "409", "silent_before", "silent_after", "late", "garbage"]
"""`silent_before`: no answer and nothing done. `silent_after`: done, but no answer. `late`: no
answer now, done when the shop is told to catch up. The numbers are answers without anything done.
"""


class Fault(msgspec.Struct, kw_only=True):
    """The next `times` calls whose method and path begin with `on` go wrong as `wrong`."""

    on: str
    wrong: Wrong
    times: int = 1


class Faults:
    """What is still to go wrong."""

    def __init__(self) -> None:
        """Begin well-behaved."""
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let more go wrong."""
        self._waiting.append(fault)

    def take(self, method: str, path: str) -> Wrong | None:
        """Return what goes wrong with this call, None if nothing does."""
        called = f"{method} {path}"
        for fault in self._waiting:
            if fault.times > 0 and called.startswith(fault.on):
                fault.times -= 1
                return fault.wrong
        return None

    def left(self) -> int:
        """Return how many calls will still go wrong."""
        return sum(fault.times for fault in self._waiting)
