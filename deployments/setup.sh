#!/usr/bin/env bash
# Make this checkout ready to run: `deployments/setup.sh demo` or `deployments/setup.sh test`.
#
# Installs missing system packages (Debian and Ubuntu, as root), finds or fetches uv, makes .venv with pinned
# dependencies and asks termforge.preflight whether the machine can run sandboxes. Says what it does; names the remedy
# where it cannot. Running it again costs a second.
set -euo pipefail
cd "$(dirname "$0")/.."
goal=${1:?usage: deployments/setup.sh demo|test}

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
fail() {
    printf '\033[1;31merror:\033[0m %s\n' "$1" >&2
    [ $# -lt 2 ] || printf 'remedy: %s\n' "$2" >&2
    exit 1
}

case $goal in
    demo) extras=flows,grader commands="tmux:tmux bwrap:bubblewrap" ;;
    test) extras=dev,train commands="tmux:tmux bwrap:bubblewrap less:less vim:vim xxd:xxd git:git mmdebstrap:mmdebstrap chromium:chromium" ;;
    *) fail "unknown goal '$goal'" "use demo or test" ;;
esac

install_system_packages() {
    local missing=() pair
    for pair in $commands; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null; then
        say "not installing ${missing[*]}: no apt-get here; install them with your package manager if the next steps ask for them"
    elif [ "$(id -u)" -ne 0 ]; then
        say "missing: ${missing[*]} (not root, so not installing; remedy: sudo apt-get install ${missing[*]})"
    else
        say "installing system packages: ${missing[*]}"
        DEBIAN_FRONTEND=noninteractive apt-get update -qq || fail "apt-get update failed" "check this machine's package sources"
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
            fail "apt-get could not install ${missing[*]}" "install them by hand, then run this again"
    fi
}

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
        [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        "$candidate" -c 'import sys; print(sys.executable)'
        return
    done
    fail "no Python 3.11 or newer" "install one (apt-get install python3, or uv python install 3.12) and set PYTHON=/path/to/python"
}

find_uv() {
    if command -v uv >/dev/null; then
        command -v uv
        return
    fi
    if [ ! -x .tools/bin/uv ]; then
        say "fetching uv into .tools" >&2
        if ! "$python" -m pip --version >/dev/null 2>&1; then
            "$python" -m venv .tools/venv >/dev/null 2>&1 ||
                fail "this Python has neither pip nor ensurepip, and uv is not on PATH" "apt-get install python3-pip (or python3-venv), or install uv"
            pip=(.tools/venv/bin/python -m pip)
        else
            pip=("$python" -m pip)
        fi
        # --target is a folder of the project: no PEP 668 refusal, nothing outside is touched.
        "${pip[@]}" install --quiet --disable-pip-version-check --root-user-action ignore --target .tools uv ||
            fail "pip could not fetch uv" "check the network, or install uv by hand"
    fi
    echo "$PWD/.tools/bin/uv"
}

install_python_packages() {
    local stamp
    stamp=".venv/ready-$goal-$(cat pyproject.toml deployments/requirements.lock | sha256sum | cut -c1-12)"
    [ ! -e "$stamp" ] || return 0
    say "making .venv with $("$python" --version) and installing termforge[$extras]"
    [ -x .venv/bin/python ] || "$uv" venv --quiet --python "$python" .venv ||
        fail "uv could not make a virtual environment with $python" "set PYTHON to another interpreter"
    # What pip trusts, uv trusts.
    if [ -n "${PIP_CERT:-}" ]; then
        export SSL_CERT_FILE=${SSL_CERT_FILE:-$PIP_CERT}
    fi
    # Where pip is told to look for wheels, uv looks too: a CPU build of torch may lie there. Elsewhere it is asked for.
    if [ -n "${PIP_FIND_LINKS:-}" ]; then
        export UV_FIND_LINKS=${UV_FIND_LINKS:-$PIP_FIND_LINKS}
    elif [ "$goal" = test ]; then
        export UV_TORCH_BACKEND=${UV_TORCH_BACKEND:-cpu}
    fi
    "$uv" pip install --quiet --python .venv/bin/python --constraint deployments/requirements.lock --editable ".[$extras]" ||
        fail "the Python packages could not be installed" "read uv's message above; a proxy or mirror is set with UV_INDEX_URL"
    touch "$stamp"
}

install_system_packages
python=$(find_python)
uv=$(find_uv)
install_python_packages
if [ "$goal" = test ]; then
    bash deployments/engine.sh
fi
