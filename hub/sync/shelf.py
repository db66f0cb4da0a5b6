"""Each warehouse's own copy of its books, kept at head office for the day its box burns down.

Head office knows every fact of a warehouse, but not on which shelf each unit of goods without
serial numbers lies: only the floor's own books are exact. So an edge hands over a proven copy of
them now and then, in small pieces, and a new box begins with that copy instead of years of facts;
the facts after it are sent back as after any restore. The copy stays closed here: nothing of it is
read, and only a key of that very warehouse gets it back.
Source: reference protocol "WES-1", section 4.5 (SNAP), F-20, F-23.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final, NamedTuple

from shared.sync import protocol as wire
from shared.sync import snap

PART: Final = "part"
WHOLE: Final = "copy"
READ_BYTES: Final = 1_048_576


class _Name(NamedTuple):
    """What a file's name says, so that a name and its content cannot disagree."""

    node: str
    sha256: str
    size_bytes: int
    made_ms: int
    kind: str

    @property
    def text(self) -> str:
        """The file's name."""
        return f"{self.node}-{self.sha256}-{self.size_bytes}-{self.made_ms}.{self.kind}"


class Shelf:
    """One copy per warehouse, and one that is on its way; in `folder`."""

    def __init__(self, folder: Path) -> None:
        """The folder is made when the first copy comes."""
        self._folder = folder

    def answer(self, node: str, message: snap.Snap, *, has_room: bool) -> wire.Message | None:
        """Do what `message` of warehouse `node` asks; None where there is nothing to say."""
        name = node.encode().hex()
        if isinstance(message, snap.SnapReq):
            return self._piece(name, message)
        if not has_room:
            return None
        if isinstance(message, snap.SnapOffer):
            return self._offered(name, message)
        return self._put(name, message)

    def _files(self, node: str, kind: str) -> list[tuple[_Name, Path]]:
        if not self._folder.is_dir():
            return []
        found = []
        for path in self._folder.glob(f"{node}-*.{kind}"):
            owner, sha256, size, made = path.stem.split("-")
            found.append((_Name(owner, sha256, int(size), int(made), kind), path))
        return sorted(found, key=lambda one: one[0].made_ms)

    def _offered(self, node: str, offer: snap.SnapOffer) -> wire.Message:
        """Say from which byte on to send; what was begun of another copy is given up."""
        sha256 = offer.sha256.hex()
        if any(name.sha256 == sha256 for name, _ in self._files(node, WHOLE)):
            return snap.SnapHave(offer.sha256, offer.size_bytes)
        for name, path in self._files(node, PART):
            if name.sha256 == sha256:
                return snap.SnapHave(offer.sha256, path.stat().st_size)
            path.unlink()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = _Name(node, sha256, offer.size_bytes, offer.made_ms, PART)
        (self._folder / name.text).touch(mode=0o600)
        return snap.SnapHave(offer.sha256, 0)

    def _put(self, node: str, put: snap.SnapPut) -> wire.Message | None:
        sha256 = put.sha256.hex()
        part = next((one for one in self._files(node, PART) if one[0].sha256 == sha256), None)
        if part is None:
            return None
        name, path = part
        have = path.stat().st_size
        if put.offset == have and have + len(put.data) <= name.size_bytes:
            with path.open("ab") as file:
                file.write(put.data)
                have += len(put.data)
                if have == name.size_bytes:
                    file.flush()
                    os.fsync(file.fileno())
        if have < name.size_bytes or self._finish(name, path):
            return snap.SnapHave(put.sha256, have)
        return snap.SnapHave(put.sha256, 0)

    def _finish(self, name: _Name, path: Path) -> bool:
        """Let a copy count once its bytes are what was offered; older ones go."""
        if _digest(path) != name.sha256:
            path.write_bytes(b"")
            return False
        older = self._files(name.node, WHOLE)
        path.replace(self._folder / name._replace(kind=WHOLE).text)
        for _, copy in older:
            copy.unlink()
        return True

    def _piece(self, node: str, request: snap.SnapReq) -> wire.Message:
        copies = self._files(node, WHOLE)
        if not copies:
            return snap.SnapChunk(request.sha256, 0, 0, 0, b"")
        name, path = copies[-1]
        digest = bytes.fromhex(name.sha256)
        offset = request.offset if request.sha256 == digest else 0
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(snap.SNAP_BYTES_MAX)
        return snap.SnapChunk(digest, name.size_bytes, name.made_ms, offset, data)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(READ_BYTES):
            digest.update(data)
    return digest.hexdigest()
