#!/bin/sh
# Runs a kernel test binary as if on an older CPU: under_qemu.sh CPU EXPECTED_NUMERICS BINARY FILTER
set -eu
command -v qemu-x86_64 >/dev/null || { echo "qemu-x86_64 is not installed: apt-get install qemu-user"; exit 1; }
ZENITH_EXPECT_NUMERICS="$2" exec qemu-x86_64 -cpu "$1" "$3" --gtest_filter="$4"
