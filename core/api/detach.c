/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Detach keys
 *
 * A matcher over the client's input that may be cut anywhere: the beginning of a sequence is held
 * back until the next key shows what it was.
 */
#include "api/detach.h"

#include <errno.h>

static int key_parse(const char *key, unsigned char *out)
{
    const char *ctrl = str_after(key, "ctrl-");
    if (key[0] && !key[1])
        *out = (unsigned char)key[0];
    else if (str_eq(key, "DEL"))
        *out = 127;
    else if (ctrl && ctrl[0] >= 'a' && ctrl[0] <= 'z' && !ctrl[1])
        *out = (unsigned char)(ctrl[0] - 'a' + 1);
    else if (ctrl && ctrl[0] == '@' && !ctrl[1])
        *out = 0;
    else if (ctrl && ctrl[0] >= '[' && ctrl[0] <= '_' && !ctrl[1])
        *out = (unsigned char)(ctrl[0] - '@');
    else
        return -EINVAL;
    return 0;
}

int detach_parse(struct detach *d, const char *spec, struct err *err)
{
    *d = (struct detach){0};
    if (str_empty(spec))
        spec = DETACH_KEYS_DEFAULT;
    const char *at = spec;
    do {
        size_t len = strcspn(at, ",");
        _cleanup_(freep) char *key = xstrndup(at, len);
        if (d->n == DETACH_KEYS_MAX)
            return err_set(err, -EINVAL, "invalid detach keys: more than %d keys", DETACH_KEYS_MAX);
        if (key_parse(key, &d->keys[d->n]) < 0)
            return err_set(err, -EINVAL,
                           "invalid detach keys (%s): unknown key '%s', expected a letter or "
                           "ctrl-<value> with a-z, @, [, \\, ], ^ or _",
                           spec, key);
        d->n++;
        at += len;
    } while (*at++ == ',');
    return 0;
}

/* The longest beginning of the sequence that ends with `c` after `held` matched keys; what is no
 * part of it goes on. */
static void detach_step(struct detach *d, unsigned char c, struct buf *out)
{
    unsigned char seen[DETACH_KEYS_MAX + 1];
    size_t n = d->held + 1, keep = n;
    memcpy(seen, d->keys, d->held);
    seen[d->held] = c;
    while (keep > 0 && memcmp(seen + n - keep, d->keys, keep) != 0)
        keep--;
    buf_add(out, seen, n - keep);
    d->held = keep;
}

bool detach_feed(struct detach *d, const char *data, size_t n, struct buf *out)
{
    if (d->n == 0) {
        buf_add(out, data, n);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        detach_step(d, (unsigned char)data[i], out);
        if (d->held == d->n)
            return true;
    }
    return false;
}

void detach_flush(struct detach *d, struct buf *out)
{
    buf_add(out, d->keys, d->held);
    d->held = 0;
}
