/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of a driver's descriptor
 *
 * In the order in which fields can be trusted: magic, ABI, size, kind, name, then the table of the kind: which slots
 * must be there, and that the driver's table reaches that far.
 */
#include "plugin/descriptor.h"

#include <berth/log.h>
#include <berth/network.h>
#include <berth/storage.h>
#include <berth/volume.h>
#include <errno.h>

#include "base/str.h"
#include "plugin/loader.h"
#include "plugin/options.h"

struct slot {
    const char *name;
    size_t offset;
    uint64_t capability; /* required only with this one; 0: always */
};

#define SLOT(type, slot)                                                                           \
    {                                                                                              \
#slot, offsetof(struct type, slot), 0                                                      \
    }

static const struct slot storage_slots[] = {SLOT(berth_storage_ops, open),
                                            SLOT(berth_storage_ops, close),
                                            SLOT(berth_storage_ops, layer_create),
                                            SLOT(berth_storage_ops, layer_remove),
                                            SLOT(berth_storage_ops, layer_stat),
                                            SLOT(berth_storage_ops, diff_begin),
                                            SLOT(berth_storage_ops, diff_commit),
                                            SLOT(berth_storage_ops, diff_abort),
                                            SLOT(berth_storage_ops, mount_plan),
                                            SLOT(berth_storage_ops, changes),
                                            SLOT(berth_storage_ops, usage),
                                            SLOT(berth_storage_ops, layer_list),
                                            {0}};
static const struct slot network_slots[] = {SLOT(berth_network_ops, open),
                                            SLOT(berth_network_ops, close),
                                            SLOT(berth_network_ops, network_create),
                                            SLOT(berth_network_ops, endpoint_create),
                                            {0}};
static const struct slot log_slots[] = {
    SLOT(berth_log_ops, open),
    SLOT(berth_log_ops, write),
    SLOT(berth_log_ops, close),
    {"read", offsetof(struct berth_log_ops, read), BERTH_LOG_READ},
    {0}};
static const struct slot volume_slots[] = {SLOT(berth_volume_ops, open),
                                           SLOT(berth_volume_ops, close),
                                           SLOT(berth_volume_ops, create),
                                           SLOT(berth_volume_ops, remove),
                                           SLOT(berth_volume_ops, path),
                                           SLOT(berth_volume_ops, list),
                                           {0}};
static const struct slot no_slots[] = {{0}};

static const struct {
    const char *name;
    const struct slot *slots;
} kinds[] = {
    [BERTH_STORAGE] = {"storage", storage_slots},
    [BERTH_NETWORK] = {"network", network_slots},
    [BERTH_LOG] = {"log", log_slots},
    [BERTH_VOLUME] = {"volume", volume_slots},
    [BERTH_MODULE] = {"module", no_slots},
};

const char *plugin_kind_name(uint32_t kind)
{
    return kind < ARRAY_SIZE(kinds) ? kinds[kind].name : NULL;
}

static int check_head(const struct berth_plugin *d, size_t room, struct err *err)
{
    if (room < offsetof(struct berth_plugin, name) || d->magic != BERTH_ABI_MAGIC)
        return err_set(err, -ENOEXEC,
                       "its symbol berth_plugin is no driver's descriptor (wrong magic)");
    if (d->abi_major != BERTH_ABI_MAJOR)
        return err_set(err, -ENOEXEC,
                       "it was built for ABI major %u, this host has %u: build it against the "
                       "installed berth-sdk",
                       d->abi_major, BERTH_ABI_MAJOR);
    if (d->size < sizeof(*d) || d->size > room)
        return err_set(err, -ENOEXEC,
                       "its descriptor has %zu bytes, the smallest of ABI %u has %zu (the symbol: "
                       "%zu)",
                       d->size, BERTH_ABI_MAJOR, sizeof(*d), room);
    return 0;
}

static int check_kind(const struct berth_plugin *d, uint32_t kind, struct err *err)
{
    const char *name = plugin_kind_name(d->kind);
    if (!name)
        return err_set(err, -ENOEXEC, "it is of a kind that is not known here (number %u)",
                       d->kind);
    if (kind && d->kind != kind)
        return err_set(err, -EINVAL, "it is a %s driver, a %s driver is needed", name,
                       plugin_kind_name(kind) ?: "known");
    return 0;
}

static int check_name(const char *name, struct err *err)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    if (str_empty(name))
        return err_set(err, -ENOEXEC, "its descriptor has no name");
    if (!strchr(first, *name) || !str_only(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") ||
        strlen(name) > 64)
        return err_set(err, -ENOEXEC,
                       "its name \"%.64s\" is not one: lower-case letters, digits, and _ . - "
                       "after the first, at most 64",
                       name);
    return 0;
}

static int check_ops(const struct berth_plugin *d, struct err *err)
{
    if (!d->ops)
        return err_set(err, -ENOEXEC, "its descriptor has no ops table");
    size_t size;
    memcpy(&size, d->ops, sizeof(size));
    for (const struct slot *s = kinds[d->kind].slots; s->name; s++) {
        if (s->capability && !(d->capabilities & s->capability))
            continue;
        void (*fn)(void) = NULL;
        if (size < s->offset + sizeof(fn))
            return err_set(err, -ENOEXEC,
                           "its ops table has %zu bytes and ends before the required slot %s()",
                           size, s->name);
        memcpy(&fn, (const char *)d->ops + s->offset, sizeof(fn));
        if (!fn)
            return err_set(err, -ENOEXEC, "its required slot %s() is missing", s->name);
    }
    return 0;
}

int descriptor_check(const struct berth_plugin *d, size_t room, uint32_t kind, struct err *err)
{
    int r = check_head(d, room, err);
    if (r == 0)
        r = check_kind(d, kind, err);
    if (r == 0)
        r = check_name(d->name, err);
    if (r == 0)
        r = check_ops(d, err);
    return r == 0 ? options_check_schema(d->options, err) : r;
}
