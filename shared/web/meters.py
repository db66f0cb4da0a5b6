"""Meters that an edge and the hub have in common, in the Prometheus text form."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from shared.runtime.storage import STEPS, Storage


def add_storage(registry: CollectorRegistry, prefix: str, now: Storage) -> None:
    """Add how full and how healthy the disk is; names begin with `prefix`."""
    level = Gauge(f"{prefix}_storage_level", "1 for the present step", ["level"], registry=registry)
    for name in ("ok", *(step.name for step in STEPS), "failing"):
        level.labels(name).set(int(now.level == name))
    for name, meaning, value in (
        ("free_bytes", "Bytes free on the disk of the books", now.free_bytes),
        ("size_bytes", "Bytes on the disk of the books", now.size_bytes),
        ("ballast_bytes", "Bytes kept in hand for a full disk", now.ballast_bytes),
        ("commit_ms", "The middle one of the newest commits, milliseconds", now.commit_ms),
    ):
        Gauge(f"{prefix}_storage_{name}", meaning, registry=registry).set(value)
