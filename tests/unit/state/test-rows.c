/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of each object: written, found, refused. */

#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "state/container.h"
#include "state/exec.h"
#include "state/image.h"
#include "state/network.h"
#include "state/volume.h"

static struct {
    char *root;
    struct state *s;
    struct err err;
} f;

static int setup(void **ctx)
{
    f.root = xstrdup("/tmp/berth-rows-XXXXXX");
    return mkdtemp(f.root) ? state_open(f.root, &f.s, &f.err) : -1;
}

static int teardown(void **ctx)
{
    state_close(f.s);
    fs_rm_rf(AT_FDCWD, f.root);
    free(f.root);
    err_fini(&f.err);
    return 0;
}

#define ok(call)                                                                                   \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            fail_msg(#call ": %s", err_msg(&f.err));                                               \
    } while (0)

static void fails(int r, int code, const char *words)
{
    assert_int_equal(r, code);
    if (!strstr(err_msg(&f.err), words))
        fail_msg("\"%s\" does not say \"%s\"", err_msg(&f.err), words);
}

/* 64 digits that begin with `prefix`. */
static const char *id(const char *prefix)
{
    static char ids[4][65];
    static int next;
    char *out = ids[next++ % 4];
    snprintf(out, 65, "%s%0*d", prefix, (int)(64 - strlen(prefix)), 0);
    return out;
}

static void add_container(const char *prefix, const char *name, int64_t created)
{
    struct state_container c = {.id = (char *)(uintptr_t)id(prefix),
                                .name = (char *)(uintptr_t)name,
                                .created_ns = created,
                                .status = "created",
                                .image_id = "sha256:1"};
    ok(state_container_insert(f.s, &c, NULL, &f.err));
}

static void container_round_trip(void **ctx)
{
    json_auto_t *config = json_pack("{s:I}", "Big", (json_int_t)9223372036854771712LL);
    struct state_container c = {.id = (char *)(uintptr_t)id("aa"),
                                .name = "web",
                                .created_ns = 5,
                                .image_id = "sha256:1",
                                .image_ref = "busybox",
                                .layer_id = "l1",
                                .status = "running",
                                .verb = "create",
                                .verb_since_ns = 6,
                                .pid = 7,
                                .pid_start = UINT64_MAX,
                                .shim_pid = 8,
                                .shim_start = 9,
                                .boot_id = "b",
                                .exit_code = 137,
                                .error = "no",
                                .oom = true,
                                .started_ns = 10,
                                .finished_ns = 11,
                                .restart_count = 12,
                                .stop_requested = true,
                                .auto_remove = true,
                                .config = config};
    ok(state_container_insert(f.s, &c, NULL, &f.err));
    _cleanup_(state_container_freep) struct state_container *r = NULL;
    ok(state_container_get(f.s, c.id, &r, &f.err));
    assert_string_equal(r->verb, "create");
    assert_int_equal(r->pid, 7);
    assert_true(r->pid_start == UINT64_MAX);
    assert_int_equal(r->shim_pid, 8);
    assert_int_equal(r->shim_start, 9);
    assert_string_equal(r->boot_id, "b");
    assert_int_equal(r->exit_code, 137);
    assert_string_equal(r->error, "no");
    assert_true(r->oom && r->stop_requested && r->auto_remove);
    assert_int_equal(r->finished_ns, 11);
    assert_int_equal(r->restart_count, 12);
    assert_true(json_int(r->config, "Big", 0) == 9223372036854771712LL);
    assert_true(json_is_object(r->host_config) && json_is_object(r->runtime));
}

static void container_update_leaves_the_claim(void **ctx)
{
    add_container("aa", "web", 1);
    ok(state_container_claim(f.s, id("aa"), "start", &f.err));
    _cleanup_(state_container_freep) struct state_container *c = NULL, *again = NULL;
    ok(state_container_find(f.s, "web", &c, &f.err));
    free(c->status);
    free(c->verb);
    c->verb = NULL;
    c->status = xstrdup("running");
    ok(state_container_update(f.s, c, &f.err));
    ok(state_container_find(f.s, "/web", &again, &f.err));
    assert_string_equal(again->status, "running");
    assert_string_equal(again->verb, "start");
}

