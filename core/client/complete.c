/* SPDX-License-Identifier: Apache-2.0 */
/* Completion of a command line. */
#include "client/complete.h"

#include "base/json.h"
#include "client/help.h"
#include "client/http.h"

/* Where the line stands, seen from its last word. */
struct line {
    int argc;
    char *const *argv;
    const char *word;              /* that is being typed */
    const struct cli_command *cmd; /* NULL: it is not named yet */
    const char *group;             /* named, and no command of it yet */
    const struct flag *wants;      /* the flag that the word is the value of */
    int positional;                /* how many stand before it */
    bool flags_ended;              /* by "--", or by what the command is to run */
};

static void add(struct completion *c, const struct line *l, const char *word, const char *about)
{
    if (str_after(word, l->word))
        strv_addf(&c->out, about ? "%s\t%s" : "%s", word, about);
}

static const struct flag *find(const struct flag *f, const char *name, size_t n, char letter)
{
    for (; f && f->name; f++)
        if (name ? strlen(f->name) == n && strncmp(f->name, name, n) == 0 : f->letter == letter)
            return f;
    return NULL;
}

static const struct flag *find_long(const struct line *l, const char *name, size_t n)
{
    const struct flag *f = find(l->cmd ? l->cmd->flags : cli_global_flags, name, n, 0);
    return f || !l->cmd ? f : find(l->cmd->more, name, n, 0);
}

static const struct flag *find_short(const struct line *l, char letter)
{
    const struct flag *f = find(l->cmd ? l->cmd->flags : cli_global_flags, NULL, 0, letter);
    return f || !l->cmd ? f : find(l->cmd->more, NULL, 0, letter);
}

/* The flag in this word whose value is the next word; NULL: there is none, or it has its value with it. */
static const struct flag *flag_that_wants(const struct line *l, const char *word)
{
    const struct flag *f = NULL;
    if (word[1] == '-') {
        f = strchr(word, '=') ? NULL : find_long(l, word + 2, strlen(word + 2));
        return f && f->kind != FLAG_BOOL ? f : NULL;
    }
    for (const char *s = word + 1; *s; s++) {
        f = find_short(l, *s);
        if (f && f->kind != FLAG_BOOL)
            return s[1] ? NULL : f;
    }
    return NULL;
}

static void read_word(struct line *l, const char *word)
{
    if (!l->flags_ended && word[0] == '-' && word[1]) {
        l->flags_ended = str_eq(word, "--");
        l->wants = l->flags_ended ? NULL : flag_that_wants(l, word);
        return;
    }
    if (l->cmd) {
        l->positional++;
        l->flags_ended = l->flags_ended || l->cmd->stop_at_first;
        return;
    }
    int used;
    char *const words[] = {(char *)(uintptr_t)l->group, (char *)(uintptr_t)word, NULL};
    const struct cli_command *cmd =
        l->group ? cli_find(2, words, &used) : cli_find(1, words + 1, &used);
    if (cmd)
        l->cmd = cmd;
    else if (!l->group && cli_group(word))
        l->group = cli_group(word)->name;
}

static void read_line(struct line *l)
{
    for (int i = 0; i + 1 < l->argc; i++) {
        if (l->wants)
            l->wants = NULL;
        else
            read_word(l, l->argv[i]);
    }
}

static void add_commands(struct completion *c, const struct line *l)
{
    size_t n, ngroups;
    const struct cli_command *const *all = cli_commands(&n);
    const struct cli_group *groups = cli_groups(&ngroups);
    for (size_t i = 0; i < n; i++) {
        const char *name = !l->group                         ? all[i]->top
                           : str_eq(all[i]->group, l->group) ? all[i]->name
                                                             : NULL;
        if (name && !all[i]->hidden)
            add(c, l, name, all[i]->summary);
    }
    for (size_t i = 0; !l->group && i < ngroups; i++)
        add(c, l, groups[i].name, groups[i].summary);
    if (!l->group)
        add(c, l, "help", "Help on a command");
}

static void add_flags(struct completion *c, const struct line *l)
{
    size_t n;
    _cleanup_(freep) const struct flag **list =
        flags_sorted(l->cmd ? l->cmd->flags : cli_global_flags, l->cmd ? l->cmd->more : NULL, &n);
    for (size_t i = 0; i < n; i++) {
        _cleanup_(freep) char *name = str_printf("--%s", list[i]->name);
        add(c, l, name, list[i]->help);
    }
    add(c, l, "--help", "Help on the command");
}

static json_t *ask(struct completion *c, const char *path)
{
    _cleanup_(err_fini) struct err err = {0};
    json_t *answer = NULL;
    if (c->client && http_json_from(c->client, "GET", path, NULL, &answer, &err) < 0)
        answer = NULL;
    return answer;
}

static bool is_up(const json_t *container)
{
    const char *state = json_str(container, "State", "");
    return str_eq(state, "running") || str_eq(state, "paused") || str_eq(state, "restarting");
}

