/* SPDX-License-Identifier: Apache-2.0 */
/* From the merged tree to the typed struct; internal to config/. */
#pragma once

#include "config/config.h"
#include "config/node.h"

/* Fills `cfg` by the schema and adds the defaults to the tree. */
int config_apply(struct config *cfg, struct config_node *tree, struct err *err);
/* What cannot be said of one value alone: pools that overlap, a default network that is not there, … */
int config_check_whole(const struct config *cfg, const struct config_node *tree, struct err *err);
/* Frees everything that config_apply() put into `cfg`. */
void config_unapply(struct config *cfg);
