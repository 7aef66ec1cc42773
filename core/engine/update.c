/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Update
 *
 * The row first, then the kernel: a start makes the groups of what the row says, so a container that does not run needs no more than the row, and an
 * update that a crash cuts off is finished at start-up, which finds the claim. What the kernel refuses takes the row back.
 */
#include "engine/update.h"

#include <errno.h>

#include "base/failpoint.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/body.h"
#include "engine/record.h"
#include "engine/restart-policy.h"
#include "runtime/cgroup.h"

/* Docker's Resources; those behind `fixed` are of the create only. */
static const struct member members[] = {
    {"CpuShares", MEMBER_INT, NULL},         {"Memory", MEMBER_INT, NULL},
    {"NanoCpus", MEMBER_INT, NULL},          {"BlkioWeight", MEMBER_INT, NULL},
    {"CpuPeriod", MEMBER_INT, NULL},         {"CpuQuota", MEMBER_INT, NULL},
    {"CpuRealtimePeriod", MEMBER_INT, NULL}, {"CpuRealtimeRuntime", MEMBER_INT, NULL},
    {"CpusetCpus", MEMBER_STRING, NULL},     {"CpusetMems", MEMBER_STRING, NULL},
    {"MemoryReservation", MEMBER_INT, NULL}, {"MemorySwap", MEMBER_INT, NULL},
    {"PidsLimit", MEMBER_INT, NULL},         {"RestartPolicy", MEMBER_OBJECT, NULL},
};

static const char *const fixed[] = {
    "BlkioDeviceReadBps",
    "BlkioDeviceReadIOps",
    "BlkioDeviceWriteBps",
    "BlkioDeviceWriteIOps",
    "BlkioWeightDevice",
    "CgroupParent",
    "DeviceCgroupRules",
    "DeviceRequests",
    "Devices",
    "KernelMemory",
    "KernelMemoryTCP",
    "MemorySwappiness",
    "OomKillDisable",
    "Ulimits",
};

static bool says_something(const json_t *v)
{
    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_NULL:
    case JSON_FALSE:
        return false;
    case JSON_INTEGER:
        return json_integer_value(v) != 0;
    case JSON_STRING:
        return *json_string_value(v);
    case JSON_ARRAY:
        return json_array_size(v) > 0;
    default:
        return true;
    }
}

/* Docker passes over them in silence. */
static void warn_of_fixed(const json_t *body, json_t *warnings)
{
    for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
        if (says_something(json_object_get(body, fixed[i])))
            json_push_take(warnings,
                           json_sprintf("%s cannot be updated: it stays what it was at the create.",
                                        fixed[i]));
}

/* Zero and empty mean "as it is" for everything but PidsLimit. */
static void drop_zeros(json_t *given)
{
    const char *key;
    json_t *v;
    void *next;
    json_object_foreach_safe(given, next, key,
                             v) if (!says_something(v) && !str_eq(key, "PidsLimit"))
        json_object_del(given, key);
    if (json_int(given, "PidsLimit", 1) <= 0)
        json_put_int(given, "PidsLimit", 0);
    int64_t shares = json_int(given, "CpuShares", 0);
    if (shares > 0) /* the kernel's own range, as at a create */
        json_put_int(given, "CpuShares", MIN(MAX(shares, 2), 262144));
    if (str_empty(json_str(json_obj(given, "RestartPolicy"), "Name", "")))
        json_object_del(given, "RestartPolicy");
}

/* What is wrong with the request whatever the container is, but for its memory limit: swap is judged with it. */
static int check_given(struct engine *e, json_t *given, const json_t *host_config, json_t *warnings,
                       struct err *err)
{
    json_auto_t *policy = json_object();
    json_put(policy, "RestartPolicy", json_obj(given, "RestartPolicy"));
    int r = restart_policy_check(policy, err);
    if (r < 0)
        return r;
    if (json_obj(given, "RestartPolicy"))
        json_put(given, "RestartPolicy", json_obj(policy, "RestartPolicy"));
    bool borrowed = json_int(given, "MemorySwap", 0) != 0 && json_int(given, "Memory", 0) == 0;
    if (borrowed)
        json_put_int(given, "Memory", json_int(host_config, "Memory", 0));
    r = cgroup_check(e->cgroup, given, warnings, err);
    if (borrowed)
        json_object_del(given, "Memory");
    return r;
}

static int refuse(const char *words, struct err *err)
{
    return err_set(err, -EBUSY, "%s", words);
}

