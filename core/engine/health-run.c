/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health checks: one check
 *
 * Ordered from the shim, heard of, entered. What is known of the container's row is kept from check to check, and read anew where the row has
 * changed.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/health-internal.h"
#include "engine/inherit.h"
#include "engine/live.h"
#include "runtime/plan.h"

#define GRACE_NS  (5 * NS_PER_SEC)  /* for the shim's word, beyond the check's own time */
#define WRITE_NS  (10 * NS_PER_SEC) /* how often a log alone is written */
#define AGAIN_NS  NS_PER_SEC        /* after a row that could not be read */
#define SPREAD_NS NS_PER_SEC /* over which overdue checks begin after a start of the daemon */
#define SLACK_NS  (200 * NS_PER_MS) /* by which a check may be late */

/* --- the row */

static struct health_rule rule_of(struct health *h, struct watched *w)
{
    pthread_mutex_lock(&h->lock);
    struct health_rule rule = w->rule;
    pthread_mutex_unlock(&h->lock);
    return rule;
}

static void postpone(struct health *h, struct watched *w, int64_t ns)
{
    pthread_mutex_lock(&h->lock);
    if (!w->gone)
        watched_due(h, w, time_mono_ns() + ns);
    pthread_mutex_unlock(&h->lock);
}

/* From the row's last result: when the next one is due, at once where it is long overdue, but not all containers together. */
static int64_t next_from_row(const struct watched *w)
{
    const json_t *log = json_arr(w->health, "Log");
    const json_t *last = json_array_get(log, json_array_size(log) - 1);
    int64_t now = time_now_ns(), end = now, spread = 0;
    (void)time_parse(json_str(last, "End", ""), &end);
    for (const char *p = w->id; *p; p++)
        spread = (spread * 31 + *p) % MIN(SPREAD_NS, w->rule.interval_ns);
    int64_t pause = health_pause_ns(w->health, &w->rule, w->started_ns, now);
    return MAX(MIN(end + pause - now, pause), MIN(spread, pause));
}

/* The first look at one that ran before this daemon. */
static void meet(struct health *h, struct watched *w)
{
    const struct state_container *row = w->row;
    const json_t *health = json_obj(row->runtime, "health");
    pthread_mutex_lock(&h->lock);
    health_rule_read(row->config, row->host_config, &w->rule);
    w->started_ns = row->started_ns;
    w->health = health ? json_deep_copy(health) : health_new();
    w->fresh = false;
    w->written_ns = time_mono_ns();
    if (!w->gone)
        watched_due(h, w, time_mono_ns() + next_from_row(w));
    pthread_mutex_unlock(&h->lock);
}

static bool is_checked(struct health *h, struct watched *w)
{
    struct health_rule rule;
    health_rule_read(w->row->config, w->row->host_config, &rule);
    pthread_mutex_lock(&h->lock);
    bool same = w->fresh || w->started_ns == w->row->started_ns;
    pthread_mutex_unlock(&h->lock);
    return same && rule.kind != HEALTH_NONE && container_is_running(w->row) &&
           !str_eq(w->row->status, "restarting");
}

/* Whether the row was read anew. */
static int read_row(struct health *h, struct watched *w)
{
    _cleanup_(err_fini) struct err err = {0};
    struct state_container *row;
    pthread_mutex_lock(&h->lock);
    bool stale = w->stale;
    w->stale = false;
    pthread_mutex_unlock(&h->lock);
    if (!stale)
        return 0;
    int r = state_container_get(h->engine->state, w->id, &row, &err);
    if (r < 0) {
        pthread_mutex_lock(&h->lock);
        w->stale = true;
        pthread_mutex_unlock(&h->lock);
        return r;
    }
    state_container_free(w->row);
    w->row = row;
    json_decref(steal_ptr(&w->order));
    json_decref(steal_ptr(&w->again));
    free(steal_ptr(&w->command));
    return 1;
}

static void rest(struct health *h, struct watched *w)
{
    pthread_mutex_lock(&h->lock);
    w->paused = true;
    if (!w->gone)
        watched_due(h, w, INT64_MAX);
    pthread_mutex_unlock(&h->lock);
}

/* False: there is nothing to check now. */
static bool refresh(struct health *h, struct watched *w)
{
    int r = read_row(h, w);
    if (r < 0 && r != -ENOENT) {
        postpone(h, w, AGAIN_NS);
        return false;
    }
    if (r < 0 || !is_checked(h, w)) {
        watched_forget(h, w);
        return false;
    }
    pthread_mutex_lock(&h->lock);
    bool fresh = w->fresh, paused = w->paused;
    pthread_mutex_unlock(&h->lock);
    if (fresh)
        meet(h, w);
    if (paused || str_eq(w->row->status, "paused")) {
        rest(h, w);
        return false;
    }
    return !fresh;
}

/* --- the order */

static int process_of(const struct state_container *row, json_t **process, struct err *err)
{
    const json_t *ulimits;
    json_auto_t *host_config = inherit_running(row, &ulimits), *exec = json_object();
    json_put_take(exec, "Cmd", health_command(row->config));
    return runtime_exec_process(exec, row->config, host_config, ulimits, process, err);
}

