"""The handheld decides alone in a dead spot, so it must decide as the edge does.

Method: the same random scans go to the real edge over HTTP and to the handheld's machine under
node, which only sees the download. They must agree on yes or no, on the tote and on the next step;
where the download cannot know (a number nobody told it), the machine has to say so.
"""

from __future__ import annotations

import itertools
import json
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("mirror.mjs")
SCANS = 120
SEEDS = (1, 2, 3)
STATION = "handheld-07"


class Machine:
    """The page's own rules in a process of their own."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            ["node", "--no-warnings", str(SCRIPT)],  # noqa: S607
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@pytest.fixture
def machine() -> Iterator[Machine]:
    if shutil.which("node") is None:
        pytest.skip("node is not installed here")
    machine = Machine()
    yield machine
    assert machine.process.stdin is not None
    machine.process.stdin.close()
    machine.process.wait(10)


def some_code(chance: random.Random, view: dict[str, Any]) -> str:
    """Return a code a picker might scan: mostly what is asked for, sometimes anything else."""
    stops = view["pick_list"]["stops"]
    here = next((stop for stop in stops if stop["stop_no"] == view["stop_no"]), stops[0])
    units = [*here["expected_serials"], here["gtin"]]
    other = chance.choice(stops)
    wrong = [
        other["bin"],
        other["bin"].lower(),
        *other["expected_serials"],
        other["gtin"],
        other["sku"],
        "C04",
        "C04-02",
        "7B2Q9K4M003199",
        "NOBODY-KNOWS-THIS",
        "6900000000001",
        here["gtin"] * 2,
        "BC:SHORT:0",
        "BC:SHORT:99",
        "BC:SHORT:1",
        f"]d201{here['gtin'].zfill(14)}21{units[0]}",
    ]
    wanted = [here["bin"]] if view["step"] == "bin" else units
    return chance.choice(wanted if chance.random() < 0.35 else wrong)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_handheld_and_the_edge_judge_every_scan_alike(
    edge: Any, machine: Machine, seed: int
) -> None:
    chance = random.Random(seed)
    numbers = itertools.count(1)

    def scan(raw: str) -> dict[str, Any]:
        number = next(numbers)
        answer: dict[str, Any] = edge.post(
            "/api/v1/scans",
            {
                "op_id": f"op-{number}",
                "device_id": "mirror",
                "device_seq": number,
                "station": STATION,
                "raw": raw,
            },
        )
        return answer

    for raw in ("BDG-0002", "BC:PICK", "C04"):
        assert scan(raw)["outcome"] == "accepted"
    machine.ask({"station": edge.station()})
    agreed = 0
    for _ in range(SCANS):
        view = edge.station()
        if view["step"] == "done":
            break
        raw = some_code(chance, view)
        mine, theirs = machine.ask({"raw": raw}), scan(raw)
        story = f"{view['step']}: {raw!r}: here {mine}, there {theirs}"
        if not mine.get("unsure"):
            agreed += 1
            assert mine["accepted"] == (theirs["outcome"] == "accepted"), story
            assert mine["params"].get("slot") == theirs["params"].get("slot"), story
        if mine.get("unsure") or raw.startswith("BC:SHORT"):
            machine.ask({"station": edge.station()})
        else:
            assert mine["step"] == edge.station()["step"], story
    assert agreed > 15
    assert edge.units_picked() > 0
