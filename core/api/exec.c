/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exec
 *
 * The engine keeps DetachKeys as they were given; the API uses them at start and shows them as
 * Docker does, as the base64 of the keys' bytes.
 */
#include <errno.h>
#include <nettle/base64.h>

#include "api/detach.h"
#include "api/hijack.h"
#include "api/reply.h"
#include "api/resources.h"
#include "base/json.h"
#include "engine/engine.h"

int exec_create(struct request *r, struct err *err)
{
    json_auto_t *body = NULL;
    json_t *out = NULL;
    struct detach detach;
    int c = request_json(r, &schema_exec_create, &body, err);
    if (c < 0)
        return c;
    if (json_array_size(json_arr(body, "Cmd")) == 0)
        return err_set(err, -EINVAL, "no exec command specified");
    c = detach_parse(&detach, json_str(body, "DetachKeys", NULL), err);
    if (c == 0)
        c = engine_exec_create(r->engine, r->match.param, body, &out, err);
    return c < 0 ? c : reply_json(r, 201, out);
}

static int console_size(const json_t *body, int64_t *rows, int64_t *cols, struct err *err)
{
    const json_t *size = json_arr(body, "ConsoleSize");
    *rows = *cols = 0;
    if (!size || json_array_size(size) == 0)
        return 0;
    if (json_array_size(size) != 2)
        return err_set(err, -EINVAL, "invalid value for ConsoleSize: expected [height, width]");
    *rows = json_integer_value(json_array_get(size, 0));
    *cols = json_integer_value(json_array_get(size, 1));
    return 0;
}

/* Docker has switched to the stream when it learns that the program cannot be started: the words
 * are in there, and the exit code is in the exec's state. */
static int exec_attach(struct request *r, bool tty, int64_t rows, int64_t cols, struct err *err)
{
    json_auto_t *state = NULL;
    struct detach detach;
    int fd = -1;
    int c = engine_exec_inspect(r->engine, r->match.param, &state, err);
    if (c == 0)
        c = detach_parse(&detach, json_str(state, "DetachKeys", NULL), err);
    if (c < 0)
        return c;
    c = engine_exec_start(r->engine, r->match.param, tty, rows, cols, &fd, err);
    if (c == -ENOEXEC) {
        _cleanup_(freep) char *words = xstrdup(err_msg(err));
        return reply_hijack_words(r, tty, words, err);
    }
    return c < 0 ? c : reply_hijack(r, fd, tty, &detach, err);
}

int exec_start(struct request *r, struct err *err)
{
    json_auto_t *body = NULL;
    int64_t rows, cols;
    int c = request_json(r, &schema_exec_start, &body, err);
    if (c == 0)
        c = console_size(body, &rows, &cols, err);
    if (c < 0)
        return c;
    bool tty = json_bool(body, "Tty", false);
    if (!json_bool(body, "Detach", false))
        return exec_attach(r, tty, rows, cols, err);
    c = engine_exec_start(r->engine, r->match.param, tty, rows, cols, NULL, err);
    return c < 0 ? c : reply_empty(r, 200);
}

static void detach_keys_encode(json_t *state)
{
    struct detach d = {0};
    const char *spec = json_str(state, "DetachKeys", "");
    char text[BASE64_ENCODE_RAW_LENGTH(DETACH_KEYS_MAX) + 1] = "";
    if (*spec && detach_parse(&d, spec, NULL) == 0) {
        base64_encode_raw(text, d.n, d.keys);
        text[BASE64_ENCODE_RAW_LENGTH(d.n)] = '\0';
    }
    json_put_str(state, "DetachKeys", text);
}

int exec_inspect(struct request *r, struct err *err)
{
    json_t *out = NULL;
    int c = engine_exec_inspect(r->engine, r->match.param, &out, err);
    if (c < 0)
        return c;
    detach_keys_encode(out);
    return reply_json(r, 200, out);
}

int exec_resize(struct request *r, struct err *err)
{
    int64_t rows, cols;
    int c = query_int(r, "h", 0, &rows, err);
    if (c == 0)
        c = query_int(r, "w", 0, &cols, err);
    if (c == 0)
        c = engine_exec_resize(r->engine, r->match.param, rows, cols, err);
    return c < 0 ? c : reply_empty(r, 200);
}
