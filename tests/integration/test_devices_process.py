"""The real devices process: it starts, answers, is killed, comes back, and the edge notices."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import zmq

from devices.client import DevicesClient
from devices.messages import (
    AskHealth,
    AskJob,
    Done,
    Failed,
    HealthChanged,
    HealthReply,
    JobReply,
    PrintLabel,
    ReadingSeen,
    RearmScale,
    WeightSettled,
    reply_decoder,
)
from devices.simulated.site import ScaleChange, ScaleSetting, Site, SiteSetting
from shared.domain.errors import Conflict, Unavailable

SECONDS = 15.0
PROGRAM = [sys.executable, "-c", "from shared.runtime.program import main; main()", "devices"]
ADDRESSES = {"requests": "tcp://127.0.0.1:0", "events": "tcp://127.0.0.1:0"}


def until(what: str, fits: Callable[[], bool]) -> None:
    """Poll `fits` until it holds; fail with `what` after the deadline."""
    deadline = time.monotonic() + SECONDS
    pause = asyncio.Event()

    async def wait() -> None:
        while not fits():
            assert time.monotonic() < deadline, what
            try:
                await asyncio.wait_for(pause.wait(), 0.02)
            except TimeoutError:
                continue

    asyncio.run(wait())


class Process:
    """`bincard devices serve` with a state directory of its own."""

    def __init__(self, root: Path) -> None:
        self.state_dir = root / "state"
        self.config = root / "devices.json"
        port = str(root / "scale-1.tty")
        self.config.write_text(
            json.dumps({"devices": [{"name": "scale-1", "kind": "scale", "port": port}]})
        )
        self.requests, self.events = ADDRESSES["requests"], ADDRESSES["events"]
        self.running: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        """Start; a second start binds the addresses that the first was given by the system."""
        environment = os.environ | {
            "BINCARD_DEVICES_CONFIG": str(self.config),
            "BINCARD_DEVICES_STATE_DIR": str(self.state_dir),
            "BINCARD_DEVICES_REQUESTS": self.requests,
            "BINCARD_DEVICES_EVENTS": self.events,
        }
        self.running = subprocess.Popen([*PROGRAM, "serve"], env=environment)
        pid = self.running.pid
        until("the devices process is ready", lambda: self.told().get("pid") == pid)
        self.requests, self.events = str(self.told()["requests"]), str(self.told()["events"])
        return self.running

    def told(self) -> dict[str, object]:
        """Return what run.json says; empty before it exists."""
        try:
            told: dict[str, object] = json.loads((self.state_dir / "run.json").read_text())
        except FileNotFoundError:
            return {}
        return told

    def kill(self) -> None:
        """Kill it as the kernel would."""
        assert self.running is not None
        self.running.send_signal(signal.SIGKILL)
        self.running.wait(SECONDS)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    setting = ScaleSetting(name="scale-1", port="scale-1.tty")
    site = Site(SiteSetting(state_dir=str(tmp_path), scales=(setting,)))
    site.start()
    yield site
    site.stop()


@pytest.fixture
def process(site: Site, tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path)
    process.start()
    yield process
    assert process.running is not None
    process.running.kill()
    process.running.wait(SECONDS)


def with_client(process: Process, work: Callable[[DevicesClient], Awaitable[None]]) -> None:
    """Run `work` with a connected client, within a deadline."""

    async def main() -> None:
        client = DevicesClient(process.requests, process.events)
        await client.start()
        try:
            await asyncio.wait_for(work(client), SECONDS)
        finally:
            await client.close()

    asyncio.run(main())


async def heard(client: DevicesClient, fits: Callable[[object], bool]) -> object:
    async for event in client.events():
        if fits(event):
            return event
    raise AssertionError("the events ended")


def test_a_newcomer_hears_the_state_of_every_device_at_once(process: Process) -> None:
    async def work(client: DevicesClient) -> None:
        await heard(client, lambda event: isinstance(event, ReadingSeen) and event.grams == "0")
        reply = await client.ask(AskHealth(request_id="1"))
        assert isinstance(reply, HealthReply)
        assert [(device.device, device.state) for device in reply.devices] == [("scale-1", "up")]
        late = DevicesClient(process.requests, process.events)
        await late.start()
        await heard(late, lambda event: isinstance(event, HealthChanged) and event.state == "up")
        await heard(late, lambda event: isinstance(event, ReadingSeen) and event.grams == "0")
        await late.close()

    with_client(process, work)


def test_requests_are_answered_under_their_ids_and_refusals_are_sentences(
    process: Process,
) -> None:
    async def work(client: DevicesClient) -> None:
        replies = await asyncio.gather(
            client.ask(RearmScale(request_id="a", device="scale-1")),
            client.ask(RearmScale(request_id="b", device="scale-9")),
            client.ask(AskJob(request_id="c", job_id="never-seen")),
            client.ask(PrintLabel(request_id="d", job_id="j", printer="none", zpl=b"^XA^XZ")),
        )
        assert replies[0] == Done(request_id="a")
        assert isinstance(replies[1], Failed)
        assert "scale-1" in replies[1].sentence
        assert replies[2] == JobReply(request_id="c", job_id="never-seen", known=False)
        assert isinstance(replies[3], Failed)
        assert replies[3].code == "printer_unknown"

    with_client(process, work)


def test_junk_on_the_bus_is_refused_and_the_next_request_is_served(process: Process) -> None:
    junk = [b"", b"\xff\x00", b"[]", b'{"type":"print"}', b"[" * 100_000, b'{"type":"nothing"}',
            b'{"type":"ask_job","request_id":"mine","job_id":7}']  # fmt: skip
    with zmq.Context() as context, context.socket(zmq.DEALER) as wire:
        wire.setsockopt(zmq.LINGER, 0)
        wire.connect(process.requests)
        replies = []
        for body in junk:
            wire.send(body)
            assert wire.poll(SECONDS * 1_000), body
            replies.append(reply_decoder.decode(wire.recv()))
        wire.send_multipart([b"", b"a", b"b"])
        assert wire.poll(SECONDS * 1_000)
        wire.recv_multipart()
        assert all(isinstance(reply, Failed) for reply in replies)
        assert [reply.request_id for reply in replies][-1] == "mine"
        with context.socket(zmq.REQ) as old:
            old.connect(process.requests)
            old.send(b'{"type":"ask_health","request_id":"h"}')
            assert old.poll(SECONDS * 1_000)
            assert reply_decoder.decode(old.recv()).request_id == "h"


def test_a_killed_process_comes_back_under_the_same_client(process: Process, site: Site) -> None:
    async def work(client: DevicesClient) -> None:
        await client.ask(AskHealth(request_id="1"))
        process.kill()
        with pytest.raises(Unavailable, match="did not answer within"):
            await client.ask(AskHealth(request_id="2"), timeout_seconds=0.5)
        site.change_scale("scale-1", ScaleChange(grams=2_500))
        await asyncio.to_thread(process.start)
        settled = await heard(client, lambda event: isinstance(event, WeightSettled))
        assert isinstance(settled, WeightSettled)
        assert settled.grams == 2_500
        assert isinstance(await client.ask(AskHealth(request_id="3")), HealthReply)

    with_client(process, work)


def test_what_was_asked_of_a_missing_process_is_never_delivered_late() -> None:
    async def work() -> None:
        with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
            port = router.bind_to_random_port("tcp://127.0.0.1")
            address = f"tcp://127.0.0.1:{port}"
            router.unbind(address)
            client = DevicesClient(address, "tcp://127.0.0.1:1")
            await client.start()
            label = PrintLabel(request_id="2", job_id="late", printer="none", zpl=b"^XA^XZ")
            with pytest.raises(Unavailable, match="did not answer"):
                await client.ask(label, timeout_seconds=0.3)
            router.bind(address)
            asking = asyncio.create_task(client.ask(AskHealth(request_id="3")))
            assert await asyncio.to_thread(router.poll, SECONDS * 1_000)
            _, body = router.recv_multipart()
            assert b'"request_id":"3"' in body
            await client.close()
            with pytest.raises(Unavailable, match="closed"):
                await asking

    asyncio.run(asyncio.wait_for(work(), SECONDS))


def test_the_same_request_id_twice_at_once_is_a_mistake_of_the_caller(process: Process) -> None:
    async def work(client: DevicesClient) -> None:
        first = asyncio.create_task(client.ask(AskHealth(request_id="1")))
        await asyncio.sleep(0)
        with pytest.raises(Conflict):
            await client.ask(AskHealth(request_id="1"))
        assert isinstance(await first, HealthReply)

    with_client(process, work)


def test_a_closed_client_says_so_and_its_events_end(process: Process) -> None:
    async def work(client: DevicesClient) -> None:
        ended = asyncio.create_task(heard(client, lambda _: False))
        await client.ask(AskHealth(request_id="1"))
        await client.close()
        with pytest.raises(AssertionError, match="ended"):
            await ended
        with pytest.raises(Unavailable, match="closed"):
            await client.ask(AskHealth(request_id="2"))

    with_client(process, work)


def test_sigterm_ends_it_promptly_and_cleanly(process: Process) -> None:
    assert process.running is not None
    began = time.monotonic()
    process.running.send_signal(signal.SIGTERM)
    assert process.running.wait(SECONDS) == 0
    assert time.monotonic() - began < 3
    assert process.told() == {}


def test_a_second_process_on_the_same_state_is_refused_with_a_sentence(process: Process) -> None:
    second = subprocess.run(
        [*PROGRAM, "serve"],
        env=os.environ
        | {
            "BINCARD_DEVICES_CONFIG": str(process.config),
            "BINCARD_DEVICES_STATE_DIR": str(process.state_dir),
            "BINCARD_DEVICES_REQUESTS": ADDRESSES["requests"],
            "BINCARD_DEVICES_EVENTS": ADDRESSES["events"],
        },
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert second.returncode == 1
    assert b"Another devices process owns" in second.stderr
