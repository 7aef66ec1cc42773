/* SPDX-License-Identifier: Apache-2.0 */
/* Loading and saving archives of images over a driver of plain directories: each form, and what is wrong with it. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/id.h"
#include "base/json.h"
#include "tests/unit/image/rig.h"
#include "tests/unit/image/tar.h"

static struct buf told; /* what the watch heard */

/* --- what archives are made of */

struct bytes {
    char *s;
    size_t n;
    char digest[DIGEST_MAX];
};

static struct bytes read_all(int fd)
{
    struct bytes b = {0};
    assert_int_equal(fs_read_fd(fd, 64 << 20, &b.s, &b.n), 0);
    digest_of(b.s, b.n, b.digest);
    close(fd);
    return b;
}

/* A layer with one file, packed as asked. */
static struct bytes layer(const char *name, const char *text, int filter)
{
    struct tar t = tar_begin(filter);
    tar_file(&t, name, text);
    return read_all(tar_end(&t));
}

static char *config_of(const char *diff1, const char *diff2)
{
    return str_printf(
        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"created\":\"2024-01-02T03:04:05Z\","
        "\"config\":{\"Cmd\":[\"sh\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"%s%s%s]}"
        "}",
        diff1, diff2 ? ",\"" : "", diff2 ? diff2 : "", diff2 ? "\"" : "");
}

static void add_blob(struct tar *t, const char *bytes, size_t n, char digest[DIGEST_MAX])
{
    digest_of(bytes, n, digest);
    _cleanup_(freep) char *name = str_printf("blobs/sha256/%s", digest_hex(digest));
    tar_add(t, tar_entry(name, S_IFREG | 0644), bytes, n);
}

/* Docker's own form up to version 24: ID/layer.tar, one of them a link to another, and a configuration named after its digest. */
static int old_archive(const char *tags)
{
    _cleanup_(freep) char *s1 = NULL, *s2 = NULL;
    struct bytes a = layer("etc/one", "1", ARCHIVE_FILTER_NONE),
                 b = layer("etc/two", "2", ARCHIVE_FILTER_NONE);
    s1 = a.s;
    s2 = b.s;
    _cleanup_(freep) char *config = config_of(a.digest, b.digest);
    char id[DIGEST_MAX];
    digest_of(config, strlen(config), id);
    _cleanup_(freep) char *name = str_printf("%s.json", digest_hex(id)),
                          *manifest = str_printf(
                              "[{\"Config\":\"%s\",\"RepoTags\":%s,\"Layers\":[\"aa/layer.tar\","
                              "\"bb/layer.tar\"]}]",
                              name, tags);
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_dir(&t, "aa/", 0755);
    tar_file(&t, "aa/VERSION", "1.0");
    tar_add(&t, tar_entry("aa/layer.tar", S_IFREG | 0644), a.s, a.n);
    tar_symlink(&t, "bb/layer.tar", "../cc/layer.tar");
    tar_add(&t, tar_entry("./cc/layer.tar", S_IFREG | 0644), b.s, b.n);
    tar_file(&t, name, config);
    tar_file(&t, "manifest.json", manifest);
    tar_file(&t, "repositories", "{}");
    return tar_end(&t);
}

#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX    "application/vnd.oci.image.index.v1+json"
#define OCI_LAYER    "application/vnd.oci.image.layer.v1.tar"

