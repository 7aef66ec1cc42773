/* SPDX-License-Identifier: Apache-2.0 */
/* The user's config.json. */
#include "client/user-config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/json.h"

#define SIZE_MAX_READ (1u << 20)

/* What is read here; of another type it makes the whole file wrong. */
static const char *const members[] = {"psFormat",      "imagesFormat", "networksFormat",
                                      "volumesFormat", "statsFormat",  "detachKeys",
                                      "pluginsFormat"};

static char *path_of(const char *dir)
{
    const char *env = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
    if (dir || !str_empty(env))
        return str_printf("%s/config.json", dir ? dir : env);
    return str_empty(home) ? NULL : str_printf("%s/.docker/config.json", home);
}

static int check(const json_t *config, struct err *err)
{
    if (!json_is_object(config) && !json_is_null(config))
        return err_set(err, -EINVAL, "it is not an object");
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        const json_t *v = json_get_fold(config, members[i]);
        if (v && !json_is_string(v) && !json_is_null(v))
            return err_set(err, -EINVAL, "%s must be a string", members[i]);
    }
    return 0;
}

static int read_file(const char *path, json_t **out, struct err *err)
{
    _cleanup_(freep) char *text = NULL;
    size_t n = 0;
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r = fd >= 0 ? fs_read_fd(fd, SIZE_MAX_READ, &text, &n) : -errno;
    if (r == -ENOENT || r == -ENOTDIR)
        return 0;
    if (r < 0)
        return err_errno(err, r, "read");
    if (n == 0)
        return 0;
    r = json_parse(text, n, out, err);
    return r < 0 ? r : check(*out, err);
}

void user_config_load(struct client *c, const char *dir)
{
    _cleanup_(freep) char *path = path_of(dir);
    _cleanup_(err_fini) struct err err = {0};
    json_auto_t *config = NULL;
    if (!path)
        return;
    if (read_file(path, &config, &err) < 0)
        fprintf(stderr, "WARNING: Error parsing config file (%s): %s\n", path, err_msg(&err));
    else
        c->config = steal_ptr(&config);
}

const char *user_config_str(const struct client *c, const char *key)
{
    const char *s = json_string_value(json_get_fold(c->config, key));
    return str_empty(s) ? NULL : s;
}

const char *list_format(const struct client *c, const struct args *a, const char *key)
{
    const char *given = args_str(a, "format", NULL);
    return given || args_bool(a, "quiet") ? given : user_config_str(c, key);
}

const char *detach_keys(const struct client *c, const struct args *a)
{
    return args_str(a, "detach-keys", user_config_str(c, "detachKeys"));
}
