/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syslog
 *
 * Sends a container's output to a syslog server, in the forms and over the transports of Docker's driver. A server that
 * is not there is no reason not to start a container: it may be another container.
 */
#include <stdio.h>

#include "berth/log.h"
#include "common/attrs.h"
#include "common/util.h"
#include "address.h"
#include "format.h"
#include "link.h"

struct syslog_log {
    const struct berth_host *host;
    struct link *link;
    struct formatter formatter;
    bool octets; /* RFC 5425: each message after its length */
    struct buf out;
};

static void syslog_close(void *p)
{
    struct syslog_log *log = p;
    if (!log)
        return;
    link_free(log->link);
    formatter_fini(&log->formatter);
    buf_fini(&log->out);
    free(log);
}

static void syslog_closep(struct syslog_log **log)
{
    syslog_close(*log);
}

struct words {
    struct berth_err base;
    struct buf text;
};

static void words_set(struct berth_err *err, int32_t code, const char *fmt, va_list ap)
{
    char text[512];
    struct words *w = (struct words *)err;
    (void)code;
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    w->text.n = 0;
    if (n >= 0)
        buf_add(&w->text, text, strlen(text) + 1);
}

static void connect_first(struct syslog_log *log)
{
    struct words w = {.base = {.size = sizeof(struct berth_err), .set = words_set}};
    if (link_begin(log->link, &w.base) < 0)
        berth_log(log->host, BERTH_LOG_WARN, "syslog: %s; it is tried again with each output",
                  w.text.p ? w.text.p : "");
    buf_fini(&w.text);
}

static int syslog_open(const struct berth_log_info *info, void **out, struct berth_err *err)
{
    _cleanup_(address_fini) struct address address = {0};
    _cleanup_(syslog_closep) struct syslog_log *log = calloc(1, sizeof(*log));
    if (!log)
        return berth_err_set(err, -ENOMEM, "out of memory");
    log->host = info->host;
    int r = address_parse(berth_opt_str(info->options, "syslog-address", ""), &address, err);
    if (r == 0)
        r = formatter_init(&log->formatter, info, err);
    if (r == 0)
        r = link_new(&address, info->options, &log->link, err);
    if (r < 0)
        return r;
    log->octets = address.transport == SYSLOG_TLS && log->formatter.format >= FORMAT_RFC5424;
    connect_first(log);
    *out = log;
    log = NULL;
    return 0;
}

static void add_framed(struct syslog_log *log, const struct berth_log_record *rec)
{
    if (!log->octets) {
        formatter_add(&log->formatter, rec, &log->out);
        buf_add(&log->out, "\n", 1);
        return;
    }
    _cleanup_(buf_fini) struct buf message = {0};
    formatter_add(&log->formatter, rec, &message);
    log->out.failed |= message.failed;
    buf_addf(&log->out, "%zu ", message.n);
    buf_add(&log->out, message.p ? message.p : "", message.n);
}

static int send_out(struct syslog_log *log, struct berth_err *err)
{
    if (log->out.failed) {
        buf_fini(&log->out);
        return berth_err_set(err, -ENOMEM, "out of memory");
    }
    int r = log->out.n ? link_send(log->link, log->out.p, log->out.n, err) : 0;
    log->out.n = 0;
    return r;
}

/* A whole batch is one stream of messages; datagrams go one by one, and the first that fails ends it. */
static int syslog_write(void *p, const struct berth_log_record *const *records, size_t n,
                        struct berth_err *err)
{
    struct syslog_log *log = p;
    int r = link_connect(log->link, err); /* tells stream from datagram */
    for (size_t i = 0; i < n && r == 0; i++) {
        if (link_is_datagram(log->link)) {
            formatter_add(&log->formatter, records[i], &log->out);
            r = send_out(log, err);
        } else {
            add_framed(log, records[i]);
        }
    }
    if (r == 0)
        r = send_out(log, err);
    log->out.n = 0;
    return r;
}

