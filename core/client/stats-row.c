/* SPDX-License-Identifier: Apache-2.0 */
/* What docker's client shows of a container's statistics. */
#include "client/stats-row.h"

#include "base/json.h"
#include "base/str.h"
#include "client/format.h"

static double cpu_percent(const json_t *line)
{
    const json_t *now = json_obj(line, "cpu_stats"), *was = json_obj(line, "precpu_stats");
    const json_t *usage = json_obj(now, "cpu_usage");
    int64_t used =
        json_int(usage, "total_usage", 0) - json_int(json_obj(was, "cpu_usage"), "total_usage", 0);
    int64_t passed = json_int(now, "system_cpu_usage", 0) - json_int(was, "system_cpu_usage", 0);
    int64_t cpus = json_int(now, "online_cpus", 0);
    if (cpus == 0)
        cpus = (int64_t)json_array_size(json_arr(usage, "percpu_usage"));
    return used > 0 && passed > 0 ? (double)used / (double)passed * (double)cpus * 100 : 0;
}

/* The member of v1 is looked for first: v2 has none of that name. */
static int64_t memory_used(const json_t *memory)
{
    int64_t usage = json_int(memory, "usage", 0);
    const json_t *stats = json_obj(memory, "stats");
    int64_t cache = json_int(stats, "total_inactive_file", -1);
    if (cache < 0 || cache >= usage)
        cache = json_int(stats, "inactive_file", 0);
    return cache < usage ? usage - cache : usage;
}

static void add_networks(const json_t *line, struct stats_numbers *out)
{
    const char *name;
    json_t *o;
    json_object_foreach (json_obj(line, "networks"), name, o) {
        out->received += json_int(o, "rx_bytes", 0);
        out->sent += json_int(o, "tx_bytes", 0);
    }
}

static void add_blocks(const json_t *line, struct stats_numbers *out)
{
    size_t i;
    const json_t *o;
    json_array_foreach (json_arr(json_obj(line, "blkio_stats"), "io_service_bytes_recursive"), i,
                        o) {
        char op = json_str(o, "op", " ")[0];
        if (op == 'r' || op == 'R')
            out->read += json_int(o, "value", 0);
        if (op == 'w' || op == 'W')
            out->written += json_int(o, "value", 0);
    }
}

void stats_numbers_of(const json_t *line, struct stats_numbers *out)
{
    const json_t *memory = json_obj(line, "memory_stats");
    *out = (struct stats_numbers){
        .cpu_percent = cpu_percent(line),
        .memory = memory_used(memory),
        .memory_limit = json_int(memory, "limit", 0),
        .pids = json_int(json_obj(line, "pids_stats"), "current", 0),
    };
    if (out->memory_limit > 0)
        out->memory_percent = (double)out->memory / (double)out->memory_limit * 100;
    add_networks(line, out);
    add_blocks(line, out);
}

static void put_pair(json_t *row, const char *field, int64_t a, int64_t b,
                     char *(*format)(int64_t bytes))
{
    _cleanup_(freep) char *left = format(a), *right = format(b);
    json_put_strf(row, field, "%s / %s", left, right);
}

static void put_unknown(json_t *row)
{
    static const char *const fields[] = {"Name",  "ID",      "CPUPerc", "MemPerc",
                                         "NetIO", "BlockIO", "PIDs"};
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        json_put_str(row, fields[i], "--");
    json_put_str(row, "MemUsage", "-- / --");
}

json_t *stats_row(const char *ref, const json_t *line, bool whole_id)
{
    struct stats_numbers n;
    json_t *row = json_object();
    json_put_str(row, "Container", ref);
    if (!line) {
        put_unknown(row);
        return row;
    }
    stats_numbers_of(line, &n);
    const char *name = json_str(line, "name", "");
    json_put_strf(row, "ID", whole_id ? "%s" : "%.12s", json_str(line, "id", ""));
    json_put_str(row, "Name", name[0] == '/' ? name + 1 : name);
    json_put_strf(row, "CPUPerc", "%.2f%%", n.cpu_percent);
    json_put_strf(row, "MemPerc", "%.2f%%", n.memory_percent);
    json_put_strf(row, "PIDs", "%lld", (long long)n.pids);
    put_pair(row, "MemUsage", n.memory, n.memory_limit, format_size_binary);
    put_pair(row, "NetIO", n.received, n.sent, format_size);
    put_pair(row, "BlockIO", n.read, n.written, format_size);
    return row;
}
