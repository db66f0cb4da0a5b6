#!/usr/bin/env bash
# Sets up everything it needs and runs a full day of Bincard on this machine:
# hub, warehouses, simulated devices and people, orders to handover. `--help` lists the options.
set -euo pipefail
caller=$PWD
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
source deploy/setup.sh
need_debian fonts-wqy-microhei || say "Without a Chinese font the labels cannot be printed."

# Paths in the options are meant from where the caller stands.
arguments=() previous=
for argument in "$@"; do
    case "$previous" in
        --warehouses | --products | --stock | --orders | --report | --labels | --state)
            case "$argument" in /*) ;; *) argument="$caller/$argument" ;; esac ;;
    esac
    previous=$argument
    arguments+=("$argument")
done
exec .venv/bin/python -m deploy.demo ${arguments[@]+"${arguments[@]}"}
