/* SPDX-License-Identifier: Apache-2.0 */
/* The rule text: data/firewall.nft with its placeholders filled in, loaded by the nft program. */
#pragma once

#include "base/err.h"

/* Loads the text at `path` into table `inet <table>`, replacing the table, unless it is there with these very rules.
 * `sock`: a NETLINK_NETFILTER socket. */
int rules_load(int sock, const char *table, const char *path, struct err *err);
