"""Configuration by environment, checked at start, with every mistake told at once.

A setting `BINCARD_HUB_HTTP_PORT` may also come as `BINCARD_HUB_HTTP_PORT_FILE`, the path of a file
that holds the value, so that a secret never stands in the environment of a service.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shared.domain.errors import InvalidInput


class Environment:
    """Reads settings under one prefix and collects what is wrong with them."""

    def __init__(self, prefix: str, values: Mapping[str, str]) -> None:
        """`prefix` such as `BINCARD_HUB_`; `values` is usually `os.environ`."""
        self._prefix = prefix
        self._values = values
        self._problems: list[str] = []

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text setting; without `default` it is required."""
        key = self._prefix + name
        if path := self._values.get(key + "_FILE"):
            try:
                return Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                self._problems.append(f"{key}_FILE: cannot read it ({error.strerror}).")
                return default or ""
        value = self._values.get(key, default)
        if value is None:
            self._problems.append(f"{key}: expected a value, got nothing.")
            return ""
        return value

    def number(self, name: str, default: int, *, low: int = 0, high: int = 2**31) -> int:
        """Return a whole number between `low` and `high`."""
        value = self.text(name, str(default))
        try:
            number = int(value)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            self._problems.append(
                f"{self._prefix}{name}: expected a whole number from {low} to {high}, "
                f"got {value!r}."
            )
            return default
        return number

    def port(self, name: str, default: int) -> int:
        """Return a TCP port; 0 lets the system choose."""
        return self.number(name, default, high=65_535)

    def path(self, name: str, default: str) -> Path:
        """Return a file system path."""
        return Path(self.text(name, default)).expanduser()

    def done(self) -> None:
        """Raise InvalidInput naming every bad setting, or do nothing when all are fine."""
        if self._problems:
            raise InvalidInput(
                "settings",
                "The settings are not usable: " + " ".join(self._problems),
                hint="Correct them in the environment of the service and start it again.",
            )
