/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups: devices
 *
 * v1 has files for it. v2 wants a BPF program on the group: the rules become a chain of comparisons, the last rule first, and the first
 * that matches decides, which gives v1's result for allow rules on a group that denies all else.
 */
#include "runtime/cgroup-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/json.h"
#include "runtime/devices.h"

/* --- v1 */

static char *number_text(int n)
{
    return n == DEVICE_ANY ? xstrdup("*") : str_printf("%d", n);
}

static char *rule_text(const struct device_rule *rule)
{
    if (rule->type == 'a' && rule->major == DEVICE_ANY && rule->minor == DEVICE_ANY)
        return xstrdup("a");
    _cleanup_(freep) char *major = number_text(rule->major);
    _cleanup_(freep) char *minor = number_text(rule->minor);
    return str_printf("%c %s:%s %s%s%s", rule->type, major, minor, rule->read ? "r" : "",
                      rule->write ? "w" : "", rule->mknod ? "m" : "");
}

static int set_v1(const char *dir, const struct device_rules *rules, struct err *err)
{
    _cleanup_(freep) char *path = str_printf("%s/devices.allow", dir);
    int r = cgroup_write(dir, "devices.deny", "a", err);
    if (r < 0)
        return r;
    _cleanup_(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, -errno, "opening %s", path);
    for (size_t i = 0; i < rules->n; i++) { /* each rule is one write */
        _cleanup_(freep) char *text = rule_text(&rules->v[i]);
        if (write(fd, text, strlen(text)) < 0)
            return err_errno(err, -errno, "writing \"%s\" to %s", text, path);
    }
    return 0;
}

/* --- v2 */

struct program {
    struct bpf_insn *v;
    size_t n, cap;
};

static void program_fini(struct program *p)
{
    free(p->v);
}

static void emit(struct program *p, uint8_t code, int dst, int src, int off, int imm)
{
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 64;
        p->v = xrealloc(p->v, p->cap * sizeof *p->v);
    }
    struct bpf_insn *i = &p->v[p->n++];
    *i = (struct bpf_insn){.code = code, .off = (int16_t)off, .imm = imm};
    i->dst_reg = (unsigned)dst & 15;
    i->src_reg = (unsigned)src & 15;
}

enum { R_TYPE = 2, R_ACCESS = 3, R_MAJOR = 4, R_MINOR = 5 };

/* struct bpf_cgroup_dev_ctx { u32 access_type (type in the low, access in the high half), major, minor } */
static void emit_head(struct program *p)
{
    emit(p, BPF_LDX | BPF_MEM | BPF_W, R_TYPE, 1, 0, 0);
    emit(p, BPF_ALU | BPF_AND | BPF_K, R_TYPE, 0, 0, 0xffff);
    emit(p, BPF_LDX | BPF_MEM | BPF_W, R_ACCESS, 1, 0, 0);
    emit(p, BPF_ALU | BPF_RSH | BPF_K, R_ACCESS, 0, 0, 16);
    emit(p, BPF_LDX | BPF_MEM | BPF_W, R_MAJOR, 1, 4, 0);
    emit(p, BPF_LDX | BPF_MEM | BPF_W, R_MINOR, 1, 8, 0);
}

/* A rule is passed over by a jump to its end; the distances are filled in when the end is known. */
static void emit_rule(struct program *p, const struct device_rule *rule)
{
    size_t jumps[4], n = 0;
    int access = (rule->mknod ? BPF_DEVCG_ACC_MKNOD : 0) | (rule->read ? BPF_DEVCG_ACC_READ : 0) |
                 (rule->write ? BPF_DEVCG_ACC_WRITE : 0);
    if (rule->type != 'a') {
        jumps[n++] = p->n;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, R_TYPE, 0, 0,
             rule->type == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK);
    }
    emit(p, BPF_ALU | BPF_MOV | BPF_X, 1, R_ACCESS, 0,
         0); /* all that is wanted must be in the rule */
    emit(p, BPF_ALU | BPF_AND | BPF_K, 1, 0, 0, access);
    jumps[n++] = p->n;
    emit(p, BPF_JMP | BPF_JNE | BPF_X, 1, R_ACCESS, 0, 0);
    if (rule->major != DEVICE_ANY) {
        jumps[n++] = p->n;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, R_MAJOR, 0, 0, rule->major);
    }
    if (rule->minor != DEVICE_ANY) {
        jumps[n++] = p->n;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, R_MINOR, 0, 0, rule->minor);
    }
    emit(p, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1);
    emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    for (size_t i = 0; i < n; i++)
        p->v[jumps[i]].off = (int16_t)(p->n - jumps[i] - 1);
}

static int bpf(int cmd, union bpf_attr *attr)
{
    return (int)syscall(SYS_bpf, cmd, attr, sizeof *attr);
}

static int load(const struct program *p)
{
    union bpf_attr attr = {0};
    attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attr.insns = (uint64_t)(uintptr_t)p->v;
    attr.insn_cnt = (uint32_t)p->n;
    attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
    int fd = bpf(BPF_PROG_LOAD, &attr);
    return fd < 0 ? -errno : fd;
}

static int set_v2(const char *dir, const struct device_rules *rules, struct err *err)
{
    _cleanup_(program_fini) struct program p = {0};
    emit_head(&p);
    for (size_t i = rules->n; i-- > 0;)
        emit_rule(&p, &rules->v[i]);
    emit(&p, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
    emit(&p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    _cleanup_(closep) int prog = load(&p);
    if (prog < 0)
        return err_errno(err, prog, "loading the device program of control group %s", dir);
    _cleanup_(closep) int group = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (group < 0)
        return err_errno(err, -errno, "opening control group %s", dir);
    union bpf_attr attr = {0};
    attr.target_fd = (uint32_t)group;
    attr.attach_bpf_fd = (uint32_t)prog;
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = BPF_F_ALLOW_MULTI;
    if (bpf(BPF_PROG_ATTACH, &attr) < 0)
        return err_errno(err, -errno, "attaching the device program to control group %s", dir);
    return 0;
}

int cgroup_devices_set(const struct cgroup_hier *h, const char *dir, const json_t *host_config,
                       struct err *err)
{
    if (json_bool(host_config, "Privileged", false))
        return 0; /* everything that the engine's own group may */
    _cleanup_(device_rules_fini) struct device_rules rules = {0};
    int r = device_rules_of(host_config, &rules, err);
    if (r < 0)
        return r;
    return h->v2 ? set_v2(dir, &rules, err) : set_v1(dir, &rules, err);
}