static json_t *order_of(const struct health_rule *rule)
{
    json_t *order = json_object();
    json_put_int(order, "timeout_ms", (rule->timeout_ns + NS_PER_MS - 1) / NS_PER_MS);
    json_put_int(order, "output_max", HEALTH_OUTPUT_MAX);
    return order;
}

static char *command_words(const struct state_container *row)
{
    _cleanup_(strv_fini) struct strv argv = {0};
    json_auto_t *command = health_command(row->config);
    for (size_t i = 0; i < json_array_size(command); i++)
        strv_add(&argv, json_string_value(json_array_get(command, i)));
    return strv_join(&argv, " ");
}

static int make_order(struct health *h, struct watched *w, struct err *err)
{
    struct health_rule rule = rule_of(h, w);
    json_t *process = NULL;
    int r = rule.kind == HEALTH_EXEC ? process_of(w->row, &process, err) : 0;
    if (r < 0)
        return r;
    w->order = order_of(&rule);
    if (!process) {
        json_put_take(w->order, "net", health_net(w->row->config));
        return 0;
    }
    json_put_take(w->order, "process", process);
    w->again = order_of(&rule);
    json_put_bool(w->again, "again", true);
    w->command = command_words(w->row);
    pthread_mutex_lock(&h->lock);
    w->known = false;
    pthread_mutex_unlock(&h->lock);
    return 0;
}

/* As the exec that it is; a connection is none. */
static void exec_event(struct health *h, struct watched *w, const char *verb, const char *id)
{
    _cleanup_(freep) char *action = str_printf("%s: %s", verb, w->command);
    json_t *extra = json_object();
    json_put_str(extra, "execID", id);
    container_event(h->engine, w->row, action, extra);
}

/* It is in progress from now on; false: it must not be. */
static bool begin(struct health *h, struct watched *w, const char *id, bool *known)
{
    pthread_mutex_lock(&h->lock);
    bool go = !w->gone && !w->paused;
    if (go) {
        memcpy(w->check, id, ID_MAX);
        *known = w->known;
        w->known = true;
        w->check_ns = time_now_ns();
        watched_due(h, w, time_mono_ns() + w->rule.timeout_ns + GRACE_NS);
    }
    pthread_mutex_unlock(&h->lock);
    return go;
}

static void failed_at_once(struct health *h, struct watched *w, const struct err *err)
{
    char id[ID_MAX];
    bool known;
    id_new(id);
    if (!begin(h, w, id, &known))
        return;
    const struct shim_checked c = {.check = id, .error = err_msg(err)};
    if (watched_heard(h, w, &c))
        watched_note(h, w);
}

static void order(struct health *h, struct watched *w, struct shim *shim)
{
    char id[ID_MAX];
    bool known = false;
    id_new(id);
    if (!begin(h, w, id, &known))
        return;
    json_t *msg = known && w->again ? w->again : w->order;
    if (w->command) {
        exec_event(h, w, "exec_create", id);
        exec_event(h, w, "exec_start", id);
    }
    json_put_str(msg, "check", id);
    int r = shim_check(shim, msg);
    if (r < 0 && r != -ETIMEDOUT)
        health_lost(h->engine, w->id); /* its end, or another connection, is about to be heard of */
}

static void not_answered(struct health *h, struct watched *w)
{
    char id[ID_MAX];
    pthread_mutex_lock(&h->lock);
    memcpy(id, w->check, ID_MAX);
    pthread_mutex_unlock(&h->lock);
    const struct shim_checked c = {.check = id,
                                   .error = "the container's monitor (berth-shim) does not say "
                                            "what the check came to"};
    if (watched_heard(h, w, &c))
        watched_note(h, w);
}

void watched_step(struct health *h, struct watched *w)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(shim_unrefp) struct shim *shim = NULL;
    pthread_mutex_lock(&h->lock);
    bool busy = w->check[0], gone = w->gone;
    pthread_mutex_unlock(&h->lock);
    if (gone)
        return;
    if (busy) {
        not_answered(h, w);
        return;
    }
    if (!refresh(h, w))
        return;
    if (live_shim(h->engine, w->row, &shim, NULL) < 0 || shim_minor(shim) < SHIM_MINOR_CHECK)
        postpone(h, w, MAX(rule_of(h, w).interval_ns, AGAIN_NS)); /* it ends, or is upgraded soon */
    else if (!w->order && make_order(h, w, &err) < 0)
        failed_at_once(h, w, &err);
    else
        order(h, w, shim);
}

/* --- what it came to */

static char *output_of(const struct shim_checked *x, const struct health_rule *rule)
{
    const char *dots = x->truncated ? "..." : "", *text = x->output ? x->output : "";
    if (x->error)
        return xstrdup(x->error);
    if (!x->timed_out)
        return str_printf("%s%s", text, dots);
    _cleanup_(freep) char *span = health_span(rule->timeout_ns);
    return str_printf("Health check exceeded timeout (%s)%s%s%s", span, *text ? ": " : "", text,
                      dots);
}

