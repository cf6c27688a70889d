/*
 * Counts the calls of one process to the system and to the heap while it runs.
 *
 * Preloaded, it passes every call on and adds one to a counter in the file that COUNTS_FILE names; the file is mapped, so
 * a test can read the counters at any moment. Each counter is an unsigned 64-bit number, in the order of `enum counter`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum counter { ALLOCATIONS, SYNCS, FILE_WRITES, READS, WRITES, TIMERS, WAITS, FILE_LOCKS, COUNTERS };

static uint64_t before_the_file_is_mapped[COUNTERS];
static uint64_t *counters = before_the_file_is_mapped;

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

__attribute__((constructor)) static void map_counters(void)
{
    const char *path = getenv("COUNTS_FILE");
    int file = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return;
    void *page = mmap(NULL, sizeof before_the_file_is_mapped, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED)
        counters = page;
}

static void count(enum counter counter)
{
    __atomic_fetch_add(&counters[counter], 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size)
{
    count(ALLOCATIONS);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    count(ALLOCATIONS);
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
    count(ALLOCATIONS);
    return __libc_realloc(old, size);
}

/* The function that ours replaces, looked up once. */
#define NEXT(name) \
    static __typeof__(name) *next; \
    if (next == NULL) \
        next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

int fdatasync(int file)
{
    NEXT(fdatasync);
    count(SYNCS);
    return next(file);
}

int fsync(int file)
{
    NEXT(fsync);
    count(SYNCS);
    return next(file);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t place)
{
    NEXT(pwrite64);
    count(FILE_WRITES);
    return next(file, bytes, size, place);
}

ssize_t read(int file, void *bytes, size_t size)
{
    NEXT(read);
    count(READS);
    return next(file, bytes, size);
}

ssize_t write(int file, const void *bytes, size_t size)
{
    NEXT(write);
    count(WRITES);
    return next(file, bytes, size);
}

ssize_t recv(int file, void *bytes, size_t size, int flags)
{
    NEXT(recv);
    count(READS);
    return next(file, bytes, size, flags);
}

ssize_t send(int file, const void *bytes, size_t size, int flags)
{
    NEXT(send);
    count(WRITES);
    return next(file, bytes, size, flags);
}

int timerfd_settime(int file, int flags, const struct itimerspec *new_value, struct itimerspec *old_value)
{
    NEXT(timerfd_settime);
    count(TIMERS);
    return next(file, flags, new_value, old_value);
}

int epoll_wait(int file, struct epoll_event *events, int most, int timeout)
{
    NEXT(epoll_wait);
    count(WAITS);
    return next(file, events, most, timeout);
}

/* Every argument of fcntl(2) fits into a pointer. */
int fcntl64(int file, int command, ...)
{
    NEXT(fcntl64);
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (command == F_SETLK)
        count(FILE_LOCKS);
    return next(file, command, argument);
}
