/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates over a container: what docker's client printed of the same answer
 *
 * argv: formats-container.json, the answer; formats.recorded, lines of ["template", "output"], where an output that begins with "!" is
 * an error's words. Go names no column of a template that it cannot read; ours are compared without it.
 */
#include "../unit.h"

#include <stdio.h>

#include "base/fs.h"
#include "base/json.h"
#include "capture.h"
#include "client/format.h"
#include "client/types.h"

static const char *container_path, *recorded_path;

static json_t *read_json(const char *path)
{
    return json_load_file(path, 0, NULL);
}

/* "template: :1:7: words" → "template: :1: words" */
static char *without_column(const char *words)
{
    const char *at = str_after(words, "template: :"), *end = at ? strchr(at, ':') : NULL;
    const char *rest = end ? end + 1 + strspn(end + 1, "0123456789") : NULL;
    return rest && *rest == ':' ? str_printf("template: :%.*s%s", (int)(end - at), at, rest)
                                : xstrdup(words);
}

static char *ours(const char *format, json_t *container, bool syntax)
{
    _cleanup_(err_fini) struct err err = {0};
    struct capture c;
    capture_begin(&c, STDOUT_FILENO);
    int r = format_inspect(format, container, &go_container_inspect, &err);
    char *text = capture_end(&c);
    if (r == 0) {
        text[strlen(text) - 1] = '\0';
        return text;
    }
    free(text);
    const char *words = str_after(err_msg(&err), "template parsing error: ");
    assert_non_null(words);
    _cleanup_(freep) char *plain = syntax ? without_column(words) : xstrdup(words);
    return str_printf("!%s", plain);
}

/* Words in which Go speaks of its own insides. */
static bool is_gos_own(const char *output)
{
    return strstr(output, "template: template:") != NULL;
}

static void formats_print_what_dockers_client_printed(void **state)
{
    json_auto_t *container = read_json(container_path);
    FILE *f = fopen(recorded_path, "re");
    char *line = NULL;
    size_t cap = 0, n = 0, differ = 0;
    assert_non_null(container);
    assert_non_null(f);
    while (getline(&line, &cap, f) > 0) {
        json_auto_t *pair = json_loads(line, 0, NULL);
        const char *format = json_string_value(json_array_get(pair, 0)),
                   *want = json_string_value(json_array_get(pair, 1));
        assert_true(format && want);
        _cleanup_(freep) char *got = ours(format, container, !strstr(want, ": executing \""));
        n++;
        if (strcmp(got, want) == 0 || is_gos_own(want))
            continue;
        differ++;
        print_error("%s\n  docker: %s\n  berth:  %s\n", format, want, got);
    }
    free(line);
    fclose(f);
    assert_true(n > 150);
    assert_int_equal(differ, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_print_what_dockers_client_printed),
    };
    if (argc != 3)
        return 1;
    container_path = argv[1];
    recorded_path = argv[2];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
