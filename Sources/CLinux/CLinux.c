#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <link.h>
#include <linux/sockios.h>
#include <locale.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <wchar.h>

int clinux_peer_credentials(int socket, struct clinux_peer *peer) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return -1;
    peer->uid = credentials.uid;
    peer->gid = credentials.gid;
    peer->pid = credentials.pid;
    return 0;
}

int clinux_peer_groups(int socket, uint32_t *groups, int capacity) {
    socklen_t length = (socklen_t)((size_t)capacity * sizeof *groups);
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &length) != 0) return -1;
    return (int)(length / sizeof *groups);
}

enum clinux_hang_up clinux_hang_up(int socket) {
    struct pollfd state = {.fd = socket, .events = POLLRDHUP};
    if (poll(&state, 1, 0) != 1) return CLINUX_OPEN;
    if (state.revents & POLLHUP) return CLINUX_CLOSED;
    return state.revents & POLLRDHUP ? CLINUX_WRITING_CLOSED : CLINUX_OPEN;
}

int clinux_unread_bytes(int socket) {
    int bytes;
    return ioctl(socket, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

int clinux_set_close_on_exec(int descriptor, int on) {
    int flags = fcntl(descriptor, F_GETFD);
    if (flags < 0) return -1;
    return fcntl(descriptor, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC);
}

int clinux_duplicate_above(int descriptor, int lowest) { return fcntl(descriptor, F_DUPFD_CLOEXEC, lowest); }

int clinux_open(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }

int clinux_open_itself(const char *path) { return open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC); }

int clinux_set_mode(int descriptor, mode_t mode) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    return chmod(path, mode);
}

int clinux_set_group(int descriptor, gid_t group) {
    return fchownat(descriptor, "", (uid_t)-1, group, AT_EMPTY_PATH);
}

void *clinux_utf8_locale(void) { return newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0); }

long clinux_cells(void *locale, const uint32_t *characters, size_t count) {
    // For this thread only, until the end of this function.
    locale_t before = uselocale((locale_t)locale);
    long cells = 0;
    for (size_t index = 0; index < count; index++) {
        int width = wcwidth((wchar_t)characters[index]);
        cells += width < 0 ? 1 : width;
    }
    uselocale(before);
    return cells;
}

int clinux_boot_timer(void) { return timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC); }

int clinux_boot_timer_set(int timer, int64_t nanoseconds) {
    struct itimerspec when = {.it_value = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000}};
    return timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

// The kernel's own structure: the handler comes first, and is all that matters for "ignored" and "default". The C
// library's sigaction() refuses the two signals that it reserves, 32 and 33, and its posix_spawn() leaves them ignored
// in the child, where nobody else could restore them.
struct kernel_action {
    void *handler;
    unsigned long rest[7];
};
enum { KERNEL_MASK_SIZE = 8 };

int clinux_is_signal_ignored(int signal) {
    struct kernel_action action = {0};
    if (syscall(SYS_rt_sigaction, signal, NULL, &action, KERNEL_MASK_SIZE) != 0) return -1;
    return action.handler == (void *)SIG_IGN;
}

int clinux_set_signal_ignored(int signal, int ignored) {
    struct kernel_action action = {.handler = (void *)(ignored ? SIG_IGN : SIG_DFL)};
    return (int)syscall(SYS_rt_sigaction, signal, &action, NULL, KERNEL_MASK_SIZE);
}

int clinux_open_path(const char *path) { return open(path, O_PATH | O_CLOEXEC); }

int clinux_has_children(void) {
    siginfo_t information;
    return waitid(P_ALL, 0, &information, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

int clinux_pidfd_open(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

int clinux_pidfd_send_signal(int descriptor, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, descriptor, signal, NULL, 0);
}

int clinux_open_placeholder(void) { return open("/", O_PATH | O_CLOEXEC); }

int clinux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int clinux_rename_new(const char *from, const char *to) {
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
    // For a file system that cannot do this in one step: link(2) fails if the new name exists, and is not supported
    // everywhere either.
    if (errno != EINVAL && errno != ENOSYS) return -1;
    if (link(from, to) != 0) return -1;
    return unlink(from);
}

// The program is the first object that dl_iterate_phdr(3) reports. The segments that it maps without PF_W contain the
// file's own bytes, which are read again when they are accessed. RELRO is in a segment with PF_W, so relocations are
// never lost.
static int unmap_unwritten_segments(struct dl_phdr_info *program, size_t size, void *unused) {
    (void)size;
    (void)unused;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int index = 0; index < program->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &program->dlpi_phdr[index];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W)) continue;
        uintptr_t start = (program->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t end = (program->dlpi_addr + segment->p_vaddr + segment->p_memsz + page - 1) & ~(page - 1);
        if (madvise((void *)start, end - start, MADV_DONTNEED) != 0) return -1;
    }
    return 1;
}

int clinux_give_back_program(void) { return dl_iterate_phdr(unmap_unwritten_segments, NULL) == 1 ? 0 : -1; }
