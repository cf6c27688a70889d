# Sourced by the run.sh of each example: a daemon with a temporary socket and store, and functions that show what is
# done. The programs are those in $LEASED_BIN_DIR, or else the installed ones. However the script ends, everything that
# it started is stopped, and the folder $here is removed.
set -euo pipefail

if [ -n "${LEASED_BIN_DIR:-}" ]; then PATH=$(cd "$LEASED_BIN_DIR" && pwd):$PATH; fi
# Daemons are installed in folders that are not in every PATH.
export PATH=$PATH:/usr/local/sbin:/usr/sbin
for program in leased leasectl; do
    command -v "$program" > /dev/null && continue
    echo "$program is not installed; to use one that was built, say where it is: LEASED_BIN_DIR=FOLDER" >&2
    exit 69
done

example=$(cd "$(dirname "$0")" && pwd)
here=$(mktemp -d)
# The programs' temporary files go there, too.
export TMPDIR=$here
export LEASED_SOCKET=$here/leased.sock
daemon= code=0
declare -A pid output

bold= plain=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
fail() { printf 'this should not be: %s\n' "$*" >&2; exit 1; }
# Prints a command as it would be typed, then runs it.
run() { printf '$ %s\n' "$*"; "$@"; }

# background NAME CMD…: runs CMD in the background. Its process is ${pid[NAME]}, and `expect NAME` reads its output.
background() {
    local name=$1 descriptor
    shift
    mkfifo "$here/$name.says"
    set -m
    "$@" <&0 > "$here/$name.says" 2>&1 &
    set +m
    pid[$name]=$!
    exec {descriptor}< "$here/$name.says"
    output[$name]=$descriptor
    rm "$here/$name.says"
}

# expect NAME TEXT: prints a background command's output up to the line with TEXT.
expect() {
    local line
    while IFS= read -r line <&"${output[$1]}"; do
        printf '%s: %s\n' "$1" "$line"
        [[ $line != *"$2"* ]] || return 0
    done
    fail "'$1' ended before it said '$2'"
}

# ended NAME: prints the rest of a background command's output, and waits for its end; its status is $code.
ended() {
    local line
    while IFS= read -r line <&"${output[$1]}"; do
        printf '%s: %s\n' "$1" "$line"
    done
    code=0
    wait "${pid[$1]}" || code=$?
}

start_daemon() {
    set -m
    leased --store "$here/leased.db" --log-level warning < /dev/null &
    set +m
    daemon=$!
    until leasectl ping > "$here/ping" 2>&1; do
        kill -0 "$daemon" || fail 'the daemon does not run'
        sleep 0.1
    done
}

# Kills a process, as a crash would.
crash() {
    kill -KILL "$1"
    wait "$1" 2> /dev/null || true
}

# Each background command is a process group (set -m), so that the processes that it started end with it.
finish() {
    local process
    for process in $(jobs -p); do
        kill -TERM -- "-$process" 2> /dev/null || true
        kill -CONT -- "-$process" 2> /dev/null || true
    done
    wait
    rm -rf "$here"
}
trap finish EXIT
