/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: the verbs
 *
 * What the API offers as HTTP, the engine offers as functions: JSON in and out has the shape of Docker's API (the
 * newest version; the API trims for older ones), errors are a negative errno with words (the API's table makes the status
 * of it: ENOENT 404, EEXIST and EBUSY 409, EINVAL 400, EALREADY 304, EPERM 403, ENOTSUP 501, else 500).
 *
 * All functions are safe from any thread and block the calling thread only. list, inspect, info and events read committed
 * rows and never wait for a verb. A verb marks its object busy in the database, holds no lock while it works, and a
 * second verb waits up to a limit, then names the one in progress. `ref` is an id, a unique prefix of one, or a name.
 * What is returned through json_t ** is the caller's.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct engine;
struct config;

/* Opens state, drivers, images, networks; repairs and re-attaches to what lives. `config` is taken over. On failure nothing
 * is left running. */
int engine_open(struct config *config, struct engine **out, struct err *err);
/* Lets go of everything; containers go on. Streams and waits end. */
void engine_close(struct engine *e);

/* Filters as in Docker's `filters` parameter, parsed: {"name": ["a", "b"], "status": ["running"]}; NULL: none. */

/* --- the system */
int engine_info(struct engine *e, json_t **out, struct err *err);
/* Without the members that the API layer adds (ApiVersion, MinAPIVersion). */
int engine_version(struct engine *e, json_t **out, struct err *err);
/* Reads the configuration's sources again and applies them, all or nothing: on failure everything stays as it was. *report
 * (may be NULL): {"Changed": […], "NeedsRestart": […]}, each of config_diff()'s form. -EINVAL with file and line. */
int engine_reload(struct engine *e, json_t **report, struct err *err);
/* {"File", "Values": config_dump()'s}, and config_dump_text(). */
json_t *engine_config_show(struct engine *e);
char *engine_config_text(struct engine *e);

/* What the disk holds, by kinds of objects; those that are not asked for are null. Measures, so it takes its time; the rows are those
 * of one moment. */
enum df_kind { DF_CONTAINERS = 1, DF_IMAGES = 2, DF_VOLUMES = 4, DF_BUILD_CACHE = 8 };
#define DF_ALL (DF_CONTAINERS | DF_IMAGES | DF_VOLUMES | DF_BUILD_CACHE)
int engine_system_df(struct engine *e, unsigned kinds, json_t **out, struct err *err);

/* Holds rows against kernel and files: *out = {"Findings": [{"Kind","Object","Message","Repairable","Repaired","Error"}], "Busy": objects that
 * verbs kept from being looked at, "Checked": {"Containers": 3, …}}. `repair`: also makes right what can be without deleting any
 * data. `deep`: reads every blob and index. Beside all other verbs. */
int engine_check(struct engine *e, bool repair, bool deep, json_t **out, struct err *err);

/* --- events */
struct event_sub;
/* Events with time >= since_ns (0: from now on, no history) that match the filters. */
int engine_events_open(struct engine *e, const json_t *filters, int64_t since_ns, int64_t until_ns,
                       struct event_sub **out, struct err *err);
/* A descriptor that is readable while events wait (or the subscription has ended). */
int engine_events_fd(struct event_sub *s);
/* The next event: 1 and *event, 0: none now, -EPIPE: ended (until_ns reached and nothing waits, or the engine closes),
 * -EOVERFLOW: the reader was too slow and events were lost. */
int engine_events_next(struct event_sub *s, json_t **event);
void engine_events_close(struct event_sub *s);

/* --- containers */
/* body: ContainerCreate's (ContainerConfig with HostConfig and NetworkingConfig), keys in the schema's spelling.
 * name NULL: made up. *out: {"Id","Warnings"}. */
int engine_container_create(struct engine *e, const char *name, const char *platform,
                            const json_t *body, json_t **out, struct err *err);