static void container_update_can_claim_in_the_same_step(void **ctx)
{
    add_container("aa", "web", 1);
    _cleanup_(state_container_freep) struct state_container *c = NULL, *again = NULL, *brief = NULL;
    ok(state_container_find(f.s, "web", &c, &f.err));
    free(c->status);
    c->status = xstrdup("exited");
    ok(state_container_update_claim(f.s, c, "remove", &f.err));
    ok(state_container_get(f.s, c->id, &again, &f.err));
    assert_string_equal(again->status, "exited");
    assert_string_equal(again->verb, "remove");
    free(c->status);
    c->status = xstrdup("running");
    fails(state_container_update_claim(f.s, c, "stop", &f.err), -EBUSY,
          "is busy: remove is in progress");
    ok(state_container_get_brief(f.s, c->id, &brief, &f.err));
    assert_string_equal(brief->status, "exited");
    assert_null(brief->config);
    ok(state_container_delete(f.s, c->id, &f.err));
    fails(state_container_update_claim(f.s, c, "remove", &f.err), -ENOENT, "No such container");
}

static void container_and_its_endpoint_come_in_one_step(void **ctx)
{
    struct state_container c = {
        .id = (char *)(uintptr_t)id("aa"), .name = "web", .status = "created"};
    const struct state_endpoint ep = {.id = (char *)(uintptr_t)id("ee"),
                                      .network_id = (char *)(uintptr_t)id("dd"),
                                      .container_id = c.id};
    _cleanup_(state_container_freep) struct state_container *none = NULL;
    assert_int_equal(state_container_insert(f.s, &c, &ep, &f.err), -ENOENT); /* no such network */
    err_clear(&f.err);
    assert_int_equal(state_container_get(f.s, c.id, &none, NULL), -ENOENT);
    struct state_network n = {.id = ep.network_id, .name = "net", .driver = "bridge"};
    ok(state_network_insert(f.s, &n, &f.err));
    ok(state_container_insert(f.s, &c, &ep, &f.err));
    _cleanup_(state_endpoints_fini) struct state_endpoints list = {0};
    ok(state_endpoint_list(f.s, NULL, c.id, &list, &f.err));
    assert_int_equal(list.n, 1);
}

static void container_name_in_use_has_dockers_words(void **ctx)
{
    add_container("aa", "web", 1);
    struct state_container c = {
        .id = (char *)(uintptr_t)id("bb"), .name = "web", .status = "created"};
    fails(state_container_insert(f.s, &c, NULL, &f.err), -EEXIST,
          "Conflict. The container name \"/web\" is already in use by container \"aa00");
    c.name = "other";
    ok(state_container_insert(f.s, &c, NULL, &f.err));
    c.name = "web";
    fails(state_container_update(f.s, &c, &f.err), -EEXIST, "Conflict.");
}

static void container_is_found_by_id_name_and_prefix(void **ctx)
{
    add_container("aab1", "web", 1);
    add_container("aab2", "aab1", 2);
    _cleanup_(freep) char *a = NULL, *b = NULL, *c = NULL, *none = NULL;
    ok(state_container_resolve(f.s, id("aab1"), &a, &f.err));
    assert_string_equal(a, id("aab1"));
    ok(state_container_resolve(f.s, "aab1", &b, &f.err)); /* a name goes before a prefix */
    assert_string_equal(b, id("aab2"));
    ok(state_container_resolve(f.s, "aab10", &c, &f.err));
    assert_string_equal(c, id("aab1"));
    fails(state_container_resolve(f.s, "aab", &none, &f.err), -EINVAL,
          "multiple IDs found with provided prefix: aab");
    fails(state_container_resolve(f.s, "", &none, &f.err), -ENOENT, "No such container: ");
    fails(state_container_resolve(f.s, "a%", &none, &f.err), -ENOENT, "No such container: a%");
    fails(state_container_resolve(f.s, "x'; DROP TABLE container", &none, &f.err), -ENOENT, "x'");
}

