/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls into drivers in progress
 *
 * A call that takes longer than PLUGIN_CALL_LIMIT_MS is reported once, with driver and slot; it is not ended. Also
 * keeps the promise to drivers that ask to be serialised. Around every call of a slot:
 *
 *     PLUGIN_CALL(call, plugin, "layer_create");
 */
#pragma once

#include <stdint.h>

#include "plugin/loader.h"

#define PLUGIN_CALL_LIMIT_MS 10000

/* On the caller's stack. */
struct plugin_call {
    struct plugin_call *prev, *next;
    struct plugin *plugin;
    const char *slot;
    int64_t since_ms;
    bool reported;
};

void plugin_call_begin(struct plugin_call *call, struct plugin *plugin, const char *slot);
void plugin_call_end(struct plugin_call *call);

/* For calls that follow or wait by their nature (a reader that follows a log) no watch is kept: don't use it there. */
#define PLUGIN_CALL(name, plugin, slot)                                                            \
    _cleanup_(plugin_call_end) struct plugin_call name;                                            \
    plugin_call_begin(&name, (plugin), (slot))

/* Tests: another limit, and who is told instead of the log. */
void plugin_call_watch(int64_t limit_ms, void (*report)(const char *driver, const char *slot));
