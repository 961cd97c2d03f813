#!/bin/bash
# Builds the fuzz preset and runs every target for a while: scripts/fuzz.sh SECONDS. Corpora grow in build/fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/build.sh fuzz all
for target in build/fuzz/bin/fuzz_*; do
  name=$(basename "$target")
  mkdir -p "build/fuzz/corpus/$name"
  seeds=tests/fuzz/corpus/$name
  echo "fuzz: $name for $1 s"
  "$target" -artifact_prefix=build/fuzz/ -max_total_time="$1" -rss_limit_mb=2048 -timeout=20 -print_final_stats=1 -verbosity=0 \
    "build/fuzz/corpus/$name" $([ -d "$seeds" ] && echo "$seeds")
done
