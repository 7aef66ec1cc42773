/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firewall: elements, their copy, and the table's loss
 *
 * Two locks, `whole` before `lock`. `lock` guards the copy's memory. `whole` keeps a sync, which rewrites all elements
 * from the copy, apart from changes that are in the kernel and not yet in the copy; changes share it among
 * themselves, for the kernel orders their transactions (0.02 ms each).
 */
#include "network/firewall.h"

#include <errno.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/id.h"
#include "base/log.h"
#include "base/map.h"
#include "base/str.h"
#include "network/nft.h"
#include "network/nl.h"
#include "network/rules.h"

static const char *const sets[] = {"bridges", "internal", "masqueraded", "same",
                                   "icc",     "ports",    "ports_at",    "self"};

struct firewall {
    char *table, *rules_path;
    struct nl_pool *socks;
    pthread_rwlock_t whole;
    pthread_mutex_t lock; /* guards elems */
    struct map elems;     /* "set:hex of the key" → struct nft_elem */
};

/* --- the copy */

static char *elem_name(const struct nft_elem *e)
{
    char hex[2 * NFT_DATA_MAX + 1];
    hex_encode(e->key.b, e->key.n, hex);
    return str_printf("%s:%s", e->set, hex);
}

static void copy_add(struct firewall *fw, const struct nft_elem *elems, size_t n)
{
    pthread_mutex_lock(&fw->lock);
    for (size_t i = 0; i < n; i++) {
        _cleanup_(freep) char *name = elem_name(&elems[i]);
        struct nft_elem *e = xmalloc(sizeof(*e));
        *e = elems[i];
        free(map_set(&fw->elems, name, e));
    }
    pthread_mutex_unlock(&fw->lock);
}

static void copy_remove(struct firewall *fw, const struct nft_elem *elems, size_t n)
{
    pthread_mutex_lock(&fw->lock);
    for (size_t i = 0; i < n; i++) {
        _cleanup_(freep) char *name = elem_name(&elems[i]);
        free(map_del(&fw->elems, name));
    }
    pthread_mutex_unlock(&fw->lock);
}

/* All elements by value; the caller frees. */
static struct nft_elem *copy_list(struct firewall *fw, size_t *n)
{
    pthread_mutex_lock(&fw->lock);
    struct nft_elem *all = xcalloc(fw->elems.n + 1, sizeof(*all));
    const char *name;
    void *value;
    *n = 0;
    for (size_t i = 0; map_next(&fw->elems, &i, &name, &value);)
        all[(*n)++] = *(struct nft_elem *)value;
    pthread_mutex_unlock(&fw->lock);
    return all;
}

/* --- the kernel */

static int apply(struct firewall *fw, enum nft_verb verb, const struct nft_elem *elems, size_t n,
                 struct err *err)
{
    _cleanup_(freep) struct nft_step *steps = xcalloc(n + 1, sizeof(*steps));
    for (size_t i = 0; i < n; i++)
        steps[i] = (struct nft_step){verb, &elems[i]};
    int sock = nl_pool_take(fw->socks);
    if (sock < 0)
        return err_errno(err, sock, "cannot open a netlink socket");
    int r = nft_apply(sock, fw->table, steps, n, err);
    nl_pool_give(fw->socks, sock);
    return r;
}

static int sync_all(struct firewall *fw, struct err *err)
{
    size_t n;
    _cleanup_(freep) struct nft_elem *all = copy_list(fw, &n);
    _cleanup_(freep) struct nft_step *steps = xcalloc(n + ARRAY_SIZE(sets), sizeof(*steps));
    struct nft_elem empty[ARRAY_SIZE(sets)];
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
        empty[i] = (struct nft_elem){.set = sets[i]};
        steps[i] = (struct nft_step){NFT_FLUSH, &empty[i]};
    }
    for (size_t i = 0; i < n; i++)
        steps[ARRAY_SIZE(sets) + i] = (struct nft_step){NFT_ADD, &all[i]};
    int sock = nl_pool_take(fw->socks);
    if (sock < 0)
        return err_errno(err, sock, "cannot open a netlink socket");
    int r = nft_apply(sock, fw->table, steps, ARRAY_SIZE(sets) + n, err);
    nl_pool_give(fw->socks, sock);
    return r;
}

int firewall_sync(struct firewall *fw, struct err *err)
{
    int sock = nl_pool_take(fw->socks);
    if (sock < 0)
        return err_errno(err, sock, "cannot open a netlink socket");
    pthread_rwlock_wrlock(&fw->whole);
    int r = rules_load(sock, fw->table, fw->rules_path, err);
    nl_pool_give(fw->socks, sock);
    if (r == 0)
        r = sync_all(fw, err);
    pthread_rwlock_unlock(&fw->whole);
    return r;
}

