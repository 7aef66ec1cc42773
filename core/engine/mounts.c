/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mount points
 *
 * Docker has three ways to ask for a mount: "src:dst:mode" lines, mount objects, and the volumes that an image declares. They end
 * up in one list here, which the rest of the engine works from.
 */
#include "engine/mounts.h"

#include <errno.h>

#include "base/fs.h"
#include "base/id.h"
#include "base/json.h"
#include "base/str.h"
#include "engine/body.h"

#define VOLUME_FIRST "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static const char *const propagations[] = {"private", "rprivate", "shared",
                                           "rshared", "slave",    "rslave"};

int volume_name_check(const char *name, struct err *err)
{
    if (strlen(name) < 2)
        return err_set(err, -EINVAL,
                       "create %s: volume name is too short, names should be at least two "
                       "alphanumeric characters",
                       name);
    if (!strchr(VOLUME_FIRST, name[0]) || !str_only(name, VOLUME_FIRST "_.-") || strlen(name) > 255)
        return err_set(err, -EINVAL,
                       "create %s: \"%s\" includes invalid characters for a local volume name, "
                       "only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a "
                       "host directory, use absolute path",
                       name, name);
    return 0;
}

static bool is_propagation(const char *word)
{
    for (size_t i = 0; i < ARRAY_SIZE(propagations); i++)
        if (str_eq(word, propagations[i]))
            return true;
    return false;
}

static json_t *mount_new(const char *type, const char *destination)
{
    json_t *m = json_object();
    _cleanup_(freep) char *clean = fs_clean_path(destination);
    json_put_str(m, "Type", type);
    json_put_str(m, "Source", "");
    json_put_str(m, "Destination", clean);
    json_put_str(m, "Mode", "");
    json_put_bool(m, "RW", true);
    json_put_str(m, "Propagation", str_eq(type, "bind") ? "rprivate" : "");
    json_put_bool(m, "Recursive", true);
    return m;
}

static void mount_set_volume(json_t *m, const char *name, const char *driver)
{
    char made_up[ID_MAX];
    if (str_empty(name))
        id_new(made_up);
    json_put_str(m, "Name", str_empty(name) ? made_up : name);
    json_put_bool(m, "Anonymous", str_empty(name));
    json_put_str(m, "Driver", str_empty(driver) ? "local" : driver);
}

static int check_destination(const char *type, const char *destination, struct err *err)
{
    if (str_empty(destination) || destination[0] != '/')
        return err_set(err, -EINVAL,
                       "invalid mount config for type \"%s\": invalid mount path: '%s' mount path "
                       "must be absolute",
                       type, destination ? destination : "");
    _cleanup_(freep) char *clean = fs_clean_path(destination);
    if (str_eq(clean, "/"))
        return err_set(err, -EINVAL,
                       "invalid mount config for type \"%s\": invalid specification: destination "
                       "can't be '/'",
                       type);
    return 0;
}

