/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tree of a configuration
 *
 * What libconfig read, merged over all files and flags, each value with the place where it was given. Internal to
 * config/.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

enum config_node_type { NODE_GROUP, NODE_LIST, NODE_STRING, NODE_INT, NODE_FLOAT, NODE_BOOL };

struct config_node {
    char *name;   /* NULL: an element of a list */
    char *origin; /* "FILE:LINE", "--set a.b=c" or "default" */
    enum config_node_type type;
    char *text;      /* of a string */
    int64_t number;  /* of an int; 0 or 1 of a bool */
    double fraction; /* of a float */
    bool secret;     /* not shown */
    struct config_node **children;
    size_t n;
};

struct config_node *config_node_new(const char *name, enum config_node_type type,
                                    const char *origin);
void config_node_free(struct config_node *node);
DEFINE_CLEANUP(struct config_node *, config_node_free);

/* Adds at the end; the child is taken over. */
void config_node_add(struct config_node *parent, struct config_node *child);
/* A member by name, or NULL. */
struct config_node *config_node_get(const struct config_node *group, const char *name);
/* A member of members: "network.dns". */
struct config_node *config_node_find(const struct config_node *root, const char *path);
/* Puts `value` (taken over; its name is set) at a path, making groups on the way; what was there is replaced. */
void config_node_put(struct config_node *root, const char *path, struct config_node *value);
/* Groups merge member by member, everything else replaces. `from` is taken over. */
void config_node_merge(struct config_node *to, struct config_node *from);

/* A copy of the whole, the caller's. */
struct config_node *config_node_clone(const struct config_node *node);
/* Takes away what stands at a path; nothing there is fine. */
void config_node_drop(struct config_node *root, const char *path);

/* "a string", "a group", … for messages. */
const char *config_node_type_words(const struct config_node *node);
/* The value of a scalar as a driver gets it; NULL for lists and groups. The caller frees. */
char *config_node_text(const struct config_node *node);
/* The value; secrets as "(hidden)" unless `reveal`. */
json_t *config_node_json(const struct config_node *node, bool reveal);
