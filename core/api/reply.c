/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers
 *
 * Every answer leaves through reply_send(), which adds the headers that Docker's daemon always
 * sends.
 */
#include "api/reply.h"

#include <string.h>

#include "api/errors.h"
#include "base/json.h"
#include "base/log.h"
#include "build-config.h"

int reply_send(struct request *r, unsigned status, const char *type, const char *extra,
               int64_t length, const char *body)
{
    static const char always[] =
        "Api-Version: " API_VERSION_TEXT "\r\nDocker-Experimental: false\r\nOstype: linux\r\n"
        "Server: berth/" BERTH_VERSION " (linux)\r\n";
    _cleanup_(buf_fini) struct buf lines = {0};
    buf_adds(&lines, always);
    if (extra)
        buf_adds(&lines, extra);
    if (r->extra && status == 200)
        buf_adds(&lines, r->extra);
    if (type)
        buf_printf(&lines, "Content-Type: %s\r\n", type);
    log_debug("%s %s: %u", r->method, r->path, status);
    r->replied = true;
    connection_answer(r->conn, status, lines.s, length, body);
    return 0;
}

int reply_text(struct request *r, unsigned status, const char *type, char *text)
{
    _cleanup_(freep) char *own = text;
    return reply_send(r, status, type, NULL, (int64_t)strlen(own), own);
}

int reply_json(struct request *r, unsigned status, json_t *value)
{
    json_auto_t *own = value;
    _cleanup_(freep) char *text = json_text(own);
    return reply_text(r, status, TYPE_JSON, str_printf("%s\n", text));
}

int reply_empty(struct request *r, unsigned status)
{
    bool bare = status == 204 || status == 304; /* which have no body by definition */
    return reply_send(r, status, NULL, NULL, bare ? LENGTH_NONE : 0, NULL);
}

int reply_error(struct request *r, int code, const struct err *err)
{
    unsigned status = error_status(code);
    if (status == 304)
        return reply_empty(r, status);
    if (status == 500)
        log_error("%s %s: %s", r->method, r->path, err_msg(err));
    json_t *body = json_object();
    json_put_str(body, "message", err_msg(err));
    return reply_json(r, status, body);
}

const char *reply_stream_type(const struct request *r, bool tty)
{
    return tty || r->match.version < 42 ? TYPE_RAW : TYPE_MULTIPLEXED;
}
