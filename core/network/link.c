/* SPDX-License-Identifier: Apache-2.0 */
/* Link messages. */
#include "network/link.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/json.h"
#include "base/str.h"

/* vxlan's attributes of linux/if_link.h and the modes of macvlan and ipvlan, by the words of the driver ABI. */
static const struct mode {
    const char *kind, *word;
    uint32_t value;
} modes[] = {
    {"macvlan", "private", MACVLAN_MODE_PRIVATE},
    {"macvlan", "vepa", MACVLAN_MODE_VEPA},
    {"macvlan", "bridge", MACVLAN_MODE_BRIDGE},
    {"macvlan", "passthru", MACVLAN_MODE_PASSTHRU},
    {"ipvlan", "l2", IPVLAN_MODE_L2},
    {"ipvlan", "l3", IPVLAN_MODE_L3},
    {"ipvlan", "l3s", IPVLAN_MODE_L3S},
};

static struct nl_msg *message(int type, int flags, const void *head, size_t n)
{
    struct nl_msg *m = nlmsg_alloc_simple(type, flags);
    if (m && nlmsg_append(m, (void *)head, n, NLMSG_ALIGNTO) < 0) {
        nlmsg_free(m);
        return NULL;
    }
    return m;
}

/* The message, or NULL when one of the puts before failed. */
static struct nl_msg *checked(struct nl_msg *m, int failed)
{
    if (m && failed) {
        nlmsg_free(m);
        return NULL;
    }
    return m;
}

static int put_mac(struct nl_msg *m, const json_t *record)
{
    const char *text = json_str(record, "mac", NULL);
    unsigned b[6];
    if (!text ||
        sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6)
        return 0;
    uint8_t mac[6];
    for (int i = 0; i < 6; i++)
        mac[i] = (uint8_t)b[i];
    return nla_put(m, IFLA_ADDRESS, sizeof(mac), mac);
}

static int put_mtu(struct nl_msg *m, const json_t *record)
{
    uint32_t mtu = (uint32_t)json_int(record, "mtu", 0);
    return mtu ? nla_put_u32(m, IFLA_MTU, mtu) : 0;
}

/* What the end in the container gets. */
static int put_inside(struct nl_msg *m, const json_t *record, int netns_fd)
{
    const char *inside = json_str(record, "inside", NULL);
    const char *name = inside && netns_fd >= 0 ? inside : json_str(record, "peer", NULL);
    int bad = name ? nla_put_string(m, IFLA_IFNAME, name) : 0;
    if (inside && netns_fd >= 0)
        bad |= nla_put_u32(m, IFLA_NET_NS_FD, (uint32_t)netns_fd);
    return bad | put_mac(m, record) | put_mtu(m, record);
}

static int put_veth(struct nl_msg *m, const json_t *record, int netns_fd)
{
    struct ifinfomsg peer = {0};
    struct nlattr *data = nla_nest_start(m, IFLA_INFO_DATA);
    struct nlattr *end = data ? nla_nest_start(m, VETH_INFO_PEER) : NULL;
    if (!end || nlmsg_append(m, &peer, sizeof(peer), NLMSG_ALIGNTO) < 0 ||
        put_inside(m, record, netns_fd))
        return -ENOMEM;
    nla_nest_end(m, end);
    nla_nest_end(m, data);
    return 0;
}

static int put_mode(struct nl_msg *m, const char *kind, const char *word)
{
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        if (!str_eq(modes[i].kind, kind) || !str_eq(modes[i].word, word))
            continue;
        if (str_eq(kind, "macvlan"))
            return nla_put_u32(m, IFLA_MACVLAN_MODE, modes[i].value);
        return nla_put_u16(m, IFLA_IPVLAN_MODE, (uint16_t)modes[i].value);
    }
    return 0;
}

static int put_kind_data(struct nl_msg *m, const json_t *record, const char *kind, int netns_fd,
                         int parent)
{
    if (str_eq(kind, "veth"))
        return put_veth(m, record, netns_fd);
    struct nlattr *data = nla_nest_start(m, IFLA_INFO_DATA);
    if (!data)
        return -ENOMEM;
    int bad = put_mode(m, kind, json_str(record, "mode", ""));
    if (str_eq(kind, "vxlan")) {
        bad |= nla_put_u32(m, IFLA_VXLAN_ID, (uint32_t)json_int(record, "vni", 0));
        bad |= parent ? nla_put_u32(m, IFLA_VXLAN_LINK, (uint32_t)parent) : 0;
    }
    nla_nest_end(m, data);
    return bad;
}

static int put_linkinfo(struct nl_msg *m, const json_t *record, int netns_fd, int parent)
{
    const char *kind = json_str(record, "kind", "");
    struct nlattr *info = nla_nest_start(m, IFLA_LINKINFO);
    if (!info || nla_put_string(m, IFLA_INFO_KIND, kind) ||
        put_kind_data(m, record, kind, netns_fd, parent))
        return -ENOMEM;
    nla_nest_end(m, info);
    return 0;
}

