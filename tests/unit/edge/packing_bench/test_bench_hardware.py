"""The edge and a devices process over real ZeroMQ sockets: loads, labels, scans, restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import msgspec
import zmq
import zmq.asyncio

from devices.client import DevicesClient
from devices.messages import (
    AskHealth,
    AskJob,
    DecideJob,
    Done,
    HealthChanged,
    HealthReply,
    JobChanged,
    JobReply,
    PrintLabel,
    ReadingSeen,
    RearmScale,
    Reply,
    Request,
    ScanRead,
    WeightSettled,
    encoder,
    request_decoder,
)
from edge.domain.site import Bench, Site
from edge.hardware import Hardware
from edge.services.scan import ScanRequest, scan_once
from shared.domain.facts import LabelPrinted, ParcelPacked
from shared.web.live import LiveBus

DEADLINE_SECONDS = 10.0
SITE = Site(benches={"bench-1": Bench("scale-1", "printer-1", "scanner-1")})


class FakeDevices:
    """A devices process as its bus contract describes it; what it knows survives a restart."""

    def __init__(self) -> None:
        self.jobs: dict[str, Any] = {}
        self.printed: list[str] = []
        self.asked: list[Request] = []
        self.after_print = "confirmed"
        self.ports = (0, 0)

    async def start(self) -> None:
        self._context = zmq.asyncio.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._pub = self._context.socket(zmq.PUB)
        for socket in (self._router, self._pub):
            socket.setsockopt(zmq.LINGER, 0)
        if self.ports == (0, 0):
            self.ports = tuple(  # type: ignore[assignment]
                socket.bind_to_random_port("tcp://127.0.0.1")
                for socket in (self._router, self._pub)
            )
        else:
            for socket, port in zip((self._router, self._pub), self.ports, strict=True):
                await until(lambda s=socket, p=port: self._bound(s, p))  # type: ignore[misc]
        self._task = asyncio.create_task(self._serve())

    def _bound(self, socket: Any, port: int) -> bool:
        try:
            socket.bind(f"tcp://127.0.0.1:{port}")
        except zmq.ZMQError:
            return False
        return True

    async def stop(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._context.destroy(linger=0)

    async def publish(self, event: Any) -> None:
        await self._pub.send_multipart([event.device.encode() if hasattr(event, "device") else b"j",
                                        encoder.encode(event)])  # fmt: skip

    async def _serve(self) -> None:
        while True:
            frames = await self._router.recv_multipart()
            request = request_decoder.decode(frames[-1])
            self.asked.append(request)
            reply = self._reply(request)
            await self._router.send_multipart([frames[0], encoder.encode(reply)])
            if isinstance(request, PrintLabel) and self.jobs[request.job_id] != "queued":
                await self.publish(
                    JobChanged(
                        job_id=request.job_id, printer=request.printer,
                        state=self.jobs[request.job_id],
                    )
                )  # fmt: skip

    def _reply(self, request: Request) -> Reply:
        if isinstance(request, PrintLabel):
            if request.job_id not in self.jobs:
                self.jobs[request.job_id] = self.after_print
                self.printed.append(request.job_id)
            return self._job(request.request_id, request.job_id, "queued")
        if isinstance(request, AskJob):
            return self._job(request.request_id, request.job_id, self.jobs.get(request.job_id))
        if isinstance(request, DecideJob):
            self.jobs[request.job_id] = "confirmed" if request.printed else "failed_before_send"
            return self._job(request.request_id, request.job_id, self.jobs[request.job_id])
        if isinstance(request, AskHealth):
            scale = HealthChanged(device="scale-1", device_kind="scale", protocol="x", state="up")
            return HealthReply(request_id=request.request_id, devices=(scale,))
        return Done(request_id=request.request_id)

    def _job(self, request_id: str, job_id: str, state: Any) -> JobReply:
        return JobReply(
            request_id=request_id, job_id=job_id, known=state is not None, state=state or "queued"
        )


async def until(holds: Callable[[], Any]) -> Any:
    """Wait until `holds()` is true."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not (found := holds()):  # noqa: ASYNC110  the books have no event to wait for
            await asyncio.sleep(0.01)
    return found