/* One word of "ro,z,rslave". */
static int mode_word(json_t *m, const char *word, bool volume)
{
    static const char *const ignored[] = {"rw", "z", "Z", "cached", "delegated", "consistent"};
    if (str_eq(word, "ro") || str_eq(word, "readonly")) {
        json_put_bool(m, "RW", false);
        return 0;
    }
    if (str_eq(word, "nocopy") && volume) {
        json_put_bool(m, "NoCopy", true);
        return 0;
    }
    if (is_propagation(word) && !volume) {
        json_put_str(m, "Propagation", word);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
        if (str_eq(word, ignored[i]))
            return 0;
    return -EINVAL;
}

static int read_mode(json_t *m, const char *mode, bool volume, struct err *err)
{
    _cleanup_(strv_fini) struct strv words = {0};
    strv_split(&words, mode, ",");
    char *word;
    strv_foreach (word, &words)
        if (mode_word(m, word, volume) < 0)
            return err_set(err, -EINVAL, "invalid mode: %s", mode);
    if (words.n == 0)
        return err_set(err, -EINVAL, "invalid mode: %s", mode);
    json_put_str(m, "Mode", mode);
    return 0;
}

/* "src:dst", "src:dst:mode", or "dst" for an anonymous volume. */
static int read_bind(const char *text, const char *driver, json_t **out, struct err *err)
{
    _cleanup_(strv_fini) struct strv parts = {0};
    strv_split(&parts, text, ":");
    size_t colons = 0;
    for (const char *p = text; *p; p++)
        colons += *p == ':';
    if (parts.n == 0 || parts.n > 3 || parts.n != colons + 1)
        return err_set(err, -EINVAL, "invalid volume specification: '%s'", text);
    const char *source = parts.n > 1 ? parts.v[0] : "";
    const char *destination = parts.n > 1 ? parts.v[1] : parts.v[0];
    bool bind = source[0] == '/';
    int r = check_destination(bind ? "bind" : "volume", destination, err);
    if (r < 0)
        return err_wrap(err, "invalid volume specification: '%s'", text);
    if (!bind && *source && (r = volume_name_check(source, err)) < 0)
        return r;
    json_auto_t *m = mount_new(bind ? "bind" : "volume", destination);
    if (bind) {
        _cleanup_(freep) char *clean = fs_clean_path(source);
        json_put_str(m, "Source", clean);
        json_put_bool(m, "CreateSource", true);
    } else {
        mount_set_volume(m, source, driver);
        json_put_str(m, "Mode", *source ? "z" : "");
    }
    if (parts.n == 3 && (r = read_mode(m, parts.v[2], !bind, err)) < 0)
        return r;
    *out = steal_ptr(&m);
    return 0;
}

static int read_mount_bind(const json_t *spec, json_t *m, struct err *err)
{
    const char *source = json_str(spec, "Source", "");
    if (source[0] != '/')
        return err_set(err, -EINVAL,
                       "invalid mount config for type \"bind\": invalid mount path: '%s' mount "
                       "path must be absolute",
                       source);
    _cleanup_(freep) char *clean = fs_clean_path(source);
    json_put_str(m, "Source", clean);
    const json_t *opts = json_obj(spec, "BindOptions");
    const char *propagation = json_str(opts, "Propagation", "");
    if (*propagation && !is_propagation(propagation))
        return err_set(err, -EINVAL,
                       "invalid mount config for type \"bind\": invalid propagation mode: %s",
                       propagation);
    if (*propagation)
        json_put_str(m, "Propagation", propagation);
    json_put_bool(m, "Recursive", !json_bool(opts, "NonRecursive", false));
    json_put_bool(m, "CreateSource", json_bool(opts, "CreateMountpoint", false));
    return 0;
}

static int read_mount_volume(const json_t *spec, json_t *m, struct err *err)
{
    const json_t *opts = json_obj(spec, "VolumeOptions");
    const json_t *driver = json_obj(opts, "DriverConfig");
    const char *name = json_str(spec, "Source", "");
    if (!str_empty(json_str(opts, "Subpath", "")))
        return err_set(err, -ENOTSUP, "mount of volume %s: a subpath of a volume is not supported",
                       name);
    int r = *name ? volume_name_check(name, err) : 0;
    if (r < 0)
        return r;
    mount_set_volume(m, name, json_str(driver, "Name", NULL));
    json_put_str(m, "Mode", "z");
    json_put_bool(m, "NoCopy", json_bool(opts, "NoCopy", false));
    json_put(m, "Labels", json_obj(opts, "Labels"));
    json_put(m, "DriverOpts", json_obj(driver, "Options"));
    return 0;
}

static int read_mount_tmpfs(const json_t *spec, json_t *m, struct err *err)
{
    if (!str_empty(json_str(spec, "Source", "")))
        return err_set(
            err, -EINVAL,
            "invalid mount config for type \"tmpfs\": field Source must not be specified");
    const json_t *opts = json_obj(spec, "TmpfsOptions");
    int64_t size = json_int(opts, "SizeBytes", 0), mode = json_int(opts, "Mode", 0);
    if (size < 0 || mode < 0 || mode > 07777)
        return err_set(err, -EINVAL,
                       "invalid mount config for type \"tmpfs\": SizeBytes and Mode must not be "
                       "negative, and Mode at most 07777");
    _cleanup_(strv_fini) struct strv words = {0};
    if (size > 0)
        strv_addf(&words, "size=%lld", (long long)size);
    if (mode > 0)
        strv_addf(&words, "mode=%llo", (unsigned long long)mode);
    _cleanup_(freep) char *text = strv_join(&words, ",");
    json_put_str(m, "Options", text);
    return 0;
}

static const struct member mount_members[] = {
    {"Type", MEMBER_STRING, "\"\""},        {"Source", MEMBER_STRING, NULL},
    {"Target", MEMBER_STRING, "\"\""},      {"ReadOnly", MEMBER_BOOL, "false"},
    {"Consistency", MEMBER_STRING, NULL},   {"BindOptions", MEMBER_OBJECT, NULL},
    {"VolumeOptions", MEMBER_OBJECT, NULL}, {"TmpfsOptions", MEMBER_OBJECT, NULL},
};

static int read_mount(const json_t *given, json_t **out, struct err *err)
{
    json_auto_t *spec = NULL;
    int r = body_read(given, mount_members, ARRAY_SIZE(mount_members), "HostConfig.Mounts[]", &spec,
                      err);
    if (r < 0)
        return r;
    const char *type = json_str(spec, "Type", "");
    r = check_destination(type, json_str(spec, "Target", ""), err);
    if (r < 0)
        return r;
    json_auto_t *m = mount_new(type, json_str(spec, "Target", ""));
    json_put_bool(m, "RW", !json_bool(spec, "ReadOnly", false));
    if (str_eq(type, "bind"))
        r = read_mount_bind(spec, m, err);
    else if (str_eq(type, "volume"))
        r = read_mount_volume(spec, m, err);
    else if (str_eq(type, "tmpfs"))
        r = read_mount_tmpfs(spec, m, err);
    else
        r = err_set(err, -EINVAL,
                    "invalid mount config: mount type \"%s\" is not supported (bind, volume or "
                    "tmpfs would be right)",
                    type);
    if (r == 0)
        *out = steal_ptr(&m);
    return r;
}

static bool mounted_at(const json_t *mounts, const char *destination)
{
    for (size_t i = 0; i < json_array_size(mounts); i++)
        if (str_eq(json_str(json_array_get(mounts, i), "Destination", ""), destination))
            return true;
    return false;
}

/* Takes `m` over. */
static int mounts_add(json_t *mounts, json_t *m, struct err *err)
{
    const char *destination = json_str(m, "Destination", "");
    if (mounted_at(mounts, destination)) {
        int r = err_set(err, -EINVAL, "Duplicate mount point: %s", destination);
        json_decref(m);
        return r;
    }
    json_push_take(mounts, m);
    return 0;
}

/* The volumes that an image or the client declares, where nothing else is mounted. */
static int add_declared(const json_t *config, const json_t *host_config, json_t *mounts,
                        struct err *err)
{
    const char *path;
    json_t *ignored;
    const json_t *tmpfs = json_obj(host_config, "Tmpfs");
    json_object_foreach (json_obj(config, "Volumes"), path, ignored) {
        int r = check_destination("volume", path, err);
        if (r < 0)
            return r;
        _cleanup_(freep) char *clean = fs_clean_path(path);
        if (mounted_at(mounts, clean) || json_object_get(tmpfs, clean))
            continue;
        json_t *m = mount_new("volume", clean);
        mount_set_volume(m, NULL, json_str(host_config, "VolumeDriver", NULL));
        json_push_take(mounts, m);
    }
    return 0;
}

int mounts_read(const json_t *config, const json_t *host_config, json_t **mounts, struct err *err)
{
    json_auto_t *list = json_array();
    const json_t *binds = json_arr(host_config, "Binds");
    const json_t *specs = json_arr(host_config, "Mounts");
    int r = 0;
    for (size_t i = 0; r == 0 && i < json_array_size(binds); i++) {
        json_t *m = NULL;
        r = read_bind(json_string_value(json_array_get(binds, i)),
                      json_str(host_config, "VolumeDriver", NULL), &m, err);
        if (r == 0)
            r = mounts_add(list, m, err);
    }
    for (size_t i = 0; r == 0 && i < json_array_size(specs); i++) {
        json_t *m = NULL;
        r = read_mount(json_array_get(specs, i), &m, err);
        if (r == 0)
            r = mounts_add(list, m, err);
    }
    if (r == 0)
        r = add_declared(config, host_config, list, err);
    if (r == 0)
        *mounts = steal_ptr(&list);
    return r;
}

json_t *mounts_view(const json_t *mounts)
{
    static const char *const shown[] = {"Type",   "Name", "Source", "Destination",
                                        "Driver", "Mode", "RW",     "Propagation"};
    json_t *out = json_array();
    for (size_t i = 0; i < json_array_size(mounts); i++) {
        json_t *m = json_object();
        for (size_t k = 0; k < ARRAY_SIZE(shown); k++) {
            const json_t *v = json_object_get(json_array_get(mounts, i), shown[k]);
            if (v)
                json_put(m, shown[k], v);
        }
        json_push_take(out, m);
    }
    return out;
}
