#!/bin/bash
# scripts/bench.sh all    every benchmark of the release build
# scripts/bench.sh text   text generation beside llama.cpp on the same file (bench/text_peer.py; builds the peer once)
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in
  all)
    found=0
    for program in build/release/bin/*_bench; do
      [ -x "$program" ] || continue
      found=1
      echo "== $program"
      "$program"
    done
    [ "$found" = 1 ] || { echo "scripts/bench.sh: build/release/bin has no *_bench: run scripts/build.sh release all first" >&2; exit 1; }
    ;;
  text) shift; exec python3 bench/text_peer.py "$@" ;;
  *) echo "usage: scripts/bench.sh all|text" >&2; exit 2 ;;
esac