static void add_containers(struct completion *c, const struct line *l, enum completes what,
                           const char *behind)
{
    json_auto_t *list = ask(c, "/containers/json?all=1");
    size_t i;
    const json_t *o;
    json_array_foreach (list, i, o) {
        const char *name = json_string_value(json_array_get(json_arr(o, "Names"), 0));
        if (!name || (what == COMPLETE_RUNNING && !is_up(o)) ||
            (what == COMPLETE_STOPPED && is_up(o)))
            continue;
        _cleanup_(freep) char *word = str_printf("%s%s", name + (*name == '/'), behind);
        add(c, l, word, json_str(o, "Image", NULL));
    }
}

static void add_images(struct completion *c, const struct line *l)
{
    json_auto_t *list = ask(c, "/images/json");
    size_t i, k;
    const json_t *o, *tag;
    json_array_foreach (list, i, o)
        json_array_foreach (json_arr(o, "RepoTags"), k, tag)
            add(c, l, json_string_value(tag), NULL);
}

static void add_named(struct completion *c, const struct line *l, const json_t *list)
{
    size_t i;
    const json_t *o;
    json_array_foreach ((json_t *)(uintptr_t)list, i, o)
        add(c, l, json_str(o, "Name", ""), json_str(o, "Driver", NULL));
}

static void add_objects(struct completion *c, const struct line *l, enum completes what)
{
    json_auto_t *answer = NULL;
    switch (what) {
    case COMPLETE_CONTAINER:
    case COMPLETE_RUNNING:
    case COMPLETE_STOPPED:
        add_containers(c, l, what, "");
        break;
    case COMPLETE_CONTAINER_PATH:
        add_containers(c, l, COMPLETE_CONTAINER, ":");
        c->then = c->out.n ? "nospace" : "files";
        break;
    case COMPLETE_IMAGE:
        add_images(c, l);
        break;
    case COMPLETE_VOLUME:
        answer = ask(c, "/volumes");
        add_named(c, l, json_arr(answer, "Volumes"));
        break;
    case COMPLETE_NETWORK:
        answer = ask(c, "/networks");
        add_named(c, l, answer);
        break;
    case COMPLETE_FILE:
        c->then = "files";
        break;
    case COMPLETE_DIRECTORY:
        c->then = "directories";
        break;
    case COMPLETE_COMMAND:
        add_commands(c, l);
        break;
    default:
        break;
    }
}

/* Words that end with = or , or : are not all of a value. */
static void add_value(struct completion *c, const struct line *l, const struct flag *f)
{
    _cleanup_(strv_fini) struct strv words = {0};
    const char *word;
    strv_split(&words, f->words ? f->words : "", " ");
    strv_foreach (word, &words) {
        add(c, l, word, NULL);
        if (strchr("=,:", word[strlen(word) - 1]))
            c->then = "nospace";
    }
    add_objects(c, l, f->completes);
}

/* --name=valu: the candidates have the flag with them. */
static bool add_joined_value(struct completion *c, struct line *l)
{
    const char *eq = strchr(l->word, '=');
    const struct flag *f =
        eq && l->word[1] == '-' ? find_long(l, l->word + 2, (size_t)(eq - l->word - 2)) : NULL;
    if (!f)
        return false;
    struct strv before = c->out;
    const char *whole = l->word;
    c->out = (struct strv){0};
    l->word = eq + 1;
    add_value(c, l, f);
    struct strv values = c->out;
    c->out = before;
    l->word = whole;
    for (size_t i = 0; i < values.n; i++)
        strv_addf(&c->out, "%.*s%s", (int)(eq + 1 - whole), whole, values.v[i]);
    strv_fini(&values);
    return true;
}

void complete_words(struct completion *c, int argc, char *const *argv)
{
    struct line l = {.argc = argc, .argv = argv, .word = argc > 0 ? argv[argc - 1] : ""};
    c->then = "";
    read_line(&l);
    if (l.wants)
        add_value(c, &l, l.wants);
    else if (!l.flags_ended && l.word[0] == '-') {
        if (!add_joined_value(c, &l))
            add_flags(c, &l);
    } else if (!l.cmd)
        add_commands(c, &l);
    else if (l.cmd->max < 0 || l.positional < l.cmd->max)
        add_objects(c, &l, l.positional == 0 ? l.cmd->first : l.cmd->rest);
}

void completion_fini(struct completion *c)
{
    strv_fini(&c->out);
}

void complete_split(const char *line, struct strv *words)
{
    struct buf word = {0};
    char quote = '\0';
    bool any = false;
    for (const char *s = line; *s; s++) {
        if (quote && *s == quote) {
            quote = '\0';
        } else if (!quote && (*s == '\'' || *s == '"')) {
            quote = *s;
            any = true;
        } else if (*s == '\\' && quote != '\'' && s[1]) {
            buf_addc(&word, *++s);
        } else if (!quote && (*s == ' ' || *s == '\t')) {
            if (word.len || any)
                strv_take(words, buf_steal(&word));
            any = false;
        } else {
            buf_addc(&word, *s);
        }
    }
    strv_take(words, buf_steal(&word));
}
