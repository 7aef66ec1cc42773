/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp programs: from rules to BPF
 *
 * The numbers of an architecture are cut into ranges with one outcome each, found by binary search: a tenth of the instructions of a
 * chain of comparisons, quicker to load and quicker for each system call. A number that is newer than all tables answers ENOSYS, so that a
 * libc falls back, instead of EPERM, at which it gives up. All jumps are relative and forward, so a piece of code can be made before it is known
 * where it goes.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/bpf_common.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "runtime/seccomp-internal.h"

#define JUMP_MAX 255
/* A jump to the end of the rule, whose distance is not known yet. */
#define FAIL 254

struct code {
    struct sock_filter *v;
    size_t n, cap;
};

static void code_fini(struct code *c)
{
    free(c->v);
}

static void emit(struct code *c, uint16_t op, uint32_t k, uint8_t jt, uint8_t jf)
{
    if (c->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 64;
        c->v = xrealloc(c->v, c->cap * sizeof *c->v);
    }
    c->v[c->n++] = (struct sock_filter){.code = op, .jt = jt, .jf = jf, .k = k};
}

static void append(struct code *c, const struct code *more)
{
    for (size_t i = 0; i < more->n; i++)
        emit(c, more->v[i].code, more->v[i].k, more->v[i].jt, more->v[i].jf);
}

#define LOAD (BPF_LD | BPF_W | BPF_ABS)
#define RET  (BPF_RET | BPF_K)
#define JEQ  (BPF_JMP | BPF_JEQ | BPF_K)
#define JGT  (BPF_JMP | BPF_JGT | BPF_K)
#define JGE  (BPF_JMP | BPF_JGE | BPF_K)

/* --- conditions on 64-bit arguments, in halves */

static uint32_t offset_of(unsigned arg, bool high)
{
    uint32_t at = (uint32_t)(offsetof(struct seccomp_data, args) + arg * 8);
    return at + (high ? 4 : 0); /* little-endian, as all architectures here */
}

static uint32_t high(uint64_t v)
{
    return (uint32_t)(v >> 32);
}

static void emit_masked(struct code *c, const struct sec_cond *q)
{
    emit(c, LOAD, offset_of(q->arg, true), 0, 0);
    emit(c, BPF_ALU | BPF_AND | BPF_K, high(q->mask), 0, 0);
    emit(c, JEQ, high(q->value), 0, FAIL);
    emit(c, LOAD, offset_of(q->arg, false), 0, 0);
    emit(c, BPF_ALU | BPF_AND | BPF_K, (uint32_t)q->mask, 0, 0);
    emit(c, JEQ, (uint32_t)q->value, 0, FAIL);
}

/* Greater (or equal): the high half decides unless it is equal. `negate`: the condition is the opposite. */
static void emit_greater(struct code *c, const struct sec_cond *q, bool or_equal, bool negate)
{
    /* to what follows the condition: over what is left of it */
    emit(c, LOAD, offset_of(q->arg, true), 0, 0);
    emit(c, JGT, high(q->value), negate ? FAIL : 3, 0);
    emit(c, JEQ, high(q->value), 0, negate ? 2 : FAIL);
    emit(c, LOAD, offset_of(q->arg, false), 0, 0);
    emit(c, or_equal ? JGE : JGT, (uint32_t)q->value, negate ? FAIL : 0, negate ? 0 : FAIL);
}

static void emit_cond(struct code *c, const struct sec_cond *q)
{
    switch (q->op) {
    case SEC_EQ:
        emit(c, LOAD, offset_of(q->arg, true), 0, 0);
        emit(c, JEQ, high(q->value), 0, FAIL);
        emit(c, LOAD, offset_of(q->arg, false), 0, 0);
        emit(c, JEQ, (uint32_t)q->value, 0, FAIL);
        break;
    case SEC_NE:
        emit(c, LOAD, offset_of(q->arg, true), 0, 0);
        emit(c, JEQ, high(q->value), 0, 2);
        emit(c, LOAD, offset_of(q->arg, false), 0, 0);
        emit(c, JEQ, (uint32_t)q->value, FAIL, 0);
        break;
    case SEC_MASKED_EQ:
        emit_masked(c, q);
        break;
    case SEC_GT:
    case SEC_GE:
        emit_greater(c, q, q->op == SEC_GE, false);
        break;
    case SEC_LE: /* not greater */
    case SEC_LT: /* not greater or equal */
        emit_greater(c, q, q->op == SEC_LT, true);
        break;
    }
}

static void emit_rule(struct code *c, const struct sec_rule *rule)
{
    size_t from = c->n;
    for (size_t i = 0; i < rule->n; i++)
        emit_cond(c, &rule->conds[i]);
    emit(c, RET, rule->ret, 0, 0);
    for (size_t i = from; i < c->n; i++) {
        uint8_t end = (uint8_t)(c->n - i - 1); /* six conditions of six instructions: always near */
        if (BPF_CLASS(c->v[i].code) != BPF_JMP)
            continue;
        if (c->v[i].jt == FAIL)
            c->v[i].jt = end;
        if (c->v[i].jf == FAIL)
            c->v[i].jf = end;
    }
}

/* --- ranges */

struct range {
    uint32_t from;               /* to the next one's, or the last number */
    uint32_t ret;                /* when call is NULL */
    const struct sec_call *call; /* has conditions */
};

struct ranges {
    struct range *v;
    size_t n, cap;
};

static void ranges_fini(struct ranges *r)
{
    free(r->v);
}

