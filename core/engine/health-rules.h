/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health checks: the rules
 *
 * What a container's Healthcheck asks for, and what a result makes of its health, as Docker decides it. Nothing here waits or writes, and
 * the time is always the caller's.
 *
 * The health of a container is a document in its row (`runtime.health`), in the form in which inspect shows it: {"Status", "FailingStreak",
 * "Log": the last five results, each {"Start", "End", "ExitCode", "Output"}}.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "state/container.h"

#define HEALTH_OUTPUT_MAX 4096
#define HEALTH_LOG_MAX    5

enum health_kind {
    HEALTH_NONE,
    HEALTH_EXEC, /* CMD, CMD-SHELL */
    HEALTH_NET,  /* TCP, HTTP: without a process */
};

/* What is done for a container that fails its checks. */
enum health_action { HEALTH_LEAVE, HEALTH_RESTART, HEALTH_KILL };

struct health_rule {
    enum health_kind kind;
    enum health_action action;
    /* With Docker's defaults; at most a year. */
    int64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns, retries;
};

/* --- what was asked for */
/* Config.Healthcheck of a create, and the label and the annotation "berth.on-unhealthy": -EINVAL, in Docker's words where Docker has them.
 * `warnings` (NULL: none are wanted) gets what is accepted and has no effect. */
int health_check_config(const json_t *config, const json_t *host_config, json_t *warnings,
                        struct err *err);
void health_rule_read(const json_t *config, const json_t *host_config, struct health_rule *out);
/* The command of a HEALTH_EXEC, a new array. */
json_t *health_command(const json_t *config);
/* The connection of a HEALTH_NET, as the shim's `check` has it ("net"); NULL: it names none. */
json_t *health_net(const json_t *config);
/* The same from Test, with words where it is wrong. */
int health_net_read(const json_t *test, json_t **net, struct err *err);

/* --- what it comes to */
struct health_result {
    int64_t start_ns, end_ns, code;
    const char *output;
};
json_t *health_new(void);
/* A start: "starting", with the log of earlier runs. */
void health_begin_doc(json_t *health);
/* Nobody checks any more (paused, ended): "unhealthy", as Docker has it. */
void health_rest_doc(json_t *health);
/* Enters a result. Whether the status has changed. */
bool health_take(json_t *health, const struct health_rule *rule, int64_t started_ns,
                 const struct health_result *result);
/* From the end of one check, or the start of the container, to the next check. */
int64_t health_pause_ns(const json_t *health, const struct health_rule *rule, int64_t started_ns,
                        int64_t now_ns);
/* Whether its failures in a row are as many as make it unhealthy. */
bool health_is_failing(const json_t *health, const struct health_rule *rule);

/* "none", "starting", "healthy", "unhealthy" of a row that has `runtime`, or its health alone. Borrowed. */
const char *health_word(const struct state_container *row);
/* As Go prints a duration: "1m30s", "700ms". The caller frees. */
char *health_span(int64_t ns);
