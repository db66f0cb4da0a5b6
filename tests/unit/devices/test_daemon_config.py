"""The devices file and the settings: every mistake is told at once, nothing is guessed."""

from __future__ import annotations

import json

import pytest

from devices import settings
from devices.config import parse
from shared.domain.errors import InvalidInput


def mistakes(*entries: dict[str, object]) -> str:
    with pytest.raises(InvalidInput) as caught:
        parse(json.dumps({"devices": entries}).encode())
    return caught.value.message


def test_a_good_file_gives_every_kind_with_its_defaults() -> None:
    config = parse(
        b'{"devices":[{"name":"scale-1","kind":"scale","port":"/dev/a"},'
        b'{"name":"scanner-1","kind":"scanner","port":"/dev/b"},'
        b'{"name":"printer-1","kind":"printer","driver":"tcp9100","host":"h"}]}'
    )
    assert config.names() == ["scale-1", "scanner-1", "printer-1"]
    assert (config.scales[0].protocol, config.scales[0].mode) == ("mt-sics", "poll")
    assert config.scanners[0].protocol == "serial-crlf"


def test_all_mistakes_of_a_file_are_told_at_once() -> None:
    text = mistakes(
        {"name": "a", "kind": "scale", "port": "/dev/a", "protocol": "guess"},
        {"name": "b", "kind": "scale", "port": "/dev/b", "protocol": "generic-stgs"},
        {"name": "c", "kind": "scanner", "port": "/dev/c", "protocol": "mt-sics"},
        {"name": "D d", "kind": "scanner", "port": "/dev/d"},
        {"name": "e", "kind": "toaster"},
        {"name": "f", "kind": "scale"},
        {"name": "g", "kind": "scale", "port": "/dev/g", "baud": 1},
        {"name": "h", "kind": "scale", "port": "/dev/h", "protocol": "yaohua-a9"},
        {"name": "i", "kind": "scale", "port": "/dev/i", "unit": "stone"},
    )
    for part in ("mt-sics, toledo-8217", '"mode": "stream"', "serial-crlf", "Device 4 (D d)",
                 "'toaster'", "Device 6 (f)", "Device 7 (g)", 'set "unit"', "'stone'"):  # fmt: skip
        assert part in text


def test_two_devices_never_share_a_name_or_a_port() -> None:
    text = mistakes(
        {"name": "a", "kind": "scale", "port": "/dev/x"},
        {"name": "a", "kind": "scanner", "port": "/dev/x"},
    )
    assert "Two devices are called a." in text
    assert "Two devices claim the port /dev/x." in text


@pytest.mark.parametrize("text", [b"", b"[]", b'{"devices":7}', b'{"devices":[7]}', b"\xff"])
def test_a_file_that_is_not_ours_is_refused_with_a_sentence(text: bytes) -> None:
    with pytest.raises(InvalidInput, match="devices file"):
        parse(text)


def test_the_bus_is_never_bound_to_the_network() -> None:
    with pytest.raises(InvalidInput, match=r"REQUESTS.*0\.0\.0\.0"):
        settings.read({"BINCARD_DEVICES_REQUESTS": "tcp://0.0.0.0:5590"})