/* An OCI layout whose index.json leads to an index with an attestation and an image of two layers, gzip and zstd. */
static int oci_archive(const char *layer_type, const char *annotations, bool wrong_diff)
{
    struct bytes plain = layer("etc/one", "1", ARCHIVE_FILTER_NONE),
                 plain2 = layer("etc/two", "2", ARCHIVE_FILTER_NONE),
                 a = layer("etc/one", "1", ARCHIVE_FILTER_GZIP),
                 b = layer("etc/two", "2", ARCHIVE_FILTER_ZSTD);
    char da[DIGEST_MAX], db[DIGEST_MAX], dc[DIGEST_MAX], dm[DIGEST_MAX], di[DIGEST_MAX];
    _cleanup_(freep) char *config =
        config_of(plain.digest, wrong_diff ? plain.digest : plain2.digest);
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    add_blob(&t, a.s, a.n, da);
    add_blob(&t, b.s, b.n, db);
    add_blob(&t, config, strlen(config), dc);
    _cleanup_(freep) char *manifest = str_printf(
        "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/"
        "vnd.oci.image.config.v1+json\","
        "\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":\"%s+gzip\",\"digest\":\"%s\"},"
        "{\"mediaType\":\"%s+zstd\",\"digest\":\"%s\"}]}",
        dc, strlen(config), layer_type, da, layer_type, db);
    add_blob(&t, manifest, strlen(manifest), dm);
    _cleanup_(freep) char *index = str_printf(
        "{\"manifests\":[{\"mediaType\":\"" OCI_MANIFEST "\",\"digest\":\"%s\",\"platform\":"
        "{\"os\":\"unknown\",\"architecture\":\"unknown\"}},{\"mediaType\":\"" OCI_MANIFEST
        "\",\"digest\":\"%s\",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}},"
        "{\"mediaType\":\"" OCI_MANIFEST
        "\",\"digest\":\"%s\",\"platform\":{\"os\":\"linux\",\"architecture\":\"s390x\"}}]}",
        dc, dm, dc);
    add_blob(&t, index, strlen(index), di);
    _cleanup_(freep) char *top = str_printf(
        "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" OCI_INDEX "\",\"digest\":\"%s\","
        "\"annotations\":%s}]}",
        di, annotations);
    tar_file(&t, "index.json", top);
    tar_file(&t, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    free(plain.s);
    free(plain2.s);
    free(a.s);
    free(b.s);
    return tar_end(&t);
}

/* --- loading */

static void heard_layer(void *ctx, const char *diff_id, int64_t done, int64_t total)
{
    buf_adds(&told, done == 0 ? "<" : ">");
}

static void heard_image(void *ctx, const char *id, const char *name, const char *before)
{
    buf_printf(&told, "%s%s ", name ? name : id, before ? "(taken)" : "");
}

static int load_for(int fd, const char *platform)
{
    _cleanup_(closep) int tar = fd;
    _cleanup_(image_load_freep) struct image_load *l = NULL;
    const struct image_load_watch watch = {.layer = heard_layer, .image = heard_image};
    buf_reset(&told);
    buf_adds(&told, "");
    err_clear(&f.err);
    int r = image_load_read(f.store, tar, platform, &l, &f.err);
    return r < 0 ? r : image_load_run(l, &watch, &f.err);
}

static int load(int fd)
{
    return load_for(fd, NULL);
}

static void refuses(int fd, const char *words)
{
    int r = load(fd);
    if (r != -EINVAL || !strstr(err_msg(&f.err), words))
        fail_msg("%d: \"%s\" does not say \"%s\"", r, err_msg(&f.err), words);
    assert_int_equal(count("tmp"), 0);
    assert_int_equal(count("blobs/sha256"), 0);
    assert_int_equal(count("blobs/gone"), 0);
    assert_int_equal(count("storage/fake"), 0);
}

static void docker_archives_of_old_load(void **ctx)
{
    ok(load(old_archive("[\"x:1\",\"reg.example:5000/y:2\"]")));
    assert_string_equal(told.s, "<><>x:1 reg.example:5000/y:2 ");
    json_auto_t *o = NULL;
    ok(image_inspect(f.store, "x:1", &o, &f.err));
    assert_int_equal(json_array_size(json_arr(json_obj(o, "RootFS"), "Layers")), 2);
    assert_int_equal(json_int(o, "Size", 0), 2);
    assert_int_equal(count("storage/fake"), 2);
    assert_int_equal(count("blobs/sha256"), 3);
    assert_int_equal(count("tmp"), 0);
}

static void what_is_there_already_is_not_made_again(void **ctx)
{
    ok(load(old_archive("[\"x:1\"]")));
    ok(load(old_archive("[\"x:2\"]")));
    assert_string_equal(told.s, "x:2 ");
    assert_int_equal(count("storage/fake"), 2);
    assert_int_equal(count("tmp"), 0);
}

static void a_name_is_taken_from_the_image_that_has_it(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, "f", "g");
    _cleanup_(closep) int fd = tar_end(&t);
    _cleanup_(freep) char *id = NULL;
    const struct image_import in = {.tar_fd = fd, .reference = "x:1"};
    ok(image_import(f.store, &in, &id, &f.err));
    ok(load(old_archive("[\"x:1\"]")));
    assert_string_equal(told.s, "<><>x:1(taken) ");
}