static void container_list_is_newest_first(void **ctx)
{
    add_container("a1", "one", 1);
    add_container("a2", "two", 2);
    struct state_containers l;
    ok(state_container_list(f.s, false, &l, &f.err));
    assert_int_equal(l.n, 2);
    assert_string_equal(l.v[0]->name, "two");
    state_containers_fini(&l);
    ok(state_container_list(f.s, true, &l, &f.err));
    assert_int_equal(l.n, 0);
    int64_t n = 0;
    ok(state_container_count_image(f.s, "sha256:1", &n, &f.err));
    assert_int_equal(n, 2);
}

static void claim_keeps_a_second_verb_out(void **ctx)
{
    add_container("aa", "web", 1);
    ok(state_container_claim(f.s, id("aa"), "stop", &f.err));
    fails(state_container_claim(f.s, id("aa"), "start", &f.err), -EBUSY, "stop is in progress");
    ok(state_container_unclaim(f.s, id("aa"), &f.err));
    ok(state_container_claim(f.s, id("aa"), "start", &f.err));
    fails(state_container_claim(f.s, "nope", "start", &f.err), -ENOENT, "No such container: nope");
    struct state_claims claims;
    ok(state_claims_list(f.s, &claims, &f.err));
    assert_int_equal(claims.n, 1);
    assert_string_equal(claims.v[0].kind, "container");
    assert_string_equal(claims.v[0].verb, "start");
    state_claims_fini(&claims);
    ok(state_container_unclaim(f.s, id("aa"), &f.err));
    ok(state_claims_list(f.s, &claims, &f.err));
    assert_int_equal(claims.n, 0);
}

static void container_delete_takes_its_rows_along(void **ctx)
{
    add_container("aa", "web", 1);
    struct state_exec e = {.id = (char *)(uintptr_t)id("ee"),
                           .container_id = (char *)(uintptr_t)id("aa")};
    ok(state_exec_insert(f.s, &e, &f.err));
    e.exited = true;
    e.exit_code = 3;
    ok(state_exec_update(f.s, &e, &f.err));
    _cleanup_(state_exec_freep) struct state_exec *x = NULL, *gone = NULL;
    ok(state_exec_find(f.s, "ee", &x, &f.err));
    assert_true(x->exited && x->exit_code == 3);
    ok(state_container_delete(f.s, id("aa"), &f.err));
    fails(state_exec_find(f.s, "ee", &gone, &f.err), -ENOENT, "No such exec instance: ee");
    fails(state_exec_insert(f.s, &e, &f.err), -ENOENT, "No such container: aa");
    fails(state_container_delete(f.s, id("aa"), &f.err), -ENOENT, "No such container: aa");
}

static void add_exec(const char *name, int64_t finished_ns)
{
    struct state_exec e = {.id = (char *)(uintptr_t)id(name),
                           .container_id = (char *)(uintptr_t)id("aa"),
                           .running = finished_ns == 0,
                           .exited = finished_ns != 0,
                           .created_ns = 1,
                           .started_ns = 1,
                           .finished_ns = finished_ns};
    ok(state_exec_insert(f.s, &e, &f.err));
}

static size_t execs_of(bool open_only)
{
    _cleanup_(state_execs_fini) struct state_execs list = {0}, all = {0};
    ok(state_exec_list(f.s, id("aa"), open_only, &list, &f.err));
    ok(state_exec_list(f.s, NULL, open_only, &all, &f.err));
    assert_int_equal(list.n, all.n);
    return list.n;
}

static void execs_that_ended_are_pruned_by_their_time(void **ctx)
{
    add_container("aa", "web", 1);
    add_exec("e1", 0);
    add_exec("e2", 1000);
    add_exec("e3", 2000);
    assert_int_equal(execs_of(false), 3);
    assert_int_equal(execs_of(true), 1);
    ok(state_exec_prune(f.s, 2000, &f.err));
    _cleanup_(state_exec_freep) struct state_exec *lives = NULL, *kept = NULL, *gone = NULL;
    ok(state_exec_find(f.s, "e1", &lives, &f.err));
    ok(state_exec_find(f.s, "e3", &kept, &f.err));
    fails(state_exec_find(f.s, "e2", &gone, &f.err), -ENOENT, "No such exec instance: e2");
    ok(state_exec_prune(f.s, INT64_MAX, &f.err));
    assert_int_equal(execs_of(false), 1);
}

