/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer to an HTTP health check
 *
 * It comes from the container and may be anything: only the status line and Content-Length are read, and nothing is believed beyond
 * the bytes that are there.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct http_answer {
    int status;     /* 100 … 599 */
    size_t line;    /* length of the status line, without its end */
    size_t head;    /* bytes up to the body */
    int64_t length; /* of the body; -1: not told */
};

/* 1: the head is whole, 0: more of it has to come, -EBADMSG: this is no HTTP answer. */
int http_answer_read(const char *data, size_t n, struct http_answer *out);
