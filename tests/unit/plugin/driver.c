/* SPDX-License-Identifier: Apache-2.0 */
/* A log driver that writes nothing, built in several broken ways: each -D spoils one thing. */
#include <berth/log.h>

static int open_log(const struct berth_log_info *info, void **log, struct berth_err *err)
{
    *log = NULL;
    return 0;
}

__attribute__((unused)) static int
write_log(void *log, const struct berth_log_record *const *records, size_t n, struct berth_err *err)
{
    return 0;
}

static void close_log(void *log)
{
}

#ifdef LARGER
struct larger_ops {
    struct berth_log_ops ops;
    int (*of_a_newer_sdk)(void *log);
};
static const struct larger_ops ops = {
    .ops = {.size = sizeof(ops), .open = open_log, .write = write_log, .close = close_log}};
#else
static const struct berth_log_ops ops = {
#ifdef SMALL_OPS
    .size = offsetof(struct berth_log_ops, close),
#else
    .size = sizeof(ops),
#endif
    .open = open_log,
#ifndef NO_WRITE
    .write = write_log,
#endif
    .close = close_log};
#endif

static const struct berth_option bad_option = {.size = sizeof(bad_option),
                                               .name = "n",
                                               .type = BERTH_OPT_INT,
                                               .flags = BERTH_OPT_OBJECT,
                                               .dflt = "many"};
static const struct berth_option *const bad_schema[] = {&bad_option, NULL};
#ifdef BAD_DEFAULT
#define SCHEMA bad_schema
#else
#define SCHEMA (bad_schema + 1)
#endif

#ifndef NAME
#define NAME "plain"
#endif
#ifndef KIND
#define KIND BERTH_LOG
#endif
#ifndef MAGIC
#define MAGIC BERTH_ABI_MAGIC
#endif
#ifndef MAJOR
#define MAJOR BERTH_ABI_MAJOR
#endif
#ifndef SIZE
#define SIZE sizeof(struct berth_plugin)
#endif
#ifndef SYMBOL
#define SYMBOL berth_plugin
#endif
#ifndef CAPABILITIES
#define CAPABILITIES 0
#endif

#ifdef LARGER
struct larger_plugin {
    struct berth_plugin plugin;
    const char *of_a_newer_sdk;
};
#define berth_plugin larger_plugin_symbol
BERTH_EXPORT const struct larger_plugin newer __asm__("berth_plugin");
const struct larger_plugin newer = {{MAGIC, MAJOR, BERTH_ABI_MINOR + 1, KIND,
                                     sizeof(struct larger_plugin), NAME, "pl other", "1.0.0", "MIT",
                                     "", 0, 0, 0, SCHEMA, &ops},
                                    "more"};
#else
extern BERTH_EXPORT const struct berth_plugin SYMBOL;
const struct berth_plugin SYMBOL = {
    MAGIC, MAJOR, BERTH_ABI_MINOR, KIND, SIZE, NAME,   NULL, "1.0.0",
    "MIT", "",    CAPABILITIES,    0,    0,    SCHEMA, &ops};
#endif
