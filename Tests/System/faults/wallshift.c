/*
 * Steps the wall clock of one process while it runs.
 *
 * Preloaded, it answers every query of CLOCK_REALTIME with the true time plus an offset, and leaves all other clocks
 * alone. The offset is a signed 64-bit number of nanoseconds at the start of the file that WALLSHIFT_FILE names; the file
 * is mapped, so a test can step the clock at any moment by writing eight bytes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t billion = 1000000000;
static volatile const int64_t *offset;

__attribute__((constructor)) static void map_offset(void)
{
    const char *path = getenv("WALLSHIFT_FILE");
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    void *page = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED)
        offset = page;
}

/* The system call itself, since dlsym could need locks that the caller holds. */
static int ask(clockid_t clock, struct timespec *time)
{
    if (syscall(SYS_clock_gettime, clock, time) != 0)
        return -1;
    if (offset != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t total = time->tv_sec * billion + time->tv_nsec + *offset;
        time->tv_sec = total / billion;
        time->tv_nsec = total % billion;
    }
    return 0;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    return ask(clock, time);
}

int timespec_get(struct timespec *time, int base)
{
    return base == TIME_UTC && ask(CLOCK_REALTIME, time) == 0 ? base : 0;
}

int gettimeofday(struct timeval *restrict value, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    if (ask(CLOCK_REALTIME, &now) != 0)
        return -1;
    value->tv_sec = now.tv_sec;
    value->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;
    if (ask(CLOCK_REALTIME, &now) != 0)
        return (time_t)-1;
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}
