#!/bin/bash
# compose.yaml for real: builds the images, brings the stack up with two text services, asks every role through the published port,
# kills services within a stream, and takes everything down again.
#
#   scripts/compose-test.sh [--prebuilt] [--other-host] [--keep]
#     --prebuilt    take what build/release holds instead of compiling in the image (some 20 minutes)
#     --other-host  the profile of that name too
#     --keep        leave the stack running
#
# Needs Docker with compose, 1.29 or 2. Without a running daemon, as root, it starts one for itself (scripts/setup.sh compose installs
# Debian's packages), and makes a base image with debootstrap where the public one cannot be had. ZENITH_BASE, ZENITH_PORT and COMPOSE
# ("docker-compose" or "docker compose") are respected.
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf 'compose-test: %s\n' "$*"; }
die() { printf 'compose-test: %s\n' "$*" >&2; exit 1; }

prebuilt=false keep=false other_host=false
for argument in "$@"; do
  case $argument in
    --prebuilt) prebuilt=true ;;
    --keep) keep=true ;;
    --other-host) other_host=true ;;
    *) die "unknown argument $argument; usage: scripts/compose-test.sh [--prebuilt] [--other-host] [--keep]" ;;
  esac
done

work=$(mktemp -d /var/tmp/zenith-compose-XXXXXX)
daemon=
project=zenithtest
mine_prebuilt=false
compose() { ${COMPOSE:-docker-compose} -p "$project" "$@"; }
clean_up() {
  local status=$?
  [ "$status" = 0 ] || compose logs --no-color --tail 40 2>/dev/null || true
  if $keep && [ "$status" = 0 ]; then
    say "left running: DOCKER_HOST=${DOCKER_HOST:-} ${COMPOSE:-docker-compose} -p $project down -v"
    return
  fi
  compose down -v -t 5 >/dev/null 2>&1 || true
  if $mine_prebuilt; then rm -rf deploy/prebuilt/usr; fi
  if [ -n "$daemon" ]; then
    kill "$daemon" 2>/dev/null || true
    for _ in $(seq 100); do kill -0 "$daemon" 2>/dev/null || break; sleep 0.1; done
  fi
  # Whatever is still mounted below must not be deleted through.
  awk -v d="$work" '$2 ~ "^" d { print $2 }' /proc/mounts | sort -r | xargs -r umount -l 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT

command -v docker >/dev/null || die "docker is missing; as root on Debian: scripts/setup.sh compose"
if [ -z "${COMPOSE:-}" ]; then
  if docker compose version >/dev/null 2>&1; then COMPOSE="docker compose"
  elif command -v docker-compose >/dev/null; then COMPOSE=docker-compose
  else die "neither docker compose nor docker-compose is there; as root on Debian: scripts/setup.sh compose"; fi
fi
if ! docker info >/dev/null 2>&1; then
  [ "$(id -u)" = 0 ] || die "no Docker daemon answers, and only root can start one: start it, or run this as root"
  command -v dockerd >/dev/null || die "dockerd is missing; on Debian: scripts/setup.sh compose"
  say "no Docker daemon answers: starting one in $work"
  export DOCKER_HOST=unix://$work/docker.sock
  dockerd --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/pid" -H "$DOCKER_HOST" >"$work/dockerd.log" 2>&1 &
  daemon=$!
  for _ in $(seq 60); do docker info >/dev/null 2>&1 && break; kill -0 "$daemon" 2>/dev/null || break; sleep 1; done
  docker info >/dev/null 2>&1 || { tail -5 "$work/dockerd.log" >&2; die "dockerd did not start"; }
fi
say "docker $(docker version -f '{{.Server.Version}}'), compose $(${COMPOSE} version --short 2>/dev/null | head -1)"

base=${ZENITH_BASE:-debian:bookworm-slim}
if ! docker image inspect "$base" >/dev/null 2>&1 && ! docker pull -q "$base" >/dev/null 2>&1; then
  [ -z "${ZENITH_BASE:-}" ] || die "the base image $base can neither be found nor pulled"
  [ "$(id -u)" = 0 ] || die "$base cannot be pulled, and only root can make a base image: set ZENITH_BASE, or run this as root"
  command -v debootstrap >/dev/null || die "$base cannot be pulled and debootstrap is missing; on Debian: scripts/setup.sh compose"
  base=zenith-base:bookworm
  if ! docker image inspect "$base" >/dev/null 2>&1; then
    say "the public base image cannot be pulled: making $base with debootstrap"
    debootstrap --variant=minbase bookworm "$work/base" http://deb.debian.org/debian >"$work/debootstrap.log" 2>&1 || \
      { tail -5 "$work/debootstrap.log" >&2; die "debootstrap failed"; }
    rm -f "$work"/base/var/cache/apt/archives/*.deb
    tar -C "$work/base" -c . | docker import - "$base" >/dev/null
    rm -rf "$work/base"
  fi
fi
export ZENITH_BASE=$base DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0
export ZENITH_PORT=${ZENITH_PORT:-18090} ZENITH_API_KEY=${ZENITH_API_KEY:-compose-test-$RANDOM$RANDOM}

scripts/stage-wheels.sh || say "the models' wheels cannot be staged: the model service will fetch them"
if $prebuilt; then
  [ -x build/release/bin/zenith ] || die "--prebuilt: build/release/bin/zenith is missing: make build"
  mine_prebuilt=true
  cmake --install build/release --prefix deploy/prebuilt/usr --strip >/dev/null
elif [ -e deploy/prebuilt/usr ]; then
  say "deploy/prebuilt/usr is there: nothing is compiled"
fi
say "building"
compose build >"$work/build.log" 2>&1 || { tail -20 "$work/build.log" >&2; die "the images could not be built"; }
megabytes() { docker image inspect -f '{{.Size}}' "$1" | awk '{ printf "%.0f MB", $1 / 1e6 }'; }
say "zenith:local has $(megabytes zenith:local), zenith-media:local $(megabytes zenith-media:local), of which the base $(megabytes "$base")"
[ "$(docker image inspect -f '{{.Config.User}}' zenith:local)" = zenith ] || die "the image does not run as zenith"

compose up -d --scale text=2 2>&1 | tail -1
published=$(docker port "$(compose ps -q gateway)" 8080)
[ "$published" = "127.0.0.1:$ZENITH_PORT" ] || die "published at $published, not at 127.0.0.1:$ZENITH_PORT only"
# SERVICE=NAME of the containers that run it.
containers() {
  local service
  for service in "$@"; do compose ps -q "$service" | xargs docker inspect -f "$service={{.Name}}" | sed 's|=/|=|'; done
}
mapfile -t running < <(containers text voice ears vision sensor)
[ ${#running[@]} = 6 ] || die "${running[*]} run: two text services and one each of voice, ears, vision and sensor were wanted"

# The process, not the container: what is killed through Docker is not restarted.
cat >"$work/kill" <<'KILL'
#!/bin/sh
exec kill -9 "$(docker inspect -f '{{.State.Pid}}' "$1")"
KILL
chmod +x "$work/kill"
python3 tests/deploy/against_stack.py "http://127.0.0.1:$ZENITH_PORT" "$ZENITH_API_KEY" "$work/kill" "${running[@]}"

health=none
for _ in $(seq 30); do
  health=$(docker inspect -f '{{.State.Health.Status}}' "$(compose ps -q gateway)")
  [ "$health" != healthy ] || break
  sleep 1
done
[ "$health" = healthy ] || die "Docker calls the gateway $health"
for service in models access; do
  # compose 1.29 lists ended containers, compose 2 with -a only.
  id=$(docker ps -aq --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.service=$service")
  [ "$(docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$id")" = "exited 0" ] || die "the service $service did not end well"
done
if $other_host; then
  say "the profile other-host: TCP with CURVE"
  export ZENITH_OTHER_PORT=${ZENITH_OTHER_PORT:-18091} COMPOSE_PROFILES=other-host
  compose up -d keys models access router-tcp text-tcp gateway-tcp 2>&1 | tail -1
  python3 tests/deploy/against_stack.py "http://127.0.0.1:$ZENITH_OTHER_PORT" "$ZENITH_API_KEY" "$work/kill" "text=$(compose ps -q text-tcp)"
fi
if ! $keep; then
  mapfile -t ids < <(docker ps -q --filter "label=com.docker.compose.project=$project")
  compose stop -t 40 >/dev/null 2>&1
  for id in "${ids[@]}"; do
    ended=$(docker inspect -f '{{.Name}} {{.State.ExitCode}}' "$id")
    [ "${ended##* }" = 0 ] || die "SIGTERM: ${ended% *} ended with ${ended##* }"
  done
  compose down -v >/dev/null 2>&1
  [ -z "$(docker ps -aq --filter "label=com.docker.compose.project=$project")" ] || die "down left containers"
  say "down: every service ended with 0"
fi
say "passed"
