/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities
 *
 * Docker's rules for CapAdd and CapDrop: ALL stands for the whole bounding set, a drop of ALL leaves what is added, a
 * drop wins over the same name's add, and a privileged container has the whole set. Never more than the daemon's own bounding set:
 * asking the kernel for more fails the start.
 */
#include "runtime/caps.h"

#include <ctype.h>
#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <strings.h>
#include <sys/prctl.h>

#include "base/json.h"
#include "base/str.h"

#define BIT(n) (UINT64_C(1) << (n))

static const char *const names[] = {
    [CAP_CHOWN] = "CAP_CHOWN",
    [CAP_DAC_OVERRIDE] = "CAP_DAC_OVERRIDE",
    [CAP_DAC_READ_SEARCH] = "CAP_DAC_READ_SEARCH",
    [CAP_FOWNER] = "CAP_FOWNER",
    [CAP_FSETID] = "CAP_FSETID",
    [CAP_KILL] = "CAP_KILL",
    [CAP_SETGID] = "CAP_SETGID",
    [CAP_SETUID] = "CAP_SETUID",
    [CAP_SETPCAP] = "CAP_SETPCAP",
    [CAP_LINUX_IMMUTABLE] = "CAP_LINUX_IMMUTABLE",
    [CAP_NET_BIND_SERVICE] = "CAP_NET_BIND_SERVICE",
    [CAP_NET_BROADCAST] = "CAP_NET_BROADCAST",
    [CAP_NET_ADMIN] = "CAP_NET_ADMIN",
    [CAP_NET_RAW] = "CAP_NET_RAW",
    [CAP_IPC_LOCK] = "CAP_IPC_LOCK",
    [CAP_IPC_OWNER] = "CAP_IPC_OWNER",
    [CAP_SYS_MODULE] = "CAP_SYS_MODULE",
    [CAP_SYS_RAWIO] = "CAP_SYS_RAWIO",
    [CAP_SYS_CHROOT] = "CAP_SYS_CHROOT",
    [CAP_SYS_PTRACE] = "CAP_SYS_PTRACE",
    [CAP_SYS_PACCT] = "CAP_SYS_PACCT",
    [CAP_SYS_ADMIN] = "CAP_SYS_ADMIN",
    [CAP_SYS_BOOT] = "CAP_SYS_BOOT",
    [CAP_SYS_NICE] = "CAP_SYS_NICE",
    [CAP_SYS_RESOURCE] = "CAP_SYS_RESOURCE",
    [CAP_SYS_TIME] = "CAP_SYS_TIME",
    [CAP_SYS_TTY_CONFIG] = "CAP_SYS_TTY_CONFIG",
    [CAP_MKNOD] = "CAP_MKNOD",
    [CAP_LEASE] = "CAP_LEASE",
    [CAP_AUDIT_WRITE] = "CAP_AUDIT_WRITE",
    [CAP_AUDIT_CONTROL] = "CAP_AUDIT_CONTROL",
    [CAP_SETFCAP] = "CAP_SETFCAP",
    [CAP_MAC_OVERRIDE] = "CAP_MAC_OVERRIDE",
    [CAP_MAC_ADMIN] = "CAP_MAC_ADMIN",
    [CAP_SYSLOG] = "CAP_SYSLOG",
    [CAP_WAKE_ALARM] = "CAP_WAKE_ALARM",
    [CAP_BLOCK_SUSPEND] = "CAP_BLOCK_SUSPEND",
    [CAP_AUDIT_READ] = "CAP_AUDIT_READ",
    [CAP_PERFMON] = "CAP_PERFMON",
    [CAP_BPF] = "CAP_BPF",
    [CAP_CHECKPOINT_RESTORE] = "CAP_CHECKPOINT_RESTORE",
};

int caps_parse(const char *name, unsigned *bit)
{
    const char *s = strncasecmp(name, "CAP_", 4) == 0 ? name + 4 : name;
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcasecmp(names[i] + 4, s) == 0) {
            *bit = i;
            return 0;
        }
    }
    return -EINVAL;
}

const char *caps_name(unsigned bit)
{
    return bit < ARRAY_SIZE(names) ? names[bit] : NULL;
}

uint64_t caps_default(void)
{
    return BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FSETID) | BIT(CAP_FOWNER) |
           BIT(CAP_MKNOD) | BIT(CAP_NET_RAW) | BIT(CAP_SETGID) | BIT(CAP_SETUID) |
           BIT(CAP_SETFCAP) | BIT(CAP_SETPCAP) | BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SYS_CHROOT) |
           BIT(CAP_KILL) | BIT(CAP_AUDIT_WRITE);
}

static pthread_once_t bounding_once = PTHREAD_ONCE_INIT;
static uint64_t bounding;

static void read_bounding(void)
{
    uint64_t mask = 0;
    for (unsigned i = 0; i < 63; i++) {
        int r = prctl(PR_CAPBSET_READ, i, 0, 0, 0);
        if (r < 0)
            break;
        if (r > 0)
            mask |= BIT(i);
    }
    bounding = mask;
}

/* One call for each capability, and the daemon's own set does not change. */
uint64_t caps_bounding(void)
{
    pthread_once(&bounding_once, read_bounding);
    return bounding;
}

/* What this kernel knows. */
static uint64_t caps_known(void)
{
    uint64_t mask = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(names) && prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
        mask |= BIT(i);
    return mask;
}

/* By the name that it would have. */
static int unknown(const char *key, const char *name, struct err *err)
{
    bool prefixed = strncasecmp(name, "CAP_", 4) == 0;
    _cleanup_(freep) char *full = str_printf("%s%s", prefixed ? "" : "CAP_", name);
    for (char *p = full; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    return err_set(err, -EINVAL, "invalid %s: unknown capability: \"%s\"", key, full);
}

/* The capabilities that a list names; *all when ALL is among them. */
static int read_list(const json_t *host_config, const char *key, uint64_t *mask, bool *all,
                     struct err *err)
{
    *mask = 0;
    *all = false;
    size_t i;
    json_t *item;
    json_array_foreach (json_arr(host_config, key), i, item) {
        const char *name = json_string_value(item);
        if (!name)
            return err_set(err, -EINVAL, "invalid %s: each capability is a string", key);
        unsigned bit;
        if (strcasecmp(name, "ALL") == 0 || strcasecmp(name, "CAP_ALL") == 0)
            *all = true;
        else if (caps_parse(name, &bit) < 0)
            return unknown(key, name, err);
        else
            *mask |= BIT(bit);
    }
    return 0;
}

static void note_missing(uint64_t wanted, uint64_t have, json_t *missing)
{
    for (unsigned i = 0; missing && i < ARRAY_SIZE(names); i++) {
        if (wanted & ~have & BIT(i))
            json_push_str(missing, names[i]);
    }
}

int caps_of(const json_t *host_config, uint64_t *mask, json_t *missing, struct err *err)
{
    uint64_t have = caps_bounding(), add, drop;
    bool add_all, drop_all;
    int r = read_list(host_config, "CapAdd", &add, &add_all, err);
    if (r < 0)
        return r;
    r = read_list(host_config, "CapDrop", &drop, &drop_all, err);
    if (r < 0)
        return r;
    if (json_bool(host_config, "Privileged", false)) {
        *mask = have;
        note_missing(caps_known(), have, missing);
        return 0;
    }
    uint64_t base = drop_all ? 0 : caps_default();
    uint64_t set = add_all ? have : base | add;
    *mask = set & ~drop & have;
    note_missing(add & ~drop, have, missing);
    return 0;
}
