"""Real sessions weigh on simulated scales of every family, over pseudo terminals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue

from devices.config import ScaleConfig
from devices.messages import Event, HealthChanged, ReadingSeen, WeightSettled
from devices.scales.protocols import PROTOCOLS
from devices.sessions.scale import ScaleSession
from devices.simulated.scale import ScaleManner
from devices.simulated.site import ScaleChange, ScaleSetting, Site, SiteSetting
from devices.simulated.wire import LineFaults
from shared.runtime.clock import SystemClock, SystemEntropy

SECONDS = 8.0
MODES = [
    (name, mode)
    for name, protocol in PROTOCOLS.items()
    for mode in ("poll", "stream")
    if name != "mt-sics"
    and (protocol.poll if mode == "poll" else protocol.stream or not protocol.poll)
] + [("yaohua-a9", "stream"), ("and-18", "stream"), ("cas-22", "stream")]


class Heard:
    """Collects published events and waits for wanted ones."""

    def __init__(self) -> None:
        self.waiting: SimpleQueue[Event] = SimpleQueue()
        self.all: list[Event] = []

    def until(self, fits: Callable[[Event], bool]) -> Event:
        while True:
            try:
                event = self.waiting.get(timeout=SECONDS)
            except Empty:
                raise AssertionError(f"heard only {self.all}") from None
            self.all.append(event)
            if fits(event):
                return event

    def settled(self) -> WeightSettled:
        event = self.until(lambda it: isinstance(it, WeightSettled))
        assert isinstance(event, WeightSettled)
        return event

    def shows(self, grams: str) -> None:
        self.until(lambda it: isinstance(it, ReadingSeen) and it.grams == grams)


@contextmanager
def weighing(
    folder: Path,
    wanted: Sequence[tuple[str, str]],
    faults: LineFaults = LineFaults(),  # noqa: B008 - frozen
) -> Iterator[tuple[Site, dict[str, tuple[ScaleSession, Heard]]]]:
    """Simulate one scale per protocol and mode, and weigh on each with a session of its own."""
    names = {f"{protocol}-{mode}": (protocol, mode) for protocol, mode in wanted}
    scales = tuple(
        ScaleSetting(
            name=name,
            port=f"{name}.tty",
            protocol=protocol,
            manner=ScaleManner(unit="kg"),
            faults=faults,
        )
        for name, (protocol, _) in names.items()
    )
    site = Site(SiteSetting(state_dir=str(folder), scales=scales))
    site.start()
    sessions: dict[str, tuple[ScaleSession, Heard]] = {}
    for name, (protocol, mode) in names.items():
        heard = Heard()
        config = ScaleConfig(
            name=name, port=str(folder / f"{name}.tty"), protocol=protocol, mode=mode, unit="kg"
        )
        session = ScaleSession(config, heard.waiting.put, SystemClock(), SystemEntropy())
        session.start()
        sessions[name] = (session, heard)
    yield site, sessions
    for session, _ in sessions.values():
        session.ask_to_stop()
    for session, _ in sessions.values():
        session.join()
    site.stop()


def test_two_parcels_are_weighed_exactly_and_once_each_in_every_protocol(tmp_path: Path) -> None:
    with weighing(tmp_path, MODES) as (site, sessions):
        for _, heard in sessions.values():
            heard.shows("0")
        for grams in (1_235, 12_480):
            for name in sessions:
                site.change_scale(name, ScaleChange(grams=grams))
            for name, (_, heard) in sessions.items():
                assert (name, heard.settled().grams) == (name, grams)
            if grams == 1_235:
                for name in sessions:
                    site.change_scale(name, ScaleChange(grams=0))
        for name, (session, heard) in sessions.items():
            health = session.health.now()
            assert (name, health.state) == (name, "up")
            assert health.counters["settled"] == 2, (name, heard.all)
            assert not [error for error in health.counters if error.endswith("_errors")], name


def test_a_noisy_line_delays_a_weight_and_never_falsifies_it(tmp_path: Path) -> None:
    faults = LineFaults(cut_one_in=10, merge_one_in=15, garbage_one_in=10)
    wanted = [("toledo-continuous", "stream"), ("cas-ecr", "poll"), ("ohaus", "poll"),
              ("yaohua-eq-reversed", "stream")]  # fmt: skip
    with weighing(tmp_path, wanted, faults) as (site, sessions):
        for name, (_, heard) in sessions.items():
            heard.shows("0")
            site.change_scale(name, ScaleChange(grams=777))
        for name, (_, heard) in sessions.items():
            assert (name, heard.settled().grams) == (name, 777)


def test_a_scale_whose_parity_bit_arrives_as_data_is_weighed(tmp_path: Path) -> None:
    with weighing(tmp_path, [("and", "poll")], LineFaults(parity="E")) as (site, sessions):
        site.change_scale("and-poll", ScaleChange(grams=1_235))
        assert sessions["and-poll"][1].settled().raw == "1.235 kg"


def test_an_overloaded_scale_full_of_filler_digits_never_settles(tmp_path: Path) -> None:
    with weighing(tmp_path, [("and-18", "stream")]) as (site, sessions):
        heard = sessions["and-18-stream"][1]
        heard.shows("0")
        site.change_scale("and-18-stream", ScaleChange(grams=40_000))
        heard.until(lambda it: isinstance(it, ReadingSeen) and it.status == "overload")
        site.change_scale("and-18-stream", ScaleChange(grams=0))
        heard.shows("0")
        assert not [event for event in heard.all if isinstance(event, WeightSettled)]


def test_another_protocol_than_configured_is_degraded_with_a_sentence(tmp_path: Path) -> None:
    heard = Heard()
    setting = ScaleSetting(name="scale-1", port="scale-1.tty", protocol="yaohua-a12")
    site = Site(SiteSetting(state_dir=str(tmp_path), scales=(setting,)))
    site.start()
    config = ScaleConfig(
        name="scale-1", port=str(tmp_path / "scale-1.tty"), protocol="generic-stgs", mode="stream"
    )
    session = ScaleSession(config, heard.waiting.put, SystemClock(), SystemEntropy())
    session.start()
    event = heard.until(lambda it: isinstance(it, HealthChanged) and it.state == "degraded")
    assert isinstance(event, HealthChanged)
    assert "protocol" in event.reason
    session.ask_to_stop()
    session.join()
    site.stop()