static void network_rows(void **ctx)
{
    struct state_network n = {
        .id = (char *)(uintptr_t)id("1a"), .name = "bridge", .driver = "d", .predefined = true};
    ok(state_network_insert(f.s, &n, &f.err));
    n.id = (char *)(uintptr_t)id("1b");
    fails(state_network_insert(f.s, &n, &f.err), -EEXIST, "network with name bridge already");
    n.name = "mine";
    ok(state_network_insert(f.s, &n, &f.err));
    _cleanup_(state_network_freep) struct state_network *r = NULL, *p = NULL, *none = NULL;
    ok(state_network_find(f.s, "mine", &r, &f.err));
    assert_true(r->predefined);
    ok(state_network_find(f.s, "1a", &p, &f.err));
    assert_string_equal(p->name, "bridge");
    fails(state_network_find(f.s, "1", &none, &f.err), -EINVAL, "ambiguous");
    fails(state_network_find(f.s, "x", &none, &f.err), -ENOENT, "network x not found");
}

static void network_with_endpoints_stays(void **ctx)
{
    add_container("aa", "web", 1);
    struct state_network n = {.id = (char *)(uintptr_t)id("1a"), .name = "n", .driver = "d"};
    ok(state_network_insert(f.s, &n, &f.err));
    struct state_endpoint e = {.id = "e1", .network_id = n.id, .container_id = xstrdup(id("aa"))};
    ok(state_endpoint_insert(f.s, &e, &f.err));
    e.id = "e2";
    fails(state_endpoint_insert(f.s, &e, &f.err), -EEXIST, "already attached");
    fails(state_network_delete(f.s, n.id, &f.err), -EBUSY, "active endpoints");
    struct state_endpoints l;
    ok(state_endpoint_list(f.s, n.id, NULL, &l, &f.err));
    assert_int_equal(l.n, 1);
    state_endpoints_fini(&l);
    ok(state_endpoint_list(f.s, NULL, e.container_id, &l, &f.err));
    assert_int_equal(l.n, 1);
    state_endpoints_fini(&l);
    ok(state_container_delete(f.s, e.container_id, &f.err));
    ok(state_network_delete(f.s, n.id, &f.err));
    free(e.container_id);
}

static int last_step(void *arg, const char *name)
{
    assert_string_equal(name, "data");
    return *(int *)arg;
}

static void volume_of_a_container_that_goes_too_goes(void **ctx)
{
    add_container("aa", "web", 1);
    add_container("bb", "db", 2);
    struct state_volume v = {.name = "data", .driver = "local", .anonymous = true};
    ok(state_volume_insert(f.s, &v, &f.err));
    ok(state_volume_use(f.s, id("aa"), "data", "/data", &f.err));
    ok(state_volume_use(f.s, id("bb"), "data", "/data", &f.err));
    fails(state_volume_delete(f.s, "data", id("aa"), NULL, NULL, &f.err), -EBUSY, "bb00");
    _cleanup_(strv_fini) struct strv users = {0};
    ok(state_volume_users(f.s, "data", &users, &f.err));
    assert_int_equal(users.n, 2); /* a refusal changes nothing */
    ok(state_container_delete(f.s, id("bb"), &f.err));
    ok(state_volume_delete(f.s, "data", id("aa"), NULL, NULL, &f.err));
}