static void an_archive_without_names_says_ids(void **ctx)
{
    ok(load(old_archive("null")));
    assert_non_null(strstr(told.s, "<><>sha256:"));
}

static void oci_layouts_load(void **ctx)
{
    ok(load(
        oci_archive(OCI_LAYER, "{\"org.opencontainers.image.ref.name\":\"reg.io/z:3\"}", false)));
    assert_string_equal(told.s, "<><>reg.io/z:3 ");
    ok(load(oci_archive(OCI_LAYER,
                        "{\"org.opencontainers.image.ref.name\":\"9\","
                        "\"io.containerd.image.name\":\"docker.io/library/w:9\"}",
                        false)));
    assert_string_equal(told.s, "w:9 ");
    assert_int_equal(count("storage/fake"), 2);
    assert_int_equal(count("blobs/sha256"), 3); /* as received */
}

static void a_bare_tag_names_no_image(void **ctx)
{
    ok(load(oci_archive(OCI_LAYER, "{\"org.opencontainers.image.ref.name\":\"latest\"}", false)));
    assert_non_null(strstr(told.s, "<><>sha256:"));
}

static void a_platform_chooses(void **ctx)
{
    static const char amd64[] = "{\"os\":\"linux\",\"architecture\":\"amd64\"}",
                      arm64[] = "{\"os\":\"linux\",\"architecture\":\"arm64\"}";
    ok(load_for(old_archive("[\"x:1\"]"), amd64));
    assert_int_equal(load_for(old_archive("[\"x:2\"]"), arm64), -EINVAL);
    assert_int_equal(load_for(oci_archive(OCI_LAYER, "{}", false), arm64), -EINVAL);
    assert_non_null(strstr(err_msg(&f.err), "linux/arm64"));
    assert_int_equal(load_for(old_archive("[\"x:2\"]"), "linux/amd64"), -EINVAL);
}

static void a_compressed_layer_is_held_against_its_diff_id(void **ctx)
{
    refuses(oci_archive(OCI_LAYER, "{}", true), "invalid diffID");
}

static void unknown_media_types_are_refused(void **ctx)
{
    refuses(oci_archive("application/vnd.example.squashfs", "{}", false), "squashfs+gzip");
}

static int archive_of(const char *name, const char *text, const char *name2, const char *text2)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, name, text);
    if (name2)
        tar_file(&t, name2, text2);
    return tar_end(&t);
}