static struct nl_msg *new_link(const json_t *record, const char *name, int netns_fd, int master,
                               int parent, bool up)
{
    const char *kind = json_str(record, "kind", "");
    bool veth = str_eq(kind, "veth");
    bool moves = !veth && json_str(record, "inside", NULL) && netns_fd >= 0;
    unsigned flags = up && !moves ? IFF_UP : 0;
    struct ifinfomsg head = {.ifi_flags = flags, .ifi_change = flags};
    struct nl_msg *m = message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
    if (!m)
        return NULL;
    int bad = 0;
    if (moves)
        bad |= put_inside(m, record, netns_fd);
    else
        bad |= nla_put_string(m, IFLA_IFNAME, name) | put_mtu(m, record);
    if (!veth && !moves)
        bad |= put_mac(m, record);
    if (parent && !str_eq(kind, "vxlan"))
        bad |= nla_put_u32(m, IFLA_LINK, (uint32_t)parent);
    if (master)
        bad |= nla_put_u32(m, IFLA_MASTER, (uint32_t)master);
    return checked(m, bad | put_linkinfo(m, record, netns_fd, parent));
}

struct nl_msg *link_msg_new(const json_t *record, int netns_fd, int master, int parent)
{
    return new_link(record, json_str(record, "name", ""), netns_fd, master, parent, true);
}

struct nl_msg *link_msg_new_as(const json_t *record, const char *name, int parent)
{
    return new_link(record, name, -1, 0, parent, false);
}

struct nl_msg *link_msg_rename(int ifindex, const char *name, const char *alias)
{
    struct ifinfomsg head = {.ifi_index = ifindex};
    struct nl_msg *m = message(RTM_NEWLINK, 0, &head, sizeof(head));
    return checked(
        m, m ? nla_put_string(m, IFLA_IFNAME, name) | nla_put_string(m, IFLA_IFALIAS, alias) : 0);
}

struct nl_msg *link_msg_up(int ifindex)
{
    struct ifinfomsg head = {.ifi_index = ifindex, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    return message(RTM_NEWLINK, 0, &head, sizeof(head));
}

struct nl_msg *link_msg_alias(int ifindex, const char *alias)
{
    struct ifinfomsg head = {.ifi_index = ifindex};
    struct nl_msg *m = message(RTM_NEWLINK, 0, &head, sizeof(head));
    return checked(m, m ? nla_put_string(m, IFLA_IFALIAS, alias) : 0);
}

struct nl_msg *link_msg_mtu(int ifindex, uint32_t mtu)
{
    struct ifinfomsg head = {.ifi_index = ifindex};
    struct nl_msg *m = message(RTM_NEWLINK, 0, &head, sizeof(head));
    return checked(m, m ? nla_put_u32(m, IFLA_MTU, mtu) : 0);
}

struct nl_msg *link_msg_bridge_port(int ifindex, bool hairpin, bool isolated)
{
    struct ifinfomsg head = {.ifi_family = AF_BRIDGE, .ifi_index = ifindex};
    struct nl_msg *m = message(RTM_SETLINK, 0, &head, sizeof(head));
    struct nlattr *info = m ? nla_nest_start(m, IFLA_PROTINFO | NLA_F_NESTED) : NULL;
    if (!info)
        return checked(m, 1);
    int bad =
        nla_put_u8(m, IFLA_BRPORT_MODE, hairpin) | nla_put_u8(m, IFLA_BRPORT_ISOLATED, isolated);
    nla_nest_end(m, info);
    return checked(m, bad);
}

struct nl_msg *link_msg_delete(const char *name)
{
    struct ifinfomsg head = {0};
    struct nl_msg *m = message(RTM_DELLINK, 0, &head, sizeof(head));
    return checked(m, m ? nla_put_string(m, IFLA_IFNAME, name) : 0);
}

struct nl_msg *link_msg_delete_index(int ifindex)
{
    struct ifinfomsg head = {.ifi_index = ifindex};
    return message(RTM_DELLINK, 0, &head, sizeof(head));
}

struct nl_msg *link_msg_retire(int ifindex, uint32_t group)
{
    struct ifinfomsg head = {.ifi_index = ifindex, .ifi_change = IFF_UP};
    struct nl_msg *m = message(RTM_NEWLINK, 0, &head, sizeof(head));
    return checked(m, m ? nla_put_u32(m, IFLA_MASTER, 0) | nla_put_u32(m, IFLA_GROUP, group) : 0);
}

struct nl_msg *link_msg_delete_group(uint32_t group)
{
    struct ifinfomsg head = {0};
    struct nl_msg *m = message(RTM_DELLINK, 0, &head, sizeof(head));
    return checked(m, m ? nla_put_u32(m, IFLA_GROUP, group) : 0);
}

struct nl_msg *link_msg_address(int ifindex, const struct cidr *c)
{
    struct ifaddrmsg head = {.ifa_family = (uint8_t)c->a.family,
                             .ifa_prefixlen = (uint8_t)c->prefix,
                             .ifa_index = (uint32_t)ifindex};
    struct nl_msg *m = message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &head, sizeof(head));
    if (!m)
        return NULL;
    uint8_t bytes[16];
    int n = (int)addr_bytes(&c->a, bytes);
    int bad = nla_put(m, IFA_LOCAL, n, bytes) | nla_put(m, IFA_ADDRESS, n, bytes);
    if (c->a.family == AF_INET6) /* usable at once: IPAM, not the wire, says that it is free */
        bad |= nla_put_u32(m, IFA_FLAGS, IFA_F_NODAD);
    struct addr last = cidr_network(c).a;
    if (c->a.family == AF_INET && c->prefix < 31) {
        last.v |= ((unsigned __int128)1 << (32 - c->prefix)) - 1;
        addr_bytes(&last, bytes);
        bad |= nla_put(m, IFA_BROADCAST, n, bytes);
    }
    return checked(m, bad);
}

