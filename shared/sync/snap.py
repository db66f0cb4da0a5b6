"""What both sides say about the copy of a warehouse's books that head office keeps.

These frames need no session: the key that opened the connection says whose copy it is, and a new
box, which has nothing to greet with yet, must be able to ask. A piece that is lost is asked for
again; each side says by byte how far it is, so a cut costs one piece.
Source: reference protocol "WES-1", section 4.5 (SNAP).
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from shared.domain.facts import ZERO_HASH, Int64

Hash = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
SNAP_BYTES_MAX: Final = 32_768
"""One piece of a copy: four seconds on a line of 64 kbit/s."""
SNAP_SIZE_MAX: Final = 2**30
"""Largest packed copy of one warehouse's books that the hub keeps."""


class SnapReq(msgspec.Struct, frozen=True, array_like=True):
    """Type 12, since version 2, outside of sessions. Which piece of the edge's copy is wanted.

    `sha256` is of the copy that was begun; all zero for whatever there is.
    """

    sha256: Hash = ZERO_HASH
    offset: Int64 = 0


class SnapChunk(msgspec.Struct, frozen=True, array_like=True):
    """Type 13. A piece of the newest whole copy; `size_bytes` is the whole's, 0 for none."""

    sha256: Hash
    size_bytes: Int64
    made_ms: Int64
    offset: Int64
    data: Annotated[bytes, msgspec.Meta(max_length=SNAP_BYTES_MAX)]


class SnapOffer(msgspec.Struct, frozen=True, array_like=True):
    """Type 18, since version 2, outside of sessions. A copy the edge would like to hand over."""

    sha256: Hash
    size_bytes: Annotated[int, msgspec.Meta(ge=1, le=SNAP_SIZE_MAX)]
    made_ms: Int64


class SnapHave(msgspec.Struct, frozen=True, array_like=True):
    """Type 19. Of that copy the hub has everything before `next_byte`."""

    sha256: Hash
    next_byte: Int64


class SnapPut(msgspec.Struct, frozen=True, array_like=True):
    """Type 20. The next piece of an offered copy."""

    sha256: Hash
    offset: Int64
    data: Annotated[bytes, msgspec.Meta(min_length=1, max_length=SNAP_BYTES_MAX)]


Snap = SnapReq | SnapOffer | SnapPut
"""What an edge says about copies; the key of the connection says whose they are."""
