/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolv.conf of a container
 *
 * The host's, without servers on loopback, which are not the container's; what the container or daemon.conf asks for
 * goes first, list by list, as in Docker.
 */
#pragma once

#include "base/str.h"

struct dns_request {
    const char *const *servers; /* each NULL-terminated, or NULL: not asked for */
    const char *const *search;
    const char *const *options;
    const char *const *defaults; /* daemon.conf's network.dns, for when there are no servers */
};

/* The text; the caller frees. host: the host's resolv.conf, or NULL. Without any server: 8.8.8.8 and 8.8.4.4. */
char *dns_resolv_conf(const char *host, const struct dns_request *req);
/* The same from /etc/resolv.conf, or systemd-resolved's own file where that one only names its stub. */
char *dns_resolv_conf_of_host(const struct dns_request *req);
