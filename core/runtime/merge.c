/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image's config under the container's
 *
 * Docker's rules at create: what the client gave wins, lists of keys (Env, Labels, ExposedPorts, Volumes) are joined, and an entrypoint of
 * the client's own leaves the image's Cmd behind.
 */
#include <errno.h>

#include "base/json.h"
#include "base/str.h"
#include "runtime/plan.h"

static bool is_blank(const json_t *v)
{
    return !v || json_is_null(v) || (json_is_string(v) && !*json_string_value(v)) ||
           (json_is_array(v) && json_array_size(v) == 0) ||
           (json_is_object(v) && json_object_size(v) == 0);
}

static void take_if_blank(json_t *config, const json_t *image, const char *key)
{
    const json_t *theirs = json_object_get(image, key);
    if (is_blank(json_object_get(config, key)) && !is_blank(theirs))
        json_put_take(config, key, json_deep_copy(theirs));
}

/* Members of the image's object that the client's lacks. */
static void join_objects(json_t *config, const json_t *image, const char *key)
{
    take_if_blank(config, image, key);
    json_t *mine = json_obj(config, key), *theirs = json_obj(image, key);
    if (mine && theirs)
        json_object_update_missing(mine, theirs);
}

static size_t key_length(const char *entry)
{
    return strcspn(entry, "=");
}

static bool env_has(const json_t *env, const char *entry)
{
    size_t i, n = key_length(entry);
    json_t *item;
    json_array_foreach (env, i, item) {
        const char *s = json_string_value(item);
        if (s && key_length(s) == n && strncmp(s, entry, n) == 0)
            return true;
    }
    return false;
}

static void join_env(json_t *config, const json_t *image)
{
    take_if_blank(config, image, "Env");
    json_t *mine = json_arr(config, "Env");
    size_t i;
    json_t *item;
    json_array_foreach (json_arr(image, "Env"), i, item) {
        const char *s = json_string_value(item);
        if (s && !env_has(mine, s))
            json_push_str(mine, s);
    }
}

static void join_command(json_t *config, const json_t *image)
{
    if (json_array_size(json_arr(config, "Entrypoint")) > 0)
        return;
    take_if_blank(config, image, "Cmd");
    if (!json_arr(config, "Entrypoint"))
        take_if_blank(config, image, "Entrypoint");
}

static void join_healthcheck(json_t *config, const json_t *image)
{
    static const char *const numbers[] = {"Interval", "Timeout", "StartPeriod", "StartInterval",
                                          "Retries"};
    take_if_blank(config, image, "Healthcheck");
    json_t *mine = json_obj(config, "Healthcheck"), *theirs = json_obj(image, "Healthcheck");
    if (!mine || !theirs)
        return;
    take_if_blank(mine, theirs, "Test");
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        if (json_int(mine, numbers[i], 0) == 0 && json_int(theirs, numbers[i], 0) != 0)
            json_put_int(mine, numbers[i], json_int(theirs, numbers[i], 0));
    }
}

/* As Docker's: what neither has is null, whatever empty thing the client sent. */
static void null_if_blank(json_t *config, const char *key)
{
    if (is_blank(json_object_get(config, key)))
        json_put_take(config, key, json_null());
}

/* `--entrypoint ""` arrives as [""]: no entrypoint, the image's neither. */
static void reset_empty_entrypoint(json_t *config)
{
    const json_t *e = json_arr(config, "Entrypoint");
    if (json_array_size(e) == 1 && str_empty(json_string_value(json_array_get(e, 0))))
        json_put_take(config, "Entrypoint", json_null());
}

json_t *runtime_argv(const json_t *config)
{
    json_t *argv = json_array();
    json_array_extend(argv, json_arr(config, "Entrypoint"));
    json_array_extend(argv, json_arr(config, "Cmd"));
    return argv;
}

int runtime_merge_image_config(json_t *config, const json_t *image, struct err *err)
{
    if (image) {
        join_command(config, image);
        join_env(config, image);
        join_objects(config, image, "Labels");
        join_objects(config, image, "ExposedPorts");
        join_objects(config, image, "Volumes");
        join_healthcheck(config, image);
        take_if_blank(config, image, "User");
        take_if_blank(config, image, "WorkingDir");
        take_if_blank(config, image, "StopSignal");
        take_if_blank(config, image, "OnBuild");
        take_if_blank(config, image, "Shell");
    }
    null_if_blank(config, "Env");
    null_if_blank(config, "Volumes");
    reset_empty_entrypoint(config);
    json_auto_t *argv = runtime_argv(config);
    if (json_array_size(argv) == 0)
        return err_set(err, -EINVAL, "no command specified");
    return 0;
}
