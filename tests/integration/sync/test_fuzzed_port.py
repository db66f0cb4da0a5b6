"""A short run of `tests/benchmarks/fuzz_hub_socket.py`, whose long run fires a million frames."""

from __future__ import annotations

from tests.benchmarks import fuzz_hub_socket

FRAMES = 5_000
SEED = 20261126


def test_a_live_hub_survives_mutated_frames_and_another_warehouse_works_on() -> None:
    found = fuzz_hub_socket.run(FRAMES, SEED)
    assert found["holds"], found
    assert found["frames"] >= FRAMES
    assert found["sessions_opened"], "no frame reached an open session"
