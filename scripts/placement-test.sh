#!/bin/bash
# The same 50 requests in one process, in three over ipc, in three with shared memory, in four over TCP with CURVE:
# equal texts, log-probabilities and embeddings. Needs the default models and `make setup`.
set -euo pipefail
cd "$(dirname "$0")/.."
export ZENITH_EXE=${ZENITH_EXE:-$PWD/build/release/bin/zenith}
exec .venv/bin/python tests/e2e/placement_test.py "$@"
