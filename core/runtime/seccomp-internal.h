/* SPDX-License-Identifier: Apache-2.0 */
/* A profile as rules per architecture: what seccomp-profile.c reads and seccomp-bpf.c compiles. */
#pragma once

#include <jansson.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SEC_X32_BIT 0x40000000u
/* The newest system call in the tables; since 424 all architectures number alike. */
#define SEC_NEWEST 466u

enum sec_op { SEC_NE, SEC_LT, SEC_LE, SEC_EQ, SEC_GE, SEC_GT, SEC_MASKED_EQ };

struct sec_cond {
    unsigned arg; /* 0 … 5 */
    enum sec_op op;
    uint64_t value, mask; /* mask: of SEC_MASKED_EQ */
};

struct sec_rule {
    uint32_t ret; /* SECCOMP_RET_* with its data */
    struct sec_cond conds[6];
    size_t n;
};

/* All rules of one system call: those with conditions in order, then `otherwise`. */
struct sec_call {
    uint32_t nr;
    bool has_otherwise;
    uint32_t otherwise;
    struct sec_rule *rules;
    size_t n;
};

struct sec_arch {
    uint32_t audit;         /* AUDIT_ARCH_* */
    uint32_t scmp;          /* libseccomp's token */
    struct sec_call *calls; /* sorted by nr; numbers of x32 carry its bit */
    size_t n;
};

struct sec_profile {
    uint32_t default_ret;
    struct sec_arch archs[6];
    size_t narchs;
};
void sec_profile_fini(struct sec_profile *p);

/* `kernel`: major * 1000 + minor. -EINVAL says where the profile is wrong. */
int sec_profile_read(const json_t *json, uint64_t caps, unsigned kernel, struct sec_profile *out,
                     struct err *err);

/* *out: the caller's. -E2BIG when the kernel would not take it. */
int sec_compile(const struct sec_profile *p, struct sock_filter **out, size_t *n, struct err *err);
