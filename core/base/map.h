/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash map from string to pointer
 *
 * Keys are copied, values belong to the caller. Not thread-safe. Zero-initialise, map_fini() when done.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
    char *key;
    void *value;
    uint32_t hash;
};
struct map {
    struct map_slot *slots;
    size_t n, cap;
};

/* Frees the keys and the table; values are passed to `free_value` unless that is NULL. */
void map_fini(struct map *m, void (*free_value)(void *));
/* NULL when there is none. */
void *map_get(const struct map *m, const char *key);
/* Sets the value; returns the one that was there before, or NULL. */
void *map_set(struct map *m, const char *key, void *value);
/* Removes the key; returns its value, or NULL. */
void *map_del(struct map *m, const char *key);
/* Iterates in no order: start with *i = 0; false at the end. Do not change the map meanwhile. */
bool map_next(const struct map *m, size_t *i, const char **key, void **value);
