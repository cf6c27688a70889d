#include "CLinux.h"

#include <sys/epoll.h>
#include <sys/file.h>

enum { most_events = 256 };

int clinux_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int clinux_epoll_add(int epoll, int descriptor, uint32_t number) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

int clinux_epoll_wait(int epoll, uint32_t *numbers, int capacity, int milliseconds) {
    struct epoll_event events[most_events];
    int count = epoll_wait(epoll, events, capacity < most_events ? capacity : most_events, milliseconds);
    for (int index = 0; index < count; index++) numbers[index] = events[index].data.u32;
    return count;
}

int clinux_flock(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB); }

int clinux_unlock(int descriptor) { return flock(descriptor, LOCK_UN); }
