/* SPDX-License-Identifier: Apache-2.0 */
/* diff, export, commit. */
#include "base/json.h"
#include "client/commands.h"
#include "client/http.h"
#include "client/output.h"

static int diff_main(struct client *c, const struct args *a)
{
    json_auto_t *list = NULL;
    _cleanup_(freep) char *path = http_path_1("/containers/%s/changes", a->rest.v[0]);
    if (http_json(c, "GET", path, NULL, &list) < 0)
        return cli_fail(c, 1);
    size_t i;
    const json_t *change;
    json_array_foreach (list, i, change) {
        int64_t kind = json_int(change, "Kind", 0);
        printf("%c %s\n", kind == 1 ? 'A' : kind == 2 ? 'D' : 'C', json_str(change, "Path", ""));
    }
    return 0;
}

static const struct flag no_flags[] = {{NULL}};

const struct cli_command command_diff = {
    .group = "container",
    .name = "diff",
    .top = "diff",
    .usage = "CONTAINER",
    .summary = "Inspect changes to files or directories on a container's filesystem",
    .min = 1,
    .max = 1,
    .about = "A is what was added, C what was changed, D what was deleted.\n",
    .examples = "    berth diff web\n",
    .flags = no_flags,
    .first = COMPLETE_CONTAINER,
    .run = diff_main};

static int export_main(struct client *c, const struct args *a)
{
    struct output o;
    _cleanup_(freep) char *path = http_path_1("/containers/%s/export", a->rest.v[0]);
    int r = output_open(&o, args_str(a, "output", NULL), "Exporting", &c->err);
    if (r == 0)
        r = http_stream(c, "GET", path, output_each, &o);
    return output_close(&o, r, &c->err) < 0 ? cli_fail(c, 1) : 0;
}

static const struct flag export_flags[] = {
    {"output", 'o', FLAG_STRING, "string", "Write to a file, instead of STDOUT",
     .completes = COMPLETE_FILE},
    {NULL},
};

const struct cli_command command_export = {.group = "container",
                                           .name = "export",
                                           .top = "export",
                                           .usage = "[OPTIONS] CONTAINER",
                                           .summary =
                                               "Export a container's filesystem as a tar archive",
                                           .min = 1,
                                           .max = 1,
                                           .examples = "    berth export -o web.tar web\n"
                                                       "    berth export web | tar tf -\n",
                                           .flags = export_flags,
                                           .first = COMPLETE_CONTAINER,
                                           .run = export_main};

static void add_query(struct buf *b, const char *key, const char *value)
{
    _cleanup_(freep) char *escaped = http_escape(value);
    buf_printf(b, "&%s=%s", key, escaped);
}

static int commit_main(struct client *c, const struct args *a)
{
    json_auto_t *out = NULL;
    _cleanup_(freep) char *name = NULL, *tag = NULL;
    const char *change;
    struct buf b = {0};
    bool pause = args_bool_or(a, "pause", true) && !args_bool(a, "no-pause");
    buf_printf(&b, "/commit?pause=%d", pause);
    add_query(&b, "container", a->rest.v[0]);
    add_query(&b, "comment", args_str(a, "message", ""));
    add_query(&b, "author", args_str(a, "author", ""));
    if (a->rest.n > 1) {
        split_reference(a->rest.v[1], &name, &tag);
        add_query(&b, "repo", name);
        add_query(&b, "tag", tag);
    }
    strv_foreach (change, args_list(a, "change"))
        add_query(&b, "changes", change);
    _cleanup_(freep) char *path = buf_steal(&b);
    if (http_json(c, "POST", path, NULL, &out) < 0)
        return cli_fail(c, 1);
    puts(json_str(out, "Id", ""));
    return 0;
}

static const struct flag commit_flags[] = {
    {"author", 'a', FLAG_STRING, "string",
     "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")"},
    {"change", 'c', FLAG_LIST, "list", "Apply Dockerfile instruction to the created image"},
    {"message", 'm', FLAG_STRING, "string", "Commit message"},
    {"no-pause", 0, FLAG_BOOL, "", "Do not pause container during commit"},
    {"pause", 'p', FLAG_BOOL, "", "Pause container during commit (default true)"},
    {NULL},
};

const struct cli_command command_commit = {
    .group = "container",
    .name = "commit",
    .top = "commit",
    .usage = "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    .summary = "Create a new image from a container's changes",
    .min = 1,
    .max = 2,
    .examples = "    berth commit -m 'with vim' web web:vim\n"
                "    berth commit -c 'CMD [\"httpd\"]' web web:2\n",
    .flags = commit_flags,
    .first = COMPLETE_CONTAINER,
    .rest = COMPLETE_IMAGE,
    .run = commit_main};
