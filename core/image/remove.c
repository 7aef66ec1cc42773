/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tag and remove
 *
 * Docker's rules. By name: the name goes, and with the last name the image, which must then not be in use (force: not
 * by a running container). By id: all names go at once; several need force unless they are of one repository.
 */
#include <errno.h>
#include <string.h>

#include "base/failpoint.h"
#include "base/json.h"
#include "base/log.h"
#include "image/internal.h"

int image_tag(struct image_store *s, const char *ref, const char *target, struct err *err)
{
    _cleanup_(state_image_freep) struct state_image *i = NULL;
    _cleanup_(reference_fini) struct reference t = {0};
    int r = reference_parse_tagged(target, &t, err);
    if (r < 0 || (r = image_find(s, ref, &i, err)) < 0)
        return r;
    _cleanup_(freep) char *name = reference_canonical(&t);
    r = state_reference_set(s->state, name, i->id, err);
    if (r == 0)
        (void)failpoint("image.tagged", NULL);
    return r;
}

struct removal {
    struct image_store *s;
    const char *ref;
    bool force;
    const struct state_image *image;
    struct strv names;       /* all references of the image */
    char *stopped, *running; /* a container of each kind that uses it, or NULL */
    json_t *out;
};

static void removal_fini(struct removal *rm)
{
    strv_fini(&rm->names);
    free(rm->stopped);
    free(rm->running);
    json_decref(rm->out);
}

static void note_user(void *arg, const char *container_id, bool running)
{
    struct removal *rm = arg;
    char **slot = running ? &rm->running : &rm->stopped;
    if (!*slot)
        *slot = xstrdup(container_id);
}

static void say(struct removal *rm, const char *what, const char *value)
{
    json_t *o = json_object();
    json_put_str(o, what, value);
    json_push_take(rm->out, o);
}

static void say_untagged(struct removal *rm, const char *name)
{
    _cleanup_(reference_fini) struct reference r = {0};
    if (reference_parse(name, &r, NULL) < 0)
        return;
    _cleanup_(freep) char *familiar = reference_familiar(&r);
    say(rm, "Untagged", familiar);
}

static int untag(struct removal *rm, const char *name, struct err *err)
{
    int r = state_reference_delete(rm->s->state, name, err);
    if (r < 0)
        return r;
    (void)failpoint("image.untagged", NULL);
    say_untagged(rm, name);
    return 0;
}

static int conflict(struct removal *rm, bool hard, const char *why, const char *who,
                    struct err *err)
{
    const char *id = digest_hex(rm->image->id);
    return err_set(err, -EBUSY, "conflict: unable to delete %.12s (%s) - %s%s%.12s", id,
                   hard ? "cannot be forced" : "must be forced", why, who ? " " : "",
                   who ? who : "");
}

/* By name, the words differ. */
static int conflict_name(struct removal *rm, const char *who, struct err *err)
{
    return err_set(err, -EBUSY,
                   "conflict: unable to remove repository reference \"%s\" (must force) - "
                   "container %.12s is using its referenced image %.12s",
                   rm->ref, who, digest_hex(rm->image->id));
}

static int check_users(struct removal *rm, struct err *err)
{
    if (rm->running)
        return conflict(rm, true, "image is being used by running container", rm->running, err);
    if (rm->stopped && !rm->force)
        return conflict(rm, false, "image is being used by stopped container", rm->stopped, err);
    return 0;
}

/* With all its names, in one step. */
static int delete_image(struct removal *rm, struct err *err)
{
    _cleanup_(strv_fini) struct strv gone = {0};
    int r = image_delete_row(rm->s, rm->image->id, err);
    if (r < 0)
        return r;
    const char *name;
    strv_foreach (name, &rm->names)
        say_untagged(rm, name);
    say(rm, "Deleted", rm->image->id);
    (void)failpoint("image.deleted", NULL);
    /* The image is gone: what is left of its layers goes with the next collection, or start. */
    _cleanup_(err_fini) struct err why = {0};
    if (layer_collect(rm->s, &gone, &why) < 0)
        log_warn("image %s: its layers stay for now: %s", rm->image->id, err_msg(&why));
    const char *chain;
    strv_foreach (chain, &gone)
        say(rm, "Deleted", chain);
    return r;
}

static bool one_repository(const struct strv *names)
{
    _cleanup_(reference_fini) struct reference first = {0};
    const char *name;
    bool same = true;
    strv_foreach (name, names) {
        _cleanup_(reference_fini) struct reference r = {0};
        if (reference_parse(name, &r, NULL) < 0)
            return false;
        if (!first.path) {
            first = r;
            r = (struct reference){0};
        } else if (!str_eq(first.domain, r.domain) || !str_eq(first.path, r.path)) {
            same = false;
        }
    }
    return same;
}

static int remove_by_id(struct removal *rm, struct err *err)
{
    if (rm->names.n > 1 && !rm->force && !one_repository(&rm->names))
        return conflict(rm, false, "image is referenced in multiple repositories", NULL, err);
    int r = check_users(rm, err);
    return r < 0 ? r : delete_image(rm, err);
}

static int remove_by_name(struct removal *rm, const char *name, struct err *err)
{
    const char *user = rm->running ? rm->running : rm->stopped;
    bool last = rm->names.n <= 1;
    if (last && user && !rm->force)
        return conflict_name(rm, user, err);
    if (!last || rm->running) /* forced below a running container: only the name goes */
        return untag(rm, name, err);
    return delete_image(rm, err);
}

/* The reference that `ref` names, when it names the image by one. */
static char *named(const struct strv *names, const char *ref)
{
    _cleanup_(reference_fini) struct reference r = {0};
    if (reference_parse(ref, &r, NULL) < 0)
        return NULL;
    if (!r.tag && !r.digest)
        r.tag = xstrdup("latest");
    _cleanup_(freep) char *full = reference_canonical(&r);
    return strv_has(names, full) ? steal_ptr(&full) : NULL;
}

int image_remove(struct image_store *s, const char *ref, bool force,
                 const struct image_users *users, json_t **out, struct err *err)
{
    _cleanup_(state_image_freep) struct state_image *i = NULL;
    int r = image_find(s, ref, &i, err);
    if (r < 0)
        return r;
    _cleanup_(removal_fini) struct removal rm = {
        .s = s, .ref = ref, .force = force, .image = i, .out = json_array()};
    if ((r = state_reference_list(s->state, i->id, &rm.names, err)) < 0)
        return r;
    if (users && (r = users->each(users->ctx, i->id, note_user, &rm)) < 0)
        return err_errno(err, r, "who uses image %s", i->id);
    _cleanup_(freep) char *name = named(&rm.names, ref);
    r = name ? remove_by_name(&rm, name, err) : remove_by_id(&rm, err);
    if (r < 0)
        return r;
    *out = steal_ptr(&rm.out);
    return 0;
}
