/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.conf
 *
 * Loads the file, conf.d beside it and the --set flags into one typed struct; every value is checked and every error
 * says where it stands. The struct is read-only afterwards and shared by reference: a reload makes a new one. What belongs to
 * a driver is checked later, against the driver's own schema (config_check_drivers).
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* A network that is always there. */
struct config_network {
    char *name, *driver;
};
/* Where networks without a subnet of their own get one: `base` ("172.30.0.0/15") in pieces of prefix length `size`. */
struct config_pool {
    char *base;
    int64_t size;
};
struct config_mirror {
    char *registry, *url; /* "docker.io", "http://127.0.0.1:5000" */
};

struct config_networks {
    struct config_network *v;
    size_t n;
};
struct config_pools {
    struct config_pool *v;
    size_t n;
};
struct config_mirrors {
    struct config_mirror *v;
    size_t n;
};

struct config {
    char *data_root, *run_root; /* absolute */
    char *group;                /* of the sockets; "": root's alone */
    struct strv listen;         /* "unix:///…", "tcp://127.0.0.1:2375", "fd://" */
    char *log_level, *log_format;
    struct strv plugin_dirs;
    struct strv labels; /* "key=value" */
    struct {
        char *driver;
    } storage;
    struct {
        char *dflt; /* network.default: the name of a predefined network */
        struct strv dns, dns_search, dns_opts;
        struct config_networks predefined;
        struct config_pools address_pools;
    } network;
    struct {
        char *driver;
    } logs;
    struct {
        int64_t stop_timeout; /* seconds */
        char *cgroup_parent;
        char *seccomp_profile; /* "builtin", "unconfined" or an absolute path */
        struct strv ulimits;   /* "nofile=1024:524288" */
        bool init, upgrade_shims;
        int64_t shm_size; /* bytes */
    } runtime;
    struct {
        struct config_mirrors mirrors;
        struct strv insecure; /* "host", "host:port", "10.0.0.0/8" */
        int64_t concurrent_downloads;
    } registry;
    struct {
        bool keep_blobs;
    } images;

    /* internal */
    struct config_node *tree; /* every value with its origin */
    struct config *next;      /* what a new daemon would have, where that differs; NULL: this one */
    char *file;               /* the source, for a reload; NULL: the installation's */
    struct strv sets;
    unsigned refs;
};

struct config_source {
    const char *file;        /* NULL: the installation's daemon.conf, which may be missing */
    const char *const *sets; /* "a.b.c=value" */
    size_t n_sets;
};

/* -EINVAL: a value, with its place; -ENOENT: a file that was asked for. */
int config_load(const struct config_source *src, struct config **out, struct err *err);
struct config *config_ref(struct config *cfg);
void config_unref(struct config *cfg);
DEFINE_CLEANUP(struct config *, config_unref);

/* Reads the sources of `running` anew: *fresh is what a daemon that starts now would have. */
int config_reload(const struct config *running, struct config **fresh, struct err *err);
/* *out: what the running daemon makes of `fresh`: its values where a reload applies them, and those of `running` where only
 * a new daemon does. -EINVAL where the two do not go together. */
int config_carry(const struct config *running, struct config *fresh, struct config **out,
                 struct err *err);
/* Level and format of the program's own log. */
void config_apply_log(const struct config *cfg);
/* The file that is read first. */
const char *config_file(const struct config *cfg);

/* The options of one driver as an object of strings; empty when there are none. section: "storage", "network",
 * "logs". The caller's. */
json_t *config_driver_options(const struct config *cfg, const char *section, const char *driver);
/* A module's group, or NULL. The caller's. */
json_t *config_module(const struct config *cfg, const char *name);

/* Asks about every driver that the configuration names (`name` NULL: is there one?) and every option that it gives one.
 * The callback returns 0, or a negative errno in words, to which file and line are added; it sets *secret for a value
 * that must not be shown. */
typedef int config_check_fn(void *ctx, const char *section, const char *driver, const char *name,
                            const char *value, bool *secret, struct err *err);
int config_check_drivers(struct config *cfg, config_check_fn *check, void *ctx, struct err *err);

/* Every effective value: {"storage.driver": {"Value": …, "Origin": "FILE:LINE", "--set …" or "default"}}; a value that waits
 * for a new daemon has "AfterRestart": {"Value", "Origin"} (NULL as Value: it will be gone). */
json_t *config_dump(const struct config *cfg);
/* The same as lines of daemon.conf, the origin behind each. The caller frees. */
char *config_dump_text(const struct config *cfg);

/* What differs: [{"Key": "storage.driver", "From": …, "To": …, "Origin": where To was given, "Restart": true}]; null as From or
 * To: no such value; Restart: takes effect with a new daemon only. Secrets are not shown. */
json_t *config_diff(const struct config *from, const struct config *to);
