"""What an import says when it is done: how much went in, and each bad row with its place.

A bad row is reported with file, line, column and reason, and blocks nobody else.
"""

from __future__ import annotations

from typing import Final

import msgspec

ERRORS_TOLD_MAX: Final = 1_000
"""Row errors that one report carries; further ones are only counted."""


class RowError(msgspec.Struct, frozen=True):
    """One bad field. `line` counts from 1, the header being line 1."""

    file: str
    line: int
    column: str
    reason: str


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one file. `already_in` rows came with an earlier hand-over of the same file.

    `import_id` names the hand-over: a corrected file imported under it adds only what is new.
    """

    file: str
    import_id: str
    rows: int
    accepted: int
    already_in: int
    rejected: int
    units: int = 0
    errors: tuple[RowError, ...] = ()
    warnings: tuple[RowError, ...] = ()
    statuses: dict[str, int] = {}
    sentence: str = ""
