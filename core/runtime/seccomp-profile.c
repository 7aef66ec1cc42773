/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp profiles: from Docker's JSON to rules per architecture
 *
 * Names become numbers through libseccomp's tables; what Debian's libseccomp is too old for stands in a table here. A name that an
 * architecture does not have is passed over, as Docker does: profiles list the calls of all.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>

#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "runtime/caps.h"
#include "runtime/seccomp-internal.h"

static const struct {
    const char *name, *docker; /* as profiles name it: in archMap, in includes.arches */
    uint32_t scmp, audit;
} archs[] = {
    {"SCMP_ARCH_X86_64", "amd64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64},
    {"SCMP_ARCH_X86", "x86", SCMP_ARCH_X86, AUDIT_ARCH_I386},
    {"SCMP_ARCH_X32", "x32", SCMP_ARCH_X32, AUDIT_ARCH_X86_64},
    {"SCMP_ARCH_AARCH64", "arm64", SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64},
    {"SCMP_ARCH_ARM", "arm", SCMP_ARCH_ARM, AUDIT_ARCH_ARM},
};

#if defined(__x86_64__)
#define NATIVE 0
#elif defined(__aarch64__)
#define NATIVE 3
#else
#error "this architecture has no system call table here yet"
#endif

/* Calls that libseccomp 2.5.4 does not know. */
static const struct {
    const char *name;
    uint32_t nr;
} newer[] = {
    {"fchmodat2", 452},
    {"map_shadow_stack", 453},
    {"futex_wake", 454},
    {"futex_wait", 455},
    {"futex_requeue", 456},
    {"statmount", 457},
    {"listmount", 458},
    {"lsm_get_self_attr", 459},
    {"lsm_set_self_attr", 460},
    {"lsm_list_modules", 461},
    {"mseal", 462},
    {"setxattrat", 463},
    {"getxattrat", 464},
    {"listxattrat", 465},
    {"removexattrat", 466},
};
#define URETPROBE_X86_64 335

void sec_profile_fini(struct sec_profile *p)
{
    for (size_t a = 0; a < p->narchs; a++) {
        for (size_t i = 0; i < p->archs[a].n; i++)
            free(p->archs[a].calls[i].rules);
        free(p->archs[a].calls);
    }
    *p = (struct sec_profile){0};
}

static int resolve(const struct sec_arch *a, const char *name, uint32_t *nr)
{
    uint32_t bit = a->scmp == SCMP_ARCH_X32 ? SEC_X32_BIT : 0;
    if (a->scmp == SCMP_ARCH_X86_64 && str_eq(name, "uretprobe")) {
        *nr = URETPROBE_X86_64;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(newer); i++) {
        if (str_eq(name, newer[i].name)) {
            *nr = newer[i].nr | bit;
            return 0;
        }
    }
    int n = seccomp_syscall_resolve_name_arch(a->scmp, name);
    if (n < 0)
        return -ENOENT;
    *nr = (uint32_t)n | bit;
    return 0;
}

/* --- words */

static int read_action(const json_t *o, const char *key, const char *errno_key, uint32_t *ret,
                       struct err *err)
{
    static const struct {
        const char *name;
        uint32_t ret;
        bool data;
    } actions[] = {
        {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, false},
        {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, true},
        {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, false},
        {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, false},
        {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, false},
        {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP, false},
        {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE, true},
        {"SCMP_ACT_LOG", SECCOMP_RET_LOG, false},
    };
    const char *word = json_str(o, key, "");
    int64_t data = json_int(o, errno_key, EPERM);
    if (data < 0 || data > SECCOMP_RET_DATA)
        return err_set(err, -EINVAL, "seccomp profile: %s %lld is out of range", errno_key,
                       (long long)data);
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        if (!str_eq(word, actions[i].name))
            continue;
        *ret = actions[i].ret | (actions[i].data ? (uint32_t)data : 0);
        return 0;
    }
    return err_set(err, -EINVAL, "seccomp profile: %s \"%s\" is not supported", key, word);
}

