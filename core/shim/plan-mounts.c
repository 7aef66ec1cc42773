/* SPDX-License-Identifier: Apache-2.0 */
/* The plan's mounts: words into the kernel's flags, options checked for what mount(2) could not carry. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>

#include "base/json.h"
#include "base/str.h"
#include "shim/plan.h"

#define OPTIONS_MAX 1024

static const struct {
    const char *word;
    uint64_t set, clear;
} attr_words[] = {
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"rro", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
};

static const struct {
    const char *word;
    unsigned long flags;
} propagation_words[] = {
    {"private", MS_PRIVATE},       {"rprivate", MS_PRIVATE | MS_REC},
    {"slave", MS_SLAVE},           {"rslave", MS_SLAVE | MS_REC},
    {"shared", MS_SHARED},         {"rshared", MS_SHARED | MS_REC},
    {"unbindable", MS_UNBINDABLE}, {"runbindable", MS_UNBINDABLE | MS_REC},
};

unsigned long propagation_parse(const char *word)
{
    if (str_empty(word))
        return MS_PRIVATE | MS_REC;
    for (size_t i = 0; i < ARRAY_SIZE(propagation_words); i++)
        if (strcmp(word, propagation_words[i].word) == 0)
            return propagation_words[i].flags;
    return 0;
}

static int flag_parse(const char *word, const char *where, struct mount_op *op, struct err *err)
{
    for (size_t i = 0; word && i < ARRAY_SIZE(attr_words); i++) {
        if (strcmp(word, attr_words[i].word) != 0)
            continue;
        op->attr_clear |= attr_words[i].clear;
        op->attr_set = (op->attr_set & ~attr_words[i].clear) | attr_words[i].set;
        if (strcmp(word, "rro") == 0)
            op->readonly_tree = true;
        return 0;
    }
    return err_set(err, -EINVAL, "%s.flags: \"%s\" is no mount flag", where, word ? word : "?");
}

static int flags_parse(const json_t *flags, const char *where, struct mount_op *op, struct err *err)
{
    const json_t *flag;
    size_t i;
    json_array_foreach (flags, i, flag) {
        int r = flag_parse(json_string_value(flag), where, op, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int option_parse(const json_t *o, const char *where, struct mount_option *out,
                        struct err *err)
{
    out->key = json_string_value(json_array_get(o, 0));
    out->value = json_string_value(json_array_get(o, 1));
    out->is_path = json_is_true(json_array_get(o, 2));
    if (str_empty(out->key))
        return err_set(err, -EINVAL, "%s.options: each is [key, value or null]", where);
    if (out->is_path && (!out->value || *out->value != '/'))
        return err_set(err, -EINVAL, "%s.options: %s needs an absolute path", where, out->key);
    return 0;
}

static int options_parse(const json_t *array, const char *where, struct mount_op *op,
                         struct err *err)
{
    size_t n = json_array_size(array);
    if (n > OPTIONS_MAX)
        return err_set(err, -EINVAL, "%s.options: more than %d", where, OPTIONS_MAX);
    op->options = xcalloc(n, sizeof(*op->options));
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = option_parse(json_array_get(array, i), where, &op->options[op->noptions++], err);
    return r;
}

int root_op_parse(const json_t *json, struct mount_op *op, struct err *err)
{
    *op = (struct mount_op){.target = "/", .source = json_str(json, "bind", NULL), .tree = -1};
    op->fstype = op->source ? NULL : json_str(json, "filesystem", NULL);
    op->propagation = MS_PRIVATE | MS_REC;
    op->recursive = true;
    if (op->source)
        return *op->source == '/'
                   ? 0
                   : err_set(err, -EINVAL, "plan.rootfs.bind: \"%s\" is no absolute path",
                             op->source);
    if (str_empty(op->fstype))
        return err_set(err, -EINVAL, "plan.rootfs: needs \"filesystem\" or \"bind\"");
    op->source = op->fstype;
    return options_parse(json_arr(json, "options"), "plan.rootfs", op, err);
}

int mount_op_parse(const json_t *json, const char *where, struct mount_op *op, struct err *err)
{
    *op = (struct mount_op){.target = json_str(json, "target", ""), .tree = -1};
    if (*op->target != '/' || strlen(op->target) >= PATH_MAX)
        return err_set(err, -EINVAL, "%s.target: \"%s\" is no absolute path", where, op->target);
    op->propagation = MS_PRIVATE | MS_REC;
    op->symlink = json_str(json, "symlink", NULL);
    if (op->symlink)
        return *op->symlink ? 0 : err_set(err, -EINVAL, "%s.symlink: is empty", where);
    op->remount = json_bool(json, "remount", false);
    if (op->remount)
        return flags_parse(json_arr(json, "flags"), where, op, err);
    const char *bind = json_str(json, "bind", NULL);
    op->fstype = bind ? NULL : json_str(json, "filesystem", NULL);
    op->source = bind ? bind : json_str(json, "source", op->fstype);
    if (bind && *bind != '/')
        return err_set(err, -EINVAL, "%s.bind: \"%s\" is no absolute path", where, bind);
    if (str_empty(op->source) || (!bind && str_empty(op->fstype)))
        return err_set(err, -EINVAL, "%s: needs \"filesystem\" or \"bind\"", where);
    op->recursive = json_bool(json, "recursive", true);
    op->make_source = bind && json_bool(json, "make_source", false);
    const char *propagation = json_str(json, "propagation", NULL);
    op->propagation = propagation_parse(propagation);
    if (!op->propagation)
        return err_set(err, -EINVAL, "%s.propagation: \"%s\" is not known", where, propagation);
    int r = flags_parse(json_arr(json, "flags"), where, op, err);
    return r < 0 ? r : options_parse(json_arr(json, "options"), where, op, err);
}

void mount_op_fini(struct mount_op *op)
{
    free(op->options);
    *op = (struct mount_op){.tree = -1};
}
