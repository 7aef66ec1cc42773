/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers
 *
 * Every answer leaves through reply_queue(), which adds the headers that Docker's daemon always
 * sends.
 */
#include "api/reply.h"

#include <string.h>

#include "api/errors.h"
#include "base/json.h"
#include "base/log.h"
#include "build-config.h"

int reply_queue(struct request *r, unsigned status, const char *type, struct MHD_Response *response)
{
    MHD_add_response_header(response, "Api-Version", API_VERSION_TEXT);
    MHD_add_response_header(response, "Docker-Experimental", "false");
    MHD_add_response_header(response, "Ostype", "linux");
    MHD_add_response_header(response, "Server", "berth/" BERTH_VERSION " (linux)");
    if (type)
        MHD_add_response_header(response, "Content-Type", type);
    log_debug("%s %s: %u", r->method, r->path, status);
    r->result = MHD_queue_response(r->conn, status, response);
    r->replied = true;
    MHD_destroy_response(response);
    return 0;
}

int reply_text(struct request *r, unsigned status, const char *type, char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(text);
        r->replied = true;
        return 0;
    }
    return reply_queue(r, status, type, response);
}

int reply_json(struct request *r, unsigned status, json_t *value)
{
    json_auto_t *own = value;
    _cleanup_(freep) char *text = json_text(own);
    return reply_text(r, status, TYPE_JSON, str_printf("%s\n", text));
}

int reply_empty(struct request *r, unsigned status)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (response)
        return reply_queue(r, status, NULL, response);
    r->replied = true;
    return 0;
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