static void hostile_archives_are_refused(void **ctx)
{
    char *huge = xmalloc((9 << 20) + 1);
    memset(huge, ' ', 9 << 20);
    huge[9 << 20] = '\0';
    refuses(archive_of("manifest.json", huge, NULL, NULL), "larger than");
    free(huge);
    refuses(archive_of("etc/passwd", "x", NULL, NULL), "no image is in the archive");
    refuses(archive_of("../manifest.json", "[]", NULL, NULL), "leads out of the archive");
    refuses(archive_of("manifest.json", "null", NULL, NULL), "manifest cannot be null");
    refuses(archive_of("manifest.json", "{", NULL, NULL), "invalid JSON");
    refuses(archive_of("manifest.json", "[7]", NULL, NULL), "no Config");
    refuses(archive_of("manifest.json", "[{\"Config\":\"c\",\"Layers\":[]}]", NULL, NULL),
            "no file c");
    refuses(archive_of("manifest.json", "[{\"Config\":\"../../etc/passwd\"}]", NULL, NULL),
            "leads out");
    refuses(archive_of("manifest.json", "[{\"Config\":\"c\",\"RepoTags\":[\"A B\"]}]", "c", "{}"),
            "invalid reference format");
    refuses(archive_of("manifest.json", "[{\"Config\":\"c\",\"RepoTags\":[\"x\"]}]", "c", "{}"),
            "invalid tag");
    refuses(archive_of("manifest.json", "[{\"Config\":\"c\",\"Layers\":[\"l\"]}]", "c",
                       "{\"os\":\"windows\"}"),
            "cannot load windows image");
    refuses(archive_of("manifest.json", "[{\"Config\":\"c\",\"Layers\":[\"l\"]}]", "c", "{}"),
            "layers length mismatch: expected 1, got 0");
    refuses(archive_of("manifest.json", "[{\"Config\":\"c\",\"Layers\":[\"l\"]}]", "c",
                       "{\"rootfs\":{\"diff_ids\":[\"x\"]}}"),
            "invalid diffID");
    refuses(
        archive_of("manifest.json", "[{\"Config\":\"c\",\"Layers\":[\"c\"]}]", "c",
                   "{\"rootfs\":{\"diff_ids\":[\"sha256:0000000000000000000000000000000000000000"
                   "000000000000000000000000\"]}}"),
        "invalid diffID for layer 0: expected");
    refuses(archive_of("index.json", "{\"manifests\":[{\"digest\":\"md5:1\"}]}", NULL, NULL),
            "media type \"\"");
    refuses(archive_of("index.json",
                       "{\"manifests\":[{\"mediaType\":\"" OCI_MANIFEST
                       "\",\"digest\":\"md5:1\"}]}",
                       NULL, NULL),
            "invalid digest");
    refuses(archive_of("oci-layout", "{\"imageLayoutVersion\":\"2\"}", "index.json", "{}"),
            "version \"2\"");
}

static void a_blob_that_is_not_its_name_is_refused(void **ctx)
{
    static const char hex[] = "1111111111111111111111111111111111111111111111111111111111111111";
    _cleanup_(freep) char *name = str_printf("blobs/sha256/%s", hex),
                          *index = str_printf("{\"manifests\":[{\"mediaType\":\"" OCI_MANIFEST
                                              "\",\"digest\":\"sha256:%s\"}]}",
                                              hex);
    refuses(archive_of("index.json", index, name, "{}"), "its content has the digest");
}

static void links_lead_nowhere_else(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_symlink(&t, "manifest.json", "../../../etc/passwd");
    refuses(tar_end(&t), "leads out of the archive");
    t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_symlink(&t, "manifest.json", "loop");
    tar_symlink(&t, "loop", "manifest.json");
    refuses(tar_end(&t), "no image is in the archive");
}

static void a_failure_leaves_nothing(void **ctx)
{
    f.driver.fail_at = "commit";
    assert_true(load(old_archive("[\"x:1\"]")) < 0);
    f.driver.fail_at = NULL;
    assert_int_equal(count("tmp"), 0);
    assert_int_equal(count("blobs/sha256"), 0);
    assert_int_equal(count("storage/fake"), 0);
    ok(load(old_archive("[\"x:1\"]")));
}

static void compressed_layers_survive_a_recovery(void **ctx)
{
    int64_t n = 0;
    ok(load(oci_archive(OCI_LAYER, "{}", false)));
    close_all();
    ok(state_recover(f.root, &f.err));
    open_all();
    ok(image_store_recover(f.store, &n, &f.err));
    assert_int_equal(n, 1);
}

/* --- saving */

