"""Where the keys of the shops lie: one private file per shop, never in the books, never in a log.

The books are copied, restored and sent around; keys must not travel with them. A file
`CHANNEL.SHOP.json` of mode 0600 holds a map such as `{"access_token": "...", "webhook_secret":
"..."}`. The setting BINCARD_HUB_SHOP_SECRETS (usually as ..._FILE) may give them instead, as
`{"CHANNEL/SHOP": {...}}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from hub.channels.base import ShopAccess
from hub.domain.channel_rows import ShopRow
from shared.domain.errors import InvalidInput
from shared.runtime import private_file

SECRETS_BYTES_MAX: Final = 16_384
Secrets = Mapping[str, str]
_decoder = msgspec.json.Decoder(dict[str, str])


class Vault:
    """Reads and writes the keys of shops."""

    def __init__(self, directory: Path, given: Mapping[str, Secrets]) -> None:
        """`given` comes from the settings and wins over files in `directory`."""
        self._directory = directory
        self._given = given

    def __repr__(self) -> str:
        """Show no key."""
        return "Vault()"

    def _path(self, channel: str, shop: str) -> Path:
        return self._directory / f"{quote(channel, safe='')}.{quote(shop, safe='')}.json"

    def secrets(self, channel: str, shop: str) -> Secrets:
        """Return a shop's keys, empty when none were given. Raises BooksBroken, InvalidInput."""
        given = self._given.get(f"{channel}/{shop}")
        if given is not None:
            return given
        content = private_file.read(self._path(channel, shop))
        return {} if content is None else read_secrets(content)

    def known(self, channel: str, shop: str) -> bool:
        """Say whether a shop's keys are there."""
        return bool(self._given.get(f"{channel}/{shop}") or self._path(channel, shop).is_file())

    def keep(self, channel: str, shop: str, content: bytes) -> None:
        """Keep a shop's keys, given as a JSON map; raises InvalidInput when they are not."""
        read_secrets(content)
        private_file.write(self._path(channel, shop), content)

    def access(self, row: ShopRow) -> ShopAccess:
        """Return what a channel needs to talk to a shop."""
        return ShopAccess(
            shop=row.shop,
            url=row.url,
            currency=row.currency,
            options=row.options,
            secrets=self.secrets(row.channel, row.shop),
        )


def read_secrets(content: bytes) -> Secrets:
    """Return the keys in `content`; raises InvalidInput without showing any of it."""
    try:
        return _decoder.decode(content[: SECRETS_BYTES_MAX + 1])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidInput(
            "shop_secrets",
            "Failed to read a shop's keys: expected a JSON object of texts, at most "
            f"{SECRETS_BYTES_MAX} bytes.",
            hint='Write {"webhook_secret": "...", "access_token": "..."} into the file.',
        ) from None
