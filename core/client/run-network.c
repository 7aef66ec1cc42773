/* SPDX-License-Identifier: Apache-2.0 */
/* Flags of run and create for the container's place on its network. */
#include "base/json.h"
#include "client/run-parts.h"

static void put_list(json_t *o, const char *member, const struct strv *values)
{
    const char *item;
    json_t *list = json_array();
    strv_foreach (item, values)
        json_push_str(list, item);
    json_put_take(o, member, list);
}

void put_endpoint(const struct args *a, const char *network, json_t *config)
{
    json_t *endpoint = json_object(), *ipam = json_object();
    if (args_given(a, "ip"))
        json_put_str(ipam, "IPv4Address", args_str(a, "ip", ""));
    if (args_given(a, "ip6"))
        json_put_str(ipam, "IPv6Address", args_str(a, "ip6", ""));
    if (args_given(a, "link-local-ip"))
        put_list(ipam, "LinkLocalIPs", args_list(a, "link-local-ip"));
    if (json_object_size(ipam) > 0)
        json_put(endpoint, "IPAMConfig", ipam);
    json_decref(ipam);
    if (args_given(a, "network-alias"))
        put_list(endpoint, "Aliases", args_list(a, "network-alias"));
    if (json_object_size(endpoint) == 0) {
        json_decref(endpoint);
        return;
    }
    json_t *all = json_object(), *networking = json_object();
    json_put_take(all, network, endpoint);
    json_put_take(networking, "EndpointsConfig", all);
    json_put_take(config, "NetworkingConfig", networking);
}
