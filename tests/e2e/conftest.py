"""One real chromium for all browser tests.

The browser's driver keeps an event loop running in its process, so browser tests run in a process
of their own (`-m browser`), apart from tests that start loops themselves.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = Path(os.environ.get("BINCARD_TEST_CHROMIUM", "/usr/bin/chromium"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return the browser; without one the tests skip on a desk and fail in CI."""
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail(f"CI needs a browser at {CHROMIUM}: apt-get install chromium.")
        pytest.skip(f"No browser at {CHROMIUM}: apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()
