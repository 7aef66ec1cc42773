/* SPDX-License-Identifier: Apache-2.0 */
/* The plan's process: argv, environment, limits and capabilities, ready for the child. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "shim/plan.h"

#define ARGS_MAX     65536
#define GROUPS_GIVEN 1024
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const struct {
    const char *name;
    int resource;
} rlimit_names[] = {
    {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},       {"fsize", RLIMIT_FSIZE},       {"locks", RLIMIT_LOCKS},
    {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
    {"nofile", RLIMIT_NOFILE},   {"nproc", RLIMIT_NPROC},       {"rss", RLIMIT_RSS},
    {"rtprio", RLIMIT_RTPRIO},   {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK},
};

int string_array(const json_t *array, const char *where, size_t limit, size_t spare,
                 const char ***out, size_t *n, struct err *err)
{
    size_t count = json_array_size(array);
    if (count > limit)
        return err_set(err, -EINVAL, "%s: %zu entries, at most %zu", where, count, limit);
    *out = xcalloc(count + spare + 1, sizeof(**out));
    for (size_t i = 0; i < count; i++) {
        (*out)[i] = json_string_value(json_array_get(array, i));
        if (!(*out)[i])
            return err_set(err, -EINVAL, "%s[%zu]: a string is expected", where, i);
    }
    *n = count;
    return 0;
}

static int rlimit_parse(const json_t *o, const char *where, struct rlimit_op *out, struct err *err)
{
    const char *name = json_str(o, "type", "");
    int64_t soft = json_int(o, "soft", 0), hard = json_int(o, "hard", 0);
    for (size_t i = 0; i < ARRAY_SIZE(rlimit_names); i++) {
        if (strcmp(name, rlimit_names[i].name) != 0)
            continue;
        *out = (struct rlimit_op){.resource = rlimit_names[i].resource,
                                  .name = rlimit_names[i].name,
                                  .by_default = json_bool(o, "default", false)};
        out->value.rlim_cur = soft < 0 ? RLIM_INFINITY : (rlim_t)soft;
        out->value.rlim_max = hard < 0 ? RLIM_INFINITY : (rlim_t)hard;
        if (out->value.rlim_cur > out->value.rlim_max)
            return err_set(err, -EINVAL, "%s.rlimits: %s: the soft limit is above the hard one",
                           where, name);
        return 0;
    }
    return err_set(err, -EINVAL, "%s.rlimits: \"%s\" is no limit", where, name);
}

static int rlimits_parse(const json_t *array, const char *where, struct process *p, struct err *err)
{
    size_t n = json_array_size(array);
    if (n > 64)
        return err_set(err, -EINVAL, "%s.rlimits: more than 64", where);
    p->rlimits = xcalloc(n, sizeof(*p->rlimits));
    for (size_t i = 0; i < n; i++) {
        int r = rlimit_parse(json_array_get(array, i), where, &p->rlimits[i], err);
        if (r < 0)
            return r;
    }
    p->nrlimits = n;
    return 0;
}

static void caps_parse(const json_t *o, struct process *p)
{
    static const char *const names[CAPS_N] = {"bounding", "effective", "permitted", "inheritable",
                                              "ambient"};
    for (int i = 0; i < CAPS_N; i++)
        p->caps[i] = (uint64_t)json_int(o, names[i], 0);
}

/* PATH, HOME and TERM: what the environment says, and what it gets when it says nothing. */
static void env_finish(struct process *p)
{
    bool has_term = false;
    p->path = DEFAULT_PATH;
    for (size_t i = 0; i < p->nenv; i++) {
        const char *path = str_after(p->envp[i], "PATH=");
        if (path)
            p->path = path;
        p->has_home |= str_after(p->envp[i], "HOME=") != NULL;
        has_term |= str_after(p->envp[i], "TERM=") != NULL;
    }
    if (p->tty && !has_term)
        p->envp[p->nenv++] = "TERM=xterm";
}

static int numbers_parse(const json_t *json, const char *where, struct process *p, struct err *err)
{
    int64_t rows = json_int(json, "rows", 0), cols = json_int(json, "cols", 0);
    if (rows < 0 || rows > USHRT_MAX || cols < 0 || cols > USHRT_MAX)
        return err_set(err, -EINVAL, "%s: a window of %lld by %lld", where, (long long)rows,
                       (long long)cols);
    p->rows = (unsigned short)rows;
    p->cols = (unsigned short)cols;
    int64_t score = json_int(json, "oom_score_adj", 0);
    if (score < -1000 || score > 1000)
        return err_set(err, -EINVAL, "%s.oom_score_adj: %lld is not in -1000 … 1000", where,
                       (long long)score);
    p->has_oom_score = json_is_integer(json_object_get(json, "oom_score_adj"));
    p->oom_score_adj = (int)score;
    p->umask = (mode_t)json_int(json, "umask", 022) & 0777;
    return 0;
}

int process_parse(json_t *json, const char *where, struct process *p, struct err *err)
{
    *p = (struct process){.json = json_incref(json)};
    if (!json_is_object(json))
        return err_set(err, -EINVAL, "%s: an object is expected", where);
    size_t nargs = 0;
    int r =
        string_array(json_arr(json, "args"), "process.args", ARGS_MAX, 0, &p->argv, &nargs, err);
    if (r == 0)
        r = string_array(json_arr(json, "env"), "process.env", ARGS_MAX, ENV_SPARE + 1, &p->envp,
                         &p->nenv, err);
    if (r == 0)
        r = string_array(json_arr(json, "groups"), "process.groups", GROUPS_GIVEN, 0, &p->groups,
                         &p->ngroups, err);
    if (r < 0)
        return r;
    if (nargs == 0)
        return err_set(err, -EINVAL, "%s.args: no command specified", where);
    p->cwd = json_str(json, "cwd", "/");
    if (*p->cwd != '/' || strlen(p->cwd) >= PATH_MAX)
        return err_set(err, -EINVAL, "%s.cwd: \"%s\" is no absolute path", where, p->cwd);
    p->user = json_str(json, "user", "");
    p->tty = json_bool(json, "tty", false);
    p->stdin_open = json_bool(json, "stdin", false);
    p->no_new_privileges = json_bool(json, "no_new_privileges", false);
    p->seccomp = json_bool(json, "seccomp", false);
    p->apparmor = json_str(json, "apparmor", NULL);
    env_finish(p);
    caps_parse(json_obj(json, "capabilities"), p);
    r = numbers_parse(json, where, p, err);
    return r < 0 ? r : rlimits_parse(json_arr(json, "rlimits"), where, p, err);
}

void process_fini(struct process *p)
{
    free(p->argv);
    free(p->envp);
    free(p->groups);
    free(p->rlimits);
    json_decref(p->json);
    *p = (struct process){0};
}
