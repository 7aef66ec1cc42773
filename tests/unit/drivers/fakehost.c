/* SPDX-License-Identifier: Apache-2.0 */
/* A host for drivers under test. */
#include "fakehost.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static void err_set(struct berth_err *err, int32_t code, const char *fmt, va_list ap)
{
    struct fake_err *e = (struct fake_err *)err;
    e->code = code;
    vsnprintf(e->words, sizeof(e->words), fmt, ap);
}

void fake_err_init(struct fake_err *e)
{
    *e = (struct fake_err){.base = {.size = sizeof(struct berth_err), .set = err_set}};
}

static const struct berth_option *option_find(const struct fake_options *o, const char *name)
{
    for (size_t i = 0; o->schema && o->schema[i]; i++)
        if (strcmp(o->schema[i]->name, name) == 0)
            return o->schema[i];
    return NULL;
}

static const char *options_get(const struct berth_options *base, const char *name)
{
    const struct fake_options *o = (const struct fake_options *)base;
    size_t n = strlen(name);
    for (size_t i = 0; o->given && o->given[i]; i++)
        if (strncmp(o->given[i], name, n) == 0 && o->given[i][n] == '=')
            return o->given[i] + n + 1;
    const struct berth_option *schema = option_find(o, name);
    return schema ? schema->dflt : NULL;
}

static int64_t scale(const char *unit, bool duration)
{
    if (duration && strcmp(unit, "ms") == 0)
        return 1000000;
    if (duration)
        return *unit == 'h' ? 3600000000000 : *unit == 'm' ? 60000000000 : 1000000000;
    return *unit == 'k' ? 1024 : *unit == 'm' ? 1048576 : *unit == 'g' ? 1073741824 : 1;
}

static int64_t options_get_int(const struct berth_options *base, const char *name, int64_t dflt)
{
    const struct fake_options *o = (const struct fake_options *)base;
    const char *text = options_get(base, name);
    const struct berth_option *schema = option_find(o, name);
    if (!text)
        return dflt;
    if (schema && schema->type == BERTH_OPT_BOOL)
        return strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    char *end = NULL;
    long long n = strtoll(text, &end, 10);
    return *end ? n * scale(end, schema && schema->type == BERTH_OPT_DURATION) : n;
}

static int options_each(const struct berth_options *base,
                        int (*each)(void *ctx, const char *name, const char *value), void *ctx)
{
    const struct fake_options *o = (const struct fake_options *)base;
    int r = 0;
    for (size_t i = 0; r == 0 && o->given && o->given[i]; i++) {
        char *name = strdup(o->given[i]);
        char *eq = strchr(name, '=');
        *eq = '\0';
        r = each(ctx, name, eq + 1);
        free(name);
    }
    return r;
}

void fake_options_init(struct fake_options *o, const struct berth_option *const *schema,
                       const char *const *given)
{
    *o = (struct fake_options){.base = {.size = sizeof(struct berth_options),
                                        .get = options_get,
                                        .get_int = options_get_int,
                                        .each = options_each},
                               .schema = schema,
                               .given = given};
}

static void host_log(void *ctx, uint32_t level, const char *fmt, va_list ap)
{
    struct fake_host *h = ctx;
    vsnprintf(h->last_log, sizeof(h->last_log), fmt, ap);
    if (level >= BERTH_LOG_WARN)
        h->warnings++;
}

static void *host_alloc(void *ctx, size_t n)
{
    (void)ctx;
    return malloc(n);
}

static void host_release(void *ctx, void *p)
{
    (void)ctx;
    free(p);
}

char *fake_tmpdir(void)
{
    const char *base = getenv("TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/berth-drivers-XXXXXX", base ? base : "/tmp") < 0 || !mkdtemp(path))
        abort();
    return path;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void fake_rm_rf(const char *path)
{
    nftw(path, remove_one, 64, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

void fake_host_init(struct fake_host *h, const struct berth_options *options)
{
    *h = (struct fake_host){.data_dir = fake_tmpdir()};
    h->base = (struct berth_host){.size = sizeof(struct berth_host),
                                  .ctx = h,
                                  .log = host_log,
                                  .alloc = host_alloc,
                                  .release = host_release,
                                  .options = options,
                                  .data_dir = h->data_dir,
                                  .instance = "0123abcd"};
}

void fake_host_fini(struct fake_host *h)
{
    fake_rm_rf(h->data_dir);
    free(h->data_dir);
    h->data_dir = NULL;
}

const struct berth_plugin *fake_load(const char *path)
{
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!so) {
        fprintf(stderr, "%s\n", dlerror());
        abort();
    }
    const struct berth_plugin *plugin = dlsym(so, "berth_plugin");
    if (!plugin)
        abort();
    return plugin;
}

void fake_private_mounts(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        perror("a private mount namespace");
        abort();
    }
}

static int plan_note(struct fake_plan *p, const char *what)
{
    int r = -errno;
    char message[256] = "";
    ssize_t n = p->fs >= 0 ? read(p->fs, message, sizeof(message) - 1) : 0;
    snprintf(p->error, sizeof(p->error), "%s: %s (%.*s)", what, strerror(-r), n > 0 ? (int)n : 0,
             message);
    return r;
}

static int plan_filesystem(struct berth_mount_plan *plan, const char *type)
{
    struct fake_plan *p = (struct fake_plan *)plan;
    p->fs = fsopen(type, FSOPEN_CLOEXEC);
    return p->fs < 0 ? plan_note(p, type) : 0;
}

static int plan_option(struct berth_mount_plan *plan, const char *key, const char *value)
{
    struct fake_plan *p = (struct fake_plan *)plan;
    if (strcmp(key, "volatile") == 0)
        p->is_volatile = true;
    if (strcmp(key, "lowerdir+") == 0)
        p->lowers++;
    int r = value ? fsconfig(p->fs, FSCONFIG_SET_STRING, key, value, 0)
                  : fsconfig(p->fs, FSCONFIG_SET_FLAG, key, NULL, 0);
    return r < 0 ? plan_note(p, key) : 0;
}

static int plan_bind(struct berth_mount_plan *plan, const char *path)
{
    ((struct fake_plan *)plan)->bind = strdup(path);
    return 0;
}

void fake_plan_init(struct fake_plan *p)
{
    *p = (struct fake_plan){.base = {.size = sizeof(struct berth_mount_plan),
                                     .filesystem = plan_filesystem,
                                     .option = plan_option,
                                     .option_path = plan_option,
                                     .bind = plan_bind},
                            .fs = -1};
}

static int plan_finish(struct fake_plan *p, const char *target, bool readonly)
{
    if (fsconfig(p->fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return plan_note(p, "create");
    int m = fsmount(p->fs, FSMOUNT_CLOEXEC, readonly ? MOUNT_ATTR_RDONLY : 0);
    if (m < 0)
        return plan_note(p, "fsmount");
    int r = move_mount(m, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0
                ? plan_note(p, "move_mount")
                : 0;
    close(m);
    return r;
}

int fake_plan_mount(struct fake_plan *p, const char *target, bool readonly)
{
    int r = 0;
    if (p->bind)
        r = mount(p->bind, target, NULL, MS_BIND, NULL) < 0 ? plan_note(p, "bind") : 0;
    else
        r = plan_finish(p, target, readonly);
    free(p->bind);
    if (p->fs >= 0)
        close(p->fs);
    p->bind = NULL;
    p->fs = -1;
    if (r < 0)
        fprintf(stderr, "%s\n", p->error);
    return r;
}
