"""How a device is, in words a lead understands, with counters that a technician wants.

`up` answers well, `degraded` is open but silent or wrong, `down` cannot be opened, `unconfigured`
was never tried. Silence is not the same as being unplugged, and neither is the same as ready.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from devices.messages import DeviceKind, Event, HealthChanged, HealthState

Publish = Callable[[Event], None]
"""Hands an event to everybody who listens; may be called from any thread."""


class Health:
    """State of one device; every change is published once."""

    def __init__(self, device: str, kind: DeviceKind, protocol: str, publish: Publish) -> None:
        """Start as `unconfigured`: nothing was tried yet."""
        self._device = device
        self._kind: DeviceKind = kind
        self._protocol = protocol
        self._publish = publish
        self._lock = threading.Lock()
        self._state: HealthState = "unconfigured"
        self._reason = "It was not tried yet."
        self._counters: Counter[str] = Counter()

    def count(self, what: str, by: int = 1) -> None:
        """Add to a counter such as `frames`, `timeouts`, `framing_errors`, `opened`."""
        with self._lock:
            self._counters[what] += by

    def set(self, state: HealthState, reason: str = "") -> None:
        """Note the state; `reason` is a sentence, empty when all is well."""
        with self._lock:
            if (state, reason) == (self._state, self._reason):
                return
            self._state = state
            self._reason = reason
        self._publish(self.now())

    def now(self) -> HealthChanged:
        """Return the present state with all counters."""
        with self._lock:
            return HealthChanged(
                device=self._device,
                device_kind=self._kind,
                protocol=self._protocol,
                state=self._state,
                reason=self._reason,
                counters=dict(self._counters),
            )
