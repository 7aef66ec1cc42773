/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/json.h"
#include "client/template/template.h"

static const char data_text[] =
    "{\"Name\":\"web\",\"Id\":\"abc123\",\"N\":7,\"F\":1.5,\"Yes\":true,\"No\":false,\"Nil\":null,"
    "\"Empty\":[],"
    "\"List\":[\"a\",\"b\",\"c\"],\"Map\":{\"z\":1,\"k\":\"v\"},\"State\":{\"Running\":true,"
    "\"Pid\":42},"
    "\"Ports\":{\"80/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"8080\"}]}}";

/* The output, or the words of the error in angle brackets. */
static char *run(const char *text, bool strict)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(template_freep) struct template *t = NULL;
    json_auto_t *data = json_loads(data_text, 0, NULL);
    struct buf out = {0};
    struct template_env env = {.missing_is_error = strict};
    int r = template_parse(text, &t, &err);
    if (r == 0)
        r = template_exec(t, &env, data, &out, &err);
    if (r < 0) {
        buf_fini(&out);
        return str_printf("!%s", err_msg(&err));
    }
    return buf_steal(&out);
}

static void check(const char *const (*cases)[2], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        _cleanup_(freep) char *got = run(cases[i][0], false);
        if (strcmp(got, cases[i][1]) != 0)
            print_error("template %s\n", cases[i][0]);
        assert_string_equal(got, cases[i][1]);
    }
}

static void values_print_as_gos(void **state)
{
    static const char *const cases[][2] = {
        {"plain", "plain"},
        {"{{.Name}}/{{.N}}/{{.F}}", "web/7/1.5"},
        {"{{.List}} {{.Map}}", "[a b c] map[k:v z:1]"},
        {"{{.Yes}} {{.Nil}} {{.Missing}}", "true <no value> <no value>"},
        {"{{.State.Pid}}", "42"},
        {"{{ $.Name }}", "web"},
        {"{{\"a\\tb\"}}{{`c\\d`}}{{'x'}}", "a\tbc\\d120"},
        {"{{true}} {{1.50}} {{0x10}} {{-3}}", "true 1.5 16 -3"},
        {"{{(index .Ports \"80/tcp\")}}", "[map[HostIp:0.0.0.0 HostPort:8080]]"}};
    check(cases, ARRAY_SIZE(cases));
}

static void pipelines_and_functions_work(void **state)
{
    static const char *const cases[][2] = {
        {"{{.List | join \", \"}}", "!template: :1:15: executing \"\" at <\", \">: can't handle "
                                    "\", \" for arg of type []string"},
        {"{{join .List \", \"}}", "a, b, c"},
        {"{{json .Map}}", "{\"z\":1,\"k\":\"v\"}"},
        {"{{.Map | json}}", "{\"z\":1,\"k\":\"v\"}"},
        {"{{(index (index .Ports \"80/tcp\") 0).HostPort}}", "8080"},
        {"{{index .List 1}}", "b"},
        {"{{len .List}}{{len .Name}}", "33"},
        {"{{slice .Name 1 2}}", "e"},
        {"{{upper .Name}}{{lower \"ABC\"}}{{title \"ab cd\"}}", "WEBabcAb Cd"},
        {"{{split \"a:b:c\" \":\"}}", "[a b c]"},
        {"{{pad .Name 1 2}}|", " web  |"},
        {"{{truncate .Id 3}}", "abc"},
        {"{{println .Name 1}}", "web 1\n"},
        {"{{print 1 2 \"a\" \"b\" 3}}", "1 2ab3"},
        {"{{eq .N 7}} {{eq .Name \"a\" \"web\"}} {{ne 1 2}} {{lt 1 2}} {{ge .F 1.5}}",
         "true true true true true"},
        {"{{and .Yes .Name}} {{or .No \"x\"}} {{not .No}} {{and .No (index .List 99)}}",
         "web x true false"},
        {"{{html \"<a>\"}} {{urlquery \"a b/c\"}}", "&lt;a&gt; a+b%2Fc"}};
    check(cases, ARRAY_SIZE(cases));
}

static void printf_follows_gos_verbs(void **state)
{
    static const char *const cases[][2] = {
        {"{{printf \"%s-%d-%v\" .Name .N .List}}", "web-7-[a b c]"},
        {"{{printf \"%-6s|%6s|%06d\" .Name .Name .N}}", "web   |   web|000007"},
        {"{{printf \"%q %x %t %%\" .Name 255 .Yes}}", "\"web\" ff true %"},
        {"{{printf \"%.2f %5.1f\" .F .F}}", "1.50   1.5"},
        {"{{printf \"%d\" .Name}}", "%!d(string=web)"},
        {"{{printf \"%+d %x %X %o %b %c %U\" 5 255 255 8 5 65 65}}", "+5 ff FF 10 101 A U+0041"},
        {"{{printf \"%v %v %v %v\" 100.0 1234567.0 0.00001 1e21}}", "100 1.234567e+06 1e-05 1e+21"},
        {"{{printf \"%*d|%-4d|%[2]d %[1]d\" 3 7 8}}", "  7|8   |7 3"},
        {"{{printf \"%!|%z|%\" 1}}", "%!!(int=1)|%!z(MISSING)|%!(NOVERB)"},
        {"{{printf \"%d\" .List}}", "[%!d(string=a) %!d(string=b) %!d(string=c)]"},
        {"{{printf \"%s\"}}", "%!s(MISSING)"},
        {"{{printf \"x\" 1}}", "x%!(EXTRA int=1)"},
        {"{{.N | printf \"%03d\"}}", "007"},
        {"{{printf \"%.2s\" .Name}}", "we"}};
    check(cases, ARRAY_SIZE(cases));
}

