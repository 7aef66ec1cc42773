/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions of the API
 *
 * The engine answers in the newest version. Clients of an older one get members that were dropped
 * since and do not get those that came later, by the history of the Engine API. The table holds the
 * differences in what berth answers.
 */
#include "api/versions.h"

#include <stdbool.h>

#include "base/json.h"
#include "base/str.h"

/* A member that exists since a version, or did until one. */
struct difference {
    enum answer kind;
    int since;          /* absent below this version (0: was always there) */
    int until;          /* present below this version only (0: still there) */
    const char *parent; /* the object that has it, NULL: the answer itself; "*" of it: each member
                           of that object */
    const char *name;
    const char *as; /* until: JSON of its value, or "=Other" for that member's */
};

/* The config of a container that an image was made from: nobody has one any more. */
#define EMPTY_CONFIG                                                                               \
    "{\"Hostname\":\"\",\"Domainname\":\"\",\"User\":\"\",\"AttachStdin\":false,"                  \
    "\"AttachStdout\":false,\"AttachStderr\":false,\"Tty\":false,\"OpenStdin\":false,"             \
    "\"StdinOnce\":false,\"Env\":null,\"Cmd\":null,\"Image\":\"\",\"Volumes\":null,"               \
    "\"WorkingDir\":\"\",\"Entrypoint\":null,\"OnBuild\":null,\"Labels\":null}"

static const struct difference table[] = {
    {ANSWER_CONTAINER, 48, 0, NULL, "ImageManifestDescriptor", NULL},
    {ANSWER_CONTAINER, 44, 0, "NetworkSettings.Networks.*", "DNSNames", NULL},
    {ANSWER_CONTAINER, 48, 0, "NetworkSettings.Networks.*", "GwPriority", NULL},
    {ANSWER_CONTAINER, 43, 0, "HostConfig", "Annotations", NULL},
    {ANSWER_CONTAINER, 0, 42, "HostConfig", "KernelMemory", "0"},
    {ANSWER_CONTAINER, 0, 42, "HostConfig", "KernelMemoryTCP", "0"},
    {ANSWER_CONTAINER, 44, 0, "Config.Healthcheck", "StartInterval", NULL},
    {ANSWER_CONTAINER_ITEM, 48, 0, NULL, "ImageManifestDescriptor", NULL},
    {ANSWER_CONTAINER_ITEM, 44, 0, "NetworkSettings.Networks.*", "DNSNames", NULL},
    {ANSWER_CONTAINER_ITEM, 48, 0, "NetworkSettings.Networks.*", "GwPriority", NULL},
    {ANSWER_CONTAINER_ITEM, 46, 0, "HostConfig", "Annotations", NULL},
    {ANSWER_IMAGE, 48, 0, NULL, "Descriptor", NULL},
    {ANSWER_IMAGE, 48, 0, NULL, "Manifests", NULL},
    {ANSWER_IMAGE, 0, 44, NULL, "VirtualSize", "=Size"},
    {ANSWER_IMAGE, 0, 45, NULL, "Container", "\"\""},
    {ANSWER_IMAGE, 0, 45, NULL, "ContainerConfig", EMPTY_CONFIG},
    {ANSWER_IMAGE, 0, 50, "Config", "Hostname", "\"\""},
    {ANSWER_IMAGE, 0, 50, "Config", "Domainname", "\"\""},
    {ANSWER_IMAGE, 0, 50, "Config", "AttachStdin", "false"},
    {ANSWER_IMAGE, 0, 50, "Config", "AttachStdout", "false"},
    {ANSWER_IMAGE, 0, 50, "Config", "AttachStderr", "false"},
    {ANSWER_IMAGE, 0, 50, "Config", "Tty", "false"},
    {ANSWER_IMAGE, 0, 50, "Config", "OpenStdin", "false"},
    {ANSWER_IMAGE, 0, 50, "Config", "StdinOnce", "false"},
    {ANSWER_IMAGE, 0, 50, "Config", "Image", "\"\""},
    {ANSWER_IMAGE, 0, 50, "Config", "User", "\"\""},
    {ANSWER_IMAGE, 0, 50, "Config", "WorkingDir", "\"\""},
    {ANSWER_IMAGE, 0, 50, "Config", "Cmd", "null"},
    {ANSWER_IMAGE, 0, 50, "Config", "Entrypoint", "null"},
    {ANSWER_IMAGE, 0, 50, "Config", "Env", "null"},
    {ANSWER_IMAGE, 0, 50, "Config", "Labels", "null"},
    {ANSWER_IMAGE, 0, 50, "Config", "OnBuild", "null"},
    {ANSWER_IMAGE, 0, 50, "Config", "Volumes", "null"},
    {ANSWER_IMAGE_ITEM, 47, 0, NULL, "Manifests", NULL},
    {ANSWER_IMAGE_ITEM, 48, 0, NULL, "Descriptor", NULL},
    {ANSWER_IMAGE_ITEM, 0, 44, NULL, "VirtualSize", "=Size"},
    {ANSWER_INFO, 49, 0, NULL, "FirewallBackend", NULL},
    {ANSWER_INFO, 50, 0, NULL, "DiscoveredDevices", NULL},
    {ANSWER_INFO, 44, 0, NULL, "CDISpecDirs", NULL},
    {ANSWER_INFO, 46, 0, NULL, "Containerd", NULL},
    {ANSWER_INFO, 0, 50, NULL, "BridgeNfIptables", "false"},
    {ANSWER_INFO, 0, 50, NULL, "BridgeNfIp6tables", "false"},
    {ANSWER_NETWORK, 48, 0, NULL, "EnableIPv4", NULL},
};

static void difference_apply(const struct difference *d, int version, json_t *at)
{
    if (d->since > version)
        json_object_del(at, d->name);
    if (d->until <= version || json_object_get(at, d->name))
        return;
    if (d->as[0] == '=')
        json_put(at, d->name, json_object_get(at, d->as + 1));
    else
        json_put_take(at, d->name, json_loads(d->as, JSON_DECODE_ANY, NULL));
}

/* Goes down `path`, dot by dot, and applies the difference at its end. */
static void difference_walk(const struct difference *d, int version, const char *path, json_t *at)
{
    if (!json_is_object(at))
        return;
    if (str_empty(path)) {
        difference_apply(d, version, at);
        return;
    }
    size_t n = strcspn(path, ".");
    _cleanup_(freep) char *step = xstrndup(path, n);
    const char *rest = path[n] ? path + n + 1 : NULL, *key;
    json_t *value;
    json_object_foreach (at, key, value)
        if (str_eq(step, "*") || str_eq(step, key))
            difference_walk(d, version, rest, value);
}

bool answer_differs(enum answer kind, int version)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (table[i].kind == kind && (table[i].since > version || table[i].until > version))
            return true;
    return false;
}

void answer_trim(enum answer kind, int version, json_t *value)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (table[i].kind == kind && (table[i].since > version || table[i].until > version))
            difference_walk(&table[i], version, table[i].parent, value);
}

void answer_trim_list(enum answer kind, int version, json_t *list)
{
    size_t i;
    json_t *value;
    json_array_foreach (list, i, value)
        answer_trim(kind, version, value);
}
