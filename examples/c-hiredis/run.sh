#!/usr/bin/env bash
# Programs that add to one number. What to see:
#   1. five add at once: one works at a time, the others wait in the lease's queue, and no addition is lost;
#   2. one that is killed in the middle has written nothing, and the lease is free at once;
#   3. one whose lease is revoked writes nothing, and its exit status says so.
. "$(dirname "$0")/../demo.sh"
make --silent --no-print-directory --directory "$example" OUT="$here"

add() {
    printf '$ add %s\n' "$*"
    exec "$here/add" "$@"
}
sum() { leasectl get counter/sum; }

start_daemon

say 'Five add 1 at once'
for name in one two three four five; do background "$name" add counter counter/sum 1 3; done
for name in one two three four five; do
    ended "$name"
    [ "$code" = 0 ] || fail "'$name' failed"
done
echo "the sum is $(sum)"
[ "$(sum)" = 5 ] || fail 'a sum was lost'

say 'One is killed while it works'
background killed add counter counter/sum 100 1000000
expect killed holds
crash "${pid[killed]}"

say 'The next one gets the lease at once; it is taken away from it'
background revoked add counter counter/sum 100 1000000
expect revoked holds
run leasectl revoke --reason 'the machine is needed' counter
ended revoked
[ "$code" = 76 ] || fail "its status is $code"

say 'Neither has written'
echo "the sum is $(sum)"
[ "$(sum)" = 5 ] || fail 'a sum was written without the lease'
