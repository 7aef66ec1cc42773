/* SPDX-License-Identifier: Apache-2.0 */
/* A record as a syslog message. */
#include "format.h"

#include <stdio.h>
#include <time.h>

#include "common/util.h"
#include "address.h"

enum severity { SEVERITY_ERR = 3, SEVERITY_INFO = 6 };

void formatter_fini(struct formatter *f)
{
    free(f->tag);
    free(f->hostname);
    buf_fini(&f->data);
    *f = (struct formatter){0};
}

/* RFC 5424, 6.3.3: names of at most 32 printable characters, in values three characters are escaped. */
static void add_param(struct buf *out, const struct attr *a)
{
    buf_add(out, " ", 1);
    for (size_t i = 0; a->key[i] && i < 32; i++) {
        bool bad = a->key[i] <= ' ' || a->key[i] > '~' || strchr("=]\"", a->key[i]);
        buf_add(out, bad ? "_" : &a->key[i], 1);
    }
    buf_add(out, "=\"", 2);
    for (const char *p = a->value; *p; p++) {
        if (strchr("\"\\]", *p))
            buf_add(out, "\\", 1);
        buf_add(out, p, 1);
    }
    buf_add(out, "\"", 1);
}

static int add_data(struct formatter *f, const struct berth_log_info *info, struct berth_err *err)
{
    _cleanup_(attrs_fini) struct attrs attrs = {0};
    bool any = false;
    int r = attrs_collect(info, &attrs, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < attrs.n; i++) {
        if (strcmp(attrs.list[i].key, "tag") == 0)
            continue; /* it has a field of its own */
        /* 32473 is the number that RFC 5612 sets aside for whoever has none */
        buf_adds(&f->data, any ? "" : "[attrs@32473");
        add_param(&f->data, &attrs.list[i]);
        any = true;
    }
    buf_add(&f->data, any ? "]" : "-", 2);
    return f->data.failed ? berth_err_set(err, -ENOMEM, "out of memory") : 0;
}

static enum syslog_format format_of(const char *name)
{
    return strcmp(name, "rfc3164") == 0        ? FORMAT_RFC3164
           : strcmp(name, "rfc5424") == 0      ? FORMAT_RFC5424
           : strcmp(name, "rfc5424micro") == 0 ? FORMAT_RFC5424_MICRO
                                               : FORMAT_LOCAL;
}

int formatter_init(struct formatter *f, const struct berth_log_info *info, struct berth_err *err)
{
    const struct berth_options *o = info->options;
    _cleanup_(buf_fini) struct buf tag = {0};
    *f = (struct formatter){.format = format_of(berth_opt_str(o, "syslog-format", ""))};
    int r = facility_parse(berth_opt_str(o, "syslog-facility", "daemon"), &f->facility, err);
    const char *template = berth_opt_str(o, "tag", "");
    if (r == 0)
        r = tag_expand(*template ? template : "{{.ID}}", info, &tag, err);
    if (r < 0)
        return r;
    f->tag = strndup(tag.p ? tag.p : "", tag.n);
    f->hostname = strdup(info->hostname && *info->hostname ? info->hostname : "-");
    if (!f->tag || !f->hostname)
        return berth_err_set(err, -ENOMEM, "out of memory");
    return add_data(f, info, err);
}

static void add_rfc5424(const struct formatter *f, const struct berth_log_record *rec,
                        const char *stamp, struct buf *out)
{
    char fraction[16] = "";
    if (f->format == FORMAT_RFC5424_MICRO)
        snprintf(fraction, sizeof(fraction), ".%06d", (int)(rec->time_ns % 1000000000 / 1000));
    buf_addf(out, "1 %s%sZ %s %s %d %s %s ", stamp, fraction, f->hostname, f->tag, (int)getpid(),
             f->tag, f->data.p);
}

void formatter_add(const struct formatter *f, const struct berth_log_record *rec, struct buf *out)
{
    char stamp[64];
    struct tm tm = {0};
    time_t t = (time_t)(rec->time_ns / 1000000000);
    bool rfc5424 = f->format >= FORMAT_RFC5424;
    if (rfc5424)
        gmtime_r(&t, &tm);
    else
        localtime_r(&t, &tm);
    strftime(stamp, sizeof(stamp), rfc5424 ? "%Y-%m-%dT%H:%M:%S" : "%b %e %H:%M:%S", &tm);
    buf_addf(out, "<%u>",
             f->facility * 8 + (rec->stream == BERTH_STDERR ? SEVERITY_ERR : SEVERITY_INFO));
    if (rfc5424)
        add_rfc5424(f, rec, stamp, out);
    else if (f->format == FORMAT_RFC3164)
        buf_addf(out, "%s %s %s[%d]: ", stamp, f->hostname, f->tag, (int)getpid());
    else
        buf_addf(out, "%s %s[%d]: ", stamp, f->tag, (int)getpid());
    buf_add(out, rec->line, rec->len);
}
