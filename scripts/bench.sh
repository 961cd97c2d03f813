#!/bin/bash
# scripts/bench.sh all    every benchmark of the release build
# scripts/bench.sh wire   round trips between processes beside raw libzmq, a line of JSON each; on a quiet machine
# scripts/bench.sh faults kills, hangs and overload under load, a line of JSON each; some ten minutes
# scripts/bench.sh text   text generation beside llama.cpp on the same file (bench/text_peer.py; builds the peer once)
# scripts/bench.sh ocr    a screenshot's text beside rapidocr on the same weights (bench/ocr.py)
# scripts/bench.sh voice  speech both ways in one thread, beside peers where they are installed (bench/voice.py)
# scripts/bench.sh busy   generation while another program keeps one core busy (bench/busy_core.py)
# scripts/bench.sh media  two streams of text and the media beside each other (bench/media_beside_streams.py)
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
  wire)
    for case in "ipc 64" "ipc 4096" "ipc 16384" "ipc 65536" "ipc 1048576" "shm 16384" "shm 65536" "shm 1048576" "inproc 1048576" "ipc 1152 16"; do
      read -r transport bytes window <<< "$case"
      build/release/bin/zenith bench wire --transport "$transport" --bytes "$bytes" --window "${window:-1}" --json
    done
    ;;
  faults)
    export ZENITH_EXE=$PWD/build/release/bin/zenith
    .venv/bin/python -W ignore tests/e2e/fault_test.py --kills "${KILLS:-200}" --json
    .venv/bin/python -W ignore bench/overload.py
    ;;
  voice) shift; ZENITH_EXE=$PWD/build/release/bin/zenith exec .venv/bin/python bench/voice.py "$@" ;;
  media) shift; ZENITH_EXE=$PWD/build/release/bin/zenith exec .venv/bin/python bench/media_beside_streams.py "$@" ;;
  busy) shift; ZENITH_EXE=$PWD/build/release/bin/zenith exec python3 bench/busy_core.py "$@" ;;
  text) shift; exec python3 bench/text_peer.py "$@" ;;
  ocr)
    shift
    export ZENITH_EXE=$PWD/build/release/bin/zenith
    exec .venv/bin/python -W ignore bench/ocr.py "$@"
    ;;
  *) echo "usage: scripts/bench.sh all|wire|faults|text|ocr|voice|media|busy" >&2; exit 2 ;;
esac
