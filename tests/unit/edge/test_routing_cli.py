"""`bincard edge plan-routes` reads JSON and prints JSON, or one sentence."""

from __future__ import annotations

import json
import subprocess
import sys

LAYOUT = {
    "aisles": 3, "cells_per_aisle": 10, "aisle_pitch": 3, "cell_pitch": 1, "end_to_first_cell": 1,
    "depot_aisle": 1, "depot_side": "top",
}  # fmt: skip

PROGRAM = "from shared.runtime.program import main; main()"


def plan(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "edge", "plan-routes"],
        input=text, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_each_list_is_answered_in_order_with_its_length_and_sequence() -> None:
    lists = [{"id": "one", "picks": [[0, 2]]}, {"id": "none", "picks": []}]
    done = plan(json.dumps({"layout": LAYOUT, "lists": lists}))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "routes": [
            {"id": "one", "length": 12, "sequence": [[0, 2]]},
            {"id": "none", "length": 0, "sequence": []},
        ]
    }


def test_a_bad_request_is_one_sentence_and_exit_status_one() -> None:
    for text in ("{", '{"layout": {}}', json.dumps({"layout": LAYOUT, "lists": [{"id": 1}]}), "é"):
        done = plan(text)
        assert (done.returncode, done.stdout) == (1, ""), text
        assert done.stderr.startswith("Failed to read the pick lists: "), text
        assert "Traceback" not in done.stderr, text
