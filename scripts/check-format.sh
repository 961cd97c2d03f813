#!/bin/bash
# Every C++ file that git knows, against .clang-format.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -d '' -t files < <(git ls-files -z -- '*.cpp' '*.hpp' '*.h')
printf '%s\0' "${files[@]}" | xargs -0 -n 50 -P "$(nproc)" clang-format-19 --dry-run -Werror
echo "format: ${#files[@]} files are as .clang-format wants them"
