/* SPDX-License-Identifier: MIT */
/*
 * Log drivers
 *
 * open, write, flush, close and rotate run inside the container's berth-shim, on one thread of their own: a driver may
 * block there, for the shim queues (bounded) meanwhile, and a slow driver holds up no stop of a container.
 * check, path and read run in berthd, on any thread, without open(): they work from `info` alone.
 */
#ifndef BERTH_LOG_H
#define BERTH_LOG_H

#include "berth/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

enum berth_log_stream { BERTH_STDOUT = 1, BERTH_STDERR = 2 };

enum berth_log_record_flags {
    BERTH_LOG_PARTIAL =
        1u << 0, /* a piece of a line longer than 16 KiB; without LAST more follows */
    BERTH_LOG_PARTIAL_LAST = 1u << 1, /* its last piece */
};

/* A line without its newline. Lines of more than 16 KiB come in pieces, as in Docker. */
struct berth_log_record {
    size_t size;
    const char *line; /* any bytes, not NUL-terminated */
    size_t len;
    int64_t time_ns;          /* since the epoch */
    uint32_t stream;          /* enum berth_log_stream */
    uint32_t flags;           /* enum berth_log_record_flags */
    uint64_t partial_id;      /* same for all pieces of a line; 0: whole */
    uint32_t partial_ordinal; /* 1, 2, … */
    /* The last piece of output ended without a newline. */
    uint32_t no_newline;
    /* Reader side: attributes as "key=value,key=value", or NULL. */
    const char *attributes;
};

/* The container, as it was when the log was opened. Borrowed for the call; open() copies what it keeps. */
struct berth_log_info {
    size_t size;
    const struct berth_host *host;
    const struct berth_options *options;       /* the container's --log-opt over daemon.conf's */
    const char *container_id, *container_name; /* the name without a slash */
    const char *image_id, *image_name;
    const char *daemon_name, *hostname;
    const char *command; /* entrypoint and arguments, joined by spaces */
    int64_t created_ns;
    const char *const *env;    /* "KEY=value", NULL-terminated */
    const char *const *labels; /* "key=value", NULL-terminated */
    const char *log_dir;       /* absolute; the container's own directory, which exists */
};

struct berth_log_query {
    size_t size;
    int64_t since_ns, until_ns; /* 0: no limit; both inclusive */
    int64_t tail;               /* the last n lines; -1: all */
    uint32_t streams;           /* 1u << BERTH_STDOUT | 1u << BERTH_STDERR */
    uint32_t follow;
    int32_t stop_fd; /* becomes readable when the reader shall return at once; -1: none */
    int32_t
        done_fd; /* follow: becomes readable when nothing more will be written; read to the end, return. -1: none */
    /* With BERTH_LOG_IDLE: called with each's ctx before the reader waits for more, so that lines can be handed on in
     * larger pieces. Ends the reading when it returns not 0. NULL: not wanted. */
    int (*idle)(void *ctx);
};

enum berth_log_capabilities {
    BERTH_LOG_READ = 1u << 0, /* has read(): `logs` is answered by the driver itself */
    BERTH_LOG_IDLE =
        1u << 1, /* its read() calls query->idle(); else each line is handed on alone */
};

struct berth_log_ops {
    size_t size;
    /* Opens the log of one container. *log is handed to every later call; closed exactly once. After the shim has
     * re-executed itself, open() is called again for the same container and goes on where it was. */
    int (*open)(const struct berth_log_info *info, void **log, struct berth_err *err);
    /* Appends whole records, in order. May block only as long as the back end does. A negative errno means that none of
     * the batch from the failing record on was taken; the shim notes it and goes on with the next batch. */
    int (*write)(void *log, const struct berth_log_record *const *records, size_t n,
                 struct berth_err *err);
    /* Hands over what is buffered. Called before the container is said to have exited. Optional. */
    int (*flush)(void *log, struct berth_err *err);
    void (*close)(void *log);
    /* Starts a new file now. Optional. */
    int (*rotate)(void *log, struct berth_err *err);
    /* Checks the options beyond their schema (combinations, an address that parses) before a container is made of them.
     * Must not touch the disk or the network. Optional: nothing to check. */
    int (*check)(const struct berth_options *options, struct berth_err *err);
    /* Docker's LogPath: calls put(ctx, path) once. Optional: LogPath is empty. */
    int (*path)(const struct berth_log_info *info, void (*put)(void *ctx, const char *path),
                void *ctx, struct berth_err *err);
    /* Calls each(ctx, record) in order of writing; ends early, with 0, when that returns not 0. `read` blocks while
     * following. Optional, with BERTH_LOG_READ: without it the core answers from a small local cache. */
    int (*read)(const struct berth_log_info *info, const struct berth_log_query *query,
                int (*each)(void *ctx, const struct berth_log_record *record), void *ctx,
                struct berth_err *err);
    /* Deletes what the driver keeps in log_dir, when the container is removed. Optional: the directory is removed
     * anyway. */
    int (*remove)(const struct berth_log_info *info, struct berth_err *err);
};

#ifdef __cplusplus
}
#endif
#endif