static int syslog_check(const struct berth_options *o, struct berth_err *err)
{
    _cleanup_(address_fini) struct address address = {0};
    _cleanup_(buf_fini) struct buf expanded = {0};
    unsigned facility;
    int r = address_parse(berth_opt_str(o, "syslog-address", ""), &address, err);
    if (r == 0)
        r = facility_parse(berth_opt_str(o, "syslog-facility", "daemon"), &facility, err);
    if (r == 0)
        r = tag_expand(berth_opt_str(o, "tag", ""), NULL, &expanded, err);
    if (r < 0)
        return r;
    if (!*berth_opt_str(o, "syslog-tls-cert", "") != !*berth_opt_str(o, "syslog-tls-key", ""))
        return berth_err_set(err, -EINVAL,
                             "syslog-tls-cert and syslog-tls-key must be given together");
    return 0;
}

static const char *const modes[] = {"blocking", "non-blocking", NULL};
static const char *const formats[] = {"", "rfc3164", "rfc5424", "rfc5424micro", NULL};

#define OPTION(var, ...)                                                                           \
    static const struct berth_option var = {.size = sizeof(struct berth_option),                   \
                                            .flags = BERTH_OPT_DAEMON | BERTH_OPT_OBJECT,          \
                                            __VA_ARGS__}

OPTION(opt_address, .name = "syslog-address", .type = BERTH_OPT_STRING,
       .help = "unix://PATH, unixgram://PATH, udp://H:P, tcp://H:P, tcp+tls://H:P; else /dev/log");
OPTION(opt_facility, .name = "syslog-facility", .type = BERTH_OPT_STRING, .dflt = "daemon",
       .help = "Facility, by name or number");
OPTION(opt_format, .name = "syslog-format", .type = BERTH_OPT_ENUM, .dflt = "", .choices = formats,
       .help = "Form of the messages; empty: as local programs write them");
OPTION(opt_ca, .name = "syslog-tls-ca-cert", .type = BERTH_OPT_STRING,
       .help = "File of the authorities that the server's certificate may be signed by");
OPTION(opt_cert, .name = "syslog-tls-cert", .type = BERTH_OPT_STRING,
       .help = "File of the certificate to show the server");
OPTION(opt_key, .name = "syslog-tls-key", .type = BERTH_OPT_STRING,
       .help = "File of that certificate's key");
OPTION(opt_skip, .name = "syslog-tls-skip-verify", .type = BERTH_OPT_BOOL, .dflt = "false",
       .help = "Take any certificate of the server's");
OPTION(opt_timeout, .name = "syslog-timeout", .type = BERTH_OPT_DURATION, .dflt = "800ms",
       .min = 100000000, .max = 60000000000,
       .help = "How long connecting or sending may take; then the messages at hand are lost");
OPTION(opt_tag, .name = "tag", .type = BERTH_OPT_STRING,
       .help = "Name of the program in the messages, as {{.Name}}/{{.ID}}");
OPTION(opt_labels, .name = "labels", .type = BERTH_OPT_STRING,
       .help = "Labels to send with each line in the rfc5424 forms, separated by commas");
OPTION(opt_env, .name = "env", .type = BERTH_OPT_STRING,
       .help = "Variables to send with each line in the rfc5424 forms, separated by commas");
OPTION(opt_mode, .name = "mode", .type = BERTH_OPT_ENUM, .dflt = "blocking", .choices = modes,
       .help = "What happens when the log falls behind: the container waits, or lines are dropped");
OPTION(opt_buffer, .name = "max-buffer-size", .type = BERTH_OPT_SIZE, .dflt = "1m", .min = 1,
       .max = 1 << 30, .help = "Lines held in mode non-blocking");

static const struct berth_option *const syslog_options[] = {
    &opt_address, &opt_facility, &opt_format, &opt_ca,  &opt_cert, &opt_key,    &opt_skip,
    &opt_timeout, &opt_tag,      &opt_labels, &opt_env, &opt_mode, &opt_buffer, NULL};

static const struct berth_log_ops syslog_ops = {
    .size = sizeof(struct berth_log_ops),
    .open = syslog_open,
    .write = syslog_write,
    .close = syslog_close,
    .check = syslog_check,
};

BERTH_PLUGIN(.kind = BERTH_LOG, .name = DRIVER_PREFIX "syslog", .version = "1.0.0",
             .license = "Apache-2.0", .summary = "Messages to a syslog server",
             .options = syslog_options, .ops = &syslog_ops);