struct nl_msg *link_msg_route(int ifindex, const struct cidr *destination,
                              const struct addr *gateway)
{
    int family = destination ? destination->a.family : gateway ? gateway->family : AF_INET;
    struct rtmsg head = {.rtm_family = (uint8_t)family,
                         .rtm_dst_len = (uint8_t)(destination ? destination->prefix : 0),
                         .rtm_table = RT_TABLE_MAIN,
                         .rtm_protocol = RTPROT_BOOT,
                         .rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
                         .rtm_type = RTN_UNICAST};
    struct nl_msg *m = message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &head, sizeof(head));
    if (!m)
        return NULL;
    uint8_t bytes[16];
    int bad = nla_put_u32(m, RTA_OIF, (uint32_t)ifindex);
    if (destination) {
        struct cidr net = cidr_network(destination);
        bad |= nla_put(m, RTA_DST, (int)addr_bytes(&net.a, bytes), bytes);
    }
    if (gateway)
        bad |= nla_put(m, RTA_GATEWAY, (int)addr_bytes(gateway, bytes), bytes);
    return checked(m, bad);
}

int link_index(int sock, const char *name)
{
    struct ifreq ifr = {0};
    size_t n = strlen(name);
    if (n >= sizeof(ifr.ifr_name))
        return -ENODEV;
    memcpy(ifr.ifr_name, name, n);
    return ioctl(sock, SIOCGIFINDEX, &ifr) < 0 ? -errno : ifr.ifr_ifindex;
}

void link_settle(int sock, const char *name)
{
    struct ethtool_value v = {.cmd = ETHTOOL_GLINK};
    struct ifreq ifr = {.ifr_data = (char *)&v};
    size_t n = strlen(name);
    if (n >= sizeof(ifr.ifr_name))
        return;
    memcpy(ifr.ifr_name, name, n);
    ioctl(sock, SIOCETHTOOL, &ifr); /* asking synchronises */
}

void link_info_fini(struct link_info *i)
{
    free(i->kind);
    free(i->alias);
}

static char *attr_text(const struct nlattr *a)
{
    return a ? xstrndup(nla_data(a), (size_t)nla_len(a)) : NULL;
}

static void link_info_read(struct nlmsghdr *h, struct link_info *out)
{
    const struct ifinfomsg *head = nlmsg_data(h);
    out->ifindex = head->ifi_index;
    out->up = head->ifi_flags & IFF_UP;
    struct nlattr *mtu = nlmsg_find_attr(h, sizeof(*head), IFLA_MTU);
    struct nlattr *info = nlmsg_find_attr(h, sizeof(*head), IFLA_LINKINFO);
    out->mtu = mtu ? nla_get_u32(mtu) : 0;
    out->kind = attr_text(info ? nla_find(nla_data(info), nla_len(info), IFLA_INFO_KIND) : NULL);
    out->alias = attr_text(nlmsg_find_attr(h, sizeof(*head), IFLA_IFALIAS));
}

int link_lookup(int sock, const char *name, struct link_info *out)
{
    *out = (struct link_info){0};
    struct ifinfomsg head = {0};
    struct nl_msg *m = message(RTM_GETLINK, NLM_F_REQUEST, &head, sizeof(head));
    if (!m || nla_put_string(m, IFLA_IFNAME, name)) {
        nlmsg_free(m);
        return -ENOMEM;
    }
    ssize_t n = send(sock, nlmsg_hdr(m), nlmsg_hdr(m)->nlmsg_len, 0);
    nlmsg_free(m);
    char space[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
    if (n >= 0)
        n = recv(sock, space, sizeof(space), 0);
    if (n < 0)
        return -errno;
    struct nlmsghdr *h = (struct nlmsghdr *)space;
    if (!nlmsg_ok(h, (int)n))
        return -EPROTO;
    if (h->nlmsg_type == NLMSG_ERROR)
        return ((struct nlmsgerr *)nlmsg_data(h))->error;
    link_info_read(h, out);
    return 0;
}
