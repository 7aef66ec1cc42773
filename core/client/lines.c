/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of progress. */
#include "client/lines.h"

#include <errno.h>
#include <stdio.h>

#include "base/json.h"
#include "client/client.h"

#define LINE_MAX_ (1u << 20)

static void keep(char **slot, const char *words)
{
    if (!words)
        return;
    free(*slot);
    *slot = xstrdup(words);
}

static void show(struct lines *l, const json_t *v, const char *status)
{
    const json_t *detail = json_obj(v, "progressDetail");
    int64_t total = json_int(detail, "total", 0);
    if (!l->meter || total <= 0)
        return;
    _cleanup_(freep) char *label = str_printf("%s: %s", json_str(v, "id", ""), status);
    meter_set(l->meter, label, json_int(detail, "current", 0), total);
}

static void take(struct lines *l)
{
    json_auto_t *v = NULL;
    if (l->line.len == 0 || json_parse(l->line.s, l->line.len, &v, NULL) < 0)
        return;
    const char *status = json_str(v, "status", NULL), *words = json_str(v, "stream", NULL);
    if (status && json_obj(v, "progressDetail"))
        show(l, v, status);
    else
        keep(&l->status, status);
    keep(&l->error, json_str(v, "error", NULL));
    if (words) {
        meter_clear(l->meter);
        fputs(words, stdout);
        fflush(stdout);
    }
}

int lines_data(void *ctx, const char *data, size_t n)
{
    struct lines *l = ctx;
    for (size_t i = 0; i < n; i++) {
        if (data[i] == '\n') {
            take(l);
            buf_reset(&l->line);
        } else if (l->line.len < LINE_MAX_) {
            buf_addc(&l->line, data[i]);
        }
    }
    return 0;
}

int lines_end(struct client *c, struct lines *l, int r)
{
    lines_data(l, "\n", 1);
    meter_end(l->meter);
    if (r == 0 && l->error)
        r = err_set(&c->err, -EIO, "%s", l->error);
    if (r == 0 && l->status && !l->quiet)
        puts(l->status);
    buf_fini(&l->line);
    free(l->status);
    free(l->error);
    return r;
}
