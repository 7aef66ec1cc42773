/* SPDX-License-Identifier: Apache-2.0 */
/* What an earlier image left: reading it back. Members and sections that are not known are a newer shim's. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "shim/reexec.h"
#include "shim/sys.h"

int restore_fd(const json_t *o, const char *key)
{
    int64_t fd = json_int(o, key, -1);
    return fd >= 0 && fd < INT32_MAX && fcntl((int)fd, F_GETFD) >= 0 ? (int)fd : -1;
}

struct blob restore_blob(const struct restoring *r, const json_t *o, const char *key)
{
    int64_t i = json_int(o, key, -1);
    return i >= 0 && (size_t)i < r->nblobs ? r->blobs[i] : (struct blob){0};
}

static void take_carry(struct restoring *r, const struct section *s, const char *data)
{
    if (s->a < 2)
        cutter_load(&r->cut[s->a], data, s->len);
}

static void take_batch(struct restoring *r, const struct section *s, const char *data)
{
    struct batch *b = batch_load(data, s->len, s->a, s->b, s->base);
    if (!b)
        return;
    *r->tail = b;
    r->tail = &b->next;
}

static int take_section(struct restoring *r, const struct section *s, const char *data,
                        struct err *err)
{
    struct blob blob = {data, s->len};
    switch (s->type) {
    case SECTION_DOC:
        return json_parse(data, s->len, &r->doc, err);
    case SECTION_PLAN:
        r->plan = blob;
        break;
    case SECTION_SECCOMP:
        r->seccomp = blob;
        break;
    case SECTION_BLOB:
        r->blobs = xrealloc(r->blobs, (r->nblobs + 1) * sizeof(blob));
        r->blobs[r->nblobs++] = blob;
        break;
    case SECTION_BATCH:
        take_batch(r, s, data);
        break;
    case SECTION_CARRY:
        take_carry(r, s, data);
        break;
    case SECTION_CHUNK:
        r->chunk = blob;
        r->chunk_stream = (int)s->a;
        break;
    default: /* of a newer shim */
        break;
    }
    return 0;
}

void restoring_close_others(const struct restoring *r, const int *own, size_t n)
{
    const json_t *open = json_arr(r->doc, "open");
    size_t more = json_array_size(open);
    _cleanup_(freep) int *keep = xcalloc(n + more, sizeof(*keep));
    memcpy(keep, own, n * sizeof(*keep));
    for (size_t i = 0; i < more; i++)
        keep[n + i] = (int)json_integer_value(json_array_get(open, i));
    sys_close_others(keep, n + more);
}

int restoring_read(int fd, struct restoring *r, struct err *err)
{
    struct reexec_head h;
    r->tail = &r->queue;
    lseek(fd, 0, SEEK_SET);
    int n = fs_read_fd(fd, SIZE_MAX / 2, &r->file, &r->size);
    if (n < 0)
        return err_errno(err, n, "reading what the shim left for itself");
    if (r->size < sizeof(h) || (memcpy(&h, r->file, sizeof(h)), h.magic != REEXEC_MAGIC))
        return err_set(err, -EBADMSG, "what the shim left for itself is not of this kind");
    r->faults = h.faults;
    r->first_fault_ns = h.first_fault_ns;
    r->cause = (enum reexec_cause)h.cause;
    r->error = h.error;
    r->signal = h.signal;
    r->culprit = h.culprit;
    struct section s;
    for (size_t at = sizeof(h); r->size - at >= sizeof(s); at += s.len) {
        memcpy(&s, r->file + at, sizeof(s));
        at += sizeof(s);
        if (s.len > r->size - at)
            break;
        n = take_section(r, &s, r->file + at, err);
        if (n < 0)
            return n;
    }
    return r->doc ? 0 : err_set(err, -EBADMSG, "what the shim left for itself has no state");
}

void restoring_fini(struct restoring *r)
{
    json_decref(r->doc);
    for (struct batch *b = r->queue, *next; b; b = next) {
        next = b->next;
        batch_free(b);
    }
    free(r->blobs);
    free(r->file);
}