def run(warehouse: Any, story: Callable[[FakeDevices, Hardware, LiveBus], Awaitable[None]],
        *, devices_first: bool = True) -> None:  # fmt: skip
    """Play `story` with a listening edge and a fake devices process."""

    async def scan(**scan: Any) -> object:
        request = ScanRequest(**scan)
        return await warehouse.database.write(lambda tx: scan_once(tx, request, warehouse.floor))

    async def play() -> None:
        stopping = asyncio.Event()
        live = LiveBus(stopping)
        live.attach(asyncio.get_running_loop())
        warehouse.told.publish = live.publish
        devices = FakeDevices()
        await devices.start()
        requests, events = (f"tcp://127.0.0.1:{port}" for port in devices.ports)
        if not devices_first:
            await devices.stop()
        hardware = Hardware(
            DevicesClient(requests, events), database=warehouse.database, live=live,
            clock=warehouse.clock, entropy=warehouse.entropy, site=lambda: SITE, scan=scan,
            patrol_seconds=0.05,
        )  # fmt: skip
        await hardware.start()
        if devices_first:
            await until(lambda: hardware.up)
            await listened(devices, hardware)
        try:
            await story(devices, hardware, live)
        finally:
            stopping.set()
            await hardware.stop()
            with suppress(zmq.ZMQError):
                await devices.stop()

    asyncio.run(play())


