/* SPDX-License-Identifier: Apache-2.0 */
/* Reaper of links: the group's number, the thread. */
#include "network/reap.h"

#include <errno.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/log.h"
#include "base/str.h"
#include "network/link.h"
#include "network/nl.h"

/* Groups with names (/etc/iproute2/group) and those that people choose are small; 0 is every link's own. */
#define GROUP_BIT 0x80000000u

struct reaper {
    pthread_mutex_t lock; /* guards stop, wanted */
    pthread_cond_t wake;
    pthread_t thread;
    bool stop, wanted;
    uint32_t group;
    int sock;
};

static bool reaper_next(struct reaper *r)
{
    pthread_mutex_lock(&r->lock);
    while (!r->stop && !r->wanted)
        pthread_cond_wait(&r->wake, &r->lock);
    bool wanted = r->wanted;
    r->wanted = false;
    pthread_mutex_unlock(&r->lock);
    return wanted;
}

/* One pass for all links that came while the one before it ran. */
static void *reaper_thread(void *arg)
{
    struct reaper *r = arg;
    while (reaper_next(r)) {
        _cleanup_(err_fini) struct err err = {0};
        int e = nl_request(r->sock, link_msg_delete_group(r->group), &err);
        if (e < 0 && e != -ENODEV)
            log_warn("deleting links that are done: %s", err_msg(&err));
    }
    return NULL;
}

uint32_t reaper_group(const char *instance)
{
    return GROUP_BIT | (uint32_t)strtoul(instance, NULL, 16);
}

struct reaper *reaper_open(const char *instance, struct err *err)
{
    int sock = nl_sock_open(NETLINK_ROUTE);
    if (sock < 0) {
        err_errno(err, sock, "cannot open a netlink socket");
        return NULL;
    }
    struct reaper *r = xcalloc(1, sizeof(*r));
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->wake, NULL);
    r->sock = sock;
    r->group = reaper_group(instance);
    r->wanted = true;
    int e = pthread_create(&r->thread, NULL, reaper_thread, r);
    if (e == 0)
        return r;
    err_errno(err, -e, "cannot start the thread that deletes links");
    close_fd(sock);
    free(r);
    return NULL;
}

void reaper_close(struct reaper *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    pthread_cond_destroy(&r->wake);
    pthread_mutex_destroy(&r->lock);
    close_fd(r->sock);
    free(r);
}

int reaper_take(struct reaper *r, int sock, const char *name, struct err *err)
{
    int index = link_index(sock, name);
    int e = index < 0 ? index : nl_request(sock, link_msg_retire(index, r->group), err);
    if (e == -ENODEV) {
        err_clear(err);
        return 0;
    }
    if (e < 0)
        return index < 0 ? err_errno(err, e, "cannot look up link %s", name) : e;
    pthread_mutex_lock(&r->lock);
    r->wanted = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
    return 0;
}
