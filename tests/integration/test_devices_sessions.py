"""Sessions on real pseudo terminals: cables are pulled, lines are noisy, triggers are worn."""

from __future__ import annotations

import os
import socket
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

import pytest

from devices.config import ScaleConfig, ScannerConfig
from devices.messages import Event, HealthChanged, ReadingSeen, ScanRead, WeightSettled
from devices.sessions.scale import ScaleSession
from devices.sessions.scanner import ScannerSession
from devices.simulated.scale import ScaleManner
from devices.simulated.site import (
    ScaleChange,
    ScaleSetting,
    ScannerChange,
    ScannerSetting,
    Site,
    SiteSetting,
)
from devices.simulated.wire import LineFaults
from shared.runtime.clock import SystemClock, SystemEntropy

Kind = TypeVar("Kind", bound=Event)
SECONDS = 5.0
QUIET_SECONDS = 0.4


class Heard:
    """Collects published events and waits for wanted ones."""

    def __init__(self) -> None:
        self.waiting: SimpleQueue[Event] = SimpleQueue()
        self.all: list[Event] = []

    def until(self, kind: type[Kind], fits: Callable[[Kind], bool] = lambda _: True) -> Kind:
        """Return the next event of `kind` that fits; fail after five seconds."""
        while True:
            try:
                event = self.waiting.get(timeout=SECONDS)
            except Empty:
                raise AssertionError(f"no such {kind.__name__}; heard {self.all}") from None
            self.all.append(event)
            if isinstance(event, kind) and fits(event):
                return event

    def nothing(self, kind: type[Event]) -> None:
        """Fail if a `kind` comes until all is quiet."""
        try:
            while True:
                event = self.waiting.get(timeout=QUIET_SECONDS)
                self.all.append(event)
                assert not isinstance(event, kind), event
        except Empty:
            return


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(
        SiteSetting(
            state_dir=str(tmp_path),
            scales=(ScaleSetting(name="scale-1", port="scale-1.tty"),),
            scanners=(ScannerSetting(name="scanner-1", port="scanner-1.tty"),),
        )
    )
    site.start()
    yield site
    site.stop()


@pytest.fixture
def scale(site: Site, tmp_path: Path, heard: Heard) -> Iterator[ScaleSession]:
    config = ScaleConfig(name="scale-1", port=str(tmp_path / "scale-1.tty"))
    session = ScaleSession(config, heard.waiting.put, SystemClock(), SystemEntropy())
    session.start()
    heard.until(ReadingSeen, lambda seen: seen.grams == "0")
    yield session
    session.ask_to_stop()
    session.join()


@pytest.fixture
def scanner(site: Site, tmp_path: Path, heard: Heard) -> Iterator[ScannerSession]:
    config = ScannerConfig(name="scanner-1", port=str(tmp_path / "scanner-1.tty"))
    session = ScannerSession(config, heard.waiting.put, SystemClock(), SystemEntropy())
    session.start()
    heard.until(HealthChanged, lambda health: health.state == "up")
    yield session
    session.ask_to_stop()
    session.join()


def put(site: Site, grams: int) -> None:
    site.change_scale("scale-1", ScaleChange(grams=grams))


def test_each_placement_settles_once_even_when_two_weigh_the_same(
    site: Site, scale: ScaleSession, heard: Heard
) -> None:
    settled = []
    for grams in (1250, 1250, 480):
        put(site, grams)
        settled.append(heard.until(WeightSettled))
        heard.nothing(WeightSettled)
        put(site, 0)
    assert [(event.grams, event.raw) for event in settled] == [
        (1250, "1250.00 g"),
        (1250, "1250.00 g"),
        (480, "480.00 g"),
    ]
    assert len({event.placement for event in settled}) == 3


def test_a_load_changed_without_emptying_the_scale_is_not_announced_but_can_be_asked_for(
    site: Site, scale: ScaleSession, heard: Heard
) -> None:
    put(site, 500)
    first = heard.until(WeightSettled)
    put(site, 900)
    heard.nothing(WeightSettled)
    scale.rearm()
    second = heard.until(WeightSettled)
    assert second.grams == 900
    assert second.placement != first.placement
    scale.rearm()
    assert heard.until(WeightSettled).placement == second.placement


