/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Link messages
 *
 * The rtnetlink requests that a plan's records turn into. Each function makes one message, to be sent with nl.h;
 * NULL when memory is gone.
 */
#pragma once

#include <jansson.h>
#include <netlink/msg.h>
#include <stdbool.h>

#include "network/addr.h"

/* Makes the link of a plan's record. netns_fd: where the container's end goes, -1 when nothing moves. master, parent:
 * interface numbers or 0. A link that stays on the host is up at once. */
struct nl_msg *link_msg_new(const json_t *record, int netns_fd, int master, int parent);
/* The same for a link of the host that shall bear another name for now: it stays down, for only then can it be renamed. */
struct nl_msg *link_msg_new_as(const json_t *record, const char *name, int parent);
/* Name and alias in one request, which the kernel carries out whole whatever becomes of us. */
struct nl_msg *link_msg_rename(int ifindex, const char *name, const char *alias);
struct nl_msg *link_msg_up(int ifindex);
struct nl_msg *link_msg_alias(int ifindex, const char *alias);
struct nl_msg *link_msg_mtu(int ifindex, uint32_t mtu);
struct nl_msg *link_msg_bridge_port(int ifindex, bool hairpin, bool isolated);
struct nl_msg *link_msg_delete(const char *name);
struct nl_msg *link_msg_delete_index(int ifindex);
/* Off its bridge, down, and into a link group. */
struct nl_msg *link_msg_retire(int ifindex, uint32_t group);
/* Every link of a group, in one go. */
struct nl_msg *link_msg_delete_group(uint32_t group);
struct nl_msg *link_msg_address(int ifindex, const struct cidr *c);
/* destination NULL: default; gateway NULL: on-link. */
struct nl_msg *link_msg_route(int ifindex, const struct cidr *destination,
                              const struct addr *gateway);

/* The interface's number in the namespace of the (any) socket, or a negative errno. */
int link_index(int sock, const char *name);

/* Makes the kernel act on a change of carrier now: a bridge port forwards, and a link sends, only after the link watch has
 * seen it, which otherwise happens later and costs the first packets. What cannot say its carrier is left alone. */
void link_settle(int sock, const char *name);

struct link_info {
    int ifindex;
    uint32_t mtu;
    bool up;
    char *kind, *alias; /* NULL: none */
};
void link_info_fini(struct link_info *i);
/* -ENODEV when there is none. */
int link_lookup(int sock, const char *name, struct link_info *out);
