/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the body of create, for run-options.c. */
#pragma once

#include "client/client.h"

/* Rates and weights of block devices, GPUs: into HostConfig. -EINVAL. */
int put_block_devices(const struct args *a, json_t *host, struct err *err);
/* Addresses and aliases on `network`: into NetworkingConfig, where there are any. */
void put_endpoint(const struct args *a, const char *network, json_t *config);
