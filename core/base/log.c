/* SPDX-License-Identifier: Apache-2.0 */
/* The program's own log. */
#include "base/log.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

static struct {
    const char *program;
    int level;
    bool json;
} sink = {"berth", LOG_INFO, false};

#define INHERITED "BERTH_LOG" /* "warn json" */

/* A pipe takes a long line in pieces. */
static pthread_mutex_t line_lock = PTHREAD_MUTEX_INITIALIZER;

static const char *const words[] = {"debug", "info", "warn", "error"};

void log_setup(const char *program, enum log_level level, bool json)
{
    sink.program = program;
    log_set_level(level);
    log_set_json(json);
}

void log_setup_inherited(const char *program)
{
    enum log_level level = LOG_INFO;
    const char *given = getenv(INHERITED);
    _cleanup_(strv_fini) struct strv parts = {0};
    strv_split(&parts, given ? given : "", " ");
    if (parts.n > 0)
        (void)log_level_parse(parts.v[0], &level);
    log_setup(program, level, parts.n > 1 && str_eq(parts.v[1], "json"));
}

char *log_variable(void)
{
    return str_printf(INHERITED "=%s %s", words[__atomic_load_n(&sink.level, __ATOMIC_RELAXED)],
                      __atomic_load_n(&sink.json, __ATOMIC_RELAXED) ? "json" : "text");
}

void log_environment(struct strv *out)
{
    for (char **v = environ; *v; v++)
        if (!str_after(*v, INHERITED "="))
            strv_add(out, *v);
    strv_take(out, log_variable());
}

void log_set_level(enum log_level level)
{
    __atomic_store_n(&sink.level, (int)level, __ATOMIC_RELAXED);
}

void log_set_json(bool json)
{
    __atomic_store_n(&sink.json, json, __ATOMIC_RELAXED);
}

int log_level_parse(const char *word, enum log_level *out)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (!str_eq(word, words[i]))
            continue;
        *out = (enum log_level)i;
        return 0;
    }
    return -EINVAL;
}

static char *json_line(const char *now, enum log_level level, const char *msg)
{
    _cleanup_(freep) char *text = str_to_utf8(msg, strlen(msg));
    json_t *o = json_pack("{ss ss ss ss}", "time", now, "level", words[level], "program",
                          sink.program, "msg", text);
    char *line = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    return line ? line : xstrdup("{}");
}

/* A message stays one line whatever is in it. */
static void flatten(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = ' ';
}

static void write_line(const char *line, size_t n)
{
    pthread_mutex_lock(&line_lock);
    while (n > 0) {
        ssize_t done = write(STDERR_FILENO, line, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            break; /* nobody is left who could be told */
        line += done;
        n -= (size_t)done;
    }
    pthread_mutex_unlock(&line_lock);
}

void log_vat(enum log_level level, const char *fmt, va_list ap)
{
    if ((int)level < __atomic_load_n(&sink.level, __ATOMIC_RELAXED))
        return;
    int saved = errno;
    _cleanup_(freep) char *msg = str_vprintf(fmt, ap);
    flatten(msg);
    char now[TIME_RFC3339_MAX];
    time_format(time_now_ns(), now);
    _cleanup_(freep) char *line = NULL;
    if (__atomic_load_n(&sink.json, __ATOMIC_RELAXED)) {
        _cleanup_(freep) char *j = json_line(now, level, msg);
        line = str_printf("%s\n", j);
    } else {
        line = str_printf("%s %-5s %s: %s\n", now, words[level], sink.program, msg);
    }
    write_line(line, strlen(line));
    errno = saved;
}

void log_at(enum log_level level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    log_vat(level, fmt, ap);
    va_end(ap);
}
