// Linux calls that Swift's Glibc module lacks, or has only as variadic functions, which Swift cannot call. Each calls
// the system's function under another name; see the man page named beside it.
#ifndef CLINUX_H
#define CLINUX_H

// No _GNU_SOURCE here: it would give some of the system's types another layout than other modules see. CLinux.c has it.
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/// prctl(2), PR_SET_PDEATHSIG: the signal that this process gets when the thread that spawned it ends.
static inline int clinux_set_parent_death_signal(int signal) { return prctl(PR_SET_PDEATHSIG, (unsigned long)signal, 0, 0, 0); }

/// prctl(2), PR_SET_CHILD_SUBREAPER: orphaned descendants become children of this process.
static inline int clinux_set_child_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0, 0, 0); }

/// socket(7), SO_PEERCRED: the process that connected, as of connect(2).
struct clinux_peer { uint32_t uid, gid; int32_t pid; };
int clinux_peer_credentials(int socket, struct clinux_peer *peer);

/// socket(7), SO_PEERGROUPS: the supplementary groups of the process that connected. Returns the number of groups, or
/// -1 with errno ERANGE if there are more than `capacity`.
int clinux_peer_groups(int socket, uint32_t *groups, int capacity);

/// poll(2), POLLHUP and POLLRDHUP: whether the other end of a stream socket is closed, or closed for writing, by now;
/// CLINUX_OPEN if that cannot be told.
enum clinux_hang_up { CLINUX_OPEN, CLINUX_WRITING_CLOSED, CLINUX_CLOSED };
enum clinux_hang_up clinux_hang_up(int socket);

/// ioctl(2), SIOCOUTQ: how much memory the bytes use that the other end of a Unix socket has not read yet; 0 if that
/// cannot be told.
int clinux_unread_bytes(int socket);

/// fcntl(2), F_SETFD: closes the descriptor in a child that executes another program.
int clinux_set_close_on_exec(int descriptor, int on);

/// fcntl(2), F_DUPFD_CLOEXEC: a copy of the descriptor, at `lowest` or above.
int clinux_duplicate_above(int descriptor, int lowest);

/// open(2), with its variadic mode.
int clinux_open(const char *path, int flags, mode_t mode);

/// open(2), O_PATH and O_NOFOLLOW: refers to the file that is at the path now, even if it is a link; close-on-exec.
int clinux_open_itself(const char *path);

/// chmod(2) through /proc/self/fd: sets the mode of the file that an O_PATH descriptor refers to.
int clinux_set_mode(int descriptor, mode_t mode);

/// fchownat(2), AT_EMPTY_PATH: sets the group of the file that an O_PATH descriptor refers to.
int clinux_set_group(int descriptor, gid_t group);

/// rename(2) that does not replace: -1 with errno EEXIST if a file with the new name exists.
int clinux_rename_new(const char *from, const char *to);

/// open(2) with O_PATH: a descriptor for what the path leads to, by the kernel's rules on links, which cannot read or
/// write.
int clinux_open_path(const char *path);

/// newlocale(3): the C library's own UTF-8 locale, for characters only; NULL if it has none.
void *clinux_utf8_locale(void);

/// wcwidth(3) in such a locale: how many cells of a terminal the characters take; an unknown character takes one.
long clinux_cells(void *locale, const uint32_t *characters, size_t count);

/// timerfd_create(2) on CLOCK_BOOTTIME, non-blocking and close-on-exec: a timer that counts suspend and ignores clock
/// steps.
int clinux_boot_timer(void);

/// timerfd_settime(2), absolute, in nanoseconds since boot; 0 disarms it.
int clinux_boot_timer_set(int timer, int64_t nanoseconds);

/// sigaction(2): 1 if this process ignores the signal, 0 if not, -1 if there is no such signal.
int clinux_is_signal_ignored(int signal);

/// sigaction(2): ignores the signal, or restores its default action.
int clinux_set_signal_ignored(int signal, int ignored);

/// wait(2): the exit code of an ended child, or -1 if a signal ended it.
static inline int clinux_exit_code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }

/// wait(2): the signal that ended a child, or 0 if it exited.
static inline int clinux_ending_signal(int status) { return WIFSIGNALED(status) ? WTERMSIG(status) : 0; }

/// fork(2), for a process with one thread: Swift makes it unavailable, since it is unsafe in any other.
static inline pid_t clinux_fork(void) { return fork(); }

/// waitid(2): 1 if this process has a child, even one that has ended and was not waited for; 0 if it has none.
int clinux_has_children(void);

/// pidfd_open(2): a descriptor that refers to exactly this process, even after its number is reused; close-on-exec.
int clinux_pidfd_open(pid_t process);

/// pidfd_send_signal(2).
int clinux_pidfd_send_signal(int descriptor, int signal);

/// open(2), O_PATH: a close-on-exec descriptor that reserves its number and can be neither read nor written.
int clinux_open_placeholder(void);

/// pipe2(2): both ends close-on-exec.
int clinux_pipe(int ends[2]);

/// madvise(2), MADV_DONTNEED: drops the pages of the program's code and constants from this process's memory; pages
/// that are accessed again are mapped again. -1 if the system refuses, which does no harm.
int clinux_give_back_program(void);

#endif
