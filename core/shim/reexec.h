/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Re-exec: the shim replaces its own image in the same process
 *
 * For an upgrade, and to get rid of a log driver that crashed, hangs or eats memory. The main thread does it in order:
 * everything that the shim knows goes into a memfd, the descriptors lose close-on-exec, and execveat(2) ends every other
 * thread. When it cannot (it crashed itself, or waits for a lock that died with a thread), a signal handler does it with
 * what was laid ready at the last change (fault.h): then only the connections are lost.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "shim/records.h"

struct shim;
struct logger;

enum reexec_cause { REEXEC_NONE, REEXEC_UPGRADE, REEXEC_CRASH, REEXEC_HANG, REEXEC_MEMORY };

/* How the memfd begins. */
#define REEXEC_MAGIC 0x62736831u
struct reexec_head {
    uint32_t magic, faults;
    int64_t first_fault_ns;
    int32_t cause, signal, culprit;
    int32_t error; /* errno of the image that could not be run; this is the one before it */
};

/* --- what is kept, on its way out */
struct saving {
    int *fds;
    size_t nfds, cap;
    bool full;        /* with connections and clients and what waits for them */
    struct buf blobs; /* whole sections */
    size_t nblobs;
};
/* The descriptor's number into o[key], and the descriptor into the list of those that stay open. */
void save_fd(struct saving *v, json_t *o, const char *key, int fd);
/* Bytes that are no text. */
void save_blob(struct saving *v, json_t *o, const char *key, const void *data, size_t n);

/* --- and on its way in */
struct blob {
    const char *data;
    size_t n;
};
struct restoring {
    char *file; /* all of it; the rest points into it */
    size_t size;
    uint32_t faults;
    int64_t first_fault_ns;
    enum reexec_cause cause;
    int signal, culprit, error;
    json_t *doc;
    struct blob plan, seccomp;
    struct blob *blobs;
    size_t nblobs;
    struct batch *queue, **tail;
    struct cutter cut[2];
    struct blob chunk;
    int chunk_stream;
};
/* The member as a descriptor that is open, or -1. */
int restore_fd(const json_t *o, const char *key);
struct blob restore_blob(const struct restoring *r, const json_t *o, const char *key);
int restoring_read(int fd, struct restoring *out, struct err *err);
/* The plan, with this descriptor (taken over, may be -1) as its network namespace. */
struct plan;
int restoring_plan(const struct restoring *r, int netns, struct plan **out, struct err *err);
/* Closes what is neither of the earlier image's list nor `own`: what a driver left open. */
void restoring_close_others(const struct restoring *r, const int *own, size_t n);
void restoring_fini(struct restoring *r);

/* --- sections of the memfd; these are called by a signal handler, too */
enum section_type {
    SECTION_DOC = 1,
    SECTION_PLAN,
    SECTION_SECCOMP,
    SECTION_BLOB,
    SECTION_BATCH, /* a: records, b: the size of each */
    SECTION_CARRY, /* a: stream */
    SECTION_CHUNK, /* a: stream */
};
struct section {
    uint32_t type, a, b, reserved;
    uint64_t len, base; /* base: where a batch's bytes stood */
};
void section_write(int fd, const struct section *s, const void *one, size_t n1, const void *two,
                   size_t n2);

/* --- the verbs */
/* `before`: what an earlier image left, or NULL. */
int reexec_open(struct shim *s, const struct restoring *before, struct err *err);
void reexec_close(struct shim *s);
/* Lays ready what the handler would need. Called at every change of state. */
void reexec_snapshot(struct shim *s);
/* Asks for it; it happens when nothing is half-way. REEXEC_UPGRADE takes the new image's descriptor over. */
void reexec_ask(struct shim *s, enum reexec_cause cause, int image);
/* Something that was waited for has happened. */
void reexec_check(struct shim *s);
bool reexec_is_pending(const struct shim *s);

/* probe.c: an upgrade. The new image (taken over) is first run as a child that reads the state; only when it can is ours
 * replaced. The answer is owed to s->upgrade. */
int upgrade_start(struct shim *s, int image, struct err *err);
/* A child of ours that is no task has ended. */
void upgrade_child_ended(struct shim *s, pid_t pid, int status);
void upgrade_stop(struct shim *s);
/* That child's main: its exit status. */
int upgrade_probe(const char *fd_text);

/* resume.c: brings back what restoring_read() gave. */
int shim_resume(struct shim *s, struct restoring *r, struct err *err);
/* save.c */
json_t *shim_save(struct shim *s, struct saving *v);