async def listened(devices: FakeDevices, hardware: Hardware) -> None:
    """Wait until events arrive: a subscription takes a moment to stand."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while hardware.scale("scale-0") is None:
            await devices.publish(ReadingSeen(device="scale-0", status="stable", grams="0"))
            await asyncio.sleep(0.01)


async def scanned(warehouse: Any, *texts: str) -> list[str]:
    return await asyncio.to_thread(warehouse.scans, "bench-1", *texts)


async def scanned_out(warehouse: Any, goods: Any) -> str:
    """A parcel with one phone waits for its weight."""
    parcel_id = await asyncio.to_thread(
        lambda: warehouse.picked("C01-01", {goods.full: 1}, serials=("SN-A",))
    )
    await scanned(warehouse, "BDG-1", "C01-01", "SN-A")
    return str(parcel_id)


def load(placement: str = "load-1", grams: int = 540) -> WeightSettled:
    return WeightSettled(device="scale-1", placement=placement, grams=grams, raw=f"{grams} g")


def test_a_load_at_rest_becomes_a_packed_parcel_and_a_proven_label(
    warehouse: Any, goods: Any
) -> None:
    async def story(devices: FakeDevices, _: Hardware, __: LiveBus) -> None:
        parcel_id = await scanned_out(warehouse, goods)
        await until(lambda: any(isinstance(one, RearmScale) for one in devices.asked))
        await devices.publish(load())
        await devices.publish(load())
        await until(lambda: any(isinstance(fact, LabelPrinted) for fact in warehouse.facts()))
        assert [type(fact) for fact in warehouse.facts()] == [ParcelPacked, LabelPrinted]
        job = warehouse.job(parcel_id)
        assert devices.printed == [job.job_id]
        label = next(one for one in devices.asked if isinstance(one, PrintLabel))
        assert b"0.540 kg" in label.zpl
        assert "李小明".encode() not in label.zpl

    run(warehouse, story)


def test_while_the_devices_process_is_away_the_bench_packs_and_the_label_follows_once(
    warehouse: Any, goods: Any
) -> None:
    async def story(devices: FakeDevices, hardware: Hardware, _: LiveBus) -> None:
        parcel_id = await scanned_out(warehouse, goods)
        assert (await asyncio.to_thread(warehouse.settle, "bench-1", 540)).code == "weight_right"
        assert (hardware.up, warehouse.job(parcel_id).state) == (False, "queued")
        await devices.start()
        await until(lambda: warehouse.job(parcel_id).state == "confirmed")
        assert devices.printed == [warehouse.job(parcel_id).job_id]

    run(warehouse, story, devices_first=False)


def test_a_label_whose_report_was_lost_is_asked_for_and_not_sent_again(
    warehouse: Any, goods: Any
) -> None:
    async def story(devices: FakeDevices, _: Hardware, __: LiveBus) -> None:
        devices.after_print = "queued"
        parcel_id = await scanned_out(warehouse, goods)
        await devices.publish(load())
        await until(lambda: devices.printed)
        await devices.stop()
        devices.jobs[devices.printed[0]] = "confirmed"  # printed while nobody listened
        await devices.start()
        await until(lambda: warehouse.job(parcel_id).state == "confirmed")
        assert len(devices.printed) == 1

    run(warehouse, story)


def test_a_label_under_way_that_the_devices_process_forgot_is_unknown_and_waits(
    warehouse: Any, goods: Any
) -> None:
    async def story(devices: FakeDevices, _: Hardware, __: LiveBus) -> None:
        devices.after_print = "sent"
        parcel_id = await scanned_out(warehouse, goods)
        await devices.publish(load())
        await until(lambda: devices.printed)
        await until(lambda: warehouse.job(parcel_id).state == "sent")
        devices.jobs.clear()
        await until(lambda: warehouse.job(parcel_id).state == "unknown")
        assert len(devices.printed) == 1
        assert warehouse.view()["halt"]["code"] == "print_unknown"

    run(warehouse, story)


def test_what_a_person_decided_while_the_devices_process_was_away_reaches_it(
    warehouse: Any, goods: Any
) -> None:
    async def story(devices: FakeDevices, hardware: Hardware, _: LiveBus) -> None:
        devices.after_print = "unknown"
        parcel_id = await scanned_out(warehouse, goods)
        await devices.publish(load())
        await until(lambda: devices.printed)
        await until(lambda: warehouse.job(parcel_id).state == "unknown")
        await devices.stop()
        await until(lambda: not hardware.up)
        waybill = warehouse.parcel(parcel_id).waybill
        assert await scanned(warehouse, waybill) == ["parcel_done"]
        await devices.start()
        await until(lambda: devices.jobs[devices.printed[0]] == "confirmed")
        assert len(devices.printed) == 1

    run(warehouse, story)


def test_a_serial_scanner_goes_through_the_same_door_and_a_repeat_counts_once(
    warehouse: Any, goods: Any
) -> None:
    async def story(devices: FakeDevices, _: Hardware, __: LiveBus) -> None:
        await asyncio.to_thread(warehouse.picked, "C01-01", {goods.none: 2})
        await scanned(warehouse, "BDG-1", "C01-01")
        for number in (1, 1, 2):
            await devices.publish(
                ScanRead(
                    device="scanner-1", scan_id=f"scan-{number}", seq=number, text="6901200000033"
                )
            )
        await until(lambda: warehouse.view()["step"] == "weigh")
        count = warehouse.query("SELECT COUNT(*) FROM operations WHERE device_id = 'scanner-1'")
        assert count[0][0] == 2

    run(warehouse, story)


def test_a_page_hears_the_last_reading_but_not_every_one(warehouse: Any) -> None:
    async def story(devices: FakeDevices, hardware: Hardware, live: LiveBus) -> None:
        heard: list[Any] = []

        async def listen() -> None:
            async for message in live.stream(("scale",)):
                heard.extend([msgspec.json.decode(str(message.data))] * (message.event == "scale"))

        task = asyncio.create_task(listen())
        for grams in range(200):
            await devices.publish(
                ReadingSeen(device="scale-1", status="unstable", grams=str(grams))
            )
        last = await until(lambda: heard and heard[-1]["grams"] == "199" and heard[-1])
        assert (last["station"], last["device"], last["status"]) == (
            "bench-1",
            "scale-1",
            "unstable",
        )
        assert len(heard) < 100
        now = hardware.scale("scale-1")
        assert now is not None
        assert now.grams == "199"
        task.cancel()

    run(warehouse, story)
