/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References
 *
 * name[:tag][@digest], name = [host[:port]/]component{/component}. Components are lower case letters and digits, joined
 * by ".", "_", "__" or dashes; a tag is [A-Za-z0-9_][A-Za-z0-9_.-]{0,127}.
 */
#include "image/reference.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/id.h"
#include "base/str.h"

#define DOMAIN  "docker.io"
#define LIBRARY "library/"

void reference_fini(struct reference *r)
{
    free(r->domain);
    free(r->path);
    free(r->tag);
    free(r->digest);
    *r = (struct reference){0};
}

static int bad(struct err *err)
{
    return err_set(err, -EINVAL, "invalid reference format");
}

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
    return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

/* Length of a separator inside a component at `s`: ".", "_", "__" or dashes. */
static size_t separator(const char *s)
{
    if (*s == '.')
        return 1;
    if (*s == '_')
        return s[1] == '_' ? 2 : 1;
    return strspn(s, "-");
}

static bool path_valid(const char *s)
{
    for (;;) {
        if (!is_lower_alnum(*s))
            return false;
        while (is_lower_alnum(*s))
            s++;
        if (!*s)
            return true;
        size_t n = *s == '/' ? 1 : separator(s);
        if (n == 0)
            return false;
        s += n;
    }
}

static bool port_valid(const char *s)
{
    return str_only(s, "0123456789");
}

static bool ipv6_valid(const char *s, const char **rest)
{
    size_t n = strspn(s + 1, "0123456789abcdefABCDEF:");
    if (n == 0 || s[1 + n] != ']')
        return false;
    *rest = s + n + 2;
    return true;
}

static bool domain_valid(const char *s)
{
    if (*s == '[') {
        if (!ipv6_valid(s, &s))
            return false;
        return !*s || (*s == ':' && port_valid(s + 1));
    }
    for (;;) {
        if (!is_alnum(*s))
            return false;
        while (is_alnum(*s) || (*s == '-' && s[strspn(s, "-")] && is_alnum(s[strspn(s, "-")])))
            s++;
        if (!*s)
            return true;
        if (*s == ':')
            return port_valid(s + 1);
        if (*s != '.')
            return false;
        s++;
    }
}

static bool tag_valid(const char *s)
{
    if (!is_alnum(*s) && *s != '_')
        return false;
    size_t n = strlen(s);
    for (size_t i = 1; i < n; i++)
        if (!is_alnum(s[i]) && s[i] != '_' && s[i] != '.' && s[i] != '-')
            return false;
    return n <= 128;
}

static bool has_upper(const char *s)
{
    for (; *s; s++)
        if (*s >= 'A' && *s <= 'Z')
            return true;
    return false;
}

/* Whether what stands before the first slash is a registry's host. */
static bool is_host(const char *first)
{
    return strpbrk(first, ".:") || str_eq(first, "localhost") || has_upper(first) || *first == '[';
}

/* Takes digest and tag off the end of `name`, in place. */
static int cut_suffixes(char *name, struct reference *out, struct err *err)
{
    char *at = strchr(name, '@');
    if (at) {
        *at++ = '\0';
        if (!digest_valid(at))
            return bad(err);
        out->digest = xstrdup(at);
    }
    char *slash = strrchr(name, '/');
    char *colon = strrchr(slash ? slash : name, ':');
    if (colon) {
        *colon++ = '\0';
        if (!tag_valid(colon))
            return bad(err);
        out->tag = xstrdup(colon);
    }
    return 0;
}

static int split_name(const char *name, struct reference *out, struct err *err)
{
    const char *slash = strchr(name, '/');
    _cleanup_(freep) char *first = slash ? xstrndup(name, (size_t)(slash - name)) : NULL;
    bool host = first && is_host(first);
    out->domain = host ? xstrdup(first) : xstrdup(DOMAIN);
    const char *rest = host ? slash + 1 : name;
    if (str_eq(out->domain, "index." DOMAIN)) {
        free(out->domain);
        out->domain = xstrdup(DOMAIN);
    }
    bool official = str_eq(out->domain, DOMAIN) && !strchr(rest, '/');
    out->path = str_printf("%s%s", official ? LIBRARY : "", rest);
    if (has_upper(out->path))
        return err_set(err, -EINVAL,
                       "invalid reference format: repository name (%s) must be lowercase",
                       out->path);
    if (!domain_valid(out->domain) || !path_valid(out->path))
        return bad(err);
    if (strlen(out->domain) + 1 + strlen(out->path) > REFERENCE_NAME_MAX)
        return err_set(err, -EINVAL, "repository name must not be more than %d characters",
                       REFERENCE_NAME_MAX);
    return 0;
}

int reference_parse(const char *text, struct reference *out, struct err *err)
{
    _cleanup_(reference_fini) struct reference r = {0};
    *out = r;
    if (!text || !*text || strlen(text) > 1024)
        return bad(err);
    if (id_valid(text))
        return err_set(err, -EINVAL,
                       "invalid repository name (%s), cannot specify 64-byte hexadecimal strings",
                       text);
    _cleanup_(freep) char *name = xstrdup(text);
    int rc = cut_suffixes(name, &r, err);
    if (rc < 0 || (rc = split_name(name, &r, err)) < 0)
        return rc;
    *out = r;
    r = (struct reference){0};
    return 0;
}

int reference_parse_tagged(const char *text, struct reference *out, struct err *err)
{
    int r = reference_parse(text, out, err);
    if (r < 0)
        return r;
    if (out->digest) {
        reference_fini(out);
        return err_set(err, -EINVAL, "refusing to create a tag with a digest reference");
    }
    if (!out->tag)
        out->tag = xstrdup("latest");
    return 0;
}

static char *with_suffixes(const struct reference *r, char *name)
{
    char *full = str_printf("%s%s%s%s%s", name, r->tag ? ":" : "", r->tag ? r->tag : "",
                            r->digest ? "@" : "", r->digest ? r->digest : "");
    free(name);
    return full;
}

char *reference_canonical(const struct reference *r)
{
    return with_suffixes(r, str_printf("%s/%s", r->domain, r->path));
}

/* What is left off must come back by itself: not where the rest would be read as an id or as a host. */
char *reference_familiar_name(const struct reference *r)
{
    const char *slash = strchr(r->path, '/');
    _cleanup_(freep) char *first = slash ? xstrndup(r->path, (size_t)(slash - r->path)) : NULL;
    if (!str_eq(r->domain, DOMAIN) || (first && is_host(first)))
        return str_printf("%s/%s", r->domain, r->path);
    const char *official = str_after(r->path, LIBRARY);
    bool cut = official && !strchr(official, '/') && !id_valid(official);
    return xstrdup(cut ? official : r->path);
}

char *reference_familiar(const struct reference *r)
{
    return with_suffixes(r, reference_familiar_name(r));
}
