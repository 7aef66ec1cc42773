/* SPDX-License-Identifier: Apache-2.0 */
/*
 * berthd
 *
 * Reads the configuration, opens the engine, serves the API, and waits for signals on the main
 * thread: SIGTERM and SIGINT end the daemon (containers go on; a second one ends it at once, which
 * loses nothing either), SIGHUP reloads the configuration.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "api/activation.h"
#include "api/server.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "build-config.h"
#include "config/config.h"
#include "daemon/check.h"
#include "daemon/kernel.h"
#include "daemon/notify.h"
#include "daemon/options.h"
#include "engine/engine.h"
#include "state/state.h"

/* What the daemon keeps of the configuration; the engine owns the whole. */
struct daemon {
    struct strv listen;
    char *group, *pid_file;
    struct engine *engine;
    struct server *server;
};

static void daemon_fini(struct daemon *d)
{
    server_freep(&d->server);
    if (d->engine)
        engine_close(d->engine);
    if (d->pid_file)
        unlink(d->pid_file);
    strv_fini(&d->listen);
    free(d->group);
    free(d->pid_file);
}

static int config_read(const struct options *o, struct config **out, struct err *err)
{
    const struct config_source src = {
        .file = o->config, .sets = (const char *const *)o->sets.v, .n_sets = o->sets.n};
    return config_load(&src, out, err);
}

/* As many descriptors as the hard limit allows: a container takes several. */
static void nofile_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_warn("cannot raise the limit of open files: %m");
}

#define PID_NAME "berthd.pid"

static int pid_write(struct daemon *d, const char *run_root, struct err *err)
{
    _cleanup_(freep) char *text = str_printf("%d\n", (int)getpid());
    int r = fs_mkdir_p(run_root, 0711);
    if (r < 0)
        return err_errno(err, r, "cannot make run_root %s", run_root);
    _cleanup_(closep) int dir = fs_open_dir(AT_FDCWD, run_root);
    if (dir >= 0)
        fs_sweep_tmp(dir, PID_NAME);
    _cleanup_(freep) char *path = str_printf("%s/" PID_NAME, run_root);
    r = fs_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, false);
    if (r < 0) { /* a full run_root: what runs there has to be stopped all the same */
        log_warn("cannot write %s: %s", path, strerror(-r));
        (void)unlink(path); /* an earlier daemon's says nothing that is true */
    }
    d->pid_file = steal_ptr(&path);
    return 0;
}

/* `cfg` is taken over. The pid is written last: until then another daemon may own run_root. */
static int daemon_open(struct daemon *d, struct config *cfg, struct passed *passed, struct err *err)
{
    _cleanup_(freep) char *run_root = xstrdup(cfg->run_root);
    const char *address;
    strv_foreach (address, &cfg->listen)
        strv_add(&d->listen, address);
    d->group = xstrdup0(cfg->group);
    int r = engine_open(cfg, &d->engine, err);
    if (r < 0)
        return r;
    d->server = server_new(d->engine, err);
    if (!d->server)
        return err->code;
    strv_foreach (address, &d->listen) {
        r = server_listen(d->server, address, d->group, passed, err);
        if (r < 0)
            return r;
        log_info("listening on %s", address);
    }
    return pid_write(d, run_root, err);
}

static int open_with_sockets(struct daemon *d, struct config *config, struct err *err)
{
    _cleanup_(config_unrefp) struct config *cfg = config;
    _cleanup_(passed_fini) struct passed passed;
    int r = passed_open(&passed, err);
    return r < 0 ? r : daemon_open(d, steal_ptr(&cfg), &passed, err);
}

/* The service manager waits for READY. */
static void daemon_reload(struct daemon *d)
{
    _cleanup_(err_fini) struct err err = {0};
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    _cleanup_(freep) char *begin =
        str_printf("RELOADING=1\nMONOTONIC_USEC=%lld",
                   (long long)at.tv_sec * 1000000 + (long long)at.tv_nsec / 1000);
    notify_send(begin);
    bool done = engine_reload(d->engine, NULL, &err) == 0;
    _cleanup_(freep) char *end = str_printf("READY=1\nSTATUS=%s", done ? "serving" : err_msg(&err));
    notify_send(end);
}

/* Blocked in every thread, so that only the main thread sees them. */
static void signals_block(sigset_t *set)
{
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL);
}

static void daemon_run(struct daemon *d, const sigset_t *set)
{
    for (;;) {
        int sig = sigwaitinfo(set, NULL);
        if (sig == SIGHUP) {
            daemon_reload(d);
        } else if (sig > 0) {
            log_info("ending on %s; containers go on", strsignal(sig));
            break;
        }
    }
    notify_send("STOPPING=1");
    /* From here on a second signal has its default effect. */
    sigset_t ends = *set;
    sigdelset(&ends, SIGHUP);
    pthread_sigmask(SIG_UNBLOCK, &ends, NULL);
}

static int daemon_main(struct config *cfg, struct err *err)
{
    _cleanup_(daemon_fini) struct daemon d = {0};
    sigset_t set;
    signals_block(&set);
    umask(022);
    nofile_raise();
    int r = open_with_sockets(&d, cfg, err);
    if (r < 0)
        return r;
    notify_send("READY=1");
    log_info("berthd %s is ready", BERTH_VERSION);
    daemon_run(&d, &set);
    return 0;
}

static int run(const struct options *o, struct err *err)
{
    _cleanup_(config_unrefp) struct config *cfg = NULL;
    int r = config_read(o, &cfg, err);
    if (r < 0)
        return r;
    config_apply_log(cfg);
    if (o->check_config) {
        r = check_config(cfg, err);
        if (r == 0)
            puts("the configuration is valid");
        return r;
    }
    if (geteuid() != 0)
        return err_set(err, -EPERM, "berthd has to be started as root");
    if (o->recover)
        return state_recover(cfg->data_root, err);
    r = kernel_check(err);
    return r < 0 ? r : daemon_main(steal_ptr(&cfg), err);
}

int main(int argc, char **argv)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(options_fini) struct options o = {0};
    log_setup("berthd", LOG_INFO, false);
    int r = options_parse(&o, argc, argv, &err);
    if (r == 0 && o.help)
        options_usage(stdout);
    else if (r == 0 && o.version)
        puts("berthd version " BERTH_VERSION);
    else if (r == 0)
        r = run(&o, &err);
    if (r < 0)
        log_error("%s", err_msg(&err));
    return r < 0;
}
