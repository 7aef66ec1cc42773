/* SPDX-License-Identifier: Apache-2.0 */
/* Platforms. */
#include "image/platform.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/json.h"
#include "base/str.h"

void platform_fini(struct platform *p)
{
    free(p->os);
    free(p->arch);
    free(p->variant);
    *p = (struct platform){0};
}

const char *platform_arch(const char *machine)
{
    static const char *const names[][2] = {
        {"x86_64", "amd64"},        {"aarch64", "arm64"}, {"armv7l", "arm"},
        {"armv6l", "arm"},          {"i686", "386"},      {"i386", "386"},
        {"ppc64le", "ppc64le"},     {"s390x", "s390x"},   {"riscv64", "riscv64"},
        {"loongarch64", "loong64"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (str_eq(machine, names[i][0]))
            return names[i][1];
    return machine;
}

void platform_host(struct platform *out)
{
    struct utsname u = {0};
    uname(&u);
    *out = (struct platform){xstrdup("linux"), xstrdup(platform_arch(u.machine)), xstrdup("")};
}

int platform_read(const char *text, struct platform *out, struct err *err)
{
    json_auto_t *doc = NULL;
    if (json_parse(text, strlen(text), &doc, err) < 0)
        return err_wrap(err, "failed to parse platform");
    const char *os = json_str(doc, "os", ""), *arch = json_str(doc, "architecture", "");
    if (!*os || !*arch)
        return err_set(err, -EINVAL,
                       "failed to parse platform: expected a JSON object with os and architecture");
    *out = (struct platform){xstrdup(os), xstrdup(platform_arch(arch)),
                             xstrdup(json_str(doc, "variant", ""))};
    return 0;
}

/* The variant that is meant where none is named. */
static const char *variant_of(const char *arch, const char *variant)
{
    if (!str_empty(variant))
        return variant;
    return str_eq(arch, "arm64") ? "v8" : str_eq(arch, "amd64") ? "v1" : "";
}

bool platform_matches(const struct platform *want, const json_t *have)
{
    const char *arch = platform_arch(json_str(have, "architecture", ""));
    if (!str_eq(want->os, json_str(have, "os", "")) || !str_eq(want->arch, arch))
        return false;
    return str_empty(want->variant) ||
           str_eq(want->variant, variant_of(arch, json_str(have, "variant", NULL)));
}

char *platform_words(const struct platform *p)
{
    bool plain = str_empty(p->variant);
    return str_printf("%s/%s%s%s", p->os, p->arch, plain ? "" : "/", plain ? "" : p->variant);
}

int platform_check(const char *text, const json_t *config, const char *ref, struct err *err)
{
    _cleanup_(platform_fini) struct platform want = {0};
    if (str_empty(text))
        return 0;
    int r = platform_read(text, &want, err);
    if (r < 0 || platform_matches(&want, config))
        return r;
    _cleanup_(freep) char *words = platform_words(&want);
    return err_set(err, -ENOENT,
                   "image with reference %s was found but does not provide the specified platform "
                   "(%s)",
                   ref, words);
}
