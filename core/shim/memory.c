/* SPDX-License-Identifier: Apache-2.0 */
/* The process's own growth: /proc/self/statm. */
#include "shim/memory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define GROWTH_MAX  (256ll << 20)
#define INTERVAL_MS 100

/* Resident pages that are not shared (the second and third number of statm); 0 when it cannot be read. */
static int64_t own_pages(int fd)
{
    char text[256];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    char *at = text;
    int64_t v[3];
    for (int i = 0; i < 3; i++)
        v[i] = strtoll(at, &at, 10);
    return v[1] - v[2];
}

void memory_watch_init(struct memory_watch *w)
{
    w->fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    w->base_pages = own_pages(w->fd);
    w->next_ns = 0;
}

bool memory_watch_exceeded(struct memory_watch *w, size_t allowed)
{
    int64_t now = time_mono_ns();
    if (w->fd < 0 || now < w->next_ns)
        return false;
    w->next_ns = now + INTERVAL_MS * NS_PER_MS;
    int64_t growth = own_pages(w->fd) - w->base_pages;
    return growth > (GROWTH_MAX + (int64_t)allowed) / sysconf(_SC_PAGESIZE);
}

void memory_watch_fini(struct memory_watch *w)
{
    close_fd(w->fd);
}
