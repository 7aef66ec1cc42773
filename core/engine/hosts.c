/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hosts, hostname, resolv.conf
 *
 * A container on the host's network sees copies of the host's files; any other gets its own.
 */
#include "engine/hosts.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fs.h"
#include "base/json.h"
#include "config/config.h"
#include "network/dns.h"

#define HOST_FILE_MAX (1u << 20)

static const char hosts_head[] = "127.0.0.1\tlocalhost\n"
                                 "::1\tlocalhost ip6-localhost ip6-loopback\n"
                                 "fe00::\tip6-localnet\n"
                                 "ff00::\tip6-mcastprefix\n"
                                 "ff02::1\tip6-allnodes\n"
                                 "ff02::2\tip6-allrouters\n";

static int write_file(struct engine *e, const char *id, const char *name, const char *text,
                      struct err *err)
{
    _cleanup_(freep) char *path = container_path(e, id, name);
    int r = fs_write(AT_FDCWD, path, text, strlen(text), 0644);
    return r < 0 ? err_errno(err, r, "writing %s", path) : 0;
}

static void add_extra_hosts(struct buf *b, const json_t *host_config, const struct connection *c)
{
    const json_t *list = json_arr(host_config, "ExtraHosts");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        const char *colon = strchr(text, ':');
        const char *address = colon + 1;
        if (str_eq(address, "host-gateway"))
            address = c->gateway ? c->gateway : "127.0.0.1";
        buf_printf(b, "%s\t%.*s\n", address, (int)(colon - text), text);
    }
}

static void add_own_name(struct buf *b, const struct state_container *row, const char *address)
{
    const char *host = json_str(row->config, "Hostname", "");
    const char *domain = json_str(row->config, "Domainname", "");
    if (!address)
        return;
    if (*domain)
        buf_printf(b, "%s\t%s.%s %s\n", address, host, domain, host);
    else
        buf_printf(b, "%s\t%s\n", address, host);
}

static char *hosts_text(const struct state_container *row, const struct connection *c)
{
    struct buf b = {0};
    char *host = NULL;
    if (c->netns < 0 && fs_read(AT_FDCWD, "/etc/hosts", HOST_FILE_MAX, &host, NULL) == 0) {
        buf_adds(&b, host);
        if (b.len > 0 && b.s[b.len - 1] != '\n')
            buf_addc(&b, '\n');
    } else {
        buf_adds(&b, hosts_head);
    }
    free(host);
    add_extra_hosts(&b, row->host_config, c);
    add_own_name(&b, row, c->address);
    add_own_name(&b, row, c->address6);
    return buf_steal(&b);
}

/* A JSON array as the NULL-terminated vector that the request takes; NULL for none. */
static const char *const *vector(struct strv *sv, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        strv_add(sv, json_string_value(json_array_get(list, i)));
    return sv->n > 0 ? (const char *const *)sv->v : NULL;
}

static const char *const *vector_or(struct strv *sv, const json_t *list, const struct strv *dflt)
{
    const char *const *own = vector(sv, list);
    return own || dflt->n == 0 ? own : (const char *const *)dflt->v;
}

static char *resolv_text(struct engine *e, const struct state_container *row,
                         const struct connection *c)
{
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    const json_t *hc = row->host_config;
    _cleanup_(strv_fini) struct strv servers = {0}, search = {0}, options = {0};
    struct dns_request req = {
        .servers = vector(&servers, json_arr(hc, "Dns")),
        .search = vector_or(&search, json_arr(hc, "DnsSearch"), &cfg->network.dns_search),
        .options = vector_or(&options, json_arr(hc, "DnsOptions"), &cfg->network.dns_opts),
        .defaults = cfg->network.dns.n > 0 ? (const char *const *)cfg->network.dns.v : NULL,
    };
    char *host = NULL;
    if (c->netns < 0 && !req.servers && !req.search && !req.options &&
        fs_read(AT_FDCWD, "/etc/resolv.conf", HOST_FILE_MAX, &host, NULL) == 0)
        return host;
    return dns_resolv_conf_of_host(&req);
}

int hosts_write(struct engine *e, const struct state_container *row, const struct connection *c,
                struct err *err)
{
    _cleanup_(freep) char *hosts = hosts_text(row, c), *resolv = resolv_text(e, row, c);
    _cleanup_(freep) char *hostname = str_printf("%s\n", json_str(row->config, "Hostname", ""));
    int r = write_file(e, row->id, "hosts", hosts, err);
    if (r == 0)
        r = write_file(e, row->id, "hostname", hostname, err);
    if (r == 0)
        r = write_file(e, row->id, "resolv.conf", resolv, err);
    return r;
}
