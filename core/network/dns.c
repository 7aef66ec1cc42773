/* SPDX-License-Identifier: Apache-2.0 */
/* resolv.conf of a container. */
#include "network/dns.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "network/addr.h"

#define RESOLV_MAX (1u << 20)
#define STUB       "127.0.0.53"

struct resolv {
    struct strv servers, search, options;
};

static void resolv_fini(struct resolv *r)
{
    strv_fini(&r->servers);
    strv_fini(&r->search);
    strv_fini(&r->options);
}

static bool server_usable(const char *s)
{
    _cleanup_(freep) char *bare = xstrndup(s, strcspn(s, "%"));
    struct addr a;
    if (addr_parse(bare, &a) < 0)
        return false;
    return a.family == AF_INET ? a.v >> 24 != 127 : a.v != 1;
}

/* The last search or domain line counts, as in resolv.conf(5). */
static void line_read(struct resolv *r, const char *line)
{
    _cleanup_(strv_fini) struct strv words = {0};
    strv_split(&words, line, " \t\r");
    if (words.n < 2)
        return;
    if (str_eq(words.v[0], "nameserver")) {
        if (server_usable(words.v[1]))
            strv_add(&r->servers, words.v[1]);
        return;
    }
    bool search = str_eq(words.v[0], "search") || str_eq(words.v[0], "domain");
    if (!search && !str_eq(words.v[0], "options"))
        return;
    struct strv *into = search ? &r->search : &r->options;
    if (search)
        strv_fini(&r->search);
    for (size_t i = 1; i < words.n; i++)
        strv_add(into, words.v[i]);
}

static void replace_with(struct strv *sv, const char *const *list)
{
    if (!list || !*list)
        return;
    strv_fini(sv);
    for (; *list; list++)
        strv_add(sv, *list);
}

static void line_write(struct buf *out, const char *word, const struct strv *sv)
{
    _cleanup_(freep) char *all = strv_join(sv, " ");
    if (sv->n)
        buf_printf(out, "%s %s\n", word, all);
}

char *dns_resolv_conf(const char *host, const struct dns_request *req)
{
    static const char *const nowhere[] = {"8.8.8.8", "8.8.4.4", NULL};
    _cleanup_(resolv_fini) struct resolv r = {0};
    _cleanup_(strv_fini) struct strv lines = {0};
    strv_split(&lines, host ? host : "", "\n");
    const char *line;
    strv_foreach (line, &lines)
        line_read(&r, line);
    replace_with(&r.servers, req->defaults);
    replace_with(&r.servers, req->servers);
    if (r.servers.n == 0)
        replace_with(&r.servers, nowhere);
    replace_with(&r.search, req->search);
    replace_with(&r.options, req->options);
    if (r.search.n == 1 && str_eq(r.search.v[0], "."))
        strv_fini(&r.search); /* `--dns-search .`: none */
    struct buf out = {0};
    const char *server;
    strv_foreach (server, &r.servers)
        buf_printf(&out, "nameserver %s\n", server);
    line_write(&out, "search", &r.search);
    line_write(&out, "options", &r.options);
    return buf_steal(&out);
}

char *dns_resolv_conf_of_host(const struct dns_request *req)
{
    _cleanup_(freep) char *text = NULL, *real = NULL;
    fs_read(AT_FDCWD, "/etc/resolv.conf", RESOLV_MAX, &text, NULL);
    if (text && strstr(text, STUB) &&
        fs_read(AT_FDCWD, "/run/systemd/resolve/resolv.conf", RESOLV_MAX, &real, NULL) == 0)
        return dns_resolv_conf(real, req);
    return dns_resolv_conf(text, req);
}
