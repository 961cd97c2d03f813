#!/bin/bash
# Makes every golden of tests/data anew, with the references of tests/parity/requirements.txt in .venv-parity. The diff is the review.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=.venv-parity/stamp-$(sha256sum tests/parity/requirements.txt | cut -c1-16)
if [ ! -e "$stamp" ]; then
  rm -rf .venv-parity
  /usr/bin/python3 -m venv .venv-parity
  .venv-parity/bin/python3 -m pip install --disable-pip-version-check --no-input -r tests/parity/requirements.txt
  touch "$stamp"
fi
for script in tests/parity/[a-z]*.py; do
  echo "parity: $script"
  .venv-parity/bin/python3 "$script"
done
git status --short -- tests/data