static void control_structures_work(void **state)
{
    static const char *const cases[][2] = {
        {"{{if .Yes}}y{{else}}n{{end}}{{if .Nil}}y{{else if .N}}N{{else}}n{{end}}", "yN"},
        {"{{range .List}}<{{.}}>{{else}}none{{end}}{{range .Empty}}x{{else}}none{{end}}",
         "<a><b><c>none"},
        {"{{range $i, $v := .List}}{{$i}}{{$v}}{{end}}", "0a1b2c"},
        {"{{range $k, $v := .Map}}{{$k}}={{$v}};{{end}}", "k=v;z=1;"},
        {"{{range .List}}{{if eq . \"b\"}}{{continue}}{{end}}{{.}}{{end}}", "ac"},
        {"{{range .List}}{{if eq . \"b\"}}{{break}}{{end}}{{.}}{{end}}", "a"},
        {"{{with .State}}{{.Pid}}{{$.Name}}{{end}}{{with .Nil}}x{{else}}y{{end}}", "42weby"},
        {"{{$x := 1}}{{range .List}}{{$x = .}}{{end}}{{$x}}", "c"},
        {"{{define \"t\"}}[{{.}}]{{end}}{{template \"t\" .Name}}{{template \"t\" .N}}", "[web][7]"},
        {"{{block \"b\" .Name}}({{.}}){{end}}", "(web)"},
        {"a {{- /* gone */ -}} b", "ab"},
        {"a {{- .Name -}} b", "awebb"},
        {"{{range 3}}{{.}}{{end}}", "012"},
        {"{{range $p, $c := .Ports}}{{$p}}{{range $c}}{{.HostPort}}{{end}}{{end}}", "80/tcp8080"}};
    check(cases, ARRAY_SIZE(cases));
}

static void errors_point_at_their_place(void **state)
{
    static const char *const cases[][2] = {
        {"{{.Name", "!template: :1:0: unclosed action"},
        {"{{end}}", "!template: :1:5: unexpected {{end}}"},
        {"{{nosuch .}}", "!template: :1:2: function \"nosuch\" not defined"},
        {"{{$x}}", "!template: :1:2: undefined variable \"$x\""},
        {"{{if .Yes}}", "!template: :1:2: unexpected EOF"},
        {"ab\n{{|}}", "!template: :2:2: unexpected \"|\" in command"},
        {"ab\n{{ }}", "!template: :2:3: missing value for command"},
        {"{{\"abc}}", "!template: :1:2: unterminated quoted string"},
        {"{{break}}", "!template: :1:2: {{break}} outside {{range}}"},
        {"{{.Name!}}", "!template: :1:7: bad character U+0021 '!'"},
        {"{{(.Name}}", "!template: :1:8: unclosed left paren"},
        {"{{.Name)}}", "!template: :1:7: unexpected right paren"},
        {"{{.Name.First}}", "!template: :1:7: executing \"\" at <.Name.First>: can't evaluate "
                            "field First in type interface {}"},
        {"{{.Map.k.x.y}}", "!template: :1:6: executing \"\" at <.Map.k.x.y>: can't evaluate "
                           "field x in type interface {}"},
        {"{{.Nil.x}}",
         "!template: :1:6: executing \"\" at <.Nil.x>: nil pointer evaluating interface {}.x"},
        {"{{index .List 9}}", "!template: :1:2: executing \"\" at <index .List 9>: error calling "
                              "index: index out of range: 9"},
        {"{{template \"x\"}}", "!template: :1:11: executing \"\" at <{{template \"x\"}}>: template "
                               "\"x\" not defined"},
        {"{{range .Name}}{{end}}",
         "!template: :1:8: executing \"\" at <.Name>: range can't iterate over web"},
        {"{{define \"r\"}}{{template \"r\"}}{{end}}{{template \"r\"}}",
         "!template: :1:25: executing \"\" at <{{template \"r\"}}>: exceeded maximum template "
         "depth "
         "(100)"}};
    check(cases, ARRAY_SIZE(cases));
    _cleanup_(freep) char *strict = run("{{.NoSuch}}", true);
    assert_string_equal(
        strict,
        "!template: :1:2: executing \"\" at <.NoSuch>: map has no entry for key \"NoSuch\"");
}

static void nesting_is_bounded(void **state)
{
    struct buf b = {0};
    buf_adds(&b, "{{");
    for (int i = 0; i < 100000; i++)
        buf_addc(&b, '(');
    buf_adds(&b, "}}");
    _cleanup_(freep) char *parens = buf_steal(&b), *got = run(parens, false);
    assert_non_null(strstr(got, "nested more than"));
    for (int i = 0; i < 1000; i++)
        buf_adds(&b, "{{if .Yes}}");
    _cleanup_(freep) char *ifs = buf_steal(&b), *got2 = run(ifs, false);
    assert_non_null(strstr(got2, "nested more than"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_print_as_gos),
        cmocka_unit_test(pipelines_and_functions_work),
        cmocka_unit_test(printf_follows_gos_verbs),
        cmocka_unit_test(control_structures_work),
        cmocka_unit_test(errors_point_at_their_place),
        cmocka_unit_test(nesting_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
