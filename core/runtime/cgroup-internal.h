/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the control-group code share. */
#pragma once

#include "runtime/cgroup.h"

struct cgroup_hier {
    char *mount;       /* where it is mounted */
    char *base;        /* the directory that ours are made in */
    char *controllers; /* ",memory,", ",cpu,cpuacct,", ",name=systemd,"; v2: the enabled ones */
    bool v2;
};

#define CGROUP_HIERS_MAX 24

struct cgroup {
    int version;
    struct cgroup_hier hiers[CGROUP_HIERS_MAX];
    size_t n;
    char *parent; /* "<cgroup_parent>-<instance>" */
    char *origin; /* v2: the group that this process was started in; NULL: in one of ours */
};

/* As cgroup_open(), from given texts of mountinfo and /proc/self/cgroup. */
int cgroup_open_texts(const char *parent, const char *instance, const char *mountinfo,
                      const char *self_cgroup, struct cgroup **out, struct err *err);

/* The hierarchy that has this controller, or NULL. */
const struct cgroup_hier *cgroup_hier_of(const struct cgroup *cg, const char *controller);
/* "<base>/<parent>/<child>"; the caller frees. */
char *cgroup_dir(const struct cgroup *cg, const struct cgroup_hier *h, const char *child);
/* Whether a file of this name exists in groups of the controller's hierarchy (looked for in the engine's tree, then at its
 * base: root groups of v2 lack most files). */
bool cgroup_has_file(const struct cgroup *cg, const char *controller, const char *file);

/* Writes a value into a file of a group; -errno with the words. */
int cgroup_write(const char *dir, const char *file, const char *value, struct err *err);
int cgroup_write_int(const char *dir, const char *file, int64_t value, struct err *err);

/* Sets the limits of a container in one hierarchy. */
int cgroup_limits_set(const struct cgroup *cg, const struct cgroup_hier *h, const char *dir,
                      const json_t *host_config, struct err *err);
/* Restricts the devices of a container's group in this hierarchy (v1 devices, or v2). */
int cgroup_devices_set(const struct cgroup_hier *h, const char *dir, const json_t *host_config,
                       struct err *err);
