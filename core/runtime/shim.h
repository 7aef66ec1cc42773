/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client side of the shim's protocol (docs/shim-protocol.md)
 *
 * One reactor thread serves all shims: it reads replies and events and watches each shim's pidfd. Calls block the calling thread only,
 * have a deadline, and may come from any thread. Callbacks run on the reactor thread: they must not block and must not call back into
 * a shim synchronously; they hand the news to a thread of the engine's.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct shim;
struct shim_reactor;

/* --- the reactor thread; close after the last shim was let go */
int shim_reactor_open(struct shim_reactor **out, struct err *err);
void shim_reactor_close(struct shim_reactor *r);

/* --- berth-shim in a sealed memfd, made once: the descriptor, or a negative errno. The caller closes it. */
int shim_image_open(const char *path, struct err *err);

/* --- one shim that is up before its container, for shim_spawn() to take. None until it is wanted for the first time. */
struct shim_spare;
int shim_spare_open(struct shim_reactor *r, int image, struct shim_spare **out, struct err *err);
/* Ends the one in reserve, and none comes any more. NULL is allowed, and so is a second time. */
void shim_spare_end(struct shim_spare *p);
void shim_spare_close(struct shim_spare *p);
/* There shall be one, in so many milliseconds. `driver`: the file of the log driver that it loads meanwhile, or NULL for the one before. */
void shim_spare_want(struct shim_spare *p, const char *driver, int64_t delay_ms);
/* Where one is wanted: now. */
void shim_spare_hurry(struct shim_spare *p);
/* Its pid, 0: there is none. */
pid_t shim_spare_pid(struct shim_spare *p);
/* The one that is there has an old environment (log level): another takes its place. */
void shim_spare_renew(struct shim_spare *p);

struct shim_exit {
    int code, signal;
    bool oom;
    int64_t time_ns;
    const char *error; /* may be NULL */
};

/* What a health check came to. */
struct shim_checked {
    const char *check; /* its id */
    int code;          /* the command's, or 1 for a connection that failed */
    const char *output;
    bool truncated; /* there was more output */
    bool timed_out;
    bool dropped;      /* it was broken off and says nothing */
    const char *error; /* why it could not be run, or NULL */
};

/* Each may be NULL. Strings live until the callback returns. No callback comes after shim_close() has returned (but do not call
 * shim_close() inside one). */
struct shim_events {
    void (*exited)(void *arg, const struct shim_exit *e);
    void (*exec_exited)(void *arg, const char *exec, int code, int64_t time_ns);
    /* `now`: the driver that has taken over, "" for none, NULL where nothing has changed. */
    void (*log_error)(void *arg, const char *driver, const char *message, const char *now);
    void (*oom)(void *arg);
    void (*checked)(void *arg, const struct shim_checked *c);
    void (*detached)(void *arg, const char *exec); /* exec NULL: the container itself */
    /* The connection is gone; after a shim that was not told to go, look whether it lives and shim_connect() anew. */
    void (*lost)(void *arg);
    void (*died)(void *arg); /* the shim's process has ended: nothing more will come */
};

/* --- life. Refcounted; every function that gives a struct shim gives a reference. */
/* Starts a shim's process, or takes the spare one (spare may be NULL): `rundir` is the container's run directory (made by the caller), `rootfs` the
 * plan's root, which the spare one mounts at once (may be NULL). While it comes up there is time for other things; before anything but
 * shim_destroy() it has to be met. */
int shim_spawn(struct shim_reactor *r, int image, struct shim_spare *spare, const char *id,
               int rundir, const json_t *rootfs, const struct shim_events *events, void *arg,
               struct shim **out, struct err *err);
/* Waits until it has said hello. After a failure it is destroyed. */
int shim_meet(struct shim *s, struct err *err);
/* Connects to a shim that runs already: reads `state` in rundir and checks pid, start time, boot id and the peer's credentials.
 * -ESRCH: that shim is gone (of an earlier boot, dead, or another process has its pid). -EPROTONOSUPPORT: it lives, and speaks another major of the protocol. *status: as in shim_status(), may be NULL. An exit
 * that the shim keeps comes as the event `exited`, after this has returned or before. */
int shim_connect(struct shim_reactor *r, const char *id, int rundir,
                 const struct shim_events *events, void *arg, struct shim **out, json_t **status,
                 struct err *err);
