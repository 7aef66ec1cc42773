/* SPDX-License-Identifier: Apache-2.0 */
/* top, port. */
#include <errno.h>
#include <unistd.h>

#include "base/json.h"
#include "build-config.h"
#include "client/commands.h"
#include "client/format.h"
#include "client/http.h"

#define TOP_WIDTH 20 /* of a column at least, as docker has it */
#define TOP_GAP   3

static void measure(const json_t *fields, size_t *widths, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++) {
        const char *s = json_string_value(json_array_get(fields, i));
        widths[i] = MAX(widths[i], display_width(s ? s : "") + TOP_GAP);
    }
}

static void print_fields(const json_t *fields, const size_t *widths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *s = json_string_value(json_array_get(fields, i));
        printf("%s", s ? s : "");
        if (i + 1 < n)
            printf("%*s", (int)(widths[i] - display_width(s ? s : "")), "");
    }
    putchar('\n');
}

static void print_top(const json_t *answer)
{
    const json_t *titles = json_arr(answer, "Titles"), *rows = json_arr(answer, "Processes"), *row;
    size_t n = json_array_size(titles), i;
    _cleanup_(freep) size_t *widths = xcalloc(n + 1, sizeof(*widths));
    for (i = 0; i < n; i++)
        widths[i] = TOP_WIDTH;
    measure(titles, widths, n);
    json_array_foreach (rows, i, row)
        measure(row, widths, n);
    print_fields(titles, widths, n);
    json_array_foreach (rows, i, row)
        print_fields(row, widths, n);
}

/* The live view of all containers takes our place. */
static int view_all(struct client *c)
{
    const char *view = BERTH_LIBEXECDIR "/berth-top";
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        err_set(&c->err, -ENOTTY,
                "the view of all containers needs a terminal; name a container for its processes");
    else if (execl(view, "berth-top", BERTH_BINDIR "/berth", c->host, NULL) < 0)
        err_errno(&c->err, -errno, "the view of all containers, %s", view);
    return cli_fail(c, 1);
}

static int top_main(struct client *c, const struct args *a)
{
    if (a->rest.n == 0)
        return view_all(c);
    json_auto_t *answer = NULL;
    _cleanup_(strv_fini) struct strv words = {0};
    for (size_t i = 1; i < a->rest.n; i++)
        strv_add(&words, a->rest.v[i]);
    _cleanup_(freep) char *joined = words.n ? strv_join(&words, " ") : xstrdup("");
    _cleanup_(freep) char *args = http_escape(joined);
    _cleanup_(freep) char *path = http_path_1("/containers/%s/top", a->rest.v[0]);
    _cleanup_(freep) char *url = str_printf("%s?ps_args=%s", path, args);
    if (http_json(c, "GET", url, NULL, &answer) < 0)
        return cli_fail(c, 1);
    print_top(answer);
    return 0;
}

static const struct flag no_flags[] = {{NULL}};

const struct cli_command command_top = {
    .group = "container",
    .name = "top",
    .top = "top",
    .usage = "[CONTAINER [ps OPTIONS]]",
    .summary = "Display the running processes of a container, or all containers live",
    .min = 0,
    .max = -1,
    .stop_at_first = true,
    .flags = no_flags,
    .about =
        "The host's ps lists the processes: what follows the container are its options, '-ef' "
        "where\n"
        "there are none. Without a container it is a view of all that run, which follows their "
        "numbers:\n"
        "c, m, n, b, p and a sort by CPU, memory, network, block devices, processes and name (once "
        "more\n"
        "turns the order), l shows the selected one's log, s, r and k stop, restart and kill it.\n",
    .examples = "All containers, live:\n    berth top\nThe processes of one:\n    berth "
                "top web -o pid,rss,args\n",
    .first = COMPLETE_RUNNING,
    .run = top_main};

/* --- port */
static int compare_natural(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

static void add_bindings(struct strv *lines, const char *port, json_t *bindings)
{
    size_t i;
    const json_t *b;
    json_array_foreach (bindings, i, b) {
        const char *ip = json_str(b, "HostIp", "");
        _cleanup_(freep) char *left = port ? str_printf("%s -> ", port) : xstrdup("");
        strv_addf(lines, strchr(ip, ':') ? "%s[%s]:%s" : "%s%s:%s", left, ip,
                  json_str(b, "HostPort", ""));
    }
}

/* "80" or "80/udp" as the API's key. */
static int port_key(const char *word, char **out, struct err *err)
{
    int64_t number;
    _cleanup_(freep) char *digits = xstrndup(word, strcspn(word, "/"));
    const char *slash = strchr(word, '/');
    if (parse_i64(digits, 0, UINT16_MAX, &number) < 0)
        return err_set(err, -EINVAL, "invalid port (%s): a number up to %d would be right", digits,
                       UINT16_MAX);
    *out = str_printf("%s/%s", digits, slash && slash[1] ? slash + 1 : "tcp");
    return 0;
}

static int port_lines(const struct args *a, const json_t *ports, struct strv *lines,
                      struct err *err)
{
    const char *word = a->rest.n > 1 ? a->rest.v[1] : NULL, *key;
    _cleanup_(freep) char *wanted = NULL;
    json_t *bindings;
    if (!word) {
        json_object_foreach ((json_t *)(uintptr_t)ports, key, bindings)
            add_bindings(lines, key, bindings);
        return 0;
    }
    int r = port_key(word, &wanted, err);
    if (r < 0)
        return r;
    add_bindings(lines, NULL, json_arr(ports, wanted));
    if (lines->n == 0)
        return err_set(err, -ENOENT, "No public port '%s' published for %s", word, a->rest.v[0]);
    return 0;
}

static int port_main(struct client *c, const struct args *a)
{
    json_auto_t *v = NULL;
    _cleanup_(strv_fini) struct strv lines = {0};
    _cleanup_(freep) char *path = http_path_1("/containers/%s/json", a->rest.v[0]);
    int r = http_json(c, "GET", path, NULL, &v);
    if (r == 0)
        r = port_lines(a, json_obj(json_obj(v, "NetworkSettings"), "Ports"), &lines, &c->err);
    if (r < 0)
        return cli_fail(c, 1);
    if (lines.n)
        qsort(lines.v, lines.n, sizeof(*lines.v), compare_natural);
    for (size_t i = 0; i < lines.n; i++)
        puts(lines.v[i]);
    return 0;
}

const struct cli_command command_port = {
    .group = "container",
    .name = "port",
    .top = "port",
    .usage = "CONTAINER [PRIVATE_PORT[/PROTO]]",
    .summary = "List port mappings or a specific mapping for the container",
    .min = 1,
    .max = 2,
    .flags = no_flags,
    .examples = "    berth port web\n    berth port web 53/udp\n",
    .first = COMPLETE_CONTAINER,
    .run = port_main};
