#!/bin/bash
# clang-tidy on the .cpp files that changed since TIDY_BASE (default: where this branch left origin/main; on main itself, the last
# commit), with the compile commands of build/release.
set -euo pipefail
cd "$(dirname "$0")/.."
base=${TIDY_BASE:-$(git merge-base HEAD origin/main 2>/dev/null || true)}
if [ -z "$base" ] || [ "$base" = "$(git rev-parse HEAD)" ]; then
  base=$(git rev-parse -q --verify HEAD~1 || true)
fi
if [ -z "$base" ]; then
  echo "tidy: no earlier commit to compare with (shallow clone?): set TIDY_BASE to check files"
  exit 0
fi
mapfile -t files < <(git diff --name-only --diff-filter=d "$base" -- '*/src/*.cpp')
if [ ${#files[@]} -eq 0 ]; then
  echo "tidy: no .cpp file changed since $(git rev-parse --short "$base")"
  exit 0
fi
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 1 clang-tidy-19 -p build/release --quiet --warnings-as-errors='*' 2>&1 |
  { grep -v 'warnings generated\|warning generated' || true; }
echo "tidy: ${#files[@]} files changed since $(git rev-parse --short "$base") are clean"
