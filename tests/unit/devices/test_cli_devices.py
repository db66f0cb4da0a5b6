"""The commands a technician types: their output is exact, their mistakes are sentences."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from devices.cli import devices
from devices.simulated.site import ScaleChange, ScaleSetting, Site, SiteSetting
from shared.domain.errors import InvalidInput, Unavailable

DESIGN_READING = (
    '{"reading":{"status":"stable","value":"1.235","unit":"kg","grams":"1235","kind":"unknown"}}\n'
)
DESIGN_SCAN = (
    '{"scan":{"raw":"]C1010950600013435221A\\u001d10L","aim":"]C1","gtin14":"09506000134352",'
    '"sscc":null,"serial":"A","lot":"L","expiry":null,"error":null,"warning":null}}\n'
)


def decode(protocol: str, raw: bytes) -> str:
    result = CliRunner().invoke(devices, ["decode", "--protocol", protocol], input=raw)
    assert result.exception is None, result.exception
    return result.stdout


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    setting = ScaleSetting(name="scale-1", port="scale-1.tty")
    site = Site(SiteSetting(state_dir=str(tmp_path), scales=(setting,)))
    site.start()
    yield site
    site.stop()


def test_decode_prints_one_json_object_a_line_in_the_order_of_the_bytes() -> None:
    raw = b"S S      1.235 kg\r\nS +\r\nES\r\nZ A\r\n"
    assert decode("mt-sics", raw) == (
        DESIGN_READING
        + '{"reading":{"status":"overload","value":null,"unit":null,"grams":null,'
        + '"kind":"unknown"}}\n{"error":"syntax"}\n{"ack":"zero"}\n'
    )


def test_decode_keeps_the_separator_of_a_scan() -> None:
    assert decode("serial-crlf", b"]C1010950600013435221A\x1d10L\r\n") == DESIGN_SCAN


def test_decode_reads_what_a_printer_says() -> None:
    (line,) = decode("zpl-hi", b"\x02GK420t-200dpi,V61.17.17Z,8,2104KB\x03").splitlines()
    assert json.loads(line)["identity"]["dots_per_mm"] == 8


def test_decode_works_through_a_real_pipe_before_the_pipe_ends() -> None:
    program = [sys.executable, "-c", "from devices.cli import devices; devices()"]
    with subprocess.Popen(
        [*program, "decode", "--protocol", "mt-sics"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        killer = threading.Timer(20, process.kill)
        killer.start()
        process.stdin.write(b"S S      1.235 kg\r\n")
        process.stdin.flush()
        assert process.stdout.readline().decode() == DESIGN_READING
        process.stdin.close()
        assert process.wait(20) == 0
        killer.cancel()


def test_an_unknown_protocol_is_refused_with_the_names_of_the_known_ones() -> None:
    result = CliRunner().invoke(devices, ["decode", "--protocol", "guess"], input=b"")
    assert isinstance(result.exception, InvalidInput)
    assert "mt-sics" in result.exception.hint
    assert "wedge-text" in result.exception.hint


def test_probe_shows_what_a_scale_says(site: Site, tmp_path: Path) -> None:
    site.change_scale("scale-1", ScaleChange(grams=1_250, wait_read=False))
    port = str(tmp_path / "scale-1.tty")
    result = CliRunner().invoke(
        devices, ["probe", "--port", port, "--protocol", "mt-sics", "--seconds", "0.5"]
    )
    last = json.loads(result.stdout.splitlines()[-1])
    assert last["reading"]["grams"] == "1250"


def test_probe_says_when_nothing_answers(site: Site, tmp_path: Path) -> None:
    site.change_scale("scale-1", ScaleChange(silent=True))
    for port, sentence in (
        (str(tmp_path / "scale-1.tty"), "Nothing came"),
        (str(tmp_path / "no-such.tty"), "no such file"),
    ):
        result = CliRunner().invoke(
            devices, ["probe", "--port", port, "--protocol", "mt-sics", "--seconds", "0.3"]
        )
        assert isinstance(result.exception, Unavailable)
        assert sentence in result.exception.message


def test_list_shows_configured_devices_without_a_running_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "devices.json"
    config.write_text('{"devices":[{"name":"scale-1","kind":"scale","port":"/dev/ttyUSB0"}]}')
    monkeypatch.setenv("BINCARD_DEVICES_CONFIG", str(config))
    monkeypatch.setenv("BINCARD_DEVICES_STATE_DIR", str(tmp_path / "state"))
    result = CliRunner().invoke(devices, ["list"])
    assert result.exit_code == 0, result.exception
    assert "devices process: none" in result.stdout
    assert "scale-1" in result.stdout
