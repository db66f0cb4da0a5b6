#!/usr/bin/env bash
# Sets up what the tests need and runs all of them: style, types, layers, tests, browser.
set -euo pipefail
cd "$(dirname "$0")/.."
source deploy/setup.sh
need_debian chromium fonts-wqy-microhei strace \
    || fail "the tests need a browser, a Chinese font, and strace to stop a process at a disk call."
export PATH="$PWD/.venv/bin:$PATH" BINCARD_TEST_CHROMIUM="${BINCARD_TEST_CHROMIUM:-/usr/bin/chromium}"

say "Style ..."
ruff check .
ruff format --check .
say "Layers ..."
lint-imports --no-cache >/dev/null || { lint-imports --no-cache; exit 1; }
say "Types ..."
mypy
if [ $# -gt 0 ]; then
    exec pytest -q "$@"
fi
say "Tests ..."
# Most of the long ones wait for a process, a line or a disk, so four share two cores well; and they
# come first, in the order of the folders.
pytest -q -n 4 --dist loadfile --no-loadscope-reorder -m "not browser"
say "Tests in the browser ..."
pytest -q -n 2 --dist loadfile -m browser