static struct bytes save(const char *const *names)
{
    _cleanup_(strv_fini) struct strv refs = {0};
    _cleanup_(image_save_closep) struct image_save *sv = NULL;
    for (; *names; names++)
        strv_add(&refs, *names);
    int fd = memfd_create("save", MFD_CLOEXEC);
    ok(image_save_open(f.store, &refs, NULL, &sv, &f.err));
    ok(image_save_write(sv, fd, &f.err));
    assert_int_equal(lseek(fd, 0, SEEK_END), image_save_size(sv));
    lseek(fd, 0, SEEK_SET);
    return read_all(fd);
}

static int as_file(const struct bytes *b)
{
    int fd = memfd_create("archive", MFD_CLOEXEC);
    assert_int_equal(fs_write_all(fd, b->s, b->n), 0);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static void remove_image(const char *ref)
{
    json_auto_t *out = NULL;
    ok(image_remove(f.store, ref, true, NULL, &out, &f.err));
}

static void a_save_loads_again(void **ctx)
{
    ok(load(old_archive("[\"x:1\",\"x:2\"]")));
    ok(load(
        oci_archive(OCI_LAYER, "{\"org.opencontainers.image.ref.name\":\"reg.io/z:3\"}", false)));
    struct bytes a = save((const char *const[]){"x", "reg.io/z:3", NULL}),
                 b = save((const char *const[]){"x:1", "x:2", "reg.io/z:3", NULL});
    assert_string_equal(a.digest, b.digest);
    assert_int_equal(a.n % 512, 0);
    remove_image("x:1");
    remove_image("x:2");
    remove_image("reg.io/z:3");
    assert_int_equal(count("storage/fake"), 0);
    ok(load(as_file(&a)));
    assert_string_equal(told.s, "<><>x:1 x:2 reg.io/z:3 ");
    free(a.s);
    free(b.s);
}

static void a_save_holds_its_layers(void **ctx)
{
    _cleanup_(strv_fini) struct strv refs = {0};
    _cleanup_(closep) int fd = memfd_create("save", MFD_CLOEXEC);
    struct image_save *sv = NULL;
    ok(load(old_archive("[\"x:1\"]")));
    strv_add(&refs, "x:1");
    ok(image_save_open(f.store, &refs, NULL, &sv, &f.err));
    remove_image("x:1");
    ok(image_save_write(sv, fd, &f.err));
    image_save_close(sv);
    assert_int_equal(count("storage/fake"), 0);
    assert_int_equal(count("blobs/sha256"), 0);
    lseek(fd, 0, SEEK_SET);
    ok(load(steal_fd(&fd)));
}

static void what_is_not_there_cannot_be_saved(void **ctx)
{
    _cleanup_(strv_fini) struct strv refs = {0};
    struct image_save *sv = NULL;
    ok(load(old_archive("[\"x:1\"]")));
    strv_add(&refs, "x:1");
    strv_add(&refs, "x:2");
    assert_int_equal(image_save_open(f.store, &refs, NULL, &sv, &f.err), -ENOENT);
    strv_remove(&refs, 1);
    assert_int_equal(
        image_save_open(f.store, &refs, "{\"os\":\"linux\",\"architecture\":\"arm\"}", &sv, &f.err),
        -ENOENT);
    assert_non_null(strstr(err_msg(&f.err), "does not provide the specified platform (linux/arm)"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(docker_archives_of_old_load),
        CASE(what_is_there_already_is_not_made_again),
        CASE(a_name_is_taken_from_the_image_that_has_it),
        CASE(an_archive_without_names_says_ids),
        CASE(oci_layouts_load),
        CASE(a_bare_tag_names_no_image),
        CASE(a_platform_chooses),
        CASE(a_compressed_layer_is_held_against_its_diff_id),
        CASE(unknown_media_types_are_refused),
        CASE(hostile_archives_are_refused),
        CASE(a_blob_that_is_not_its_name_is_refused),
        CASE(links_lead_nowhere_else),
        CASE(a_failure_leaves_nothing),
        CASE(compressed_layers_survive_a_recovery),
        CASE(a_save_loads_again),
        CASE(a_save_holds_its_layers),
        CASE(what_is_not_there_cannot_be_saved),
    };
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    buf_fini(&told);
    return r;
}
