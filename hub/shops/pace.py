"""How often shops are visited, and with how much patience."""

from __future__ import annotations

import msgspec


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how patiently, in milliseconds.

    `round_ms` between two rounds when nobody calls for one; `pull_ms` between two pulls; `retry_ms`
    after a first failure; `late_ms` until a call that got no answer has certainly ended on the
    shop's side; `timeout_ms` until an answer counts as lost; `look_ms` until a number that nobody
    changed is looked at again, for people change shops by hand.
    """

    round_ms: int = 1_000
    pull_ms: int = 60_000
    retry_ms: int = 2_000
    late_ms: int = 60_000
    timeout_ms: int = 15_000
    look_ms: int = 86_400_000
