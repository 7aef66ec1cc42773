/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp programs: the cache
 *
 * A program depends on the profile's text, the capability set, the kernel's version and the architecture; it is kept under the digest of
 * these, as a sealed memfd, and given out as a duplicate. The number of programs is bounded: clients can send a profile of their own with each
 * container, so the whole cache starts anew when it is full.
 */
#include "runtime/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/id.h"
#include "base/json.h"
#include "base/map.h"
#include "base/str.h"
#include "runtime/caps.h"
#include "runtime/host-config.h"
#include "runtime/seccomp-internal.h"

#define PROFILE_MAX  (1u << 20)
#define PROGRAMS_MAX 64

struct seccomp_cache {
    struct utsname uts;
    pthread_mutex_t lock; /* guards what follows; not held while a program is compiled */
    char *builtin;        /* the default profile's text */
    struct map programs;  /* digest → int *, a memfd */
    size_t n;
};

static void program_free(void *p)
{
    close(*(int *)p);
    free(p);
}

void seccomp_cache_close(struct seccomp_cache *c)
{
    if (!c)
        return;
    map_fini(&c->programs, program_free);
    pthread_mutex_destroy(&c->lock);
    free(c->builtin);
    free(c);
}

static unsigned kernel_version(const struct seccomp_cache *c)
{
    char *end;
    unsigned long major = strtoul(c->uts.release, &end, 10);
    unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
    return (unsigned)(major * 1000 + MIN(minor, 999ul));
}

static int compile(const struct seccomp_cache *c, const char *text, uint64_t caps, int *fd,
                   struct err *err)
{
    json_auto_t *json = NULL;
    _cleanup_(sec_profile_fini) struct sec_profile profile = {0};
    _cleanup_(freep) struct sock_filter *program = NULL;
    size_t n;
    int r = json_parse(text, strlen(text), &json, err);
    if (r < 0)
        return err_wrap(err, "seccomp profile");
    r = sec_profile_read(json, caps, kernel_version(c), &profile, err);
    if (r == 0)
        r = sec_compile(&profile, &program, &n, err);
    if (r < 0)
        return r;
    *fd = fs_sealed_memfd("seccomp", program, n * sizeof *program, false);
    return *fd < 0 ? err_errno(err, *fd, "keeping a seccomp program") : 0;
}

static void key_of(const struct seccomp_cache *c, const char *text, uint64_t caps,
                   char key[DIGEST_MAX])
{
    struct digest d;
    digest_init(&d);
    digest_update(&d, &caps, sizeof caps);
    digest_update(&d, c->uts.release, sizeof c->uts.release);
    digest_update(&d, c->uts.machine, sizeof c->uts.machine);
    digest_update(&d, text, strlen(text));
    digest_final(&d, key);
}

/* A duplicate of a kept program, -ENOENT when there is none. */
static int get_kept(struct seccomp_cache *c, const char *key)
{
    pthread_mutex_lock(&c->lock);
    const int *have = map_get(&c->programs, key);
    int fd = have ? fcntl(*have, F_DUPFD_CLOEXEC, 3) : -1;
    int r = have && fd < 0 ? -errno : fd;
    pthread_mutex_unlock(&c->lock);
    return have ? r : -ENOENT;
}

static void keep(struct seccomp_cache *c, const char *key, int fd)
{
    int *own = xmalloc(sizeof *own);
    *own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (*own < 0) { /* no descriptor left for the cache: it is made again next time */
        free(own);
        return;
    }
    pthread_mutex_lock(&c->lock);
    if (c->n >= PROGRAMS_MAX) {
        map_fini(&c->programs, program_free);
        c->programs = (struct map){0};
        c->n = 0;
    }
    int *before = map_set(&c->programs, key, own);
    if (before)
        program_free(before);
    else
        c->n++;
    pthread_mutex_unlock(&c->lock);
}

static char *builtin_of(struct seccomp_cache *c)
{
    pthread_mutex_lock(&c->lock);
    char *text = xstrdup(c->builtin);
    pthread_mutex_unlock(&c->lock);
    return text;
}

void seccomp_cache_renew(struct seccomp_cache *c, struct seccomp_cache *from)
{
    char *text = builtin_of(from);
    pthread_mutex_lock(&c->lock);
    char *before = c->builtin;
    c->builtin = text;
    pthread_mutex_unlock(&c->lock);
    free(before);
}

int seccomp_program(struct seccomp_cache *c, const char *profile, uint64_t caps, int *fd,
                    struct err *err)
{
    char key[DIGEST_MAX];
    _cleanup_(freep) char *builtin = profile ? NULL : builtin_of(c);
    const char *text = profile ? profile : builtin;
    key_of(c, text, caps, key);
    int r = get_kept(c, key);
    if (r >= 0) {
        *fd = r;
        return 0;
    }
    if (r != -ENOENT)
        return err_errno(err, r, "seccomp program");
    r = compile(c, text, caps, fd, err);
    if (r == 0)
        keep(c, key, *fd);
    return r;
}

int seccomp_of(struct seccomp_cache *c, const json_t *host_config, int *fd, struct err *err)
{
    const char *profile;
    uint64_t caps;
    *fd = -1;
    if (!seccomp_wanted(host_config, &profile))
        return 0;
    int r = caps_of(host_config, &caps, NULL, err);
    return r < 0 ? r : seccomp_program(c, profile, caps, fd, err);
}

int seccomp_cache_open(const char *builtin, struct seccomp_cache **out, struct err *err)
{
    _cleanup_(seccomp_cache_closep) struct seccomp_cache *c = xcalloc(1, sizeof *c);
    pthread_mutex_init(&c->lock, NULL);
    uname(&c->uts);
    int r = fs_read(AT_FDCWD, builtin, PROFILE_MAX, &c->builtin, NULL);
    if (r < 0)
        return err_errno(err, r, "reading the seccomp profile %s", builtin);
    _cleanup_(closep) int fd = -1;
    r = seccomp_program(c, NULL, caps_default() & caps_bounding(), &fd, err);
    if (r < 0)
        return err_wrap(err, "%s", builtin);
    *out = steal_ptr(&c);
    return 0;
}
