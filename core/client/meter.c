/* SPDX-License-Identifier: Apache-2.0 */
/* Meters on the terminal. */
#include "client/meter.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "client/format.h"

#define DRAW_AFTER_NS (300 * NS_PER_MS) /* what is over sooner needs none */
#define DRAW_EVERY_NS (100 * NS_PER_MS)
#define RATE_AFTER_NS (500 * NS_PER_MS)

static void add_left(struct buf *b, int64_t seconds)
{
    if (seconds < 60)
        buf_printf(b, "  %llds left", (long long)seconds);
    else if (seconds < 3600)
        buf_printf(b, "  %lldm%02llds left", (long long)(seconds / 60), (long long)(seconds % 60));
    else
        buf_printf(b, "  %lldh%02lldm left", (long long)(seconds / 3600),
                   (long long)(seconds / 60 % 60));
}

char *meter_words(int64_t done, int64_t total, int64_t elapsed_ns)
{
    struct buf b = {0};
    _cleanup_(freep) char *moved = format_size(done);
    buf_adds(&b, moved);
    if (total >= done) {
        _cleanup_(freep) char *all = format_size(total);
        buf_printf(&b, " / %s", all);
    }
    if (elapsed_ns >= RATE_AFTER_NS && done > 0) {
        double rate = (double)done * 1e9 / (double)elapsed_ns;
        _cleanup_(freep) char *speed = format_size((int64_t)rate);
        buf_printf(&b, "  %s/s", speed);
        if (total > done && rate >= 1)
            add_left(&b, (int64_t)((double)(total - done) / rate + 0.999));
    }
    return buf_steal(&b);
}

int64_t meter_total_of(int fd)
{
    struct stat st;
    off_t at = lseek(fd, 0, SEEK_CUR);
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && at >= 0 && at <= st.st_size
               ? st.st_size - at
               : -1;
}

void meter_begin(struct meter *m, const char *label, int64_t total)
{
    if (!m)
        return;
    *m = (struct meter){.total = total, .on = isatty(STDERR_FILENO)};
    snprintf(m->label, sizeof(m->label), "%s", label);
    m->started_ns = time_mono_ns();
}

static void draw(struct meter *m)
{
    int64_t now = time_mono_ns();
    if (!m->on || now - m->started_ns < DRAW_AFTER_NS || now - m->drawn_ns < DRAW_EVERY_NS)
        return;
    _cleanup_(freep) char *words = meter_words(m->done, m->total, now - m->started_ns);
    fprintf(stderr, "\r%s  %s\033[K", m->label, words);
    fflush(stderr);
    m->drawn_ns = now;
}

void meter_total(struct meter *m, int64_t total)
{
    if (m)
        m->total = total;
}

void meter_add(struct meter *m, int64_t bytes)
{
    if (!m)
        return;
    m->done += bytes;
    draw(m);
}

void meter_set(struct meter *m, const char *label, int64_t done, int64_t total)
{
    if (!m)
        return;
    snprintf(m->label, sizeof(m->label), "%s", label);
    m->done = done;
    m->total = total;
    draw(m);
}

void meter_clear(struct meter *m)
{
    if (!m || !m->on || !m->drawn_ns)
        return;
    fprintf(stderr, "\r\033[K");
    fflush(stderr);
    m->drawn_ns = 0;
}
