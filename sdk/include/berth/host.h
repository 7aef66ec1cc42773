/* SPDX-License-Identifier: MIT */
/*
 * What the host gives a driver
 *
 * The table is passed to open() and valid until close() returned. It only grows at its end: test a slot that is newer
 * than the driver's minimum with BERTH_HAS(). All calls are safe from any thread unless said otherwise. The shim, in
 * which log drivers live, offers log, alloc, options, data_dir and timers; the other slots are NULL there.
 */
#ifndef BERTH_HOST_H
#define BERTH_HOST_H

#include "berth/err.h"
#include "berth/options.h"

#ifdef __cplusplus
extern "C" {
#endif

/* True when the table that `p` points at, as its owner built it, has `slot` and it is set. */
#define BERTH_HAS(p, slot)                                                                         \
    ((p)->size >= (size_t)((const char *)&(p)->slot - (const char *)(p)) + sizeof((p)->slot) &&    \
     (p)->slot)

enum berth_log_level {
    BERTH_LOG_DEBUG = 0,
    BERTH_LOG_INFO = 1,
    BERTH_LOG_WARN = 2,
    BERTH_LOG_ERROR = 3
};

/* How a whiteout stands in a directory that the host unpacks into, or that it reads a layer from. */
enum berth_whiteout {
    BERTH_WHITEOUT_APPLY =
        1, /* the directory holds the whole tree: the host deletes what is whited out */
    BERTH_WHITEOUT_OVERLAY =
        2, /* overlayfs: character device 0/0; opaque by xattr trusted.overlay.opaque=y */
    BERTH_WHITEOUT_OCI = 3, /* files named .wh.NAME and .wh..wh..opq */
};

struct berth_host {
    size_t size; /* sizeof(struct berth_host) of the host */
    void *ctx;   /* the host's own; passed back as the first argument */
    /* A line in the daemon's log, with the driver's name. */
    void (*log)(void *ctx, uint32_t level, const char *fmt, va_list ap);
    /* Memory that crosses the ABI. alloc() never returns NULL for less than 64 KiB; more may fail. */
    void *(*alloc)(void *ctx, size_t n);
    void (*release)(void *ctx, void *p);
    /* The driver's options of daemon.conf. */
    const struct berth_options *options;
    /* Absolute path of the driver's own directory below data_root, made 0700 before open(). Survives reboots. */
    const char *data_dir;
    /* The same below run_root; empty after a reboot. NULL in the shim. */
    const char *run_dir;
    /* The 8 hex digits that are part of each name which the host can see. */
    const char *instance;
    /* Publishes an event of the driver's kind: `action` as in Docker's events, `actor` an id. NULL in the shim. */
    void (*event)(void *ctx, const char *action, const char *actor, const char *const *attributes);
    /* Calls fn(arg) once after ms milliseconds, on a thread of the host's; returns a handle, or NULL. */
    void *(*timer_start)(void *ctx, int64_t ms, void (*fn)(void *arg), void *arg);
    /* Afterwards fn is not running and will not run; not from inside fn of the same timer. */
    void (*timer_cancel)(void *ctx, void *timer);
    /* Sends one complete rtnetlink request (struct nlmsghdr and payload; the host sets pid and seq) in the host's network
     * namespace and waits for its ack: 0 or a negative errno. For what a plan cannot say. NULL in the shim. */
    int (*netlink)(void *ctx, const void *nlmsg, size_t n, struct berth_err *err);
    /* Unpacks a plain tar from `tar_fd` into the directory `dir_fd`, safely; whiteouts in the given form. */
    int (*tar_unpack)(void *ctx, int tar_fd, int dir_fd, uint32_t whiteout_form,
                      struct berth_err *err);
    /* Writes the tree of `dir_fd` as a deterministic tar to `tar_fd`; `whiteout_form` is the one that stands in the tree,
     * OCI's is the one written. */
    int (*tar_pack)(void *ctx, int dir_fd, int tar_fd, uint32_t whiteout_form,
                    struct berth_err *err);
    /* Starts a program for a driver that needs one (FUSE and the like), in the engine's cgroup. It outlives the daemon and
     * is found again by `key`: when one with that key lives, that is all. argv[0] is an absolute path; fds are passed on
     * as 3, 4, … `died` is called once, on a thread of the host's, with the wait status, also when that happened
     * while the daemon was away (status -1: not known). Negative errno when it could not be started. */
    int (*helper_start)(void *ctx, const char *key, const char *const *argv, const int *fds,
                        size_t nfds, void (*died)(void *arg, int status), void *arg,
                        struct berth_err *err);
    /* SIGTERM, after a second SIGKILL; returns when it is gone. -ENOENT: there is none. */
    int (*helper_stop)(void *ctx, const char *key);
};

BERTH_PRINTF(3, 4)
static inline void berth_log(const struct berth_host *host, uint32_t level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    host->log(host->ctx, level, fmt, ap);
    va_end(ap);
}

#ifdef __cplusplus
}
#endif
#endif
