/* SPDX-License-Identifier: Apache-2.0 */
/* Names and numbers that netd and its client share; docs/netd-protocol.md. */
#pragma once

#define NETD_PROTOCOL       1
#define NETD_PROTOCOL_MINOR 0
#define NETD_SOCK           "sock"
#define NETD_LOCK           "lock"
#define NETD_STATE          "state"
