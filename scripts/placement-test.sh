#!/bin/bash
# The same 50 requests of text, and speech, transcription, pictures and a sensor's window, in one process with its children, in seven
# over ipc, in seven with shared memory, in eight over TCP with CURVE: equal bits. Needs the default models and `make setup`.
set -euo pipefail
cd "$(dirname "$0")/.."
export ZENITH_EXE=${ZENITH_EXE:-$PWD/build/release/bin/zenith}
exec .venv/bin/python tests/e2e/placement_test.py "$@"
