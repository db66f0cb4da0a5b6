"""The handheld's own decisions, which must hold where no network reaches.

Method: `handheld_machine.mjs` drives the page's modules under node, where one is installed; each of
its tests is one sentence. The same modules run in a real browser in `tests/e2e`.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("handheld_machine.mjs")
SECONDS_MAX = 60


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed here")
def test_the_pick_job_decides_as_the_edge_would() -> None:
    ran = subprocess.run(
        ["node", "--no-warnings", "--test", "--test-reporter=tap", str(SCRIPT)],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4_000:]
    assert "# pass 23" in ran.stdout