static void add_range(struct ranges *r, uint32_t from, uint32_t ret, const struct sec_call *call)
{
    struct range *last = r->n ? &r->v[r->n - 1] : NULL;
    if (last && last->from == from) {
        r->n--;
        add_range(r, from, ret, call);
        return;
    }
    if (last && !last->call && !call && last->ret == ret)
        return;
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 64;
        r->v = xrealloc(r->v, r->cap * sizeof *r->v);
    }
    r->v[r->n++] = (struct range){.from = from, .ret = ret, .call = call};
}

static bool is_allowing(uint32_t ret)
{
    return ret == SECCOMP_RET_ALLOW || ret == SECCOMP_RET_LOG;
}

/* What numbers that no rule names get, from `from` on. */
static void add_gap(const struct sec_profile *p, struct ranges *r, uint32_t base, uint32_t from)
{
    uint32_t newest = base + SEC_NEWEST;
    uint32_t unknown =
        is_allowing(p->default_ret) ? p->default_ret : SECCOMP_RET_ERRNO | (uint32_t)ENOSYS;
    if (from <= newest)
        add_range(r, from, p->default_ret, NULL);
    add_range(r, from <= newest ? newest + 1 : from, unknown, NULL);
}

static void add_arch_ranges(const struct sec_profile *p, const struct sec_arch *a, uint32_t base,
                            struct ranges *r)
{
    add_gap(p, r, base, base);
    for (size_t i = 0; i < a->n; i++) {
        const struct sec_call *c = &a->calls[i];
        while (r->n && r->v[r->n - 1].from > c->nr) /* the gap's own second half */
            r->n--;
        add_range(r, c->nr, c->otherwise, c->n ? c : NULL);
        add_gap(p, r, base, c->nr + 1);
    }
}

static void emit_leaf(const struct sec_profile *p, struct code *c, const struct range *r)
{
    for (size_t i = 0; r->call && i < r->call->n; i++)
        emit_rule(c, &r->call->rules[i]);
    if (r->call)
        emit(c, RET, r->call->has_otherwise ? r->call->otherwise : p->default_ret, 0, 0);
    else
        emit(c, RET, r->ret, 0, 0);
}

/* `test` then one way or the other: falls into `no` when it is false. */
static void emit_branch(struct code *c, uint16_t test, uint32_t k, const struct code *no,
                        const struct code *yes)
{
    if (no->n <= JUMP_MAX) {
        emit(c, test, k, (uint8_t)no->n, 0);
    } else {
        emit(c, test, k, 0, 1);
        emit(c, BPF_JMP | BPF_JA, (uint32_t)no->n, 0, 0);
    }
    append(c, no);
    append(c, yes);
}

static void emit_search(const struct sec_profile *p, struct code *c, const struct range *v,
                        size_t n)
{
    if (n == 1) {
        emit_leaf(p, c, v);
        return;
    }
    _cleanup_(code_fini) struct code below = {0}, above = {0};
    emit_search(p, &below, v, n / 2);
    emit_search(p, &above, v + n / 2, n - n / 2);
    emit_branch(c, JGE, v[n / 2].from, &below, &above);
}

/* --- architectures */

/* All of one AUDIT_ARCH: x86_64 and x32 share theirs. */
static void emit_numbers(const struct sec_profile *p, struct code *c, uint32_t audit)
{
    _cleanup_(ranges_fini) struct ranges r = {0};
    const struct sec_arch *plain = NULL, *x32 = NULL;
    for (size_t i = 0; i < p->narchs; i++) {
        if (p->archs[i].audit != audit)
            continue;
        if (p->archs[i].n && p->archs[i].calls[0].nr & SEC_X32_BIT)
            x32 = &p->archs[i];
        else
            plain = &p->archs[i];
    }
    if (plain)
        add_arch_ranges(p, plain, 0, &r);
    else
        add_range(&r, 0, p->default_ret, NULL);
    if (x32)
        add_arch_ranges(p, x32, SEC_X32_BIT, &r);
    else if (audit == AUDIT_ARCH_X86_64)
        add_range(&r, SEC_X32_BIT, p->default_ret, NULL);
    emit(c, LOAD, offsetof(struct seccomp_data, nr), 0, 0);
    emit_search(p, c, r.v, r.n);
}

static void emit_archs(const struct sec_profile *p, struct code *c, size_t at)
{
    if (at == p->narchs) {
        emit(c, RET, SECCOMP_RET_KILL_PROCESS, 0,
             0); /* an architecture that the profile does not have */
        return;
    }
    for (size_t i = 0; i < at; i++) {
        if (p->archs[i].audit == p->archs[at].audit) {
            emit_archs(p, c, at + 1);
            return;
        }
    }
    _cleanup_(code_fini) struct code here = {0}, others = {0};
    emit_numbers(p, &here, p->archs[at].audit);
    emit_archs(p, &others, at + 1);
    emit_branch(c, JEQ, p->archs[at].audit, &others, &here);
}

int sec_compile(const struct sec_profile *p, struct sock_filter **out, size_t *n, struct err *err)
{
    _cleanup_(code_fini) struct code c = {0};
    emit(&c, LOAD, offsetof(struct seccomp_data, arch), 0, 0);
    emit_archs(p, &c, 0);
    if (c.n > BPF_MAXINSNS)
        return err_set(err, -E2BIG,
                       "seccomp profile: %zu instructions, the kernel takes %d: use fewer rules "
                       "with conditions",
                       c.n, BPF_MAXINSNS);
    *n = c.n;
    *out = steal_ptr(&c.v);
    return 0;
}
