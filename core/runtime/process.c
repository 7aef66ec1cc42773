/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process of a plan, and that of an exec
 *
 * Docker's environment: PATH and HOSTNAME (and TERM with a terminal) first, replaced by what the config says; an entry without "=" takes the
 * variable away.
 */
#include "runtime/process.h"

#include <errno.h>
#include <stdio.h>

#include "base/json.h"
#include "base/str.h"
#include "runtime/apparmor.h"
#include "runtime/caps.h"
#include "runtime/host-config.h"
#include "runtime/seccomp.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void env_set(struct strv *env, const char *entry)
{
    size_t n = strcspn(entry, "=");
    for (size_t i = 0; i < env->n; i++) {
        if (strcspn(env->v[i], "=") != n || strncmp(env->v[i], entry, n) != 0)
            continue;
        if (!entry[n]) {
            strv_remove(env, i);
            return;
        }
        free(env->v[i]);
        env->v[i] = xstrdup(entry);
        return;
    }
    if (entry[n])
        strv_add(env, entry);
}

static void env_set_all(struct strv *env, const json_t *list)
{
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        const char *s = json_string_value(item);
        if (s)
            env_set(env, s);
    }
}

static json_t *env_of(const json_t *config, const char *hostname, bool tty, const json_t *more)
{
    _cleanup_(strv_fini) struct strv env = {0};
    strv_add(&env, DEFAULT_PATH);
    if (!str_empty(hostname))
        strv_addf(&env, "HOSTNAME=%s", hostname);
    if (tty)
        strv_add(&env, "TERM=xterm");
    env_set_all(&env, json_arr(config, "Env"));
    env_set_all(&env, more);
    json_t *out = json_array();
    for (size_t i = 0; i < env.n; i++)
        json_push_str(out, env.v[i]);
    return out;
}

static void put_caps(json_t *process, uint64_t mask)
{
    json_t *caps = json_object();
    json_put_int(caps, "bounding", (int64_t)mask);
    json_put_int(caps, "effective", (int64_t)mask);
    json_put_int(caps, "permitted", (int64_t)mask);
    json_put_int(caps, "inheritable", 0);
    json_put_int(caps, "ambient", 0);
    json_put_take(process, "capabilities", caps);
}

static void put_console(json_t *process, const json_t *size)
{
    int64_t rows = json_integer_value(json_array_get(size, 0));
    int64_t cols = json_integer_value(json_array_get(size, 1));
    json_put_int(process, "rows", rows > 0 && rows <= UINT16_MAX ? rows : 0);
    json_put_int(process, "cols", cols > 0 && cols <= UINT16_MAX ? cols : 0);
}

/* What the container's own program and its execs have in common. */
static int put_common(json_t *p, const json_t *hc, const json_t *default_ulimits, bool privileged,
                      struct err *err)
{
    struct security_opts sec;
    const char *profile;
    uint64_t mask;
    int r = security_opts_read(hc, &sec, err);
    if (r == 0)
        r = caps_of(hc, &mask, NULL, err);
    if (r < 0)
        return r;
    json_t *rlimits = rlimits_of(hc, default_ulimits, err);
    if (!rlimits)
        return -EINVAL;
    json_put_take(p, "rlimits", rlimits);
    put_caps(p, privileged ? caps_bounding() : mask);
    json_put_bool(p, "no_new_privileges", sec.no_new_privileges);
    json_put_bool(p, "seccomp", seccomp_wanted(hc, &profile));
    bool confined = sec.apparmor && !privileged && !str_eq(sec.apparmor, APPARMOR_NONE);
    json_put_str(p, "apparmor", confined ? sec.apparmor : NULL);
    json_put_int(p, "oom_score_adj", json_int(hc, "OomScoreAdj", 0));
    json_put_int(p, "umask", 022);
    json_t *groups = json_arr(hc, "GroupAdd");
    json_put_take(p, "groups", groups ? json_deep_copy(groups) : json_array());
    return 0;
}

static int put_cwd(json_t *p, const char *cwd, struct err *err)
{
    if (*cwd && *cwd != '/')
        return err_set(err, -EINVAL,
                       "the working directory '%s' is invalid, it needs to be an absolute path",
                       cwd);
    json_put_str(p, "cwd", *cwd ? cwd : "/");
    return 0;
}

static json_t *args_under_init(json_t *args)
{
    json_t *all = json_pack("[ss]", "/sbin/docker-init", "--");
    json_array_extend(all, args);
    json_decref(args);
    return all;
}

int process_of(const struct runtime_input *in, const char *hostname, json_t **out, struct err *err)
{
    const json_t *config = in->config, *hc = in->host_config;
    json_auto_t *p = json_object();
    bool tty = json_bool(config, "Tty", false);
    json_t *args = runtime_argv(config);
    if (in->init_path && json_bool(hc, "Init", false) && !mode_is_host(hc, "PidMode"))
        args = args_under_init(args);
    json_put_take(p, "args", args);
    if (json_array_size(args) == 0)
        return err_set(err, -EINVAL, "no command specified");
    json_put_take(p, "env", env_of(config, hostname, tty, NULL));
    json_put_str(p, "user", json_str(config, "User", ""));
    json_put_bool(p, "tty", tty);
    json_put_bool(p, "stdin", json_bool(config, "OpenStdin", false));
    put_console(p, json_arr(hc, "ConsoleSize"));
    int r = put_cwd(p, json_str(config, "WorkingDir", ""), err);
    if (r == 0)
        r = put_common(p, hc, in->default_ulimits, false, err);
    if (r == 0)
        *out = steal_ptr(&p);
    return r;
}

int runtime_exec_process(const json_t *exec_config, const json_t *config, const json_t *host_config,
                         const json_t *default_ulimits, json_t **process, struct err *err)
{
    json_auto_t *p = json_object();
    const json_t *cmd = json_arr(exec_config, "Cmd");
    bool tty = json_bool(exec_config, "Tty", false);
    if (json_array_size(cmd) == 0)
        return err_set(err, -EINVAL, "No exec command specified");
    json_put_take(p, "args", json_deep_copy(cmd));
    json_put_take(
        p, "env",
        env_of(config, json_str(config, "Hostname", ""), tty, json_arr(exec_config, "Env")));
    const char *user = json_str(exec_config, "User", ""), *cwd;
    json_put_str(p, "user", *user ? user : json_str(config, "User", ""));
    json_put_bool(p, "tty", tty);
    json_put_bool(p, "stdin", json_bool(exec_config, "AttachStdin", false));
    put_console(p, json_arr(exec_config, "ConsoleSize"));
    cwd = json_str(exec_config, "WorkingDir", "");
    int r = put_cwd(p, *cwd ? cwd : json_str(config, "WorkingDir", ""), err);
    if (r == 0)
        r = put_common(p, host_config, default_ulimits, json_bool(exec_config, "Privileged", false),
                       err);
    if (r == 0)
        *process = steal_ptr(&p);
    return r;
}