static int read_cond(const json_t *o, struct sec_cond *c, struct err *err)
{
    static const struct {
        const char *name;
        enum sec_op op;
    } ops[] = {
        {"SCMP_CMP_NE", SEC_NE},
        {"SCMP_CMP_LT", SEC_LT},
        {"SCMP_CMP_LE", SEC_LE},
        {"SCMP_CMP_EQ", SEC_EQ},
        {"SCMP_CMP_GE", SEC_GE},
        {"SCMP_CMP_GT", SEC_GT},
        {"SCMP_CMP_MASKED_EQ", SEC_MASKED_EQ},
    };
    int64_t index = json_int(o, "index", -1);
    const char *word = json_str(o, "op", "");
    if (index < 0 || index > 5)
        return err_set(err, -EINVAL, "seccomp profile: argument index %lld: 0 to 5",
                       (long long)index);
    for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
        if (!str_eq(word, ops[i].name))
            continue;
        bool masked = ops[i].op == SEC_MASKED_EQ;
        uint64_t one = (uint64_t)json_int(o, "value", 0);
        *c = (struct sec_cond){.arg = (unsigned)index, .op = ops[i].op, .value = one};
        c->mask = one;
        if (masked)
            c->value = (uint64_t)json_int(o, "valueTwo", 0);
        return 0;
    }
    return err_set(err, -EINVAL, "seccomp profile: operator \"%s\" is not known", word);
}

/* --- which rules hold here */

static bool list_has(const json_t *list, const char *word)
{
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        if (str_eq(json_string_value(item), word))
            return true;
    }
    return false;
}

static size_t count_caps(const json_t *list, uint64_t caps)
{
    size_t i, n = 0;
    json_t *item;
    json_array_foreach (list, i, item) {
        unsigned bit;
        const char *name = json_string_value(item);
        if (name && caps_parse(name, &bit) == 0 && caps >> bit & 1)
            n++;
    }
    return n;
}

static bool kernel_is_older(unsigned kernel, const char *min)
{
    int64_t major = 0, minor = 0;
    _cleanup_(freep) char *first = xstrndup(min, strcspn(min, "."));
    if (!*min)
        return false;
    (void)parse_i64(first, 0, 1000, &major);
    const char *dot = strchr(min, '.');
    if (dot)
        (void)parse_i64(dot + 1, 0, 999, &minor);
    return kernel < (unsigned)(major * 1000 + minor);
}

static bool applies(const json_t *rule, uint64_t caps, unsigned kernel)
{
    const json_t *in = json_obj(rule, "includes"), *out = json_obj(rule, "excludes");
    const json_t *in_caps = json_arr(in, "caps"), *in_arches = json_arr(in, "arches");
    const char *out_min = json_str(out, "minKernel", "");
    if (json_array_size(in_arches) > 0 && !list_has(in_arches, archs[NATIVE].docker))
        return false;
    if (count_caps(in_caps, caps) < json_array_size(in_caps))
        return false;
    if (kernel_is_older(kernel, json_str(in, "minKernel", "")))
        return false;
    if (list_has(json_arr(out, "arches"), archs[NATIVE].docker))
        return false;
    if (count_caps(json_arr(out, "caps"), caps) > 0)
        return false;
    return !*out_min || kernel_is_older(kernel, out_min);
}

/* --- collecting */

static struct sec_call *call_of(struct sec_arch *a, uint32_t nr)
{
    size_t lo = 0, hi = a->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (a->calls[mid].nr < nr)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < a->n && a->calls[lo].nr == nr)
        return &a->calls[lo];
    a->calls = xrealloc(a->calls, (a->n + 1) * sizeof *a->calls);
    memmove(&a->calls[lo + 1], &a->calls[lo], (a->n - lo) * sizeof *a->calls);
    a->n++;
    a->calls[lo] = (struct sec_call){.nr = nr};
    return &a->calls[lo];
}

