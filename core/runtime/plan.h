/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From Docker's documents to the shim's plan
 *
 * merge → check → build: the image's config goes into the container's at create, HostConfig gets its defaults and is refused in
 * words where it asks for what is not supported, and at start both become the plan (docs/shim-protocol.md).
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "runtime/cgroup.h"

/* Merges an image's config (the `config` member of the OCI image config; may be NULL) into the container's, in place, as Docker does at
 * create. Afterwards Cmd, Entrypoint, Env, Labels, … are what inspect shows. -EINVAL "no command specified". */
int runtime_merge_image_config(json_t *config, const json_t *image_config, struct err *err);

/* Fills in HostConfig's defaults as inspect shows them (in place): ShmSize, NetworkMode, IpcMode, CgroupnsMode, MaskedPaths, … `cg` may
 * be NULL. Values that a client gave stay. */
void runtime_host_config_defaults(json_t *host_config, const struct cgroup *cg);
/* Refuses what is not supported or does not hold together: -EINVAL, or -ENOTSUP for what Docker has and this runtime has not.
 * Warnings (strings) are pushed to `warnings`. Calls cgroup_check() when `cg` is not NULL. */
int runtime_host_config_check(const json_t *config, json_t *host_config, const struct cgroup *cg,
                              json_t *warnings, struct err *err);

/* Everything is borrowed. */
struct runtime_input {
    const char *id, *name, *instance;
    const json_t *config;      /* Docker's ContainerConfig, merged */
    const json_t *host_config; /* Docker's HostConfig, with defaults */
    const json_t *rootfs;      /* plan.rootfs, from the storage driver's mount plan */
    /* Resolved mount points, in order: [{"Type": "bind"|"volume"|"tmpfs", "Source": "/abs" (bind, volume), "Destination": "/x",
     * "RW": true, "Propagation": "rprivate", "Mode": "", "Recursive": true, "Options": "size=…,mode=…" (tmpfs)}]. HostConfig.Tmpfs
     * and Docker's own mounts are added here, and all are ordered by depth. */
    const json_t *mounts;
    const char *hosts_path, *hostname_path, *resolv_path; /* files to bind to /etc/…; NULL: none */
    const char *init_path; /* berth-init on this machine; NULL: none */
    const char *
        hostname; /* what the container is to see; NULL: config's Hostname, else 12 digits of the id */
    bool netns_fd;     /* the network namespace comes as a descriptor; false: the host's */
    const json_t *log; /* plan.log, or NULL */
    const struct cgroup *cgroup;
    const json_t *
        default_ulimits; /* daemon.conf's, as HostConfig.Ulimits: [{"Name","Soft","Hard"}]; or NULL */
};
/* *plan: a new reference. plan.fds names the descriptors to send with `prepare`, in this order: "seccomp" when seccomp_wanted(),
 * "netns" when netns_fd. */
int runtime_plan_build(const struct runtime_input *in, json_t **plan, struct err *err);

/* `process` of an exec from ExecConfig (Cmd, Env, WorkingDir, User, Tty, Privileged, AttachStdin) in a container with this config
 * and host_config. */
int runtime_exec_process(const json_t *exec_config, const json_t *config, const json_t *host_config,
                         const json_t *default_ulimits, json_t **process, struct err *err);

/* Path and Args as inspect shows them: Entrypoint and Cmd as one array. A new reference. */
json_t *runtime_argv(const json_t *config);
/* The stop signal of a container (SIGTERM when it has none). */
int runtime_stop_signal(const json_t *config);
