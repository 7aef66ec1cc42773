/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan
 *
 * Puts together what the other files make of config and host_config. Everything that can be wrong with either was refused at create;
 * what fails here is what has changed on the machine since.
 */
#include "runtime/plan.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "base/str.h"
#include "runtime/devices.h"
#include "runtime/host-config.h"
#include "runtime/process.h"
#include "runtime/seccomp.h"
#include "runtime/signal.h"

static const char *ns_word(const json_t *hc, const char *key)
{
    return mode_is_host(hc, key) ? "host" : "new";
}

static json_t *namespaces_of(const struct runtime_input *in)
{
    const json_t *hc = in->host_config;
    json_t *ns = json_object();
    json_put_str(ns, "mnt", "new");
    json_put_str(ns, "pid", ns_word(hc, "PidMode"));
    json_put_str(ns, "uts", ns_word(hc, "UTSMode"));
    json_put_str(ns, "ipc", ns_word(hc, "IpcMode"));
    json_put_take(ns, "net", in->netns_fd ? json_pack("{ss}", "fd", "netns") : json_string("host"));
    json_put_str(ns, "cgroup", ns_word(hc, "CgroupnsMode"));
    return ns;
}

static json_t *fds_of(const struct runtime_input *in)
{
    const char *profile;
    json_t *fds = json_array();
    if (seccomp_wanted(in->host_config, &profile))
        json_push_str(fds, "seccomp");
    if (in->netns_fd)
        json_push_str(fds, "netns");
    return fds;
}

/* The root's own propagation must let through what a mount in it asks for. */
static const char *root_propagation(const json_t *mounts)
{
    const char *result = "private";
    size_t i;
    json_t *m;
    json_array_foreach (mounts, i, m) {
        const char *p = json_str(m, "propagation", "");
        if (strstr(p, "shared"))
            return "shared";
        if (strstr(p, "slave"))
            result = "rslave";
    }
    return result;
}

static json_t *dev_links(void)
{
    json_t *links =
        json_pack("[[ss][ss][ss][ss]]", "/proc/self/fd", "/dev/fd", "/proc/self/fd/0", "/dev/stdin",
                  "/proc/self/fd/1", "/dev/stdout", "/proc/self/fd/2", "/dev/stderr");
    if (access("/proc/kcore", F_OK) == 0)
        json_push_take(links, json_pack("[ss]", "/proc/kcore", "/dev/core"));
    return links;
}

static int put_devices(json_t *plan, const struct runtime_input *in, struct err *err)
{
    json_t *nodes = json_array();
    json_put_take(plan, "devices", nodes);
    json_put_take(plan, "dev_links", dev_links());
    device_nodes_default(nodes);
    return device_nodes_of(in->host_config, nodes, err);
}

static void put_paths(json_t *plan, const json_t *hc)
{
    bool privileged = json_bool(hc, "Privileged", false);
    const json_t *masked = json_arr(hc, "MaskedPaths"), *readonly = json_arr(hc, "ReadonlyPaths");
    json_put_take(plan, "masked",
                  privileged ? json_array()
                  : masked   ? json_deep_copy(masked)
                             : runtime_masked_paths());
    json_put_take(plan, "readonly_paths",
                  privileged ? json_array()
                  : readonly ? json_deep_copy(readonly)
                             : runtime_readonly_paths());
}

static int put_mounts(json_t *plan, const struct runtime_input *in, struct err *err)
{
    struct security_opts sec;
    int r = security_opts_read(in->host_config, &sec, err);
    if (r < 0)
        return r;
    json_t *mounts = plan_mounts(in, &sec, err);
    if (!mounts)
        return -EINVAL;
    json_put_take(plan, "mounts", mounts);
    json_put_str(plan, "rootfs_propagation", root_propagation(mounts));
    return 0;
}

static void put_names(json_t *plan, const struct runtime_input *in, const char *hostname)
{
    json_put_str(plan, "id", in->id);
    json_put_str(plan, "name", in->name);
    json_put_str(plan, "instance", in->instance);
    json_put_str(plan, "hostname", hostname);
    json_put_str(plan, "domainname", json_str(in->config, "Domainname", ""));
}

static char *hostname_of(const struct runtime_input *in)
{
    const char *own = json_str(in->config, "Hostname", "");
    if (in->hostname)
        return xstrdup(in->hostname);
    return *own ? xstrdup(own) : xstrndup(in->id, 12);
}

int runtime_plan_build(const struct runtime_input *in, json_t **out, struct err *err)
{
    json_auto_t *plan = json_object();
    json_t *process = NULL;
    _cleanup_(freep) char *hostname = hostname_of(in);
    put_names(plan, in, hostname);
    json_put_take(plan, "fds", fds_of(in));
    json_put_take(plan, "namespaces", namespaces_of(in));
    json_put(plan, "rootfs", in->rootfs);
    json_put_bool(plan, "readonly", json_bool(in->host_config, "ReadonlyRootfs", false));
    put_paths(plan, in->host_config);
    json_put_take(plan, "sysctls", plan_sysctls(in->host_config, in->netns_fd));
    json_put_take(plan, "cgroup",
                  in->cgroup ? cgroup_plan(in->cgroup, in->id)
                             : json_pack("{sis[]}", "version", 1, "join"));
    json_put_take(plan, "oom", in->cgroup ? cgroup_plan_oom(in->cgroup, in->id) : json_null());
    json_put_bool(plan, "stdin_once", json_bool(in->config, "StdinOnce", false));
    json_put_take(plan, "log", in->log ? json_deep_copy(in->log) : json_null());
    int r = put_mounts(plan, in, err);
    if (r == 0)
        r = put_devices(plan, in, err);
    if (r == 0)
        r = process_of(in, hostname, &process, err);
    if (r < 0)
        return r;
    json_put_take(plan, "process", process);
    *out = steal_ptr(&plan);
    return 0;
}

int runtime_stop_signal(const json_t *config)
{
    int n;
    const char *word = json_str(config, "StopSignal", "");
    return *word && signal_parse(word, &n, NULL) == 0 ? n : SIGTERM;
}
