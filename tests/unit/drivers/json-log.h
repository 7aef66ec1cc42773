/* SPDX-License-Identifier: Apache-2.0 */
/* A log of the json-file driver under test: opened, written, read. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fakehost.h"

#define T0 1700000000000000000 /* 2023-11-14T22:13:20Z */

struct fixture {
    const struct berth_plugin *plugin;
    const struct berth_log_ops *ops;
    struct fake_options options;
    struct fake_host host;
    struct fake_err err;
    struct berth_log_info info;
    void *log;
};

struct got {
    pthread_mutex_t lock;
    pthread_cond_t more;
    char text[1 << 16];
    int n, stop_at;
};

/* Opens with these options from now on. */
void use(struct fixture *f, const char *const *given);
int json_log_setup(void **state);
int json_log_teardown(void **state);
void open_log(struct fixture *f);
void close_log(struct fixture *f);
/* What the driver answers. */
int put_record(struct fixture *f, struct berth_log_record rec);
void put(struct fixture *f, const char *line, size_t n, int64_t time_ns);
/* "line N", a second apart from T0. */
void put_numbers(struct fixture *f, int from, int to);
void path_of(struct fixture *f, const char *suffix, char out[512]);
/* The file with that suffix; static memory; NULL where there is none. */
char *slurp(struct fixture *f, const char *suffix);
/* Past the driver, as another writer would. */
void append_raw(struct fixture *f, const char *data, size_t n);
/* A reader: joins the lines with "|". */
int collect(void *ctx, const struct berth_log_record *rec);
struct got *got_new(void);
struct berth_log_query query_all(void);
void assert_read(struct fixture *f, struct berth_log_query q, const char *expected);
void assert_tail(struct fixture *f, int64_t tail, const char *expected);
