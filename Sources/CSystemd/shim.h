// As CLinux does: Swift loads both modules into one program, and the C library's types must be the same in both.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <systemd/sd-daemon.h>
