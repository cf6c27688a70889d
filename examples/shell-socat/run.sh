#!/usr/bin/env bash
# A script that holds a lease with only sh and socat. What to see:
#   1. it runs its steps, under one fence; a second script finds the lease held and exits with status 75;
#   2. it is killed in the middle: the lease, bound to its connection, is free;
#   3. its lease is revoked: the running step ends, and the next one does not begin.
. "$(dirname "$0")/../demo.sh"
command -v socat > "$here/socat" || fail 'socat is not installed: apt install socat'
steps() {
    printf '$ steps.sh "%s" …\n' "$1"
    exec "$example/steps.sh" "$@"
}
# The first step waits until it may continue.
first='echo "the first step, fence $LEASE_TOKEN"; read -r _ < "$go"' second='echo "the second step, fence $LEASE_TOKEN"'
# A name may contain any bytes.
lease='Bob'\''s "new" backup'

start_daemon
say 'One script holds the lease, and another one does not get it'
mkfifo "$here/go.1" "$here/go.2" "$here/go.3"
go=$here/go.1 background holder steps "$lease" "$first" "$second"
expect holder 'the first step'
background late steps "$lease" 'echo this is never said'
ended late
[ "$code" = 75 ] || fail "its status is $code"
echo > "$here/go.1"
ended holder
[ "$code" = 0 ] || fail "its status is $code"
echo "done: $(leasectl get "$lease/done")"

say 'One is killed in the middle, and the lease is free'
go=$here/go.2 background killed steps "$lease" "$first" "$second"
expect killed 'the first step'
crash "${pid[killed]}"
run leasectl run "$lease" true
# The step that the killed script had begun continues, without the lease.
echo > "$here/go.2"

say 'The lease is taken away from the next one'
go=$here/go.3 background revoked steps "$lease" "$first" "$second"
expect revoked 'the first step'
run leasectl revoke "$lease"
echo > "$here/go.3"
ended revoked
[ "$code" = 76 ] || fail "its status is $code"
