/* SPDX-License-Identifier: Apache-2.0 */
/* Importing, finding, showing and removing images over a driver of plain directories. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/id.h"
#include "base/json.h"
#include "image/store.h"
#include "state/container.h"
#include "tests/unit/image/rig.h"
#include "tests/unit/image/tar.h"

static void fails(int r, int code, const char *words)
{
    if (r != code)
        fail_msg("%d, not %d: %s", r, code, r < 0 ? err_msg(&f.err) : "");
    if (!strstr(err_msg(&f.err), words))
        fail_msg("\"%s\" does not say \"%s\"", err_msg(&f.err), words);
}

static void nothing_is_left(void)
{
    struct state_layers l;
    assert_int_equal(count("tmp"), 0);
    assert_int_equal(count("blobs/sha256"), 0);
    assert_int_equal(count("storage/fake"), 0);
    ok(state_layer_list(f.state, "fake", &l, &f.err));
    assert_int_equal(l.n, 0);
    state_layers_fini(&l);
}

static int root_tar(const char *text)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_GZIP);
    tar_dir(&t, "bin/", 0755);
    tar_file(&t, "bin/sh", text);
    return tar_end(&t);
}

static int import_with(const char *text, const char *reference, const struct strv *changes,
                       char **id)
{
    _cleanup_(closep) int fd = root_tar(text);
    const struct image_import in = {.tar_fd = fd, .reference = reference, .changes = changes};
    return image_import(f.store, &in, id, &f.err);
}

static char *import(const char *text, const char *reference)
{
    char *id = NULL;
    ok(import_with(text, reference, NULL, &id));
    return id;
}

static json_t *inspect(const char *ref)
{
    json_t *o = NULL;
    ok(image_inspect(f.store, ref, &o, &f.err));
    return o;
}

static void import_makes_an_image(void **ctx)
{
    _cleanup_(strv_fini) struct strv changes = {0};
    _cleanup_(freep) char *id = NULL;
    strv_add(&changes, "CMD [\"/bin/sh\", \"-c\", \"date\"]");
    strv_add(&changes, "ENV A=1 B=\"two words\"\nENV C $A and more");
    strv_add(&changes, "LABEL x=y");
    strv_add(&changes, "EXPOSE 80 53/udp 8000-8001");
    strv_add(&changes, "WORKDIR /srv");
    strv_add(&changes, "workdir sub");
    strv_add(&changes, "ENTRYPOINT run $HOME");
    strv_add(&changes, "USER 1000:1000");
    strv_add(&changes, "VOLUME /a /b");
    strv_add(&changes, "HEALTHCHECK --interval=5s --retries=2 CMD test -e /x");
    strv_add(&changes, "STOPSIGNAL SIGUSR1");
    strv_add(&changes, "ONBUILD RUN true");
    ok(import_with("x", "app", &changes, &id));
    assert_true(digest_valid(id));
    json_auto_t *o = inspect("app");
    assert_string_equal(json_str(o, "Id", ""), id);
    assert_string_equal(json_string_value(json_array_get(json_arr(o, "RepoTags"), 0)),
                        "app:latest");
    assert_string_equal(json_str(o, "Comment", ""), "Imported from -");
    assert_string_equal(json_str(o, "Os", ""), "linux");
    assert_int_equal(json_int(o, "Size", 0), 1);
    assert_string_equal(json_str(json_obj(o, "GraphDriver"), "Name", ""), "fake2");
    _cleanup_(freep) char *config = json_text(json_obj(o, "Config"));
    assert_string_equal(
        config,
        "{\"Cmd\":[\"/bin/sh\",\"-c\",\"date\"],\"Env\":[\"A=1\",\"B=two words\",\"C=1 and more\"],"
        "\"Labels\":{\"x\":\"y\"},\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{},\"8000/tcp\":{},"
        "\"8001/tcp\":{}},\"WorkingDir\":\"/srv/sub\","
        "\"Entrypoint\":[\"/bin/sh\",\"-c\",\"run $HOME\"],\"User\":\"1000:1000\","
        "\"Volumes\":{\"/a\":{},\"/b\":{}},\"Healthcheck\":{\"Interval\":5000000000,\"Retries\":2,"
        "\"Test\":[\"CMD-SHELL\",\"test -e /x\"]},\"StopSignal\":\"SIGUSR1\","
        "\"OnBuild\":[\"RUN true\"]}");
    assert_int_equal(count("tmp"), 0);
}

static void image_survives_reopening(void **ctx)
{
    _cleanup_(freep) char *id = import("x", "app:1");
    close_all();
    open_all();
    json_auto_t *o = inspect("app:1"), *config = NULL;
    assert_string_equal(json_str(o, "Id", ""), id);
    ok(image_config(f.store, id, &config, &f.err));
    assert_true(json_is_object(config));
}

static void bad_changes_and_references_leave_nothing(void **ctx)
{
    static const char *const bad[][2] = {
        {"FROM x", "from is not a valid change command"},
        {"CMD", "CMD requires at least one argument"},
        {"ENV A", "ENV must have two arguments"},
        {"LABEL a=b c", "can't find = in \"c\""},
        {"EXPOSE 99999", "invalid containerPort: 99999"},
        {"STOPSIGNAL NOPE", "invalid signal: NOPE"},
        {"ONBUILD ONBUILD x", "Chaining ONBUILD"},
        {"HEALTHCHECK --wat=1 CMD x", "Unknown flag: --wat=1"},
        {"HEALTHCHECK MAYBE", "Unknown type \"MAYBE\""},
        {"USER a b", "USER requires exactly one argument"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_(strv_fini) struct strv changes = {0};
        _cleanup_(freep) char *id = NULL;
        strv_add(&changes, bad[i][0]);
        fails(import_with("x", NULL, &changes, &id), -EINVAL, bad[i][1]);
    }
    _cleanup_(freep) char *id = NULL;
    fails(import_with("x", "Bad Name", NULL, &id), -EINVAL, "invalid reference format");
    nothing_is_left();
}

static void damaged_and_hostile_archives_leave_nothing(void **ctx)
{
    _cleanup_(freep) char *id = NULL;
    _cleanup_(closep) int fd = root_tar("some text, long enough to be cut");
    assert_int_equal(ftruncate(fd, 60), 0);
    struct image_import in = {.tar_fd = fd, .reference = "x"};
    assert_int_equal(image_import(f.store, &in, &id, &f.err), -EINVAL);
    nothing_is_left();
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, "fine", "x");
    tar_file(&t, "../evil", "x");
    _cleanup_(closep) int evil = tar_end(&t);
    in.tar_fd = evil;
    fails(image_import(f.store, &in, &id, &f.err), -EINVAL, "../evil: path escapes the root");
    nothing_is_left();
    json_t *o = NULL;
    fails(image_inspect(f.store, "x", &o, &f.err), -ENOENT, "No such image: x:latest");
}

static void driver_failures_leave_nothing(void **ctx)
{
    static const char *const slots[][2] = {{"begin", "no room"}, {"commit", "the disk is broken"}};
    for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
        _cleanup_(freep) char *id = NULL;
        f.driver.fail_at = slots[i][0];
        fails(import_with("x", "x", NULL, &id), i ? -EIO : -ENOSPC, slots[i][1]);
        nothing_is_left();
    }
}

static void same_layer_is_stored_once(void **ctx)
{
    _cleanup_(freep) char *a = import("x", "a"), *b = import("x", "b");
    assert_string_not_equal(a, b);
    assert_int_equal(count("storage/fake"), 1);
    json_auto_t *out = NULL, *out2 = NULL;
    ok(image_remove(f.store, "a", false, NULL, &out, &f.err));
    assert_int_equal(json_array_size(out), 2); /* untagged, deleted; the layer stays */
    assert_int_equal(count("storage/fake"), 1);
    ok(image_remove(f.store, "b", false, NULL, &out2, &f.err));
    assert_int_equal(json_array_size(out2), 3);
    nothing_is_left();
}

