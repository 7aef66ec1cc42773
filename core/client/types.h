/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Go types that docker's client reads the API's answers into
 *
 * They decide what a template sees: which fields there are and what they are called, how a struct prints, what a field that is not
 * in the answer is worth.
 */
#pragma once

#include "client/template/value.h"

extern const struct go_type go_container_inspect, go_image_inspect, go_network_inspect, go_volume,
    go_event;
/* Of `info`: the daemon's answer with ClientInfo; of `version`: Client and Server. */
extern const struct go_type go_info, go_version;
