#!/bin/sh
# Starts a Docker engine on Debian or Ubuntu where none answers: installs docker.io if it is missing, starts dockerd in the
# background, waits until it answers. Needs root for that. Does nothing where an engine answers already; run it as often as
# you like. It stops with: kill "$(cat /var/run/docker.pid)"
set -eu
LOG=${ENGINE_LOG:-/var/log/dockerd.log}
SOCKET=/var/run/docker.sock

say() { printf 'engine: %s\n' "$*"; }
fail() { printf 'engine: %s\n' "$*" >&2; exit 1; }

answers() {
    if [ -n "${DOCKER_HOST:-}" ]; then
        docker version >/dev/null 2>&1
    else
        [ -S "$SOCKET" ] && python3 - "$SOCKET" <<'PY' 2>/dev/null
import socket, sys
with socket.socket(socket.AF_UNIX) as engine:
    engine.settimeout(5)
    engine.connect(sys.argv[1])
    engine.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
    sys.exit(b"200 OK" not in engine.recv(4096))
PY
    fi
}

if answers; then
    say "a Docker engine answers already"
    exit 0
fi
[ -z "${DOCKER_HOST:-}" ] || fail "nothing answers at DOCKER_HOST=$DOCKER_HOST; start that engine, or unset the variable"
[ "$(uname -s)" = Linux ] || fail "no Docker engine answers; start Docker Desktop, Colima or Podman and set DOCKER_HOST"
if [ "$(id -u)" -ne 0 ]; then
    if [ -S "$SOCKET" ] && [ ! -w "$SOCKET" ]; then
        fail "an engine may run, but you may not use $SOCKET; ask for membership of its group ($(stat -c %G "$SOCKET"))"
    fi
    fail "no Docker engine answers, and only root can start one: run this as root, or start rootless Docker or Podman"
fi

if ! command -v dockerd >/dev/null; then
    command -v apt-get >/dev/null || fail "dockerd is not installed and there is no apt-get; install Docker or Podman"
    say "installing docker.io (about a minute) ..."
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update && apt-get install -y --no-install-recommends docker.io iptables python3; } >"$LOG" 2>&1 ||
        fail "docker.io could not be installed; see $LOG"
    # The package may have started it.
    for _ in 1 2 3 4 5; do answers && { say "ready"; exit 0; }; sleep 1; done
fi

# A container of the host's may have no cgroups mounted; an engine needs them.
if ! [ -e /sys/fs/cgroup/cgroup.controllers ] && ! [ -d /sys/fs/cgroup/memory ]; then
    fail "no cgroups are mounted at /sys/fs/cgroup, so an engine cannot limit anything: run this on a real or virtual machine"
fi

say "starting dockerd, log in $LOG ..."
if [ -f /var/run/docker.pid ] && ! kill -0 "$(cat /var/run/docker.pid)" 2>/dev/null; then
    rm -f /var/run/docker.pid
fi
nohup setsid dockerd >"$LOG" 2>&1 </dev/null &
started=$!
for _ in $(seq 60); do
    if answers; then
        say "ready"
        exit 0
    fi
    kill -0 "$started" 2>/dev/null || break
    sleep 1
done
tail -n 15 "$LOG" >&2
fail "dockerd did not come up; its last lines stand above, all of them in $LOG"
