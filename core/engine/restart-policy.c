/* SPDX-License-Identifier: Apache-2.0 */
/* Restart policies: the rules. */
#include "engine/restart-policy.h"

#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"

#define FIRST_MS 100
#define LAST_MS  60000
#define CALM_NS  (10 * NS_PER_SEC)
#define KEY      "backoff_ms" /* in the row's runtime document */

static const char *const names[] = {[RESTART_NO] = "no",
                                    [RESTART_ALWAYS] = "always",
                                    [RESTART_UNLESS_STOPPED] = "unless-stopped",
                                    [RESTART_ON_FAILURE] = "on-failure"};

static int policy_by_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (str_eq(name, names[i]))
            return (int)i;
    return -EINVAL;
}

static int check_retries(int policy, int64_t max, struct err *err)
{
    if (policy == RESTART_ON_FAILURE && max < 0)
        return err_set(err, -EINVAL,
                       "invalid restart policy: maximum retry count cannot be negative");
    if (policy != RESTART_ON_FAILURE && max != 0)
        return err_set(err, -EINVAL,
                       "invalid restart policy: maximum retry count can only be used with "
                       "'on-failure'%s",
                       max < 0 ? " and cannot be negative" : "");
    return 0;
}

int restart_policy_check(json_t *host_config, struct err *err)
{
    json_t *given = json_obj(host_config, "RestartPolicy");
    const json_t *name = json_object_get(given, "Name");
    if (name && !json_is_string(name) && !json_is_null(name))
        return err_set(err, -EINVAL, "invalid HostConfig.RestartPolicy.Name: expected a string");
    const char *word = json_str(given, "Name", "");
    int64_t max = json_int(given, "MaximumRetryCount", 0);
    int policy = *word ? policy_by_name(word) : RESTART_NO;
    if (policy < 0)
        return err_set(err, -EINVAL,
                       "invalid restart policy: unknown policy '%s'; use one of 'no', 'always', "
                       "'on-failure', or 'unless-stopped'",
                       word);
    int r = check_retries(policy, max, err);
    if (r < 0)
        return r;
    if (policy != RESTART_NO && json_bool(host_config, "AutoRemove", false))
        return err_set(err, -EINVAL, "can't create 'AutoRemove' container with restart policy");
    json_auto_t *full = json_object();
    json_put_str(full, "Name", names[policy]);
    json_put_int(full, "MaximumRetryCount", max);
    json_put(host_config, "RestartPolicy", full);
    return 0;
}

void restart_rule_read(const json_t *host_config, struct restart_rule *out)
{
    const json_t *policy = json_obj(host_config, "RestartPolicy");
    int known = policy_by_name(json_str(policy, "Name", "no"));
    *out = (struct restart_rule){.policy = known < 0 ? RESTART_NO : (enum restart_policy)known,
                                 .max_retries = json_int(policy, "MaximumRetryCount", 0)};
}

bool restart_wanted(const struct restart_rule *rule, int64_t exit_code, int64_t restart_count,
                    bool stop_requested)
{
    if (stop_requested || rule->policy == RESTART_NO)
        return false;
    if (rule->policy != RESTART_ON_FAILURE)
        return true;
    return exit_code != 0 && (rule->max_retries == 0 || restart_count < rule->max_retries);
}

bool restart_wanted_at_boot(const struct restart_rule *rule, bool stop_requested)
{
    return rule->policy == RESTART_ALWAYS ||
           (rule->policy == RESTART_UNLESS_STOPPED && !stop_requested);
}

int64_t restart_delay_ms(int64_t last_ms, int64_t ran_ns)
{
    if (last_ms <= 0 || ran_ns >= CALM_NS)
        return FIRST_MS;
    return last_ms >= LAST_MS / 2 ? LAST_MS : last_ms * 2;
}

int64_t restart_left_ms(int64_t finished_ns, int64_t delay_ms, int64_t now_ns)
{
    int64_t passed_ms = (now_ns - finished_ns) / NS_PER_MS;
    if (passed_ms < 0)
        return delay_ms;
    return MAX(delay_ms - passed_ms, 0);
}

static void set_status(struct state_container *row, const char *status)
{
    free(row->status);
    row->status = xstrdup(status);
}

void restart_decide(struct state_container *row, int64_t ran_ns)
{
    struct restart_rule rule;
    restart_rule_read(row->host_config, &rule);
    if (!restart_wanted(&rule, row->exit_code, row->restart_count, row->stop_requested)) {
        set_status(row, "exited");
        return;
    }
    set_status(row, "restarting");
    row->restart_count++;
    json_put_int(row->runtime, KEY, restart_delay_ms(json_int(row->runtime, KEY, 0), ran_ns));
}

void restart_forget(struct state_container *row)
{
    row->restart_count = 0;
    json_object_del(row->runtime, KEY);
}

void restart_decide_now(struct state_container *row)
{
    set_status(row, "restarting");
    row->stop_requested = false;
    restart_forget(row);
}

int64_t restart_row_left_ms(const struct state_container *row, int64_t now_ns)
{
    return restart_left_ms(row->finished_ns, json_int(row->runtime, KEY, 0), now_ns);
}

bool container_is_resting(const struct state_container *row)
{
    return str_eq(row->status, "restarting");
}
