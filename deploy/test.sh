#!/usr/bin/env bash
# Sets up what the tests need and runs all of them: style, types, layers, tests, browser.
set -euo pipefail
cd "$(dirname "$0")/.."
source deploy/setup.sh
need_debian chromium fonts-wqy-microhei strace \
    || fail "the tests need a browser, a Chinese font, and strace to stop a process at a disk call."
need_renderer
export PATH="$PWD/.venv/bin:$PATH" BINCARD_TEST_CHROMIUM="${BINCARD_TEST_CHROMIUM:-/usr/bin/chromium}"

say "Style ..."
ruff check .
ruff format --check .
say "Layers ..."
lint-imports --no-cache >/dev/null || { lint-imports --no-cache; exit 1; }
if [ $# -gt 0 ]; then
    say "Types ..."
    mypy
    exec pytest -q "$@"
fi
# Types and pages beside the rest: most of the long tests wait for a process, a line or a disk, so
# several share two cores well. The browser's tests need processes of their own (tests/e2e/conftest.py);
# what runs beside speaks when it is over.
beside=$(mktemp -d)
trap 'rm -rf "$beside" "$setup_log"' EXIT
say "Types, tests, and tests in the browser ..."
mypy >"$beside/types" 2>&1 &
types=$!
pytest -q -n 2 --dist loadfile -m browser >"$beside/browser" 2>&1 &
browser=$!
# The long ones come first, in the order of the folders.
failed=0
pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "not browser" || failed=1
wait "$types" || failed=1
wait "$browser" || failed=1
cat "$beside/types" "$beside/browser"
exit "$failed"
