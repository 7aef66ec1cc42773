/* SPDX-License-Identifier: Apache-2.0 */
/* Hash map: open addressing with linear probing, backward-shift deletion, seeded so that keys from outside
 * cannot be chosen to collide. */
#include "base/map.h"

#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"

static uint32_t hash_of(const char *key)
{
    static uint64_t seed;
    if (!__atomic_load_n(&seed, __ATOMIC_RELAXED)) {
        uint64_t fresh = 0, none = 0;
        if (getrandom(&fresh, sizeof(fresh), GRND_NONBLOCK) != sizeof(fresh))
            fresh = (uint64_t)(uintptr_t)&seed;
        __atomic_compare_exchange_n(&seed, &none, fresh | 1, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED);
    }
    uint64_t h = __atomic_load_n(&seed, __ATOMIC_RELAXED) ^ 0xcbf29ce484222325u;
    for (; *key; key++) {
        h = (h ^ (unsigned char)*key) * 0x100000001b3u;
        h ^= h >> 29;
    }
    return (uint32_t)(h ^ (h >> 32));
}

static struct map_slot *find(const struct map *m, const char *key, uint32_t hash)
{
    for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct map_slot *s = &m->slots[i];
        if (!s->key || (s->hash == hash && strcmp(s->key, key) == 0))
            return s;
    }
}

static void grow(struct map *m)
{
    struct map old = *m;
    m->cap = old.cap ? old.cap * 2 : 16;
    m->slots = xcalloc(m->cap, sizeof(*m->slots));
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].key)
            *find(m, old.slots[i].key, old.slots[i].hash) = old.slots[i];
    free(old.slots);
}

void map_fini(struct map *m, void (*free_value)(void *))
{
    for (size_t i = 0; i < m->cap; i++) {
        if (!m->slots[i].key)
            continue;
        free(m->slots[i].key);
        if (free_value)
            free_value(m->slots[i].value);
    }
    free(m->slots);
    *m = (struct map){0};
}

void *map_get(const struct map *m, const char *key)
{
    return m->cap ? find(m, key, hash_of(key))->value : NULL;
}

void *map_set(struct map *m, const char *key, void *value)
{
    if (m->n * 4 >= m->cap * 3)
        grow(m);
    uint32_t hash = hash_of(key);
    struct map_slot *s = find(m, key, hash);
    void *before = s->value;
    if (!s->key) {
        s->key = xstrdup(key);
        s->hash = hash;
        m->n++;
    }
    s->value = value;
    return before;
}

void *map_del(struct map *m, const char *key)
{
    struct map_slot *s = m->cap ? find(m, key, hash_of(key)) : NULL;
    if (!s || !s->key)
        return NULL;
    void *value = s->value;
    free(s->key);
    m->n--;
    size_t hole = (size_t)(s - m->slots), mask = m->cap - 1;
    for (size_t i = (hole + 1) & mask; m->slots[i].key; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct map_slot){0};
    return value;
}

bool map_next(const struct map *m, size_t *i, const char **key, void **value)
{
    for (; *i < m->cap; (*i)++) {
        if (!m->slots[*i].key)
            continue;
        *key = m->slots[*i].key;
        if (value)
            *value = m->slots[*i].value;
        (*i)++;
        return true;
    }
    return false;
}
