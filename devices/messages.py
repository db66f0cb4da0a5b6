"""What the devices process and the edge say to each other, over ZeroMQ on this machine.

Two sockets: the edge asks on one (DEALER to ROUTER, request and reply carry the same `request_id`)
and listens on the other (SUB to PUB). Every message is one JSON object with a `type`. Times are not
sent: the edge stamps what it receives with its own clock, and only ages travel.
"""

from __future__ import annotations

from typing import Literal

import msgspec

DeviceKind = Literal["scale", "printer", "scanner"]
HealthState = Literal["up", "degraded", "down", "unconfigured"]
ReadingStatus = Literal["stable", "unstable", "unknown_stability", "overload", "underload"]
WeightKind = Literal["gross", "net", "tare", "unknown"]
JobState = Literal[
    "queued", "sending", "sent", "confirmed", "unknown", "failed_before_send", "cancelled"
]

FRAME_BYTES_MAX = 1_048_576
"""Largest message on the bus; a label of 100 x 180 mm with bitmaps takes about 60 kB."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of all messages on the bus."""


# Events: devices -> edge (PUB, topic is the device name)


class ReadingSeen(Message, frozen=True, kw_only=True, tag="reading"):
    """The scale shows this now. `grams` is an exact decimal string, None where the frame has none.

    Sent on every change, at most 20 times a second.
    """

    device: str
    status: ReadingStatus
    grams: str | None
    kind: WeightKind = "unknown"


class WeightSettled(Message, frozen=True, kw_only=True, tag="settled"):
    """A new load came to rest: sent once per placement, after the scale was near zero before.

    `placement` identifies this load on this scale, so that a repeat is recognised.
    """

    device: str
    placement: str
    grams: int
    raw: str


class ScanRead(Message, frozen=True, kw_only=True, tag="scan"):
    """A serial scanner read this text. `scan_id` is unique: the edge uses it as `op_id`."""

    device: str
    scan_id: str
    seq: int
    text: str
    aim: str | None = None


class HealthChanged(Message, frozen=True, kw_only=True, tag="health"):
    """How a device is; `reason` is a sentence, `counters` count frames, errors and reopenings.

    A printer also tells its paper (`media`, such as 76x130 mm) and its head (`dots_per_mm`).
    """

    device: str
    device_kind: DeviceKind
    protocol: str
    state: HealthState
    reason: str = ""
    counters: dict[str, int] = {}
    media: str = ""
    dots_per_mm: int = 0


class JobChanged(Message, frozen=True, kw_only=True, tag="job"):
    """A print job reached this state. `proof` says how we know, `trouble` what is in the way.

    `begun` is False while no byte of it can have reached a printer: sending was never written down.
    """

    job_id: str
    printer: str
    state: JobState
    proof: str = ""
    trouble: str = ""
    begun: bool = True


Event = ReadingSeen | WeightSettled | ScanRead | HealthChanged | JobChanged


# Requests: edge -> devices, and their replies


class PrintLabel(Message, frozen=True, kw_only=True, tag="print"):
    """Print these bytes once. Idempotent by `job_id`: a known job only reports its state."""

    request_id: str
    job_id: str
    printer: str
    zpl: bytes


class AskJob(Message, frozen=True, kw_only=True, tag="ask_job"):
    """What became of this job?"""

    request_id: str
    job_id: str


class DecideJob(Message, frozen=True, kw_only=True, tag="decide_job"):
    """A person looked: the label of this UNKNOWN job is there (`printed`) or it is not."""

    request_id: str
    job_id: str
    printed: bool


class AskHealth(Message, frozen=True, kw_only=True, tag="ask_health"):
    """How are all devices?"""

    request_id: str


class RearmScale(Message, frozen=True, kw_only=True, tag="rearm"):
    """The load on the scale has to be announced again (the bench started to wait just now)."""

    request_id: str
    device: str


Request = PrintLabel | AskJob | DecideJob | AskHealth | RearmScale


class JobReply(Message, frozen=True, kw_only=True, tag="job_reply"):
    """State of a job; `known` is False when this process never saw it."""

    request_id: str
    job_id: str
    known: bool
    state: JobState = "queued"
    proof: str = ""
    trouble: str = ""


class HealthReply(Message, frozen=True, kw_only=True, tag="health_reply"):
    """Every configured device."""

    request_id: str
    devices: tuple[HealthChanged, ...]


class Done(Message, frozen=True, kw_only=True, tag="done"):
    """The request was carried out."""

    request_id: str


class Failed(Message, frozen=True, kw_only=True, tag="failed"):
    """The request could not be carried out: a code and a sentence."""

    request_id: str
    code: str
    sentence: str


Reply = JobReply | HealthReply | Done | Failed

event_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
request_decoder: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
reply_decoder: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)
encoder = msgspec.json.Encoder()