def test_a_shaken_scale_settles_only_after_it_is_left_alone(
    site: Site, scale: ScaleSession, heard: Heard
) -> None:
    put(site, 700)
    for _ in range(8):
        heard.until(ReadingSeen, lambda seen: seen.status == "unstable")
        site.change_scale("scale-1", ScaleChange(nudge=True))
    assert not any(isinstance(event, WeightSettled) for event in heard.all)
    assert heard.until(WeightSettled).grams == 700


def test_overload_is_shown_and_never_settles(site: Site, scale: ScaleSession, heard: Heard) -> None:
    put(site, 40_000)
    assert heard.until(ReadingSeen, lambda seen: seen.status == "overload").grams is None
    heard.nothing(WeightSettled)


def test_pulling_the_cable_voids_the_reading_and_replugging_goes_on(
    site: Site, scale: ScaleSession, heard: Heard
) -> None:
    put(site, 1_000)
    heard.until(WeightSettled)
    site.change_scale("scale-1", ScaleChange(unplugged=True))
    down = heard.until(HealthChanged, lambda health: health.state == "down")
    assert "is gone" in down.reason
    assert heard.until(ReadingSeen).grams is None
    site.change_scale("scale-1", ScaleChange(unplugged=False))
    up = heard.until(HealthChanged, lambda health: health.state == "up")
    assert up.counters["opened"] >= 2
    assert up.counters["lost"] == 1
    heard.nothing(WeightSettled)
    put(site, 0)
    put(site, 1_000)
    assert heard.until(WeightSettled).grams == 1_000


def test_a_silent_scale_is_degraded_not_down_and_its_reading_is_taken_back(
    site: Site, scale: ScaleSession, heard: Heard
) -> None:
    put(site, 300)
    heard.until(WeightSettled)
    site.change_scale("scale-1", ScaleChange(silent=True))
    assert heard.until(HealthChanged).state == "degraded"
    assert heard.until(ReadingSeen).grams is None
    site.change_scale("scale-1", ScaleChange(silent=False))
    assert heard.until(HealthChanged).state == "up"
    assert heard.until(ReadingSeen).grams == "300"


def test_a_noisy_line_delays_a_weight_and_never_falsifies_it(
    site: Site, scale: ScaleSession, heard: Heard
) -> None:
    faults = LineFaults(cut_one_in=8, merge_one_in=12, garbage_one_in=8)
    site.change_scale("scale-1", ScaleChange(faults=faults))
    for grams in (1250, 77, 20_000):
        put(site, grams)
        assert heard.until(WeightSettled).grams == grams
        put(site, 0)
        heard.until(ReadingSeen, lambda seen: seen.grams == "0")
    stable = {
        event.grams
        for event in heard.all
        if isinstance(event, ReadingSeen) and event.status == "stable"
    }
    assert stable <= {"0", "1250", "77", "20000"}
    assert scale.health.now().counters["framing_errors"] > 0


def test_a_port_that_does_not_exist_is_down_with_a_sentence_and_taken_when_it_appears(
    tmp_path: Path, heard: Heard
) -> None:
    config = ScaleConfig(name="scale-1", port=str(tmp_path / "scale-1.tty"))
    session = ScaleSession(config, heard.waiting.put, SystemClock(), SystemEntropy())
    session.start()
    down = heard.until(HealthChanged)
    assert down.state == "down"
    assert down.reason.endswith("no such file or directory.")
    setting = ScaleSetting(name="scale-1", port="scale-1.tty", manner=ScaleManner(unit="kg"))
    late = Site(SiteSetting(state_dir=str(tmp_path), scales=(setting,)))
    late.start()
    heard.until(HealthChanged, lambda health: health.state == "up")
    late.change_scale("scale-1", ScaleChange(grams=1_234))
    assert heard.until(WeightSettled).raw == "1.234 kg"
    session.ask_to_stop()
    session.join()
    late.stop()


