/* SPDX-License-Identifier: Apache-2.0 */
/* stats. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "client/commands.h"
#include "client/format.h"
#include "client/stats-feed.h"
#include "client/stats-row.h"
#include "client/user-config.h"

#define TOGETHER_MS 100 /* what comes within that is drawn at once */
#define SCREEN      (64 << 10)

static const struct column columns[] = {
    {"Container", "CONTAINER"},
    {"ID", "CONTAINER ID"},
    {"Name", "NAME"},
    {"CPUPerc", "CPU %"},
    {"MemUsage", "MEM USAGE / LIMIT"},
    {"MemPerc", "MEM %"},
    {"NetIO", "NET I/O"},
    {"BlockIO", "BLOCK I/O"},
    {"PIDs", "PIDS"},
    {NULL, NULL},
};

static int print_rows(struct stats_feed *f, const struct args *a)
{
    json_auto_t *rows = json_array();
    for (size_t i = 0; i < f->n; i++)
        json_push_take(rows, stats_row(f->v[i]->ref, f->v[i]->line, args_bool(a, "no-trunc")));
    struct list_format format = {
        .format = list_format(f->client, a, "statsFormat"),
        .columns = columns,
        .type = "*container.statsContext",
        .dflt = "table "
                "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{."
                "BlockIO}}\t{{.PIDs}}",
    };
    return format_list(&format, rows, &f->client->err);
}

/* From the top of the terminal's window, over what stands there. */
static int draw(struct stats_feed *f, const struct args *a, bool terminal)
{
    if (terminal)
        fputs("\033[H\033[J", stdout);
    int r = print_rows(f, a);
    f->news = false;
    return r == 0 && fflush(stdout) != 0 ? -EPIPE : r;
}

/* Nobody reads any more: that is no error of ours. */
static int watch(struct stats_feed *f, const struct args *a)
{
    bool terminal = isatty(STDOUT_FILENO);
    int64_t due = 0;
    int r = 0;
    if (terminal)
        fputs("\033[2J", stdout);
    while (r == 0 && !stats_feed_over(f)) {
        int64_t left = due ? (due - time_mono_ns()) / NS_PER_MS : -1;
        r = due && left <= 0 ? 0 : stats_feed_wait(f, -1, (int)left);
        if (r == 0 && due && time_mono_ns() >= due) {
            r = draw(f, a, terminal);
            due = 0;
        }
        if (f->news && !due)
            due = time_mono_ns() + TOGETHER_MS * NS_PER_MS;
    }
    return r;
}

static int look_once(struct stats_feed *f, const struct args *a)
{
    int r = 0;
    while (r == 0 && !stats_feed_over(f))
        r = stats_feed_wait(f, -1, -1);
    return r == 0 ? print_rows(f, a) : r;
}

static int stats_main(struct client *c, const struct args *a)
{
    struct stats_feed feed;
    bool once = args_bool(a, "no-stream");
    setvbuf(stdout, NULL, _IOFBF, SCREEN);
    int r = stats_feed_open(&feed, c, &a->rest, !once, args_bool(a, "all"));
    if (r == 0)
        r = once ? look_once(&feed, a) : watch(&feed, a);
    stats_feed_close(&feed);
    if (r == -EPIPE && !c->err.code)
        return 128 + SIGPIPE;
    return r < 0 ? cli_fail(c, 1) : 0;
}

static const struct flag stats_flags[] = {
    {"all", 'a', FLAG_BOOL, "", "Show all containers (default shows just running)"},
    {"format", 0, FLAG_STRING, "string", "Format output: table, table TEMPLATE, json, TEMPLATE"},
    {"no-stream", 0, FLAG_BOOL, "", "Disable streaming stats and only pull the first result"},
    {"no-trunc", 0, FLAG_BOOL, "", "Do not truncate output"},
    {NULL},
};

const struct cli_command command_stats = {
    .group = "container",
    .name = "stats",
    .top = "stats",
    .usage = "[OPTIONS] [CONTAINER...]",
    .summary = "Display a live stream of container(s) resource usage statistics",
    .min = 0,
    .max = -1,
    .flags = stats_flags,
    .examples = "    berth stats\n    berth stats --no-stream --format '{{.Name}} {{.MemUsage}}'\n",
    .first = COMPLETE_RUNNING,
    .rest = COMPLETE_RUNNING,
    .run = stats_main};
