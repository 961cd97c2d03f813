#!/bin/bash
# Makes every golden of tests/data anew, with the references of tests/parity in .venv-parity, and whisper's, which needs other versions of
# the same packages, in .venv-parity-whisper. The diff is the review.
set -euo pipefail
cd "$(dirname "$0")/.."

# goldens VENV FOLDER: the folder's requirements.txt, then its scripts.
goldens() {
  local venv=$1 folder=$2
  local stamp
  stamp=$venv/stamp-$(sha256sum "$folder/requirements.txt" | cut -c1-16)
  if [ ! -e "$stamp" ]; then
    rm -rf "$venv"
    /usr/bin/python3 -m venv "$venv"
    "$venv/bin/python3" -m pip install --disable-pip-version-check --no-input -r "$folder/requirements.txt"
    touch "$stamp"
  fi
  for script in "$folder"/[a-z]*.py; do
    echo "parity: $script"
    "$venv/bin/python3" "$script"
  done
}

goldens .venv-parity tests/parity
goldens .venv-parity-whisper tests/parity/whisper
git status --short -- tests/data
