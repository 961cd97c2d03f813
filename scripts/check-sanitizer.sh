#!/bin/bash
# Builds a sanitizer preset and runs the tests whose label matches: scripts/check-sanitizer.sh asan|tsan REGEX
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
supp=$PWD/tests/sanitizers
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export LSAN_OPTIONS=suppressions=$supp/lsan.supp:print_suppressions=0
export UBSAN_OPTIONS=print_stacktrace=1:suppressions=$supp/ubsan.supp
export TSAN_OPTIONS=suppressions=$supp/tsan.supp:ignore_noninstrumented_modules=1:second_deadlock_stack=1:die_after_fork=0
scripts/build.sh "$preset" all
exec ctest --preset "$preset" -L "$2" -j"$(nproc)" --no-tests=error
