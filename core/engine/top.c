/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Top
 *
 * The processes of a container as the host's `ps` tells them, with the client's own arguments: its table is read, and what is not in the container's
 * control groups is left out.
 */
#include "engine/top.h"

#include <ctype.h>
#include <errno.h>

#include "base/json.h"
#include "base/tool.h"
#include "engine/live.h"
#include "engine/restart-policy.h"
#include "runtime/cgroup.h"

#define DEFAULT_ARGS "-ef"
#define PS_LIMIT_MS  10000
#define ONLY_MAX     4096 /* pids on the command line */

static bool blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next word of a line, cut out of it in place; NULL at the end. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, " \t\r\v\f");
    if (!*word)
        return NULL;
    char *end = word;
    while (*end && !blank(*end))
        end++;
    *at = *end ? end + 1 : end;
    *end = 0;
    return word;
}

/* A title that the client makes up could name another column PID, and so show processes of others. */
int top_check_args(const char *args, struct err *err)
{
    for (const char *eq = strchr(args, '='); eq; eq = strchr(eq + 1, '=')) {
        const char *title = eq + 1 + strspn(eq + 1, " \t\n\v\f\r"), *key = eq;
        while (key > args && !blank(key[-1]) && key[-1] != ',')
            key--;
        _cleanup_(freep) char *word = xstrndup(key, (size_t)(eq - key));
        if (str_after(title, "PID") && !str_eq(word, "pid"))
            return err_set(err, -EIO, "specifying \"%s=%.*s\" is not allowed", word,
                           (int)strcspn(title, " \t\n\v\f\r"), title);
    }
    return 0;
}

static bool has_pid(const pid_t *pids, size_t n, int64_t pid)
{
    for (size_t i = 0; i < n; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

static json_t *read_titles(char *line, size_t *pid_column)
{
    json_t *titles = json_array();
    *pid_column = SIZE_MAX;
    for (char *word; (word = next_word(&line));) {
        if (str_eq(word, "PID") && *pid_column == SIZE_MAX)
            *pid_column = json_array_size(titles);
        json_push_take(titles, json_string_any(word));
    }
    return titles;
}

/* As many fields as there are titles; the last one has the rest of the line, a blank for each run of blanks. */
static json_t *read_fields(char *line, size_t n)
{
    json_t *fields = json_array();
    _cleanup_(buf_fini) struct buf rest = {0};
    for (char *word; (word = next_word(&line));) {
        if (json_array_size(fields) + 1 < n) {
            json_push_take(fields, json_string_any(word));
            continue;
        }
        if (rest.len)
            buf_addc(&rest, ' ');
        buf_adds(&rest, word);
    }
    json_push_take(fields, json_string_any(rest.s ? rest.s : ""));
    return fields;
}

int top_parse(char *text, const pid_t *pids, size_t n, json_t **out, struct err *err)
{
    char *save = NULL, *line = strtok_r(text, "\n", &save);
    size_t column;
    json_auto_t *titles = read_titles(line ? line : (char[]){""}, &column), *found = json_array();
    if (column == SIZE_MAX)
        return err_set(err, -EIO, "Couldn't find PID field in ps output");
    bool within =
        false; /* whether the process of the last line is the container's: its threads have a "-" for a pid */
    while ((line = strtok_r(NULL, "\n", &save))) {
        json_auto_t *fields = read_fields(line, json_array_size(titles));
        const char *word = json_string_value(json_array_get(fields, column));
        int64_t pid;
        if (!word || !*word)
            continue;
        if (!str_eq(word, "-")) {
            if (parse_i64(word, 1, INT32_MAX, &pid) < 0)
                return err_set(err, -EIO, "Unexpected pid '%s' in ps output", word);
            within = has_pid(pids, n, pid);
        }
        if (within)
            json_array_append(found, fields);
    }
    *out = json_object();
    json_put(*out, "Titles", titles);
    json_put_take(*out, "Processes", json_array_size(found) ? json_incref(found) : json_null());
    return 0;
}

/* "-q1,2,3": ps looks at these alone. */
static char *only_these(const pid_t *pids, size_t n)
{
    struct buf b = {0};
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, i ? ",%d" : "-q%d", (int)pids[i]);
    return buf_steal(&b);
}

static int run_ps(const char *args, const pid_t *pids, size_t n, char **text, struct err *err)
{
    _cleanup_(strv_fini) struct strv argv = {0};
    _cleanup_(err_fini) struct err first = {0};
    strv_add(&argv, "ps");
    strv_split(&argv, args, " ");
    int r = -EIO;
    if (n > 0 && n <= ONLY_MAX) {
        strv_take(&argv, only_these(pids, n));
        r = tool_read((const char *const *)argv.v, PS_LIMIT_MS, text, &first);
        strv_remove(&argv, argv.n - 1);
    }
    if (r == -EIO) /* some options do not go with -q */
        r = tool_read((const char *const *)argv.v, PS_LIMIT_MS, text, err);
    else if (r < 0)
        err_move(err, &first);
    if (r == -ENOENT)
        return err_set(err, -EIO, "top: the program ps is not installed on the host");
    return r;
}

static int check_running(struct engine *e, const struct state_container *row, struct err *err)
{
    _cleanup_(shim_unrefp) struct shim *shim = NULL;
    if (container_is_resting(row))
        return err_set(err, -EBUSY,
                       "Container %s is restarting, wait until the container is running", row->id);
    if (live_shim(e, row, &shim, NULL) < 0)
        return err_set(err, -EBUSY, "Container %s is not running", row->id);
    return 0;
}

int engine_container_top(struct engine *e, const char *ref, const char *args, json_t **out,
                         struct err *err)
{
    _cleanup_(state_container_freep) struct state_container *row = NULL;
    _cleanup_(freep) char *text = NULL;
    _cleanup_(freep) pid_t *pids = NULL;
    size_t n;
    if (str_empty(args))
        args = DEFAULT_ARGS;
    int r = top_check_args(args, err);
    if (r == 0)
        r = state_container_find(e->state, ref, &row, err);
    if (r == 0)
        r = check_running(e, row, err);
    if (r == 0)
        r = cgroup_procs(e->cgroup, row->id, &pids, &n, err);
    if (r == 0)
        r = run_ps(args, pids, n, &text, err);
    if (r == 0)
        r = top_parse(text, pids, n, out, err);
    if (r == 0)
        container_event(e, row, "top", NULL);
    return r;
}
