"""The CUPS driver, against stand-ins for CUPS's own client programs on PATH."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.printers import trouble
from devices.printers.cups import Cups
from devices.printers.driver import Condition, PrinterConfig

ZPL = b"^XA^CI28\n^FDnot text \xff\x00^FS^PQ1^XZ"
FAKE_LPR = """#!/bin/sh
cat > "$CUPS_FAKE/taken"
[ -e "$CUPS_FAKE/fails" ] && exit 1
echo "$@" > "$CUPS_FAKE/asked"
echo "zebra_raw-7 root 100 Mon" > "$CUPS_FAKE/$(cat "$CUPS_FAKE/goes_to")"
[ -e "$CUPS_FAKE/fails_late" ] && exit 1
exit 0
"""
FAKE_LPSTAT = """#!/bin/sh
case "$1" in
  -p) cat "$CUPS_FAKE/queues" ;;
  -W) [ -e "$CUPS_FAKE/$2" ] && cat "$CUPS_FAKE/$2"; exit 0 ;;
esac
"""
FAKE_CANCEL = """#!/bin/sh
echo "$1" >> "$CUPS_FAKE/cancelled"
rm "$CUPS_FAKE/not-completed"
"""


class Notes:
    """Steps written down in order; `taken_away` is a job that somebody cancelled meanwhile."""

    def __init__(self, *, taken_away: bool = False) -> None:
        self.steps: list[str] = []
        self._taken_away = taken_away

    def sending(self) -> bool:
        self.steps.append("sending")
        return not self._taken_away

    def sent(self) -> None:
        self.steps.append("sent")

    def held(self, trouble: str) -> None:
        self.steps.append(trouble)

    def decided(self) -> bool:
        return False


@pytest.fixture
def spool(tmp_path: Path, monkeypatch) -> Path:
    programs, spool = tmp_path / "bin", tmp_path / "spool"
    programs.mkdir()
    spool.mkdir()
    for name, text in (("lpr", FAKE_LPR), ("lpstat", FAKE_LPSTAT), ("cancel", FAKE_CANCEL)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("CUPS_FAKE", str(spool))
    (spool / "queues").write_text("printer zebra_raw is idle.  enabled since Mon\n")
    (spool / "goes_to").write_text("completed")
    return spool


def _driver(**settings) -> Cups:
    config = PrinterConfig(
        name="printer-1", driver="cups", queue="zebra_raw", proof_seconds=1, **settings
    )
    return Cups(config)


def test_the_bytes_reach_the_queue_as_they_are_and_a_person_has_the_last_word(spool) -> None:
    notes = Notes()
    outcome = _driver().print_label("job-1", ZPL, notes)
    assert (spool / "taken").read_bytes() == ZPL
    assert (spool / "asked").read_text().split() == ["-Pzebra_raw", "-oraw"]
    assert (outcome.result, outcome.trouble) == ("unknown", trouble.HANDED_OVER)
    assert notes.steps == ["sending", "sent"]


def test_a_site_may_decide_to_believe_the_spooler(spool) -> None:
    outcome = _driver(proof="spooler").print_label("job-1", ZPL, Notes())
    assert (outcome.result, outcome.proof) == ("confirmed", "CUPS completed zebra_raw-7")


def test_a_job_that_stays_in_the_queue_is_cancelled_and_unknown(spool) -> None:
    (spool / "goes_to").write_text("not-completed")
    outcome = _driver(proof="spooler").print_label("job-1", ZPL, Notes())
    assert (outcome.result, outcome.trouble) == ("unknown", trouble.QUEUE_STUCK)
    assert (spool / "cancelled").read_text().split() == ["zebra_raw-7"]


def test_a_refusal_that_left_nothing_behind_may_be_tried_again(spool) -> None:
    (spool / "fails").touch()
    outcome = _driver().print_label("job-1", ZPL, Notes())
    assert (outcome.result, outcome.trouble) == ("not_sent", trouble.QUEUE_REFUSED)


def test_a_refusal_that_left_a_job_behind_is_unknown_and_the_job_cancelled(spool) -> None:
    (spool / "goes_to").write_text("not-completed")
    (spool / "fails_late").touch()
    outcome = _driver().print_label("job-1", ZPL, Notes())
    assert (outcome.result, outcome.trouble) == ("unknown", trouble.QUEUE_REFUSED)
    assert (spool / "cancelled").read_text().split() == ["zebra_raw-7"]


@pytest.mark.parametrize(
    ("queues", "condition"),
    [
        ("printer other is idle.\n", Condition("down", trouble.NO_QUEUE)),
        ("", Condition("down", trouble.NO_QUEUE)),
        ("printer zebra_raw disabled since Mon -\n",
         Condition("degraded", trouble.QUEUE_STOPPED)),
    ],
)  # fmt: skip
def test_nothing_is_sent_to_a_queue_that_is_missing_or_stopped(spool, queues, condition) -> None:
    (spool / "queues").write_text(queues)
    notes = Notes()
    outcome = _driver().print_label("job-1", ZPL, notes)
    assert (outcome.result, outcome.condition) == ("not_sent", condition)
    assert notes.steps == []
    assert not (spool / "taken").exists()


def test_nothing_is_sent_behind_jobs_of_others(spool) -> None:
    (spool / "not-completed").write_text("zebra_raw-6 root 100 Mon\n")
    outcome = _driver().print_label("job-1", ZPL, Notes())
    assert (outcome.result, outcome.trouble) == ("not_sent", trouble.QUEUE_BUSY)
    assert not (spool / "taken").exists()


def test_a_job_cancelled_at_the_last_moment_is_not_sent(spool) -> None:
    assert _driver().print_label("job-1", ZPL, Notes(taken_away=True)).result == "not_sent"
    assert not (spool / "taken").exists()


def test_a_machine_without_cups_says_so(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _driver().condition() == Condition("down", trouble.NO_CUPS)