static int add_once(struct firewall *fw, const struct nft_elem *elems, size_t n, struct err *err)
{
    pthread_rwlock_rdlock(&fw->whole);
    int r = apply(fw, NFT_ADD, elems, n, err);
    if (r == 0)
        copy_add(fw, elems, n);
    pthread_rwlock_unlock(&fw->whole);
    return r;
}

/* An add that finds no table means that somebody removed it: then all comes back. */
static int elems_add(struct firewall *fw, const struct nft_elem *elems, size_t n, struct err *err)
{
    int r = add_once(fw, elems, n, err);
    if (r != -ENOENT)
        return r;
    log_warn("the table inet %s was lost; loading it again", fw->table);
    err_clear(err);
    r = firewall_sync(fw, err);
    return r < 0 ? r : add_once(fw, elems, n, err);
}

/* A transaction fails as a whole when one element is missing: then they go one by one. */
static int delete_all(struct firewall *fw, const struct nft_elem *elems, size_t n, struct err *err)
{
    int r = apply(fw, NFT_DELETE, elems, n, err);
    if (r != -ENOENT)
        return r;
    err_clear(err);
    for (size_t i = 0; i < n; i++) {
        r = apply(fw, NFT_DELETE, &elems[i], 1, err);
        if (r < 0 && r != -ENOENT)
            return r;
    }
    err_clear(err);
    return 0;
}

static int elems_remove(struct firewall *fw, const struct nft_elem *elems, size_t n,
                        struct err *err)
{
    pthread_rwlock_rdlock(&fw->whole);
    copy_remove(fw, elems, n);
    int r = delete_all(fw, elems, n, err);
    pthread_rwlock_unlock(&fw->whole);
    return r;
}

/* --- networks and ports as elements */

static struct nft_elem elem_bridge(const char *set, const char *device, bool pair)
{
    struct nft_elem e = {.set = set};
    nft_data_ifname(&e.key, device);
    if (pair)
        nft_data_ifname(&e.key, device);
    return e;
}

static size_t network_elems(const struct firewall_network *n, struct nft_elem out[5])
{
    size_t k = 0;
    out[k++] = elem_bridge("bridges", n->device, false);
    out[k++] = elem_bridge("same", n->device, true);
    if (n->internal)
        out[k++] = elem_bridge("internal", n->device, false);
    if (n->icc)
        out[k++] = elem_bridge("icc", n->device, true);
    if (n->masquerade)
        out[k++] = elem_bridge("masqueraded", n->device, false);
    return k;
}

int firewall_network_add(struct firewall *fw, const struct firewall_network *n, struct err *err)
{
    struct nft_elem elems[5];
    return elems_add(fw, elems, network_elems(n, elems), err);
}

int firewall_network_remove(struct firewall *fw, const char *device, struct err *err)
{
    struct firewall_network all = {device, true, true, true};
    struct nft_elem elems[5];
    return elems_remove(fw, elems, network_elems(&all, elems), err);
}

static struct nft_elem elem_port(const struct firewall_port *p)
{
    struct nft_elem e = {.set = p->host.v == 0 ? "ports" : "ports_at"};
    uint8_t bytes[16];
    if (p->host.v != 0)
        nft_data_bytes(&e.key, bytes, addr_bytes(&p->host, bytes));
    nft_data_u8(&e.key, p->proto);
    nft_data_be16(&e.key, p->host_port);
    nft_data_bytes(&e.value, bytes, addr_bytes(&p->container, bytes));
    nft_data_be16(&e.value, p->container_port);
    return e;
}

static struct nft_elem elem_self(const struct addr *container)
{
    struct nft_elem e = {.set = "self"};
    uint8_t bytes[16];
    nft_data_bytes(&e.key, bytes, addr_bytes(container, bytes));
    nft_data_bytes(&e.key, bytes, addr_bytes(container, bytes));
    return e;
}

/* One element a port, and one for the container, which is the same for all ports of a call. */
static struct nft_elem *port_elems(const struct firewall_port *ports, size_t *n, struct err *err)
{
    struct nft_elem *elems = xcalloc(*n + 1, sizeof(*elems));
    for (size_t i = 0; i < *n; i++) {
        if (ports[i].host.family != AF_INET || ports[i].container.family != AF_INET) {
            free(elems);
            err_set(err, -EAFNOSUPPORT, "the firewall translates IPv4 only");
            return NULL;
        }
        elems[i] = elem_port(&ports[i]);
    }
    if (*n)
        elems[(*n)++] = elem_self(&ports[0].container);
    return elems;
}

int firewall_ports_add(struct firewall *fw, const struct firewall_port *ports, size_t n,
                       struct err *err)
{
    _cleanup_(freep) struct nft_elem *elems = port_elems(ports, &n, err);
    return elems ? elems_add(fw, elems, n, err) : -EAFNOSUPPORT;
}

