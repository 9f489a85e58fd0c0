# Sourced by contrib/test and contrib/quickstart: gets this machine and the virtual environment
# ready. What is there already is not touched, so the second time takes no time.
#
# Sets root (the clone). The caller has set program, its name for messages.

root=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
log=$(mktemp "${TMPDIR:-/tmp}/csv-prepare.XXXXXX")
trap 'rm -f "$log"' EXIT

say() { printf '%s: %s\n' "$program" "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# step WHAT COMMAND...: runs the command with its output in a log, which is kept if it fails.
step() {
    local what=$1
    shift
    say "$what"
    "$@" >>"$log" 2>&1 </dev/null && return
    trap - EXIT
    tail -n 5 "$log" >&2
    fail "$what: failed; all it said is in $log"
}

need_root() {
    [ "$(id -u)" = 0 ] || fail "it installs packages and starts containers: run it as root"
}

# packages NAME...: installs the Debian packages that are missing.
packages() {
    local missing=() name
    for name; do
        case $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>>"$log") in
            installed) ;;
            *) missing+=("$name") ;;
        esac
    done
    [ "${#missing[@]}" = 0 ] && return
    command -v apt-get >/dev/null || fail "no apt-get here; install by hand: ${missing[*]}"
    step "reading the package lists (apt-get update)" apt-get update
    step "installing ${missing[*]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "${missing[@]}"
}

# unpacked DIRECTORY NAME...: unpacks Debian packages there, without installing them.
unpacked() {
    local directory=$1
    shift
    [ -e "$directory/unpacked" ] && return
    mkdir -p "$directory/deb"
    step "reading the package lists (apt-get update)" apt-get update
    step "unpacking $* below $directory" bash -euc 'cd "$0/deb"; apt-get download "$@"
        for package in *.deb; do dpkg-deb -x "$package" ..; done; touch ../unpacked' \
        "$directory" "$@"
}

# python_works PROGRAM: it is new enough, and can make virtual environments.
python_works() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>>"$log"
}

# environment [EXTRA]: makes root/.venv and installs csv in it, editable, with its dependencies.
environment() {
    local extra=${1:-} python stamp
    stamp=$(sha256sum <"$root/pyproject.toml")
    if ! "$root/.venv/bin/python" -c '' 2>>"$log"; then
        for python in /usr/bin/python3 python3 python3.13 python3.12 python3.11 ''; do
            [ -n "$python" ] || fail "no Python 3.11 or newer with venv found; install one"
            python_works "$python" && break
        done
        step "making the virtual environment .venv with $python" \
            "$python" -m venv --clear "$root/.venv"
    fi
    if [ "$(cat "$root/.venv/installed${extra:+-$extra}" 2>>"$log")" != "$stamp" ]; then
        # compat: a path in a .pth file; the other way is an import hook that every start pays for.
        step "installing csv and what it needs into .venv" env PIP_ROOT_USER_ACTION=ignore \
            PIP_DISABLE_PIP_VERSION_CHECK=1 \
            "$root/.venv/bin/python" -m pip install --config-settings editable_mode=compat \
            --editable "$root${extra:+[$extra]}"
        printf '%s\n' "$stamp" >"$root/.venv/installed${extra:+-$extra}"
    fi
}
