/* SPDX-License-Identifier: Apache-2.0 */
/* What older versions of the API spell differently in what we answer. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

enum answer {
    ANSWER_CONTAINER,
    ANSWER_CONTAINER_ITEM, /* in a list */
    ANSWER_IMAGE,
    ANSWER_IMAGE_ITEM,
    ANSWER_INFO,
    ANSWER_NETWORK,
};

/* Whether an answer of the newest version is another one in version 1.`version`. */
bool answer_differs(enum answer kind, int version);
/* Changes `value` (of the newest version) to what version 1.`version` of the API has. */
void answer_trim(enum answer kind, int version, json_t *value);
/* The same for each element of a list. */
void answer_trim_list(enum answer kind, int version, json_t *list);
