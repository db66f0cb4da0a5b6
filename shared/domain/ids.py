"""Names that can be made anywhere, offline, without asking.

Every write carries an id that its client made and stored before sending, so a retry is recognised
and answered with the first outcome. Ids are UUID version 7 (RFC 9562 section 5.7): the leading
48 bits are milliseconds, so they sort roughly by birth and keep database indexes compact.

>>> class Zeros:
...     def token_bytes(self, count: int) -> bytes:
...         return bytes(count)
>>> uuid7(1_700_000_000_000, Zeros())
'018bcfe5-6800-7000-8000-000000000000'
"""

from __future__ import annotations

from shared.domain.ports import Entropy


def uuid7(wall_ms: int, entropy: Entropy) -> str:
    """Return a UUIDv7 in its 36-character text form."""
    random = int.from_bytes(entropy.token_bytes(10), "big")
    value = (wall_ms & 0xFFFF_FFFF_FFFF) << 80
    value |= 0x7 << 76
    value |= ((random >> 68) & 0xFFF) << 64
    value |= 0b10 << 62
    value |= random & 0x3FFF_FFFF_FFFF_FFFF
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def short_code(prefix: str, entropy: Entropy, length: int = 8) -> str:
    """Return a code people can read aloud and scan: no I, L, O, U; Crockford's base 32."""
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    return prefix + "".join(alphabet[byte & 31] for byte in entropy.token_bytes(length))
