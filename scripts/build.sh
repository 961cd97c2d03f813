#!/bin/bash
# Configures a preset once and builds targets: scripts/build.sh PRESET TARGET…  Quiet when nothing is to do.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
shift
dir=build/$preset
# Objects are shared between checkouts of the same source.
export CCACHE_BASEDIR=$PWD
# A tree configured for another source folder or by a preset that has changed since is configured anew.
if [ ! -e "$dir/build.ninja" ] || [ CMakePresets.json -nt "$dir/build.ninja" ]; then
  cmake --preset "$preset"
fi
# A translation unit of Beast or CAF needs about 1 GB: fewer jobs where memory is short.
jobs=$(nproc)
by_memory=$(awk '/^MemAvailable/ { print int($2 / 1300000) }' /proc/meminfo)
if [ "$by_memory" -lt 1 ]; then by_memory=1; fi
if [ "$jobs" -gt "$by_memory" ]; then jobs=$by_memory; fi
quiet=()
[ -t 1 ] || quiet=(--quiet)
exec ninja -C "$dir" -j"$jobs" "${quiet[@]}" "$@"
