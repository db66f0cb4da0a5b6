"""Keys of shops: private, never shown, never in the way; and the line that uses them has limits."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import pytest

from hub.channels.base import Call, Reply, Steps
from hub.channels.errors import ShopRefused, ShopSilent
from hub.settings import load
from hub.shops.line import ShopLine
from hub.shops.vault import Vault, read_secrets
from shared.domain.errors import BooksBroken, InvalidInput

KEYS = b'{"webhook_secret": "whsec_hush"}'


def test_keys_are_kept_in_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "shops", {})
    vault.keep("shopify", "a/../b", KEYS)
    files = list((tmp_path / "shops").iterdir())
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600]
    assert vault.secrets("shopify", "a/../b") == {"webhook_secret": "whsec_hush"}
    assert vault.known("shopify", "a/../b")
    assert not vault.known("shopify", "other")
    assert vault.secrets("shopify", "other") == {}


def test_keys_that_others_can_read_are_not_used(tmp_path: Path) -> None:
    vault = Vault(tmp_path, {})
    vault.keep("jd", "main", KEYS)
    (tmp_path / "jd.main.json").chmod(0o644)
    with pytest.raises(BooksBroken):
        vault.secrets("jd", "main")


@pytest.mark.parametrize("content", [b"hush", b'{"a": 1, "b": "hush"}', b"\xff", b'["hush"]'])
def test_a_bad_key_file_is_refused_without_showing_it(content: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_secrets(content)
    assert "hush" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"


def test_keys_come_by_a_setting_from_a_file_and_win(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"generic/main": {"webhook_secret": "given"}}), encoding="utf-8")
    settings = load({"BINCARD_HUB_SHOP_SECRETS_FILE": str(file)})
    vault = Vault(tmp_path, settings.shop_secrets)
    vault.keep("generic", "main", KEYS)
    assert vault.secrets("generic", "main") == {"webhook_secret": "given"}
    assert "given" not in repr(vault)


def test_a_bad_setting_is_told_without_its_content() -> None:
    with pytest.raises(InvalidInput) as caught:
        load({"BINCARD_HUB_SHOP_SECRETS": '{"generic/main": "hush"}'})
    assert "hush" not in str(caught.value)


def endless(url: str) -> Steps[None]:
    while True:
        reply: Reply = yield Call(method="GET", url=url)
        assert reply.status == 0


def play(steps: Steps[None]) -> None:
    async def run() -> None:
        line = ShopLine(timeout_ms=2_000)
        try:
            await line.play(steps)
        finally:
            await line.close()

    asyncio.run(run())


def test_a_shop_that_is_not_there_is_silent_and_a_broken_address_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ShopSilent) as caught:
        play(endless(f"http://127.0.0.1:{port}/"))
    assert caught.value.code == "shop_unreachable"
    with pytest.raises(ShopRefused):
        play(endless("http://127.0.0.1:notaport/"))
