/* SPDX-License-Identifier: Apache-2.0 */
/* Answers. All return 0 and send; handlers end with `return reply_…`. */
#pragma once

#include <jansson.h>

#include "api/request.h"

#define TYPE_JSON        "application/json"
#define TYPE_RAW         "application/vnd.docker.raw-stream"
#define TYPE_MULTIPLEXED "application/vnd.docker.multiplexed-stream"

/* Takes the value over. */
int reply_json(struct request *r, unsigned status, json_t *value);
/* Takes the text over. */
int reply_text(struct request *r, unsigned status, const char *type, char *text);
int reply_empty(struct request *r, unsigned status);
/* {"message": …} with the status of `code`. */
int reply_error(struct request *r, int code, const struct err *err);
/* Sends Docker's headers and `extra` (lines with their ends, or NULL), and of `body` what `length`
 * says (connection.h). type NULL: none. */
int reply_send(struct request *r, unsigned status, const char *type, const char *extra,
               int64_t length, const char *body);
/* How Docker calls the stream of a container: since 1.42 multiplexed ones have a name of their own.
 */
const char *reply_stream_type(const struct request *r, bool tty);
