/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inspect of a container
 *
 * The members and zero values that a Docker 28 daemon answers, from the committed row.
 */
#include "base/clock.h"
#include "base/json.h"
#include "engine/execs.h"
#include "engine/health.h"
#include "engine/inherit.h"
#include "engine/log-driver.h"
#include "engine/log-status.h"
#include "engine/mounts.h"
#include "engine/networks.h"
#include "engine/storage.h"
#include "engine/view.h"

static json_t *state_view(struct engine *e, const struct state_container *row)
{
    bool running = container_is_running(row);
    json_t *o = json_object();
    json_put_str(o, "Status", row->status);
    json_put_bool(o, "Running", running);
    json_put_bool(o, "Paused", str_eq(row->status, "paused"));
    json_put_bool(o, "Restarting", str_eq(row->status, "restarting"));
    json_put_bool(o, "OOMKilled", row->oom);
    json_put_bool(o, "Dead", str_eq(row->status, "dead"));
    json_put_int(o, "Pid", running ? row->pid : 0);
    json_put_int(o, "ExitCode", row->exit_code);
    json_put_str(o, "Error", row->error ? row->error : "");
    json_put_time(o, "StartedAt", row->started_ns);
    json_put_time(o, "FinishedAt", row->finished_ns);
    json_t *health = health_view(e, row);
    if (health)
        json_put_take(o, "Health", health);
    return o;
}

static json_t *graph_driver(struct engine *e)
{
    json_t *o = json_object();
    json_put_take(o, "Data", json_object());
    json_put_str(o, "Name", plugin_api_name(e->storage->plugin));
    return o;
}

/* Made at the first start; before, Docker shows empty paths. */
static void put_file(struct engine *e, const struct state_container *row, json_t *o,
                     const char *key, const char *file)
{
    _cleanup_(freep) char *path = container_path(e, row->id, file);
    json_put_str(o, key, row->started_ns > 0 ? path : "");
}

static void put_log_path(struct engine *e, const struct state_container *row, json_t *o)
{
    _cleanup_(freep) char *path = log_path(e, row);
    json_put_str(o, "LogPath", row->started_ns > 0 ? path : "");
}

static json_t *inspect_view(struct engine *e, const struct state_container *row)
{
    json_t *o = json_object();
    const json_t *args = json_arr(row->runtime, "args");
    json_put_str(o, "Id", row->id);
    json_put_time(o, "Created", row->created_ns);
    json_put_str(o, "Path", json_str(row->runtime, "path", ""));
    json_put_take(o, "Args", args ? json_deep_copy(args) : json_array());
    json_put_take(o, "State", state_view(e, row));
    json_put_str(o, "Image", row->image_id ? row->image_id : "");
    put_file(e, row, o, "ResolvConfPath", "resolv.conf");
    put_file(e, row, o, "HostnamePath", "hostname");
    put_file(e, row, o, "HostsPath", "hosts");
    put_log_path(e, row, o);
    json_put_take(o, "LogStatus", log_status_view(row));
    json_put_strf(o, "Name", "/%s", row->name);
    json_put_int(o, "RestartCount", row->restart_count);
    json_put_str(o, "Driver", plugin_api_name(e->storage->plugin));
    json_put_str(o, "Platform", "linux");
    json_put_str(o, "MountLabel", "");
    json_put_str(o, "ProcessLabel", "");
    _cleanup_(freep) char *apparmor = inherit_apparmor(row);
    json_put_str(o, "AppArmorProfile", apparmor);
    json_put_take(o, "ExecIDs",
                  container_is_running(row) ? execs_running(e, row->id) : json_null());
    json_put_take(o, "HostConfig", json_deep_copy(row->host_config));
    json_put_take(o, "GraphDriver", graph_driver(e));
    json_put_take(o, "Mounts", mounts_view(json_arr(row->runtime, "mounts")));
    json_put_take(o, "Config", json_deep_copy(row->config));
    json_put_take(o, "NetworkSettings", network_settings(e, row));
    return o;
}

int engine_container_inspect(struct engine *e, const char *ref, bool size, json_t **out,
                             struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    int r = state_container_find(e->state, ref, &row, err);
    if (r < 0)
        return r;
    json_auto_t *o = inspect_view(e, row);
    if (size) {
        int64_t rw, rootfs;
        r = container_sizes(e, row, &rw, &rootfs, err);
        if (r < 0)
            return r;
        json_put_int(o, "SizeRw", rw);
        json_put_int(o, "SizeRootFs", rootfs);
    }
    *out = steal_ptr(&o);
    return 0;
}