struct container_list_opts {
    bool all, size;
    int64_t limit; /* 0: none */
    const json_t *filters;
};
/* *out: the JSON array as text, the caller's. */
int engine_container_list(struct engine *e, const struct container_list_opts *opts, char **out,
                          struct err *err);
int engine_container_inspect(struct engine *e, const char *ref, bool size, json_t **out,
                             struct err *err);
/* -EALREADY when it runs. The error code of a program that cannot be started is -ENOEXEC with Docker's words; State.ExitCode
 * is then 126 or 127. */
int engine_container_start(struct engine *e, const char *ref, struct err *err);
/* signal NULL: its stop signal; timeout_s < 0 : its own or the default (-1 as given by a client: no limit is
 * INT64_MAX). -EALREADY when it does not run. */
int engine_container_stop(struct engine *e, const char *ref, const char *signal, bool has_timeout,
                          int64_t timeout_s, struct err *err);
int engine_container_kill(struct engine *e, const char *ref, const char *signal, struct err *err);
/* Stops what runs and starts it; a container that does not run is started. Arguments as for stop. */
int engine_container_restart(struct engine *e, const char *ref, const char *signal,
                             bool has_timeout, int64_t timeout_s, struct err *err);
/* -EBUSY where it does not run, or is (not) paused already; -ENOTSUP without a freezer. */
int engine_container_pause(struct engine *e, const char *ref, struct err *err);
int engine_container_unpause(struct engine *e, const char *ref, struct err *err);
/* -EEXIST in Docker's words when the name is taken. */
int engine_container_rename(struct engine *e, const char *ref, const char *name, struct err *err);
/* body: Resources with RestartPolicy; zero and empty members stay as they are. *out: {"Warnings"}. -EBUSY for what does not go with
 * what the container has. On failure nothing has changed. */
int engine_container_update(struct engine *e, const char *ref, const json_t *body, json_t **out,
                            struct err *err);
/* args: those of `ps`, with blanks between them; NULL or "": "-ef". *out: {"Titles", "Processes"}. */
int engine_container_top(struct engine *e, const char *ref, const char *args, json_t **out,
                         struct err *err);
/* Removes all that do not run and match (label, label!, until). *out: {"ContainersDeleted", "SpaceReclaimed"}. */
int engine_container_prune(struct engine *e, const json_t *filters, json_t **out, struct err *err);
int engine_container_remove(struct engine *e, const char *ref, bool force, bool volumes,
                            struct err *err);
int engine_container_resize(struct engine *e, const char *ref, int64_t rows, int64_t cols,
                            struct err *err);

/* [{"Path", "Kind"}], or null where nothing has changed. */
int engine_container_changes(struct engine *e, const char *ref, json_t **out, struct err *err);

/* --- files of containers. What a container holds, as a tar: opened, so that what is wrong is known; then written, blocking; then closed. */
struct container_archive;
/* All but what is mounted on it. */
int engine_container_export_open(struct engine *e, const char *ref, struct container_archive **out,
                                 struct err *err);
/* A file or a directory with all that is in it. -ENOENT, -EINVAL (not a directory). */
int engine_container_archive_open(struct engine *e, const char *ref, const char *path,
                                  struct container_archive **out, struct err *err);
/* {"name", "size", "mode", "mtime", "linkTarget"}, as in X-Docker-Container-Path-Stat; borrowed. */
const json_t *engine_container_archive_stat(const struct container_archive *a);
int engine_container_archive_write(struct container_archive *a,
                                   int (*put)(void *ctx, const void *data, size_t n,
                                              struct err *err),
                                   void *ctx, struct err *err);
void engine_container_archive_close(struct container_archive *a);

struct archive_put_opts {
    bool no_overwrite_dir_non_dir;
    bool copy_uid_gid; /* what is copied becomes the container's user's */
};
/* Unpacks a tar that is read from tar_fd into a directory. -EPERM: read-only. What was unpacked before a failure stays. */
int engine_container_archive_put(struct engine *e, const char *ref, const char *path,
                                 const struct archive_put_opts *opts, int tar_fd, struct err *err);