static void volume_in_use_stays(void **ctx)
{
    add_container("aa", "web", 1);
    struct state_volume v = {.name = "data", .driver = "local", .anonymous = true};
    ok(state_volume_insert(f.s, &v, &f.err));
    fails(state_volume_insert(f.s, &v, &f.err), -EEXIST, "volume data already exists");
    ok(state_volume_use(f.s, id("aa"), "data", "/data", &f.err));
    ok(state_volume_use(f.s, id("aa"), "data", "/data", &f.err));
    fails(state_volume_use(f.s, id("aa"), "nope", "/", &f.err), -ENOENT, "volume nope");
    fails(state_volume_delete(f.s, "data", NULL, NULL, NULL, &f.err), -EBUSY,
          "remove data: volume is in use - [aa00");
    _cleanup_(strv_fini) struct strv names = {0};
    ok(state_volume_of_container(f.s, id("aa"), true, &names, &f.err));
    assert_int_equal(names.n, 1);
    ok(state_container_delete(f.s, id("aa"), &f.err));
    fails(state_volume_delete(f.s, "data", NULL, last_step, &(int){-EIO}, &f.err), -EIO, "data");
    ok(state_volume_use(f.s, id("aa"), "data", "/again", &f.err) == -ENOENT ? 0 : -1);
    ok(state_volume_delete(f.s, "data", NULL, last_step, &(int){0}, &f.err));
    _cleanup_(state_volume_freep) struct state_volume *none = NULL;
    fails(state_volume_get(f.s, "data", &none, &f.err), -ENOENT, "get data: no such volume");
}

static void image_and_references(void **ctx)
{
    struct state_image i = {.id = "sha256:ab1", .created_ns = 1, .size = 10, .config = "{}"};
    strv_add(&i.layers, "c1");
    strv_add(&i.layers, "c2");
    ok(state_image_insert(f.s, &i, "docker.io/library/x:1", &f.err));
    ok(state_image_insert(f.s, &i, "docker.io/library/x:2", &f.err));
    _cleanup_(state_image_freep) struct state_image *r = NULL;
    ok(state_image_get(f.s, "sha256:ab1", &r, &f.err));
    assert_int_equal(r->layers.n, 2);
    assert_string_equal(r->layers.v[1], "c2");
    _cleanup_(strv_fini) struct strv refs = {0}, ids = {0};
    ok(state_reference_list(f.s, i.id, &refs, &f.err));
    assert_int_equal(refs.n, 2);
    struct state_image j = {.id = "sha256:ab2", .created_ns = 2, .config = "{}"};
    ok(state_image_insert(f.s, &j, "docker.io/library/x:1", &f.err));
    _cleanup_(freep) char *owner = NULL;
    ok(state_reference_get(f.s, "docker.io/library/x:1", &owner, &f.err));
    assert_string_equal(owner, "sha256:ab2");
    ok(state_image_match(f.s, "sha256:ab", 2, &ids, &f.err));
    assert_int_equal(ids.n, 2);
    ok(state_image_delete(f.s, i.id, NULL, &f.err));
    free(owner);
    owner = NULL;
    fails(state_reference_get(f.s, "docker.io/library/x:2", &owner, &f.err), -ENOENT, "No such");
    strv_fini(&i.layers);
}

static void layer_lives_as_long_as_something_stands_on_it(void **ctx)
{
    struct state_layer a = {.driver = "d", .chain_id = "c1", .diff_id = "d1", .layer_id = "l1"};
    struct state_layer init = {.driver = "d",
                               .chain_id = "init:c1",
                               .diff_id = "",
                               .parent = "c1",
                               .layer_id = "l2",
                               .init = true};
    ok(state_layer_insert(f.s, &a, &f.err));
    fails(state_layer_insert(f.s, &a, &f.err), -EEXIST, "being made");
    ok(state_layer_ready(f.s, "d", "c1", 5, &f.err));
    ok(state_layer_insert(f.s, &init, &f.err));
    ok(state_layer_ready(f.s, "d", "init:c1", 0, &f.err));
    struct state_image i = {.id = "sha256:1", .config = "{}"};
    strv_add(&i.layers, "c1");
    ok(state_image_insert(f.s, &i, NULL, &f.err));
    strv_fini(&i.layers);
    struct state_layers l;
    ok(state_layer_unused(f.s, "d", &l, &f.err));
    assert_int_equal(l.n, 0);
    fails(state_layer_delete(f.s, "d", "c1", NULL, &f.err), -EBUSY, "in use");
    ok(state_image_delete(f.s, "sha256:1", NULL, &f.err));
    ok(state_layer_unused(f.s, "d", &l, &f.err));
    assert_int_equal(l.n, 1);
    assert_string_equal(l.v[0]->chain_id, "init:c1");
    state_layers_fini(&l);
    ok(state_layer_delete(f.s, "d", "init:c1", NULL, &f.err));
    ok(state_layer_delete(f.s, "d", "c1", NULL, &f.err));
}

