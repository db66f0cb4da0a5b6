"""What an edge does by itself, and how often."""

from __future__ import annotations

from edge.timers import DIGEST_SECONDS, OFFLINE_DIGEST_MS, digest_due


def test_books_are_digested_at_every_tick_while_the_line_is_up_and_hourly_while_it_is_down() -> (
    None
):
    tick_ms = round(DIGEST_SECONDS * 1000)
    assert digest_due(line_up=True, since_ms=tick_ms)
    assert digest_due(line_up=False, since_ms=None), "the first digest waits for nothing"
    assert not digest_due(line_up=False, since_ms=tick_ms)
    assert not digest_due(line_up=False, since_ms=OFFLINE_DIGEST_MS - 1)
    assert digest_due(line_up=False, since_ms=OFFLINE_DIGEST_MS)
    assert digest_due(line_up=True, since_ms=0), "back on the line, head office compares at once"
