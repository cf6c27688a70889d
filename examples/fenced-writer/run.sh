#!/usr/bin/env bash
# A holder is stopped, and wakes up after its lease has ended. What to see:
#   1. the early writer holds the lease for two seconds, and is stopped before it writes, as on a busy machine;
#   2. its time is over: the late writer is granted the lease, under a greater fence, and writes;
#   3. the early writer continues, unaware of that: the file and the table refuse what it writes;
#   4. a file without a fence, written by the same two in the same order, has lost what the late writer wrote.
. "$(dirname "$0")/../demo.sh"
python=${PYTHON:-python3}
file=$here/report database=$here/report.db unfenced=$here/unfenced
writer=("$python" "$example/writer.py" "$file" "$database")
careless=(sh -c 'read -r text && echo "$text" > "$0"' "$unfenced")

start_daemon
say 'The early writer holds the lease, and is stopped in the middle of its work'
echo '$ leasectl acquire report 2s'
early=$(leasectl acquire report 2s)
echo "$early"
mkfifo "$here/text" "$here/same"
exec {text}<> "$here/text" {same}<> "$here/same"
LEASE_NAME=report LEASE_TOKEN=$early background early "${writer[@]}" <&"$text"
expect early 'begins'
background careless "${careless[@]}" <&"$same"
run kill -STOP "${pid[early]}" "${pid[careless]}"

say 'The late writer waits for the lease, is granted when the time of the early one is over, and writes'
printf '$ echo "by the late one" | leasectl run report ./writer.py …\n'
echo 'by the late one' | leasectl run report "${writer[@]}"
echo 'by the late one' | "${careless[@]}"

say 'The early one goes on'
echo 'by the early one' >&"$text"
echo 'by the early one' >&"$same"
run kill -CONT "${pid[early]}" "${pid[careless]}"
ended early
[ "$code" = 76 ] || fail 'the early one did not say that it was refused'
ended careless
[ "$code" = 0 ] || fail 'the careless one failed'

say 'What is there'
read_table='import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute("SELECT text FROM texts").fetchone(), end="")'
in_file=$(< "$file") in_table=$("$python" -c "$read_table" "$database") in_unfenced=$(< "$unfenced")
printf '%-22s %s\n' 'the file:' "$in_file" 'the table:' "$in_table" 'without a fence:' "$in_unfenced"
[ "$in_file" = 'by the late one' ] || fail 'the file was overwritten'
[ "$in_table" = 'by the late one' ] || fail 'the table was overwritten'
[ "$in_unfenced" = 'by the early one' ] || fail 'the careless writer was not late'
