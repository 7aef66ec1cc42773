/* SPDX-License-Identifier: Apache-2.0 */
/* nftables elements: the messages of linux/netfilter/nf_tables.h that sets and maps need. */
#include "network/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <string.h>
#include <sys/socket.h>

#include "network/nl.h"

void nft_data_bytes(struct nft_data *d, const void *bytes, size_t n)
{
    if (d->n + n > NFT_DATA_MAX)
        abort(); /* the callers' types are fixed */
    memcpy(d->b + d->n, bytes, n);
    d->n += (uint32_t)NLA_ALIGN(n);
}

void nft_data_u8(struct nft_data *d, uint8_t v)
{
    nft_data_bytes(d, &v, sizeof(v));
}

void nft_data_be16(struct nft_data *d, uint16_t v)
{
    uint16_t be = htons(v);
    nft_data_bytes(d, &be, sizeof(be));
}

void nft_data_ifname(struct nft_data *d, const char *name)
{
    char padded[IFNAMSIZ] = "";
    strncpy(padded, name, sizeof(padded) - 1);
    nft_data_bytes(d, padded, sizeof(padded));
}

static struct nl_msg *message(int type, int flags, uint8_t family, uint16_t res_id)
{
    struct nfgenmsg head = {
        .nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(res_id)};
    struct nl_msg *m = nlmsg_alloc_simple(type, flags);
    if (m && nlmsg_append(m, &head, sizeof(head), NLMSG_ALIGNTO) < 0) {
        nlmsg_free(m);
        return NULL;
    }
    return m;
}

static struct nl_msg *table_message(int what, int flags)
{
    return message(NFNL_SUBSYS_NFTABLES << 8 | what, flags, NFPROTO_INET, 0);
}

static struct nl_msg *checked(struct nl_msg *m, int failed)
{
    if (m && failed) {
        nlmsg_free(m);
        return NULL;
    }
    return m;
}

static int put_data(struct nl_msg *m, int attr, const struct nft_data *d)
{
    struct nlattr *nest = nla_nest_start(m, attr | NLA_F_NESTED);
    if (!nest || nla_put(m, NFTA_DATA_VALUE, (int)d->n, d->b))
        return -ENOMEM;
    nla_nest_end(m, nest);
    return 0;
}

static int put_elem(struct nl_msg *m, const struct nft_elem *e, bool with_value)
{
    struct nlattr *list = nla_nest_start(m, NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED);
    struct nlattr *one = list ? nla_nest_start(m, NFTA_LIST_ELEM | NLA_F_NESTED) : NULL;
    if (!one || put_data(m, NFTA_SET_ELEM_KEY, &e->key) ||
        (with_value && e->value.n && put_data(m, NFTA_SET_ELEM_DATA, &e->value)))
        return -ENOMEM;
    nla_nest_end(m, one);
    nla_nest_end(m, list);
    return 0;
}

static struct nl_msg *step_message(const char *table, const struct nft_step *s)
{
    struct nl_msg *m = s->verb == NFT_ADD ? table_message(NFT_MSG_NEWSETELEM, NLM_F_CREATE)
                                          : table_message(NFT_MSG_DELSETELEM, 0);
    if (!m)
        return NULL;
    int bad = nla_put_string(m, NFTA_SET_ELEM_LIST_TABLE, table) |
              nla_put_string(m, NFTA_SET_ELEM_LIST_SET, s->elem->set);
    if (s->verb != NFT_FLUSH)
        bad |= put_elem(m, s->elem, s->verb == NFT_ADD);
    return checked(m, bad);
}

static void batch_open(struct nl_batch *b)
{
    nl_batch_take(b, message(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES), true);
}

static void batch_close(struct nl_batch *b)
{
    nl_batch_mark_last(b); /* the end itself is not acknowledged by every kernel */
    nl_batch_take(b, message(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES), true);
}

int nft_apply(int sock, const char *table, const struct nft_step *steps, size_t n, struct err *err)
{
    if (n == 0)
        return 0;
    _cleanup_(nl_batch_fini) struct nl_batch b = {0};
    batch_open(&b);
    for (size_t i = 0; i < n; i++)
        nl_batch_take(&b, step_message(table, &steps[i]), i + 1 < n);
    batch_close(&b);
    int r = nl_batch_send(&b, sock, NULL, err);
    if (r < 0)
        err_wrap(err, "table inet %s", table);
    return r;
}

struct listing {
    void (*each)(void *arg, const struct nft_data *key);
    void *arg;
};

static void list_element(const struct listing *l, struct nlattr *element)
{
    struct nft_data key = {0};
    struct nlattr *k = nla_find(nla_data(element), nla_len(element), NFTA_SET_ELEM_KEY);
    struct nlattr *v = k ? nla_find(nla_data(k), nla_len(k), NFTA_DATA_VALUE) : NULL;
    if (!v || nla_len(v) > NFT_DATA_MAX)
        return; /* the end of an interval, or no key of ours */
    nft_data_bytes(&key, nla_data(v), (size_t)nla_len(v));
    l->each(l->arg, &key);
}

static void list_message(void *arg, struct nlmsghdr *h)
{
    struct nlattr *all = nlmsg_find_attr(h, sizeof(struct nfgenmsg), NFTA_SET_ELEM_LIST_ELEMENTS);
    struct nlattr *one;
    int left;
    if (all)
        nla_for_each_nested(one, all, left) list_element(arg, one);
}

int nft_set_list(int sock, const char *table, const char *set,
                 void (*each)(void *arg, const struct nft_data *key), void *arg, struct err *err)
{
    struct listing l = {each, arg};
    struct nl_msg *m = table_message(NFT_MSG_GETSETELEM, 0);
    int bad = m ? nla_put_string(m, NFTA_SET_ELEM_LIST_TABLE, table) |
                      nla_put_string(m, NFTA_SET_ELEM_LIST_SET, set)
                : 0;
    int r = nl_list(sock, checked(m, bad), list_message, &l, err);
    return r < 0 ? err_wrap(err, "set %s of table inet %s", set, table) : 0;
}

int nft_chain_exists(int sock, const char *table, const char *chain)
{
    struct nl_msg *m = table_message(NFT_MSG_GETCHAIN, 0);
    int bad =
        m ? nla_put_string(m, NFTA_CHAIN_TABLE, table) | nla_put_string(m, NFTA_CHAIN_NAME, chain)
          : 0;
    int r = nl_request(sock, checked(m, bad), NULL);
    return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

int nft_table_delete(int sock, const char *table, struct err *err)
{
    _cleanup_(nl_batch_fini) struct nl_batch b = {0};
    batch_open(&b);
    struct nl_msg *m = table_message(NFT_MSG_DELTABLE, 0);
    nl_batch_take(&b, checked(m, m ? nla_put_string(m, NFTA_TABLE_NAME, table) : 0), false);
    batch_close(&b);
    int r = nl_batch_send(&b, sock, NULL, err);
    return r == -ENOENT ? 0 : r;
}
