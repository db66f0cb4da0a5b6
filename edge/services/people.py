"""Loading the badges of a site at start."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

from edge.store import people
from edge.store.people import Person
from shared.domain.errors import InvalidInput
from shared.runtime.database import Transaction
from shared.web.messages import DEFAULT, LANGUAGES

ROLES: Final = frozenset({"lead", "picker", "packer", "receiver", "dock"})
BUILT_IN: Final = (
    Person("BDG-0001", "Lead 1", "lead"),
    *(Person(f"BDG-{n:04d}", f"Picker {n - 1}", "picker") for n in range(2, 7)),
    *(Person(f"BDG-{n:04d}", f"Packer {n - 6}", "packer") for n in range(7, 11)),
    Person("BDG-0011", "Receiver 1", "receiver"),
    Person("BDG-0012", "Receiver 2", "receiver"),
)
"""Badges of a site that has not named its people yet."""


def load_people(tx: Transaction, path: Path | None) -> int:
    """Store the people in the CSV at `path`, or the built-in badges while nobody is known.

    Returns how many badges are known. Raises InvalidInput naming the line that cannot be read.
    """
    if path is not None:
        people.put(tx.sql, read_people(path))
    elif not people.count(tx.sql):
        people.put(tx.sql, BUILT_IN)
    return people.count(tx.sql)


def read_people(path: Path) -> list[Person]:
    """Return the people in a CSV with the columns badge, name, role, language."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            "people_file",
            f"Failed to read the people file {path.name}: {type(error).__name__}.",
            hint="Expected a CSV in UTF-8 with the columns badge,name,role,language.",
        ) from None
    return [_person(path.name, number, row) for number, row in enumerate(rows, start=2)]


def _person(file: str, line: int, row: dict[str, str | None]) -> Person:
    badge = (row.get("badge") or "").strip().upper()
    name = (row.get("name") or "").strip()
    role = (row.get("role") or "").strip().lower()
    language = (row.get("language") or "").strip() or DEFAULT
    for column, fine, expected in (
        ("badge", badge.startswith("BDG-"), "a badge such as BDG-0007"),
        ("name", bool(name), "a name"),
        ("role", role in ROLES, "one of " + ", ".join(sorted(ROLES))),
        ("language", language in LANGUAGES, "one of " + ", ".join(LANGUAGES)),
    ):
        if not fine:
            raise InvalidInput(
                "people_file",
                f"Failed to read {file} line {line}, column {column}: expected {expected}.",
                hint="Correct the line and start the edge again.",
            )
    return Person(badge, name, role, language)
