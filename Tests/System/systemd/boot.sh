#!/bin/bash
# boot.sh WORK STAGE GROUP: becomes PID 1 of an isolated machine, a real systemd.
#
# Must be run by root as the first process of new mount, PID, UTS, IPC and network namespaces, in the cgroup GROUP that
# becomes the machine's root; `harness/machine.py` does this. WORK is an empty folder. The machine's disk is this
# machine's `/` overlaid with the content of STAGE; writes go to memory and are lost with the machine. WORK/out is /out
# in the machine; READY=1 is sent to /out/notify once it has booted.
set -euo pipefail
work=$1 stage=$2
if [[ ${4-} != grouped ]]; then
    # From within the group, since a cgroup namespace takes its creator's group as its root.
    exec unshare --cgroup "$0" "$1" "$2" "$3" grouped
fi

# The disk: the host's, without its units and its identity.
mount -t tmpfs -o mode=755 tmpfs "$work/memory"
mkdir "$work"/memory/{upper,scratch,root}
root=$work/memory/root
cp --archive "$stage/." "$work/memory/upper/"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/memory/upper,workdir=$work/memory/scratch" "$root"
find "$root/etc/systemd/system" "$root/etc/systemd/user" -mindepth 1 -delete
# The copy must not have this machine's store.
rm -rf "$root/var/lib/leased"
tr -d - < /proc/sys/kernel/random/uuid > "$root/etc/machine-id"
echo machine > "$root/etc/hostname"
: > "$root/etc/fstab"
# Services that a machine without hardware, seats and network does not need.
for name in binfmt firstboot logind networkd pstore resolved sysctl timesyncd update-utmp; do
    ln -s /dev/null "$root/etc/systemd/system/systemd-$name.service"
done
cat > "$root/etc/systemd/system/test.target" << END
[Unit]
Requires=basic.target
After=basic.target
AllowIsolate=yes
END

# The kernel's file systems, as container managers provide them: read-only, except for the machine's own part.
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
for path in bus irq sys sysrq-trigger; do
    [[ -e $root/proc/$path ]] || continue
    mount --bind "$root/proc/$path" "$root/proc/$path"
    mount -o remount,bind,ro "$root/proc/$path"
done
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
for name in full null random tty urandom zero; do
    : > "$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
: > "$work/out/console"
: > "$root/dev/console"
mount --bind "$work/out/console" "$root/dev/console"
mkdir -p "$root/out"
mount --bind "$work/out" "$root/out"
ip link set lo up

# Enter the new root. Mounts are shared with those that units make, as on any booted machine.
cd "$root"
mkdir .before
pivot_root . .before
umount --lazy /.before
rmdir /.before
mount --make-rshared /
hostname machine
# Without the capabilities that would reach the host: its clock, its modules, its log.
exec env --ignore-environment PATH=/usr/sbin:/usr/bin:/sbin:/bin container=leased-test NOTIFY_SOCKET=/out/notify \
    setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio,-mac_admin,-syslog \
    /lib/systemd/systemd --unit=test.target < /dev/null > /dev/null 2>&1
