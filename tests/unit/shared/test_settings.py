"""Settings come from the environment, and all mistakes are told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.domain.errors import InvalidInput
from shared.runtime.settings import Environment


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("s3cret\n")
    environment = Environment("BINCARD_HUB_", {"BINCARD_HUB_TOKEN_FILE": str(secret)})
    assert environment.text("TOKEN") == "s3cret"
    environment.done()


def test_every_mistake_is_named_in_one_sentence() -> None:
    environment = Environment("BINCARD_HUB_", {"BINCARD_HUB_HTTP_PORT": "eighty"})
    environment.port("HTTP_PORT", 8080)
    environment.text("NAME")
    with pytest.raises(InvalidInput) as told:
        environment.done()
    assert "BINCARD_HUB_HTTP_PORT: expected a whole number from 0 to 65535, got 'eighty'." in str(
        told.value
    )
    assert "BINCARD_HUB_NAME: expected a value, got nothing." in str(told.value)