int firewall_ports_remove(struct firewall *fw, const struct firewall_port *ports, size_t n,
                          struct err *err)
{
    _cleanup_(freep) struct nft_elem *elems = port_elems(ports, &n, err);
    return elems ? elems_remove(fw, elems, n, err) : -EAFNOSUPPORT;
}

/* --- looking */

bool firewall_is_port(const char *element)
{
    return str_after(element, "ports:") || str_after(element, "ports_at:") ||
           str_after(element, "self:");
}

/* The element of a name that elem_name() made. */
static int elem_parse(const char *name, struct nft_elem *e)
{
    *e = (struct nft_elem){0};
    for (size_t i = 0; i < ARRAY_SIZE(sets) && !e->set; i++) {
        const char *hex = str_after(name, sets[i]);
        if (!hex || *hex++ != ':')
            continue;
        e->set = sets[i];
        for (; hex[0] && hex[1] && e->key.n < NFT_DATA_MAX; hex += 2) {
            char byte[3] = {hex[0], hex[1], 0};
            e->key.b[e->key.n++] = (uint8_t)strtoul(byte, NULL, 16);
        }
    }
    return e->set ? 0 : -EINVAL;
}

int firewall_element_remove(struct firewall *fw, const char *element, struct err *err)
{
    struct nft_elem e;
    if (elem_parse(element, &e) < 0)
        return err_set(err, -EINVAL, "\"%s\" is not an element of the firewall", element);
    return elems_remove(fw, &e, 1, err);
}

struct element_list {
    const char *set;
    struct map *out;
};

static void list_element(void *arg, const struct nft_data *key)
{
    const struct element_list *l = arg;
    const struct nft_elem e = {.set = l->set, .key = *key};
    _cleanup_(freep) char *name = elem_name(&e);
    map_set(l->out, name, l->out);
}

int firewall_elements(struct firewall *fw, struct map *out, struct err *err)
{
    int sock = nl_pool_take(fw->socks);
    if (sock < 0)
        return err_errno(err, sock, "cannot open a netlink socket");
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(sets); i++) {
        struct element_list l = {sets[i], out};
        r = nft_set_list(sock, fw->table, sets[i], list_element, &l, err);
    }
    if (r < 0)
        close_fd(sock); /* with what is left of the answer */
    else
        nl_pool_give(fw->socks, sock);
    return r;
}

void firewall_network_elements(struct firewall *fw, struct map *out)
{
    const char *name;
    void *value;
    pthread_mutex_lock(&fw->lock);
    for (size_t i = 0; map_next(&fw->elems, &i, &name, &value);)
        if (!firewall_is_port(name))
            map_set(out, name, out);
    pthread_mutex_unlock(&fw->lock);
}

void firewall_port_elements(const struct firewall_port *ports, size_t n, struct map *out)
{
    _cleanup_(freep) struct nft_elem *elems = port_elems(ports, &n, NULL);
    for (size_t i = 0; elems && i < n; i++) {
        _cleanup_(freep) char *name = elem_name(&elems[i]);
        map_set(out, name, out);
    }
}

/* --- life */

struct firewall *firewall_open(const char *instance, const char *rules_path, struct err *err)
{
    struct nl_pool *socks = nl_pool_new(NETLINK_NETFILTER, err);
    if (!socks)
        return NULL;
    struct firewall *fw = xcalloc(1, sizeof(*fw));
    pthread_mutex_init(&fw->lock, NULL);
    pthread_rwlock_init(&fw->whole, NULL);
    fw->socks = socks;
    fw->table = str_printf("berth-%s", instance);
    fw->rules_path = xstrdup(rules_path);
    int sock = nl_pool_take(socks);
    int r = sock < 0 ? err_errno(err, sock, "cannot open a netlink socket")
                     : rules_load(sock, fw->table, rules_path, err);
    if (sock >= 0)
        nl_pool_give(socks, sock);
    if (r < 0) {
        firewall_close(fw);
        return NULL;
    }
    return fw;
}

void firewall_close(struct firewall *fw)
{
    if (!fw)
        return;
    nl_pool_free(fw->socks);
    map_fini(&fw->elems, free);
    pthread_mutex_destroy(&fw->lock);
    pthread_rwlock_destroy(&fw->whole);
    free(fw->table);
    free(fw->rules_path);
    free(fw);
}

int firewall_destroy(struct firewall *fw, struct err *err)
{
    int sock = nl_pool_take(fw->socks);
    if (sock < 0)
        return err_errno(err, sock, "cannot open a netlink socket");
    int r = nft_table_delete(sock, fw->table, err);
    nl_pool_give(fw->socks, sock);
    return r;
}
