// Linux calls that Swift's Glibc module lacks, under other names; see the man page named beside each.
#ifndef CLINUX_H
#define CLINUX_H

#include <stdint.h>

/// epoll_create1(2), close-on-exec.
int clinux_epoll_create(void);

/// epoll_ctl(2), EPOLL_CTL_ADD with EPOLLIN: watches the descriptor under a number chosen by the caller.
int clinux_epoll_add(int epoll, int descriptor, uint32_t number);

/// epoll_wait(2): writes the numbers of the readable descriptors to `numbers`, up to `capacity` of at most 256.
int clinux_epoll_wait(int epoll, uint32_t *numbers, int capacity, int milliseconds);

/// flock(2), LOCK_EX | LOCK_NB. In Swift the name refers to the structure of fcntl(2).
int clinux_flock(int descriptor);

/// flock(2), LOCK_UN.
int clinux_unlock(int descriptor);

#endif
