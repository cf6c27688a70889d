#!/usr/bin/env bash
# One nightly job, started by a cron line and by a timer's unit. What to see:
#   1. cron's line starts the job; while it runs, the same line and the unit's command skip it and succeed;
#   2. the job ends, and the next one that is due runs it, under a greater fence.
. "$(dirname "$0")/../demo.sh"

# The job fails if it is already running. It reports that it has begun, and runs until it is told to end.
mkfifo "$here/begun" "$here/end"
cat > "$here/nightly" << 'JOB'
#!/bin/sh
cd "$(dirname "$0")" && mkdir running || exit
echo "the job runs, fence $LEASE_TOKEN"
echo > begun
read -r _ < end
rmdir running
echo 'the job is done'
JOB
chmod +x "$here/nightly"

# These are the commands of the two files, but with this job for the installed one, and with as little in the
# environment as cron and systemd provide.
cron=$(sed -n 's,^30 2 \* \* \*  ,,p' "$example/crontab")
timer=$(sed -n 's,^ExecStart=/usr/bin/,,p' "$example/nightly.service")
due() {
    printf '$ %s\n' "$1"
    exec env -i "PATH=$PATH" "LEASED_SOCKET=$LEASED_SOCKET" sh -c "exec ${1/\/usr\/local\/bin/"$here"}"
}

start_daemon
say 'Cron starts the job'
background cron due "$cron"
expect cron 'the job runs'
read -r _ < "$here/begun"

say 'Cron and the timer are due while it runs: both skip it, and that is no failure'
(due "$cron")
(due "$timer")

say 'The job ends, and the next one runs'
echo > "$here/end"
ended cron
[ "$code" = 0 ] || fail 'the job failed'
background timer due "$timer"
expect timer 'the job runs'
read -r _ < "$here/begun"
(due "$cron")
echo > "$here/end"
ended timer
[ "$code" = 0 ] || fail 'the job failed'