static int add_rule(struct sec_arch *a, const char *name, const struct sec_rule *rule,
                    struct err *err)
{
    uint32_t nr;
    if (resolve(a, name, &nr) < 0)
        return 0;
    struct sec_call *c = call_of(a, nr);
    if (rule->n == 0) {
        if (c->has_otherwise && c->otherwise != rule->ret)
            return err_set(err, -EINVAL, "seccomp profile: two rules for %s contradict each other",
                           name);
        c->has_otherwise = true;
        c->otherwise = rule->ret;
        return 0;
    }
    c->rules = xrealloc(c->rules, (c->n + 1) * sizeof *c->rules);
    c->rules[c->n++] = *rule;
    return 0;
}

static int read_rule(const json_t *o, struct sec_rule *rule, struct err *err)
{
    int r = read_action(o, "action", "errnoRet", &rule->ret, err);
    const json_t *args = json_arr(o, "args");
    if (r == 0 && json_array_size(args) > ARRAY_SIZE(rule->conds))
        return err_set(err, -EINVAL, "seccomp profile: more than 6 arguments in a rule");
    size_t i;
    json_t *arg;
    json_array_foreach (args, i, arg) {
        if (r == 0)
            r = read_cond(arg, &rule->conds[rule->n++], err);
    }
    return r;
}

static int add_name(struct sec_profile *p, const char *name, const struct sec_rule *rule,
                    struct err *err)
{
    if (!name)
        return err_set(err, -EINVAL, "seccomp profile: a rule names no system call");
    for (size_t a = 0; a < p->narchs; a++) {
        int r = add_rule(&p->archs[a], name, rule, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_entry(struct sec_profile *p, const json_t *o, struct err *err)
{
    struct sec_rule rule = {0};
    int r = read_rule(o, &rule, err);
    const json_t *names = json_arr(o, "names");
    if (r == 0 && !names)
        return add_name(p, json_str(o, "name", NULL), &rule, err);
    size_t i;
    json_t *name;
    json_array_foreach (names, i, name) {
        if (r == 0)
            r = add_name(p, json_string_value(name), &rule, err);
    }
    return r;
}

static void add_arch(struct sec_profile *p, const char *name)
{
    for (size_t i = 0; name && i < ARRAY_SIZE(archs); i++) {
        if (!str_eq(name, archs[i].name))
            continue;
        for (size_t k = 0; k < p->narchs; k++) {
            if (p->archs[k].scmp == archs[i].scmp)
                return;
        }
        p->archs[p->narchs++] = (struct sec_arch){.audit = archs[i].audit, .scmp = archs[i].scmp};
        return;
    }
}

static void add_list(struct sec_profile *p, const json_t *list)
{
    size_t i;
    json_t *name;
    json_array_foreach (list, i, name)
        add_arch(p, json_string_value(name));
}

/* archMap, or the older list `architectures`; the native one is always there. */
static void read_archs(struct sec_profile *p, const json_t *json)
{
    size_t i;
    json_t *entry;
    add_arch(p, archs[NATIVE].name);
    json_array_foreach (json_arr(json, "archMap"), i, entry) {
        if (str_eq(json_str(entry, "architecture", ""), archs[NATIVE].name))
            add_list(p, json_arr(entry, "subArchitectures"));
    }
    add_list(p, json_arr(json, "architectures"));
}

int sec_profile_read(const json_t *json, uint64_t caps, unsigned kernel, struct sec_profile *out,
                     struct err *err)
{
    *out = (struct sec_profile){0};
    if (!json_is_object(json))
        return err_set(err, -EINVAL, "seccomp profile: a JSON object is wanted");
    if (json_array_size(json_arr(json, "archMap")) > 0 &&
        json_array_size(json_arr(json, "architectures")) > 0)
        return err_set(err, -EINVAL,
                       "seccomp profile: use either 'architectures' or 'archMap', not both");
    if (*json_str(json, "listenerPath", ""))
        return err_set(err, -ENOTSUP, "seccomp profile: listenerPath is not supported");
    int r = read_action(json, "defaultAction", "defaultErrnoRet", &out->default_ret, err);
    read_archs(out, json);
    size_t i;
    json_t *o;
    json_array_foreach (json_arr(json, "syscalls"), i, o) {
        if (r == 0 && applies(o, caps, kernel))
            r = add_entry(out, o, err);
    }
    if (r < 0)
        sec_profile_fini(out);
    return r;
}
