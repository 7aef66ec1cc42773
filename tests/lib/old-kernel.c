/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An older kernel, as far as a seccomp filter can be one
 *
 *   old-kernel WHAT... -- COMMAND ARG...
 *
 * COMMAND and all that it starts find the system calls that WHAT names missing (ENOSYS), or flags unknown (EINVAL). "5.10" is all that Linux
 * got since then.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

#define LAST_OF_5_10 440 /* process_madvise; one number for all architectures */

/* Of the flags in argument `arg`, those that are not known; 0: the call itself is not there. `equal`: the argument's value. */
struct lack {
    const char *name;
    uint32_t nr;
    unsigned arg;
    uint32_t flags, equal;
};

static const struct lack lacks[] = {
    {"clone3", SYS_clone3, 0, 0, 0},
    {"close_range", SYS_close_range, 0, 0, 0},
    {"fsopen", SYS_fsopen, 0, 0, 0},
    {"move_mount", SYS_move_mount, 0, 0, 0},
    {"open_tree", SYS_open_tree, 0, 0, 0},
    {"openat2", SYS_openat2, 0, 0, 0},
    {"pidfd_open", SYS_pidfd_open, 0, 0, 0},
    {"mount_setattr", SYS_mount_setattr, 0, 0, 0},
    /* Layers of an overlay as descriptors (6.13): FSCONFIG_SET_FD. */
    {"fsconfig-fd", SYS_fsconfig, 1, 0, 5},
    /* CLOSE_RANGE_CLOEXEC (5.11); MFD_NOEXEC_SEAL and MFD_EXEC (6.3). */
    {"close_range-cloexec", SYS_close_range, 2, 4, 0},
    {"memfd-exec", SYS_memfd_create, 1, 0x18, 0},
};

#define N_LACKS (sizeof(lacks) / sizeof(lacks[0]))

static struct sock_filter code[256];
static unsigned short n;

static void emit(uint16_t op, uint8_t yes, uint8_t no, uint32_t k)
{
    code[n++] = (struct sock_filter){op, yes, no, k};
}

static void load(size_t offset)
{
    emit(BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void answer(int errnum)
{
    emit(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | (uint32_t)errnum);
}

static void add(const struct lack *l)
{
    load(offsetof(struct seccomp_data, nr));
    if (!l->flags && !l->equal) {
        emit(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, l->nr);
        answer(ENOSYS);
        return;
    }
    emit(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, l->nr);
    load(offsetof(struct seccomp_data, args) + l->arg * sizeof(uint64_t));
    if (l->flags)
        emit(BPF_JMP | BPF_JSET | BPF_K, 0, 1, l->flags);
    else
        emit(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, l->equal);
    answer(EINVAL);
}

static int add_named(const char *name)
{
    int found = 0, all = strcmp(name, "5.10") == 0;
    if (all) {
        load(offsetof(struct seccomp_data, nr));
        emit(BPF_JMP | BPF_JGT | BPF_K, 0, 1, LAST_OF_5_10);
        answer(ENOSYS);
    }
    for (size_t i = 0; i < N_LACKS; i++) {
        int is_flag = lacks[i].flags || lacks[i].equal;
        if (strcmp(name, lacks[i].name) != 0 && !(all && is_flag))
            continue;
        add(&lacks[i]);
        found = 1;
    }
    return found;
}

int main(int argc, char **argv)
{
    int i = 1;
    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (i > 16 || !add_named(argv[i])) {
            fprintf(stderr, "old-kernel: %s is nothing that it can take away\n", argv[i]);
            return 2;
        }
    }
    if (i + 1 >= argc) {
        fprintf(stderr, "usage: old-kernel WHAT... -- COMMAND ARG...\n");
        return 2;
    }
    emit(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
    const struct sock_fprog prog = {n, code};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0) {
        perror("old-kernel: seccomp");
        return 2;
    }
    execvp(argv[i + 1], argv + i + 1);
    perror(argv[i + 1]);
    return 127;
}