struct shim *shim_ref(struct shim *s);
void shim_unref(struct shim *s);
DEFINE_CLEANUP(struct shim *, shim_unref);
/* Ends the connection and the callbacks, waits for one in progress; calls in other threads fail with -ECONNRESET. The shim lives on
 * (before `go` it ends what it prepared). */
void shim_close(struct shim *s);

/* The minor of its protocol, and that from which shim_upgrade() is known. */
#define SHIM_MINOR_UPGRADE 1
/* That from which shim_check() is. */
#define SHIM_MINOR_CHECK 2
int shim_minor(const struct shim *s);
pid_t shim_pid(const struct shim *s);
uint64_t shim_start_time(const struct shim *s);
/* Kills the shim's process with SIGKILL; what it held is lost. For repair only. */
int shim_destroy(struct shim *s);
/* Whether it still answers, within timeout_ms (whole seconds). 0, -ETIMEDOUT, -ECONNRESET. */
int shim_answers(struct shim *s, int64_t timeout_ms);
/* Lets a shim go on that somebody has stopped (SIGSTOP). */
void shim_wake(struct shim *s);
/* Waits until the shim's process has ended (it is our child or not). -ETIMEDOUT. */
int shim_wait_dead(struct shim *s, int timeout_ms);

/* What a container that was started is. */
struct shim_process {
    pid_t pid;
    uint64_t start;
};

/* --- the protocol's requests. 0, or the errno and words of the shim; -ECONNRESET: the connection is gone, -ETIMEDOUT: no answer. */
struct shim_run {
    const json_t *plan;
    const int *fds;
    size_t nfds;
    /* Called while the shim prepares, before the program may run; a failure ends the start. */
    int (*meanwhile)(void *arg, struct err *err);
    void *arg;
    /* Out. exit_code: 126, 127, 128 when the program cannot be started (and the return is not 0), else 0. */
    struct shim_process init;
    int exit_code;
};
/* `prepare`, and `go` right behind it: returns when the container's program runs. */
int shim_start(struct shim *s, struct shim_run *run, struct err *err);
int shim_abort(struct shim *s, struct err *err);
/* *status: the caller's. */
int shim_status(struct shim *s, json_t **status, struct err *err);
/* exec NULL: init. all: every process of the pid namespace. -ESRCH: gone. */
int shim_kill(struct shim *s, const char *exec, int signal, bool all, struct err *err);
int shim_resize(struct shim *s, const char *exec, unsigned rows, unsigned cols, struct err *err);
struct shim_attach {
    bool stdin_on, stdout_on, stderr_on;
};
/* `sock` is sent; the caller keeps and closes its own copy. */
int shim_attach(struct shim *s, const char *exec, const struct shim_attach *streams, int sock,
                struct err *err);
int shim_close_stdin(struct shim *s, const char *exec, struct err *err);
/* streams NULL: detached, sock is then ignored. *exit_code as in shim_go(). The exec runs under the container's own seccomp program. */
int shim_exec(struct shim *s, const char *exec, const json_t *process,
              const struct shim_attach *streams, int sock, struct shim_process *out, int *exit_code,
              struct err *err);
int shim_exec_forget(struct shim *s, const char *exec, struct err *err);
/* Orders a health check: `order` is the message `check` without its type, the caller's. Does not wait for it: what it came to is the event
 * `checked`. -ETIMEDOUT where the shim does not even take the order. */
int shim_check(struct shim *s, json_t *order);
/* Ends it, and no `checked` comes. */
int shim_check_stop(struct shim *s, const char *check);
/* *fd: the container's root, O_PATH; the caller's. */
int shim_root(struct shim *s, int *fd, struct err *err);
int shim_log_rotate(struct shim *s, struct err *err);
/* The shim replaces its own image by this one, keeping all that it holds. -ENOEXEC: the new one cannot take it up; -EBUSY: it has
 * not begun, or ends; -EAGAIN: it was replaced for another reason meanwhile. It goes on as it was then. */
int shim_upgrade(struct shim *s, int image, struct err *err);
/* After the exit was taken: the shim lets go of everything and ends. */
int shim_release(struct shim *s, struct err *err);

/* --- run directory */
/* The `exit` file of a shim that is gone: 0 and *e (error is NULL), -ENOENT when there is none. */
int shim_read_exit(int rundir, struct shim_exit *e, struct err *err);
