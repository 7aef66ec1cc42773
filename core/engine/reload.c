/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reload
 *
 * A new configuration is checked against the drivers and then put in place at once; what only a new daemon can take is told. Readers hold
 * pointers into the old one, so it is kept until the engine closes.
 */
#include <errno.h>

#include "base/json.h"
#include "base/log.h"
#include "config/config.h"
#include "engine/drivers.h"
#include "engine/internal.h"

static json_t *notes_of(const json_t *diff)
{
    json_t *notes = json_array();
    for (size_t i = 0; i < json_array_size(diff); i++) {
        const json_t *d = json_array_get(diff, i);
        if (!json_bool(d, "restart", false))
            continue;
        _cleanup_(freep) char *text =
            str_printf("%s: takes effect when berthd is started again", json_str(d, "key", ""));
        json_push_str(notes, text);
    }
    return notes;
}

int engine_reload(struct engine *e, struct config *config, json_t **notes, struct err *err)
{
    _cleanup_(config_freep) struct config *fresh = config;
    int r = drivers_check(e->registry, fresh, err);
    if (r < 0)
        return r;
    json_auto_t *diff = config_diff(engine_config(e), fresh);
    *notes = notes_of(diff);
    pthread_mutex_lock(&e->lock);
    e->retired = xrealloc(e->retired, (e->n_retired + 1) * sizeof(*e->retired));
    e->retired[e->n_retired++] = e->config;
    e->config = steal_ptr(&fresh);
    pthread_mutex_unlock(&e->lock);
    event_publish(e->events, "daemon", "reload", state_instance(e->state), NULL);
    return 0;
}