static void note_change(void *ctx, const char *changed)
{
    struct buf *b = ctx;
    buf_printf(b, "%.2s ", changed);
}

static void changes_of_a_container_are_told_once_they_are_committed(void **ctx)
{
    _cleanup_(buf_fini) struct buf told = {0};
    struct state_network n = {.id = "n1", .name = "bridge", .driver = "bridge"};
    ok(state_network_insert(f.s, &n, &f.err));
    state_container_watch(f.s, note_change, &told);
    add_container("aa", "web", 1);
    _cleanup_(state_container_freep) struct state_container *c = NULL;
    ok(state_container_find(f.s, "web", &c, &f.err));
    ok(state_container_claim(f.s, c->id, "start", &f.err)); /* a mark is no change */
    assert_string_equal(told.s, "aa ");
    ok(state_container_unclaim(f.s, c->id, &f.err));
    ok(state_container_update(f.s, c, &f.err));
    struct state_endpoint e = {.id = "e1", .network_id = n.id, .container_id = c->id};
    ok(state_endpoint_insert(f.s, &e, &f.err));
    ok(state_endpoint_update(f.s, &e, &f.err));
    ok(state_endpoint_delete(f.s, "e1", &f.err));
    assert_string_equal(told.s, "aa aa aa aa aa aa ");
    c->name = (free(c->name), xstrdup("taken"));
    add_container("bb", "taken", 2);
    buf_reset(&told);
    assert_int_equal(state_container_update(f.s, c, &f.err), -EEXIST);
    assert_int_equal(told.len, 0); /* nothing was committed */
    ok(state_container_delete(f.s, c->id, &f.err));
    assert_string_equal(told.s, "aa ");
}

static void add_with_policy(const char *prefix, const char *status, const char *policy)
{
    json_auto_t *hc = json_pack("{s:{s:s}}", "RestartPolicy", "Name", policy);
    struct state_container c = {.id = (char *)(uintptr_t)id(prefix),
                                .name = (char *)(uintptr_t)prefix,
                                .status = (char *)(uintptr_t)status,
                                .host_config = hc};
    ok(state_container_insert(f.s, &c, NULL, &f.err));
}

static void only_what_a_policy_may_bring_back_is_listed_for_restarts(void **ctx)
{
    _cleanup_(state_containers_fini) struct state_containers rows = {0}, brief = {0};
    add_with_policy("aa", "exited", "always");
    add_with_policy("bb", "exited", "no");
    add_with_policy("cc", "exited", "");
    add_with_policy("dd", "running", "always");
    add_with_policy("ee", "restarting", "on-failure");
    add_container("ff", "ff", 0);
    ok(state_container_list_restarts(f.s, &rows, &f.err));
    assert_int_equal(rows.n, 2);
    assert_string_equal(rows.v[0]->name, "aa");
    assert_string_equal(json_str(json_obj(rows.v[0]->host_config, "RestartPolicy"), "Name", ""),
                        "always");
    assert_string_equal(rows.v[1]->name, "ee");
    ok(state_container_brief(f.s, &brief, &f.err));
    assert_int_equal(brief.n, 6);
    assert_null(brief.v[0]->host_config);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(container_round_trip),
        TEST(container_update_leaves_the_claim),
        TEST(container_update_can_claim_in_the_same_step),
        TEST(container_and_its_endpoint_come_in_one_step),
        TEST(container_name_in_use_has_dockers_words),
        TEST(container_is_found_by_id_name_and_prefix),
        TEST(container_list_is_newest_first),
        TEST(claim_keeps_a_second_verb_out),
        TEST(container_delete_takes_its_rows_along),
        TEST(execs_that_ended_are_pruned_by_their_time),
        TEST(changes_of_a_container_are_told_once_they_are_committed),
        TEST(only_what_a_policy_may_bring_back_is_listed_for_restarts),
        TEST(network_rows),
        TEST(network_with_endpoints_stays),
        TEST(volume_of_a_container_that_goes_too_goes),
        TEST(volume_in_use_stays),
        TEST(image_and_references),
        TEST(layer_lives_as_long_as_something_stands_on_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