static void *import_thread(void *arg)
{
    char *id = NULL;
    _cleanup_(closep) int fd = root_tar("same");
    const struct image_import in = {.tar_fd = fd};
    struct err err = {0};
    if (image_import(f.store, &in, &id, &err) < 0)
        print_error("%s\n", err_msg(&err));
    err_fini(&err);
    return id;
}

static void one_layer_imported_by_many_at_once(void **ctx)
{
    pthread_t t[6];
    for (size_t i = 0; i < ARRAY_SIZE(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, import_thread, NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
        void *id;
        pthread_join(t[i], &id);
        assert_non_null(id);
        free(id);
    }
    assert_int_equal(count("storage/fake"), 1);
    assert_int_equal(count("tmp"), 0);
}

static void images_are_found_by_id_prefix_and_reference(void **ctx)
{
    _cleanup_(freep) char *id = import("x", "localhost:5000/app:v1");
    _cleanup_(freep) char *shortened = xstrndup(id + 7, 12);
    const char *const refs[] = {id, id + 7, shortened, "localhost:5000/app:v1"};
    for (size_t i = 0; i < ARRAY_SIZE(refs); i++) {
        json_auto_t *o = inspect(refs[i]);
        assert_string_equal(json_str(o, "Id", ""), id);
    }
    struct state_image *i = NULL;
    fails(image_find(f.store, "nope", &i, &f.err), -ENOENT, "No such image: nope:latest");
    fails(image_find(f.store, "me/nope:1", &i, &f.err), -ENOENT, "No such image: me/nope:1");
    fails(image_find(f.store, "Nope", &i, &f.err), -EINVAL, "must be lowercase");
    fails(image_find(f.store, "", &i, &f.err), -EINVAL, "invalid reference format");
}

static void tag_moves_a_name(void **ctx)
{
    _cleanup_(freep) char *a = import("a", "a"), *b = import("b", "b");
    ok(image_tag(f.store, "a", "b", &f.err));
    json_auto_t *o = inspect("b"), *left = inspect(b);
    assert_string_equal(json_str(o, "Id", ""), a);
    assert_int_equal(json_array_size(json_arr(o, "RepoTags")), 2);
    assert_int_equal(json_array_size(json_arr(left, "RepoTags")), 0);
    fails(image_tag(f.store, "nope", "c", &f.err), -ENOENT, "No such image: nope:latest");
    fails(image_tag(f.store, "a", "C", &f.err), -EINVAL, "must be lowercase");
}

static size_t listed(const char *filters)
{
    json_auto_t *fl = filters ? json_loads(filters, 0, NULL) : NULL, *out = NULL;
    ok(image_list(f.store, false, fl, &out, &f.err));
    return json_array_size(out);
}

static void list_obeys_its_filters(void **ctx)
{
    _cleanup_(strv_fini) struct strv changes = {0};
    _cleanup_(freep) char *c = NULL;
    strv_add(&changes, "LABEL k=v");
    _cleanup_(freep) char *a = import("a", "me/app:1"), *b = import("b", NULL);
    ok(import_with("c", "other:x", &changes, &c));
    assert_int_equal(listed(NULL), 3);
    assert_int_equal(listed("{\"dangling\":[\"true\"]}"), 1);
    assert_int_equal(listed("{\"dangling\":[\"false\"]}"), 2);
    assert_int_equal(listed("{\"reference\":[\"me/app\"]}"), 1);
    assert_int_equal(listed("{\"reference\":[\"me/*:1\"]}"), 1);
    assert_int_equal(listed("{\"reference\":[\"*\"]}"), 1);
    assert_int_equal(listed("{\"label\":[\"k\"]}"), 1);
    assert_int_equal(listed("{\"label\":[\"k=w\"]}"), 0);
    assert_int_equal(listed("{\"since\":[\"me/app:1\"]}"), 2);
    assert_int_equal(listed("{\"before\":[\"other:x\"]}"), 2);
    json_auto_t *bad = json_loads("{\"wat\":[\"1\"]}", 0, NULL), *out = NULL;
    fails(image_list(f.store, false, bad, &out, &f.err), -EINVAL, "invalid filter 'wat'");
}

static bool user_runs;
static int one_user(void *ctx, const char *image_id,
                    void (*user)(void *arg, const char *id, bool running), void *arg)
{
    user(arg, "c0ffee0000000000", user_runs);
    return 0;
}

static void used_image_stays(void **ctx)
{
    const struct image_users users = {.each = one_user};
    _cleanup_(freep) char *id = import("x", "app");
    json_auto_t *out = NULL;
    user_runs = false;
    fails(image_remove(f.store, "app", false, &users, &out, &f.err), -EBUSY,
          "conflict: unable to remove repository reference \"app\" (must force) - container "
          "c0ffee000000 is using its referenced image");
    fails(image_remove(f.store, id, false, &users, &out, &f.err), -EBUSY,
          "(must be forced) - image is being used by stopped container c0ffee000000");
    user_runs = true;
    fails(image_remove(f.store, id, true, &users, &out, &f.err), -EBUSY,
          "(cannot be forced) - image is being used by running container c0ffee000000");
    json_auto_t *o = inspect("app"), *removed = NULL;
    user_runs = false;
    ok(image_remove(f.store, id, true, &users, &removed, &f.err));
}

static void name_goes_before_the_image(void **ctx)
{
    _cleanup_(freep) char *id = import("x", "app:1");
    ok(image_tag(f.store, "app:1", "else:2", &f.err));
    json_auto_t *out = NULL, *out2 = NULL;
    fails(image_remove(f.store, id, false, NULL, &out, &f.err), -EBUSY,
          "(must be forced) - image is referenced in multiple repositories");
    ok(image_remove(f.store, "app:1", false, NULL, &out, &f.err));
    assert_int_equal(json_array_size(out), 1);
    assert_string_equal(json_str(json_array_get(out, 0), "Untagged", ""), "app:1");
    ok(image_remove(f.store, id, false, NULL, &out2, &f.err));
    nothing_is_left();
}

static void init_layer_is_made_once_and_goes_with_the_image(void **ctx)
{
    _cleanup_(freep) char *id = import("x", "app"), *a = NULL, *b = NULL, *top = NULL;
    ok(image_init_layer(f.store, id, &a, &f.err));
    ok(image_init_layer(f.store, id, &b, &f.err));
    ok(image_top_layer(f.store, id, &top, &f.err));
    assert_string_equal(a, b);
    assert_string_not_equal(a, top);
    _cleanup_(freep) char *link = str_printf("%s/etc/mtab", a),
                          *file = str_printf("%s/.dockerenv", a);
    char to[32] = "";
    assert_int_equal(readlinkat(f.driver.dir, link, to, sizeof(to) - 1), 12);
    assert_string_equal(to, "/proc/mounts");
    assert_true(fs_exists(f.driver.dir, file));
    json_auto_t *out = NULL;
    ok(image_remove(f.store, "app", false, NULL, &out, &f.err));
    nothing_is_left();
}

static void layer_below_a_container_is_collected_later(void **ctx)
{
    _cleanup_(freep) char *id = import("x", "app"), *init = NULL;
    ok(image_init_layer(f.store, id, &init, &f.err));
    f.driver.held = init;
    json_auto_t *out = NULL;
    ok(image_remove(f.store, "app", true, NULL, &out, &f.err));
    assert_int_equal(count("storage/fake"), 2);
    f.driver.held = NULL;
    close_all();
    open_all();
    nothing_is_left();
}

static void unfinished_layer_goes_at_start_up(void **ctx)
{
    struct state_layer l = {.driver = "fake", .chain_id = "c", .diff_id = "d", .layer_id = "left"};
    ok(state_layer_insert(f.state, &l, &f.err));
    assert_int_equal(mkdirat(f.driver.dir, "left", 0700), 0);
    close_all();
    open_all();
    nothing_is_left();
}

static void note(void *ctx, const char *layer_id)
{
    strv_add(ctx, layer_id);
}

static void unknown_layers_are_told_and_stay(void **ctx)
{
    _cleanup_(freep) char *id = import("x", "app");
    struct state_container c = {
        .id = "i", .name = "n", .status = "created", .layer_id = "containers"};
    ok(state_container_insert(f.state, &c, NULL, &f.err));
    assert_int_equal(mkdirat(f.driver.dir, "containers", 0700), 0);
    assert_int_equal(mkdirat(f.driver.dir, "stranger", 0700), 0);
    _cleanup_(strv_fini) struct strv unknown = {0};
    ok(image_store_check(f.store, note, &unknown, &f.err));
    assert_int_equal(unknown.n, 1);
    assert_string_equal(unknown.v[0], "stranger");
    assert_int_equal(count("storage/fake"), 3);
}

static void images_come_back_from_blobs(void **ctx)
{
    _cleanup_(freep) char *id = import("x", "app");
    int64_t n = 0;
    close_all();
    ok(state_recover(f.root, &f.err));
    open_all();
    ok(image_store_recover(f.store, &n, &f.err));
    assert_int_equal(n, 1);
    json_auto_t *o = inspect(id);
    assert_int_equal(json_int(o, "Size", 0), 1);
    assert_int_equal(json_array_size(json_arr(o, "RepoTags")), 0);
    json_auto_t *out = NULL;
    ok(image_remove(f.store, id, false, NULL, &out, &f.err));
    assert_int_equal(count("blobs/sha256"), 0);
}

static void move(const char *from, const char *to)
{
    _cleanup_(freep) char *a = str_printf("%s/%s", f.root, from);
    _cleanup_(freep) char *b = str_printf("%s/%s", f.root, to);
    assert_int_equal(rename(a, b), 0);
}

/* What a crash leaves in the middle of writing or deleting a row. */
static void blobs_aside_come_back_or_go_as_their_rows_say(void **ctx)
{
    _cleanup_(freep) char *id = import("x", "app");
    _cleanup_(freep) char *place = str_printf("blobs/sha256/%s", digest_hex(id));
    _cleanup_(freep) char *aside = str_printf("blobs/gone/%s", digest_hex(id));
    close_all();
    move(place, aside);
    open_all();
    assert_int_equal(count("blobs/gone"), 0);
    assert_int_equal(count("blobs/sha256"), 2);
    json_auto_t *out = NULL;
    ok(image_remove(f.store, id, false, NULL, &out, &f.err));
    assert_int_equal(count("blobs/sha256"), 0);
    _cleanup_(freep) char *path = str_printf("%s/%s", f.root, aside);
    assert_int_equal(fs_write(AT_FDCWD, path, "x", 1, 0600), 0);
    close_all();
    open_all();
    assert_int_equal(count("blobs/gone"), 0);
    assert_int_equal(count("blobs/sha256"), 0);
}

static void configuration_that_is_gone_is_written_again(void **ctx)
{
    _cleanup_(freep) char *id = import("x", "app");
    _cleanup_(freep) char *path = str_printf("%s/blobs/sha256/%s", f.root, digest_hex(id));
    close_all();
    assert_int_equal(unlink(path), 0);
    open_all();
    _cleanup_(freep) char *text = NULL;
    char digest[DIGEST_MAX];
    assert_int_equal(fs_read(AT_FDCWD, path, 1 << 20, &text, NULL), 0);
    digest_of(text, strlen(text), digest);
    assert_string_equal(digest, id);
}

static void history_has_the_import(void **ctx)
{
    _cleanup_(freep) char *id = import("x", "app");
    json_auto_t *h = NULL;
    ok(image_history(f.store, "app", NULL, &h, &f.err));
    assert_int_equal(json_array_size(h), 1);
    assert_string_equal(json_str(json_array_get(h, 0), "Comment", ""), "Imported from -");
    assert_true(json_int(json_array_get(h, 0), "Created", 0) > 1600000000);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(import_makes_an_image),
        TEST(image_survives_reopening),
        TEST(bad_changes_and_references_leave_nothing),
        TEST(damaged_and_hostile_archives_leave_nothing),
        TEST(driver_failures_leave_nothing),
        TEST(same_layer_is_stored_once),
        TEST(one_layer_imported_by_many_at_once),
        TEST(images_are_found_by_id_prefix_and_reference),
        TEST(tag_moves_a_name),
        TEST(list_obeys_its_filters),
        TEST(used_image_stays),
        TEST(name_goes_before_the_image),
        TEST(init_layer_is_made_once_and_goes_with_the_image),
        TEST(layer_below_a_container_is_collected_later),
        TEST(unfinished_layer_goes_at_start_up),
        TEST(unknown_layers_are_told_and_stay),
        TEST(images_come_back_from_blobs),
        TEST(blobs_aside_come_back_or_go_as_their_rows_say),
        TEST(configuration_that_is_gone_is_written_again),
        TEST(history_has_the_import),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
