"""Files of other people are in the repository unchanged, each with its version and licence.

Method: the table in VERSIONS.txt is compared with the folder, byte for byte by SHA-256.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

VENDOR = Path(__file__).parents[2] / "shared" / "web" / "static" / "vendor"
COLUMNS = ["file", "name", "version", "licence", "sha256"]


def table() -> list[dict[str, str]]:
    head, *rows = (line.split() for line in (VENDOR / "VERSIONS.txt").read_text().splitlines())
    assert head == COLUMNS
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def test_vendored_files_are_what_their_authors_published() -> None:
    found = {
        row["file"]: hashlib.sha256((VENDOR / row["file"]).read_bytes()).hexdigest()
        for row in table()
    }
    assert found == {row["file"]: row["sha256"] for row in table()}


def test_every_vendored_file_is_in_the_table_and_has_its_licence() -> None:
    files = {path.name for path in VENDOR.iterdir()} - {"VERSIONS.txt"}
    licences = {name for name in files if name.startswith("LICENSE.")}
    assert files - licences == {row["file"] for row in table()}
    assert licences == {f"LICENSE.{row['name'].removesuffix('.org')}.txt" for row in table()}
    assert {row["licence"] for row in table()} <= {"0BSD", "MIT"}