struct commit_opts {
    const char *reference, *comment, *author; /* each may be NULL */
    bool pause;
    const struct strv *changes; /* Dockerfile instructions */
    const json_t *config;       /* ContainerConfig; NULL: the container's */
};
/* Makes an image of a container; *id: "sha256:…", the caller's. */
int engine_container_commit(struct engine *e, const char *ref, const struct commit_opts *opts,
                            char **id, struct err *err);

enum wait_condition { WAIT_NOT_RUNNING, WAIT_NEXT_EXIT, WAIT_REMOVED };
/* A wait in two steps, so that the API can send the headers once the wait is registered (clients start the container only
 * then). */
struct container_wait;
int engine_container_wait_open(struct engine *e, const char *ref, enum wait_condition c,
                               struct container_wait **out, struct err *err);
/* A descriptor that becomes readable when the wait is over. */
int engine_container_wait_fd(struct container_wait *w);
/* When it is: *out = {"StatusCode", "Error"?}; 1. 0: not yet. */
int engine_container_wait_result(struct container_wait *w, json_t **out);
void engine_container_wait_close(struct container_wait *w);

enum stats_mode {
    STATS_STREAM,   /* one line a second, the first at once */
    STATS_ONCE,     /* one, of two samples a second apart */
    STATS_ONE_SHOT, /* one, at once */
};
struct stats_sub;
/* Statistics of a container, in the form of Docker's; those of one that does not run are zeros. */
int engine_container_stats_open(struct engine *e, const char *ref, enum stats_mode mode,
                                struct stats_sub **out, struct err *err);
/* Readable when there may be a line. */
int engine_container_stats_fd(struct stats_sub *sub);
/* Appends the next line: 1; 0: none now; -ENODATA: there are no more, -EPIPE: the engine closes. */
int engine_container_stats_next(struct stats_sub *sub, struct buf *out);
void engine_container_stats_close(struct stats_sub *sub);

struct log_query {
    bool stdout_on, stderr_on, follow, timestamps, details;
    int64_t since_ns, until_ns; /* 0: none */
    int64_t tail;               /* -1: all */
};
/* Whether the stream is raw (the container has a tty). Fails where `logs` cannot be answered. */
int engine_container_logs_check(struct engine *e, const char *ref, const struct log_query *q,
                                bool *tty, struct err *err);
/* A line as the client sees it: what stands in front (time and details), its text, its newline if it has one. */
struct log_line {
    int stream; /* 1, 2 */
    const char *head, *text;
    size_t head_len, text_len;
    bool newline;
};
struct log_sink {
    void *ctx;
    int (*line)(void *ctx, const struct log_line *line);
    int (*idle)(void *ctx); /* following: nothing more is there now. NULL: not wanted */
};
static inline size_t log_line_len(const struct log_line *l)
{
    return l->head_len + l->text_len + l->newline;
}
/* Returns when all is read, when the sink returned not 0, or when stop_fd becomes readable. */
int engine_container_logs(struct engine *e, const char *ref, const struct log_query *q, int stop_fd,
                          const struct log_sink *sink, struct err *err);

struct attach_opts {
    bool stream, logs, stdin_on, stdout_on, stderr_on;
    const char *detach_keys; /* NULL: the default, ctrl-p,ctrl-q */
};
/* *fd: a stream socket, the caller's: what is read is Docker's multiplexed stream, or raw with *tty; what is written is
 * stdin. Attaching to a created container waits for its start (the socket is connected then). */
int engine_container_attach(struct engine *e, const char *ref, const struct attach_opts *opts,
                            int *fd, bool *tty, struct err *err);

/* --- exec. body: ExecConfig. */
int engine_exec_create(struct engine *e, const char *ref, const json_t *body, json_t **out,
                       struct err *err);
int engine_exec_inspect(struct engine *e, const char *id, json_t **out, struct err *err);
/* fd NULL: detached. Otherwise as engine_container_attach(). -ENOEXEC: the program cannot be started. */
int engine_exec_start(struct engine *e, const char *id, bool tty, int64_t rows, int64_t cols,
                      int *fd, struct err *err);
