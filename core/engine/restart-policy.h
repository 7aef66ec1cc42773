/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restart policies: the rules
 *
 * Whether and when a container that ended is started again, as Docker decides it. Nothing here waits or writes: the decision is taken
 * inside the change of the row that notes the end, so that what is decided and what is on disk are never two things.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "state/container.h"

enum restart_policy { RESTART_NO, RESTART_ALWAYS, RESTART_UNLESS_STOPPED, RESTART_ON_FAILURE };

struct restart_rule {
    enum restart_policy policy;
    int64_t max_retries; /* of on-failure; 0: no limit */
};

/* HostConfig.RestartPolicy of a create: -EINVAL in Docker's words. Gives it Docker's defaults. */
int restart_policy_check(json_t *host_config, struct err *err);
void restart_rule_read(const json_t *host_config, struct restart_rule *out);

/* After an end with this code, with so many restarts behind it. */
bool restart_wanted(const struct restart_rule *rule, int64_t exit_code, int64_t restart_count,
                    bool stop_requested);
/* Of a container that does not run, when the daemon comes up. */
bool restart_wanted_at_boot(const struct restart_rule *rule, bool stop_requested);
/* The pause before the next start: 100 ms, twice the last one (0: none yet) up to a minute, anew after a run of 10 s. */
int64_t restart_delay_ms(int64_t last_ms, int64_t ran_ns);
/* What is left of that pause, counted from the end itself; never more than the pause, whatever the clock did. */
int64_t restart_left_ms(int64_t finished_ns, int64_t delay_ms, int64_t now_ns);

/* For a row whose exit code and time of end are written: makes it "restarting" (count and pause noted) or "exited". */
void restart_decide(struct state_container *row, int64_t ran_ns);
/* Makes it "restarting" without a pause and with a count of nothing. */
void restart_decide_now(struct state_container *row);
/* Forgets count and pause: a user starts it. */
void restart_forget(struct state_container *row);
/* What is left of a restarting row's pause. */
int64_t restart_row_left_ms(const struct state_container *row, int64_t now_ns);
bool container_is_resting(const struct state_container *row); /* between end and restart */