/* What does not go with what the container has already. */
static int check_conflicts(const json_t *given, const json_t *hc, struct err *err)
{
    bool nano = json_int(given, "NanoCpus", 0) > 0, has_nano = json_int(hc, "NanoCpus", 0) > 0;
    if (nano && json_int(hc, "CpuPeriod", 0) > 0)
        return refuse("Conflicting options: Nano CPUs cannot be updated as CPU Period has already "
                      "been set",
                      err);
    if (nano && json_int(hc, "CpuQuota", 0) > 0)
        return refuse("Conflicting options: Nano CPUs cannot be updated as CPU Quota has already "
                      "been set",
                      err);
    if (has_nano && json_int(given, "CpuPeriod", 0) > 0)
        return refuse("Conflicting options: CPU Period cannot be updated as NanoCPUs has already "
                      "been set",
                      err);
    if (has_nano && json_int(given, "CpuQuota", 0) > 0)
        return refuse("Conflicting options: CPU Quota cannot be updated as NanoCPUs has already "
                      "been set",
                      err);
    int64_t memory = json_int(given, "Memory", 0);
    if (memory > 0 && json_int(given, "MemorySwap", 0) == 0 &&
        memory > json_int(hc, "MemorySwap", 0))
        return refuse("Memory limit should be smaller than already set memoryswap limit, update "
                      "the memoryswap at the same time",
                      err);
    const char *policy = json_str(json_obj(given, "RestartPolicy"), "Name", "no");
    if (!str_eq(policy, "no") && json_bool(hc, "AutoRemove", false))
        return refuse("Restart policy cannot be updated because AutoRemove is enabled for the "
                      "container",
                      err);
    return 0;
}

/* The row is shared by nobody: its document is changed in a copy all the same, for the list has references. */
static void set_host_config(struct state_container *row, void *arg)
{
    json_t *given = arg, *merged = json_copy(row->host_config);
    json_object_update(merged, given);
    json_decref(row->host_config);
    row->host_config = merged;
}

/* What the kernel is told: all that update can change, since some of it hangs together. */
static json_t *limits_of(const json_t *host_config)
{
    json_t *o = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(members); i++)
        if (json_object_get(host_config, members[i].name))
            json_put(o, members[i].name, json_object_get(host_config, members[i].name));
    if (json_int(o, "PidsLimit", 0) <= 0)
        json_put_int(o, "PidsLimit", -1);
    return o;
}

static bool has_groups(const struct state_container *row)
{
    return container_is_running(row) && !container_is_resting(row);
}

/* The members of a row as they were, so that they can be put back. */
static json_t *before_of(const json_t *given, const json_t *host_config)
{
    json_t *o = json_object();
    const char *key;
    json_t *ignored;
    json_object_foreach ((json_t *)given, key, ignored)
        json_put_take(o, key, json_incref(json_object_get(host_config, key) ?: json_null()));
    return o;
}

/* What the kernel refuses is no fault of the request's form, and nothing that passes: 500, as in Docker. */
static int set_limits(struct engine *e, const struct state_container *row, struct err *err)
{
    _cleanup_(err_fini) struct err words = {0};
    json_auto_t *limits = limits_of(row->host_config);
    int r = has_groups(row) ? cgroup_update(e->cgroup, row->id, limits, &words) : 0;
    if (r == 0 || r == -ENOENT) /* it has ended meanwhile: the row is all there is */
        return 0;
    return err_set(err, -EIO, "%s", err_msg(&words));
}

static int apply(struct engine *e, const struct state_container *row, json_t *given,
                 struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *now = NULL;
    int r = failpoint("update.begun", err);
    if (r == 0)
        r = container_modify(e, row->id, set_host_config, given, &now, err);
    if (r < 0)
        return r;
    r = failpoint("update.row", err);
    if (r == 0)
        r = set_limits(e, now, err);
    if (r < 0) {
        json_auto_t *before = before_of(given, row->host_config);
        (void)container_modify(e, row->id, set_host_config, before, NULL, NULL);
        return r;
    }
    (void)failpoint("update.applied", NULL);
    record_write(e, row->id);
    container_event(e, now, "update", NULL);
    return 0;
}

static int update_claimed(struct engine *e, const struct state_container *row, json_t *given,
                          json_t *warnings, struct err *err)
{
    int r = check_given(e, given, row->host_config, warnings, err);
    if (r < 0)
        return r;
    drop_zeros(given); /* what the check has discarded */
    if (str_eq(row->status, "removing") || str_eq(row->status, "dead"))
        r = refuse("container is marked for removal and cannot be \"update\"", err);
    if (r == 0)
        r = check_conflicts(given, row->host_config, err);
    if (r == 0)
        r = apply(e, row, given, err);
    return r < 0 ? err_wrap(err, "Cannot update container %s", row->id) : 0;
}

int engine_container_update(struct engine *e, const char *ref, const json_t *body, json_t **out,
                            struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    json_auto_t *given = NULL, *warnings = json_array();
    int r = body_read(body, members, ARRAY_SIZE(members), "UpdateConfig", &given, err);
    if (r == 0)
        r = container_claim(e, ref, "update", CLAIM_LIMIT_MS, &row, err);
    if (r < 0)
        return r;
    _cleanup_(claim_end) struct claim claim = {e, row->id};
    drop_zeros(given);
    warn_of_fixed(body, warnings);
    r = update_claimed(e, row, given, warnings, err);
    if (r < 0)
        return r;
    *out = json_object();
    json_put_take(*out, "Warnings",
                  json_array_size(warnings) > 0 ? json_incref(warnings) : json_null());
    return 0;
}

void container_update_finish(struct engine *e, const char *id)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    if (state_container_get(e->state, id, &row, NULL) < 0 || !has_groups(row))
        return;
    json_auto_t *limits = limits_of(row->host_config);
    int r = cgroup_update(e->cgroup, id, limits, &err);
    if (r < 0 && r != -ENOENT)
        log_error("container %s: its limits are not those of the last update: %s", id,
                  err_msg(&err));
}