def test_a_scale_switched_to_another_unit_is_an_error_and_not_a_weight(
    site: Site, tmp_path: Path, heard: Heard
) -> None:
    config = ScaleConfig(name="scale-1", port=str(tmp_path / "scale-1.tty"), unit="kg")
    session = ScaleSession(config, heard.waiting.put, SystemClock(), SystemEntropy())
    session.start()
    put(site, 700)
    assert "another unit" in heard.until(HealthChanged).reason
    heard.nothing(WeightSettled)
    session.ask_to_stop()
    session.join()


def test_scans_have_ids_of_their_own_and_a_worn_trigger_counts_once(
    site: Site, scanner: ScannerSession, heard: Heard
) -> None:
    site.change_scanner("scanner-1", ScannerChange(text="]C1SN-1", double=True, pieces=3))
    site.change_scanner("scanner-1", ScannerChange(text="SN-2"))
    first, second = heard.until(ScanRead), heard.until(ScanRead)
    assert (first.text, first.aim, first.seq) == ("SN-1", "]C1", 1)
    assert (second.text, second.aim, second.seq) == ("SN-2", None, 2)
    assert first.scan_id != second.scan_id
    assert scanner.health.now().counters["double_reads"] == 1


def test_a_scan_torn_by_the_cable_never_becomes_the_head_of_the_next(
    site: Site, scanner: ScannerSession, heard: Heard
) -> None:
    site.change_scanner("scanner-1", ScannerChange(text="SN-0000001", partial=True))
    site.change_scanner("scanner-1", ScannerChange(unplugged=True))
    heard.until(HealthChanged, lambda health: health.state == "down")
    site.change_scanner("scanner-1", ScannerChange(unplugged=False))
    heard.until(HealthChanged, lambda health: health.state == "up")
    site.change_scanner("scanner-1", ScannerChange(text="SN-2"))
    assert heard.until(ScanRead).text == "SN-2"


def test_half_a_scan_is_given_up_after_a_second(tmp_path: Path, heard: Heard) -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    config = ScannerConfig(name="scanner-1", port=os.ttyname(slave))
    session = ScannerSession(config, heard.waiting.put, SystemClock(), SystemEntropy())
    session.start()
    heard.until(HealthChanged, lambda health: health.state == "up")
    os.write(master, b"SN-00")
    assert "suffix" in heard.until(HealthChanged, lambda it: it.state == "degraded").reason
    os.write(master, b"SN-2\r\n")
    assert heard.until(ScanRead).text == "SN-2"
    assert session.health.now().counters["partial_scans"] == 1
    assert session.health.now().state == "up"
    session.ask_to_stop()
    session.join()
    os.close(master)
    os.close(slave)


def test_a_streaming_scale_is_heard_without_being_asked(
    site: Site, tmp_path: Path, heard: Heard
) -> None:
    config = ScaleConfig(name="scale-1", port=str(tmp_path / "scale-1.tty"), mode="stream")
    session = ScaleSession(config, heard.waiting.put, SystemClock(), SystemEntropy())
    session.start()
    heard.until(ReadingSeen, lambda seen: seen.grams == "0")
    put(site, 640)
    assert heard.until(WeightSettled).grams == 640
    site.change_scale("scale-1", ScaleChange(power_cycle=True))
    put(site, 0)
    put(site, 310)
    assert heard.until(WeightSettled).grams == 310
    session.ask_to_stop()
    session.join()


def test_a_toledo_scale_behind_a_serial_server_is_weighed(heard: Heard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        config = ScaleConfig(
            name="scale-1", protocol="toledo-8217", port=f"socket://127.0.0.1:{port}"
        )
        session = ScaleSession(config, heard.waiting.put, SystemClock(), SystemEntropy())
        session.start()
        line, _ = listener.accept()
        answers = [b"\x0200.000\r", b"\x02?\x41\r", *[b"\x0202.345N\r"] * 10]
        for answer in answers:
            assert line.recv(1) == b"W"
            line.sendall(answer)
        settled = heard.until(WeightSettled)
        assert (settled.grams, settled.raw) == (2_345, "2.345 kg")
        line.close()
        assert "disconnected" in heard.until(HealthChanged, lambda it: it.state == "down").reason
        session.ask_to_stop()
        session.join()
