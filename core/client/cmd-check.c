/* SPDX-License-Identifier: Apache-2.0 */
/* system check: whether rows, kernel and files fit; the exit code tells. */
#include "base/json.h"
#include "client/commands.h"
#include "client/format.h"
#include "client/http.h"

#define EXIT_FOUND    1
#define EXIT_NO_CHECK 2

static bool is_open(const json_t *finding)
{
    return !json_bool(finding, "Repaired", false);
}

static size_t count_open(const json_t *report)
{
    size_t i, n = 0;
    const json_t *finding;
    json_array_foreach (json_arr(report, "Findings"), i, finding)
        n += is_open(finding);
    return n;
}

static const char *outcome(const json_t *finding, bool repair)
{
    if (!is_open(finding))
        return " (repaired)";
    if (!json_bool(finding, "Repairable", false))
        return "";
    return repair ? " (not repaired)" : " (can be repaired)";
}

static void print_report(const json_t *report, bool repair)
{
    const json_t *checked = json_obj(report, "Checked");
    size_t i;
    const json_t *finding;
    const char *what;
    json_t *n;
    json_array_foreach (json_arr(report, "Findings"), i, finding) {
        const char *error = json_str(finding, "Error", "");
        printf("%s %s: %s%s%s%s\n", json_str(finding, "Kind", ""), json_str(finding, "Object", ""),
               json_str(finding, "Message", ""), outcome(finding, repair), *error ? ": " : "",
               error);
    }
    printf("Checked:");
    json_object_foreach ((json_t *)checked, what, n)
        printf(" %lld %s,", (long long)json_integer_value(n), what);
    printf(" %zu findings", json_array_size(json_arr(report, "Findings")));
    if (repair)
        printf(", %zu left", count_open(report));
    printf("\n");
    if (json_int(report, "Busy", 0) > 0)
        printf("Busy with a verb and left out: %lld\n", (long long)json_int(report, "Busy", 0));
}

static int check_main(struct client *c, const struct args *a)
{
    json_auto_t *report = NULL;
    bool repair = args_bool(a, "repair"), deep = args_bool(a, "deep");
    const char *format = args_str(a, "format", NULL);
    _cleanup_(freep) char *path = str_printf("/berth/system/check?repair=%d&deep=%d", repair, deep);
    if (http_json(c, repair ? "POST" : "GET", path, NULL, &report) < 0)
        return cli_fail(c, EXIT_NO_CHECK);
    if (!format)
        print_report(report, repair);
    else if (format_one(format, report, true, &c->err) < 0)
        return cli_fail(c, EXIT_NO_CHECK);
    return count_open(report) > 0 ? EXIT_FOUND : 0;
}

static const struct flag check_flags[] = {
    {"deep", 0, FLAG_BOOL, "", "Also read every blob and index"},
    {"format", 'f', FLAG_STRING, "string", "Format output: json, TEMPLATE"},
    {"repair", 0, FLAG_BOOL, "", "Make right what can be without deleting data"},
    {NULL},
};

const struct cli_command command_check = {
    .group = "system",
    .name = "check",
    .top = NULL,
    .usage = "[OPTIONS]",
    .summary = "Hold the database against kernel and files (exit code 0: all fits, 1: it does not, "
               "2: could not be checked)",
    .min = 0,
    .max = 0,
    .flags = check_flags,
    .examples = "    berth system check --repair\n",
    .run = check_main};
