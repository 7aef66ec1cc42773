/* SPDX-License-Identifier: MIT */
/*
 * The descriptor: the one symbol that a driver exports
 *
 * ABI policy: a host loads a driver whose major equals its own and refuses any other, naming both. Tables and structs
 * open with `size` and only grow at the end; enums cross as fixed-width integers and unknown values are allowed for. No
 * array of structs crosses the ABI. Who allocated frees. While the major is 0 the surface may change; each change has
 * a line in sdk/CHANGES.
 *
 * Drivers are loaded RTLD_NOW | RTLD_LOCAL, never unloaded. A driver does not fork, exit, handle signals, change
 * directory or locale, and keeps no state outside `self`.
 */
#ifndef BERTH_PLUGIN_H
#define BERTH_PLUGIN_H

#include "berth/host.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BERTH_ABI_MAGIC 0x68747262u /* "brth" */
#define BERTH_ABI_MAJOR 0u
#define BERTH_ABI_MINOR 1u

enum berth_kind {
    BERTH_STORAGE = 1,
    BERTH_NETWORK = 2,
    BERTH_LOG = 3,
    BERTH_VOLUME = 4,
    BERTH_MODULE = 5
};

enum berth_plugin_flags {
    BERTH_SERIALISED = 1u << 0, /* the host never makes two calls on one `self` at once */
};

struct berth_plugin {
    uint32_t magic, abi_major, abi_minor, kind; /* kind: enum berth_kind */
    size_t size;                                /* sizeof(struct berth_plugin) of the driver */
    const char *name;                           /* [a-z0-9][a-z0-9_.-]*, unique within its kind */
    const char
        *aliases; /* other names, separated by spaces; NULL: none. Docker's clients see the first */
    const char *version, *license, *summary;   /* "1.0.0", an SPDX expression, one line */
    uint64_t capabilities;                     /* flags of the kind's header */
    uint32_t flags, reserved;                  /* enum berth_plugin_flags */
    const struct berth_option *const *options; /* NULL-terminated schema; NULL: no options */
    const void *ops;                           /* struct berth_{storage,network,log,volume}_ops */
};

#if defined(__GNUC__)
#define BERTH_EXPORT __attribute__((visibility("default")))
#else
#define BERTH_EXPORT
#endif

/* Defines the descriptor: BERTH_PLUGIN(.kind = BERTH_LOG, .name = "example", …); C only (C++ fills the struct itself). */
#define BERTH_PLUGIN(...)                                                                          \
    BERTH_EXPORT const struct berth_plugin berth_plugin = {.magic = BERTH_ABI_MAGIC,               \
                                                           .abi_major = BERTH_ABI_MAJOR,           \
                                                           .abi_minor = BERTH_ABI_MINOR,           \
                                                           .size = sizeof(struct berth_plugin),    \
                                                           __VA_ARGS__}

extern BERTH_EXPORT const struct berth_plugin berth_plugin;

#ifdef __cplusplus
}
#endif
#endif