int engine_exec_resize(struct engine *e, const char *id, int64_t rows, int64_t cols,
                       struct err *err);

/* --- images */
struct image_list_opts {
    bool all, digests, shared_size;
    bool containers; /* how many stand on each image; else -1 */
    const json_t *filters;
};
int engine_image_list(struct engine *e, const struct image_list_opts *opts, json_t **out,
                      struct err *err);
int engine_image_inspect(struct engine *e, const char *ref, json_t **out, struct err *err);
/* tar_fd: any descriptor to read the archive from (a pipe or a file). reference NULL: untagged. */
int engine_image_import(struct engine *e, int tar_fd, const char *source, const char *reference,
                        const char *message, const struct strv *changes, const char *platform,
                        char **id, struct err *err);
/* 404 in words: pulling is not there yet. Checks the reference first. */
int engine_image_pull(struct engine *e, const char *reference, const char *platform,
                      struct err *err);
int engine_image_tag(struct engine *e, const char *ref, const char *repo, const char *tag,
                     struct err *err);
int engine_image_remove(struct engine *e, const char *ref, bool force, bool noprune, json_t **out,
                        struct err *err);
/* platform: a client's JSON, or NULL. */
int engine_image_history(struct engine *e, const char *ref, const char *platform, json_t **out,
                         struct err *err);
/* Removes what no container uses: images without a name, or with dangling=false all. *out: {"ImagesDeleted", "SpaceReclaimed"}. -EBUSY
 * while another prune works. */
int engine_image_prune(struct engine *e, const json_t *filters, json_t **out, struct err *err);
/* Loads in two steps: the archive is read to its end and checked, then its images are made, all or none. platform: JSON, or NULL. */
struct image_load;
int engine_image_load_read(struct engine *e, int tar_fd, const char *platform,
                           struct image_load **out, struct err *err);
/* line(ctx, v) takes the lines of docker's progress stream over; `quiet`: only what was loaded. */
int engine_image_load_run(struct engine *e, struct image_load *load, bool quiet,
                          void (*line)(void *ctx, json_t *line), void *ctx, struct err *err);
void engine_image_load_free(struct image_load *load);
/* Saves: what is asked for is found first, then written as one tar. -ENOENT. */
struct image_save;
int engine_image_save_open(struct engine *e, const struct strv *refs, const char *platform,
                           struct image_save **out, struct err *err);
int64_t engine_image_save_size(const struct image_save *save);
int engine_image_save_write(struct image_save *save, int fd, struct err *err);
void engine_image_save_close(struct image_save *save);

/* --- networks */
int engine_network_list(struct engine *e, const json_t *filters, json_t **out, struct err *err);
int engine_network_inspect(struct engine *e, const char *ref, bool verbose, json_t **out,
                           struct err *err);
/* Removes networks that no container is on; there are only predefined ones, which stay. *out: {"NetworksDeleted"}. */
int engine_network_prune(struct engine *e, const json_t *filters, json_t **out, struct err *err);

/* --- the build cache: there is none. *out: {"CachesDeleted", "SpaceReclaimed"} */
int engine_build_prune(struct engine *e, const json_t *filters, json_t **out, struct err *err);

/* --- volumes. body: VolumeCreateOptions. */
int engine_volume_create(struct engine *e, const json_t *body, json_t **out, struct err *err);
int engine_volume_list(struct engine *e, const json_t *filters, json_t **out, struct err *err);
int engine_volume_inspect(struct engine *e, const char *name, json_t **out, struct err *err);
int engine_volume_remove(struct engine *e, const char *name, bool force, struct err *err);
/* Removes what no container uses: anonymous volumes, or with all=true all. *out: {"VolumesDeleted", "SpaceReclaimed"}. -EBUSY while
 * another prune works. */
int engine_volume_prune(struct engine *e, const json_t *filters, json_t **out, struct err *err);
