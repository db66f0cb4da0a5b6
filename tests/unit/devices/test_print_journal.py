"""The print journal: what may follow what, and what a restart makes of it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from devices.printers import journal as journal_module
from devices.printers.journal import MOVES, Job, Journal, next_of
from shared.domain.errors import Conflict, NotFound, Refused

ZPL = b"^XA^PQ1^XZ"
PATHS = {
    "queued": (),
    "sending": ("sending",),
    "sent": ("sending", "sent"),
    "confirmed": ("sending", "sent", "confirmed"),
    "unknown": ("sending", "unknown"),
    "failed_before_send": ("sending", "unknown", "failed_before_send"),
    "cancelled": ("cancelled",),
}


@pytest.fixture
def told() -> list[Job]:
    return []


@pytest.fixture
def journal(tmp_path: Path, told: list[Job]):
    opened = Journal(tmp_path, told.append)
    yield opened
    opened.close()


def _bring(journal: Journal, job_id: str, state: str) -> None:
    journal.add(job_id, "printer-1", ZPL)
    for step in PATHS[state]:
        assert journal.move(job_id, step)[1]


@pytest.mark.parametrize("before", MOVES)
def test_only_listed_moves_happen_and_every_one_is_told(journal, told, before) -> None:
    for after in MOVES:
        job_id = f"{before}-{after}"
        _bring(journal, job_id, before)
        job, moved = journal.move(job_id, after)
        assert moved == (after in MOVES[before])
        assert job.state == (after if moved else before) == journal.ask(job_id).state
        states = [job.state for job in told if job.job_id == job_id]
        assert all(second in MOVES[first] for first, second in pairwise(states))


def test_a_repeated_request_adds_nothing_and_another_label_under_its_id_is_refused(journal) -> None:
    first = journal.add("job-1", "printer-1", ZPL)
    assert journal.add("job-1", "printer-1", ZPL) == first
    for printer, zpl in (("printer-1", b"^XA^FS^PQ1^XZ"), ("printer-2", ZPL)):
        with pytest.raises(Conflict):
            journal.add("job-1", printer, zpl)
    assert len(journal.waiting("printer-1")) == 1


def test_one_label_at_a_time_and_none_behind_an_unknown_one(journal) -> None:
    _bring(journal, "job-1", "unknown")
    journal.add("job-2", "printer-1", ZPL)
    journal.add("job-3", "printer-2", ZPL)
    assert next_of(journal.waiting("printer-1")) is None
    assert next_of(journal.waiting("printer-2")).job_id == "job-3"
    journal.decide("job-1", printed=False)
    assert next_of(journal.waiting("printer-1")).job_id == "job-2"
    journal.move("job-2", "sending")
    assert next_of(journal.waiting("printer-1")) is None


@pytest.mark.parametrize(
    ("before", "printed", "after"),
    [
        ("queued", False, "cancelled"),
        ("sending", True, "confirmed"),
        ("sent", True, "confirmed"),
        ("unknown", True, "confirmed"),
        ("unknown", False, "failed_before_send"),
        ("confirmed", True, "confirmed"),
        ("failed_before_send", False, "failed_before_send"),
        ("cancelled", False, "cancelled"),
    ],
)
def test_a_person_decides_and_saying_it_again_changes_nothing(
    journal, before, printed, after
) -> None:
    _bring(journal, "job-1", before)
    assert journal.decide("job-1", printed=printed).state == after
    assert journal.decide("job-1", printed=printed).state == after


@pytest.mark.parametrize(
    ("before", "printed"),
    [
        ("queued", True), ("sending", False), ("sent", False), ("confirmed", False),
        ("failed_before_send", True), ("cancelled", True),
    ],
)  # fmt: skip
def test_a_person_cannot_say_what_cannot_be(journal, before, printed) -> None:
    _bring(journal, "job-1", before)
    with pytest.raises(Refused):
        journal.decide("job-1", printed=printed)
    assert journal.ask("job-1").state == before


def test_after_a_restart_what_was_begun_is_unknown_and_the_rest_is_as_it_was(
    tmp_path: Path,
) -> None:
    before = Journal(tmp_path, lambda _job: None)
    for state in PATHS:
        _bring(before, state, state)
    before.close()
    after = Journal(tmp_path, lambda _job: None)
    assert [job.job_id for job in after.give_up_begun()] == ["sending", "sent"]
    begun = {"sending": "unknown", "sent": "unknown"}
    assert {state: after.ask(state).state for state in PATHS} == {s: s for s in PATHS} | begun
    assert after.give_up_begun() == []
    after.close()


def test_the_bytes_of_a_label_go_when_it_is_over_and_its_hash_stays(journal) -> None:
    for state, over in (("unknown", False), ("confirmed", True), ("cancelled", True)):
        _bring(journal, state, state)
        job = journal.ask(state)
        assert (job.zpl == b"") == over
        with pytest.raises(Conflict):
            journal.add(state, "printer-1", b"^XA^FS^PQ1^XZ")


def test_only_finished_jobs_are_removed_when_there_are_many(journal, monkeypatch) -> None:
    monkeypatch.setattr(journal_module, "PRUNED_EVERY", 1)
    monkeypatch.setattr(journal_module, "FINISHED_MAX", 2)
    _bring(journal, "old-open", "unknown")
    _bring(journal, "old-over", "confirmed")
    for number in range(3):
        _bring(journal, f"new-{number}", "confirmed")
    assert journal.ask("old-open").state == "unknown"
    with pytest.raises(NotFound):
        journal.ask("old-over")
