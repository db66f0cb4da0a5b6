# Sourced by demo.sh and test.sh: makes .venv in the checkout, or reuses it when nothing changed.
# Needs Python 3.11 or newer and the network of a package index; everything else it brings itself.

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "Set-up stopped: $*"
    exit 1
}

# Install Debian packages that are missing, when that is possible; otherwise say what to do.
need_debian() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' \
            || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        say "Missing on this machine: ${missing[*]}. Install with: sudo apt-get install ${missing[*]}"
        return 1
    fi
    say "Installing ${missing[*]} ..."
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$setup_log" 2>&1 \
        || { say "apt-get could not install ${missing[*]}:"; tail -5 "$setup_log" >&2; return 1; }
}

find_python() {
    local candidate
    for candidate in python3.11 python3.12 python3.13 python3; do
        if command -v "$candidate" >/dev/null \
            && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

make_environment() {
    local python wanted stamp=.venv/.bincard-setup
    python=$(find_python) || fail "expected Python 3.11 or newer, found none. Install python3.11."
    wanted=$(cat deploy/requirements.lock pyproject.toml | sha256sum | cut -d' ' -f1)
    if [ -x .venv/bin/bincard ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return 0
    fi
    say "Making .venv with $("$python" --version) (about a minute, once) ..."
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        need_debian python3-venv || fail "Python has no venv module."
    fi
    "$python" -m venv .venv || fail "could not make .venv."
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
        -r deploy/requirements.lock >"$setup_log" 2>&1 \
        || { tail -15 "$setup_log" >&2; fail "pip could not install deploy/requirements.lock."; }
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
        --no-build-isolation --editable . >"$setup_log" 2>&1 \
        || { tail -15 "$setup_log" >&2; fail "pip could not install this checkout."; }
    printf '%s\n' "$wanted" >"$stamp"
}

# Another interpreter of ZPL, for a second opinion on our labels; pinned by its hash. Without Node.js
# or its package index the one test that wants it is skipped, and says why.
need_renderer() {
    local folder=.venv/renderer wanted
    command -v node >/dev/null && command -v npm >/dev/null \
        || { say "No Node.js here: labels get no second opinion."; return 0; }
    wanted=$(sha256sum <deploy/renderer/package-lock.json)
    [ "$(cat "$folder/.bincard-setup" 2>/dev/null)" = "$wanted" ] && return 0
    mkdir -p "$folder"
    cp deploy/renderer/package.json deploy/renderer/package-lock.json "$folder"
    timeout 40 npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --fetch-retries 1 \
        --fetch-retry-mintimeout 1000 --fetch-timeout 15000 >"$setup_log" 2>&1 \
        || { say "Labels get no second opinion, npm failed:"; tail -3 "$setup_log" >&2; return 0; }
    printf '%s\n' "$wanted" >"$folder/.bincard-setup"
}

setup_log=$(mktemp "${TMPDIR:-/tmp}/bincard-setup.XXXXXX")
trap 'rm -f "$setup_log"' EXIT
make_environment