struct writing {
    int64_t started_ns;
    json_t *health;
    bool done;
};

/* A run that has ended, or begun anew, has its own word on its health. */
static void put_health(struct state_container *row, void *arg)
{
    struct writing *x = arg;
    x->done = row->started_ns == x->started_ns && container_is_running(row) &&
              !str_eq(row->status, "restarting");
    if (!x->done)
        return;
    json_put(row->runtime, "health", x->health);
    if (str_eq(row->status, "paused"))
        health_rest_doc(x->health);
}

static bool write_health(struct health *h, struct watched *w)
{
    _cleanup_(err_fini) struct err err = {0};
    struct writing x = {0};
    pthread_mutex_lock(&h->lock);
    x.started_ns = w->started_ns;
    x.health = json_deep_copy(w->health);
    w->dirty = false;
    pthread_mutex_unlock(&h->lock);
    w->written_ns = time_mono_ns();
    int r = container_modify(h->engine, w->id, put_health, &x, NULL, &err);
    json_decref(x.health);
    if (r == 0) {
        (void)failpoint("health.noted", NULL);
        return x.done;
    }
    if (r != -ENOENT)
        log_error("the health of container %s could not be noted: %s", w->id, err_msg(&err));
    pthread_mutex_lock(&h->lock);
    w->dirty = true;
    pthread_mutex_unlock(&h->lock);
    return false;
}

void watched_write(struct health *h, struct watched *w)
{
    (void)write_health(h, w);
}

/* Checks that are due at nearly the same time begin together: the daemon wakes up once for all of them. */
static int64_t next_due(const struct watched *w, int64_t end_ns)
{
    int64_t pause = health_pause_ns(w->health, &w->rule, w->started_ns, end_ns);
    int64_t slack = MIN(pause / 20, SLACK_NS), at = time_mono_ns() + pause;
    return slack > 0 ? (at + slack - 1) / slack * slack : at;
}

/* Enters it and says when the next one is. Whether there is more to do. */
static bool enter(struct health *h, struct watched *w, const struct health_result *result)
{
    pthread_mutex_lock(&h->lock);
    if (w->gone || w->paused) {
        pthread_mutex_unlock(&h->lock);
        return false;
    }
    w->changed = health_take(w->health, &w->rule, w->started_ns, result);
    w->failing = result->code != 0 && health_is_failing(w->health, &w->rule) &&
                 w->rule.action != HEALTH_LEAVE;
    w->dirty = true;
    watched_due(h, w, next_due(w, result->end_ns));
    pthread_mutex_unlock(&h->lock);
    return w->changed || w->failing || time_mono_ns() - w->written_ns >= WRITE_NS;
}

void watched_note(struct health *h, struct watched *w)
{
    char status[16];
    pthread_mutex_lock(&h->lock);
    snprintf(status, sizeof(status), "%s", json_str(w->health, "Status", ""));
    pthread_mutex_unlock(&h->lock);
    bool due = w->changed || time_mono_ns() - w->written_ns >= WRITE_NS;
    if (due && write_health(h, w) && w->changed) {
        _cleanup_(freep) char *action = str_printf("health_status: %s", status);
        container_event(h->engine, w->row, action, NULL);
    }
    if (w->failing)
        health_act(h, w);
}

/* The check is no more in progress; `unsure`: what the shim knows of it, too. False: it is not the one that is waited for. */
static bool take_mine(struct health *h, struct watched *w, const char *check, bool unsure,
                      int64_t *start_ns)
{
    pthread_mutex_lock(&h->lock);
    *start_ns = w->check_ns;
    bool mine = !w->gone && *check && str_eq(w->check, check);
    if (mine)
        w->check[0] = '\0';
    if (mine && unsure)
        w->known = false;
    if (mine)
        watched_due(h, w, INT64_MAX); /* nobody looks at it until the result is entered */
    pthread_mutex_unlock(&h->lock);
    return mine && w->row;
}

static void exec_died(struct health *h, struct watched *w, const struct shim_checked *x)
{
    json_t *extra = json_object();
    json_put_str(extra, "execID", x->check);
    json_put_strf(extra, "exitCode", "%d", x->timed_out ? 137 : x->code);
    container_event(h->engine, w->row, "exec_die", extra);
}

bool watched_heard(struct health *h, struct watched *w, const struct shim_checked *x)
{
    int64_t start_ns;
    if (!take_mine(h, w, x->check, x->dropped || x->error, &start_ns))
        return false;
    struct health_rule rule = rule_of(h, w);
    if (x->dropped) {
        postpone(h, w, rule.interval_ns);
        return false;
    }
    _cleanup_(freep) char *output = output_of(x, &rule);
    const struct health_result result = {.start_ns = start_ns,
                                         .end_ns = time_now_ns(),
                                         .code = x->error || x->timed_out ? -1 : x->code,
                                         .output = output};
    if (rule.kind == HEALTH_EXEC && !x->error)
        exec_died(h, w, x);
    return enter(h, w, &result);
}
