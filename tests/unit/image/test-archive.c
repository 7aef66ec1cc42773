/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacking what is well-formed, hostile and damaged; packing it again. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/fs.h"
#include "base/str.h"
#include "berth/host.h"
#include "image/archive.h"
#include "tests/unit/image/tar.h"

static struct {
    char *dir; /* with root/ and, beside it, outside/ */
    int root;
    struct err err;
    struct archive_stats stats;
} f;

static char *at(const char *name)
{
    static char *path;
    free(path);
    path = str_printf("%s/%s", f.dir, name);
    return path;
}

static int setup(void **ctx)
{
    f.dir = xstrdup("/tmp/berth-archive-XXXXXX");
    if (!mkdtemp(f.dir))
        return -1;
    fs_mkdir_p(at("root"), 0755);
    fs_mkdir_p(at("outside"), 0755);
    fs_write(AT_FDCWD, at("outside/secret"), "secret", 6, 0644);
    f.root = fs_open_dir(AT_FDCWD, at("root"));
    return f.root < 0 ? -1 : 0;
}

static int teardown(void **ctx)
{
    close(f.root);
    fs_rm_rf(AT_FDCWD, f.dir);
    free(f.dir);
    err_fini(&f.err);
    return 0;
}

static int unpack_as(struct tar *t, uint32_t form)
{
    int fd = tar_end(t);
    int r = archive_unpack(fd, f.root, form, &f.stats, &f.err);
    close(fd);
    return r;
}

static void unpacks(struct tar *t, uint32_t form)
{
    if (unpack_as(t, form) < 0)
        fail_msg("%s", err_msg(&f.err));
}

static void refuses(struct tar *t, const char *words)
{
    int r = unpack_as(t, BERTH_WHITEOUT_OCI);
    if (r != -EINVAL)
        fail_msg("%d: %s", r, err_msg(&f.err));
    if (!strstr(err_msg(&f.err), words))
        fail_msg("\"%s\" does not say \"%s\"", err_msg(&f.err), words);
    struct stat st;
    assert_int_equal(stat(at("outside/secret"), &st), 0);
    assert_int_equal(st.st_size, 6);
    assert_false(fs_exists(AT_FDCWD, at("outside/evil")));
    assert_false(fs_exists(AT_FDCWD, at("evil")));
}

static void is_text(const char *name, const char *text)
{
    _cleanup_(freep) char *have = NULL;
    assert_int_equal(fs_read(f.root, name, 1 << 20, &have, NULL), 0);
    assert_string_equal(have, text);
}

static void unpacks_kinds_owners_modes_and_times(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    struct stat st;
    tar_dir(&t, "./", 0711);
    tar_dir(&t, "d/", 01777);
    struct archive_entry *e = tar_entry("d/suid", S_IFREG | 06755);
    archive_entry_set_uid(e, 1234);
    archive_entry_set_gid(e, 5678);
    tar_add(&t, e, "x", 1);
    tar_symlink(&t, "d/link", "/etc/passwd");
    tar_hardlink(&t, "d/hard", "/d/suid");
    tar_add(&t, tar_entry("fifo", S_IFIFO | 0600), NULL, 0);
    tar_file(&t, "/abs/olute", "a");
    unpacks(&t, BERTH_WHITEOUT_OCI);
    assert_int_equal(fstatat(f.root, "d/suid", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 06755);
    assert_int_equal(st.st_uid, 1234);
    assert_int_equal(st.st_gid, 5678);
    assert_int_equal(st.st_nlink, 2);
    assert_int_equal(st.st_mtim.tv_sec, 1000000000);
    assert_int_equal(st.st_mtim.tv_nsec, 123456789);
    assert_int_equal(fstatat(f.root, "d", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 01777);
    assert_int_equal(st.st_mtim.tv_sec, 1000000000);
    assert_int_equal(fstat(f.root, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0711);
    assert_int_equal(st.st_mtim.tv_sec, 1000000000);
    assert_int_equal(fstatat(f.root, "fifo", &st, 0), 0);
    assert_true(S_ISFIFO(st.st_mode));
    is_text("abs/olute", "a");
}

static void unpacks_devices(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    struct archive_entry *e = tar_entry("null", S_IFCHR | 0666);
    struct stat st;
    archive_entry_set_rdevmajor(e, 1);
    archive_entry_set_rdevminor(e, 3);
    tar_add(&t, e, NULL, 0);
    int r = unpack_as(&t, BERTH_WHITEOUT_OCI);
    if (r == -EPERM)
        skip(); /* no CAP_MKNOD here */
    assert_int_equal(r, 0);
    assert_int_equal(fstatat(f.root, "null", &st, 0), 0);
    assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
}

static void dot_dot_is_refused_naming_the_entry(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, "../evil", "x");
    refuses(&t, "tar entry ../evil: path escapes the root");
    t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, "a/../../evil", "x");
    refuses(&t, "tar entry a/../../evil: path escapes the root");
}

static void links_lead_nowhere_else(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    _cleanup_(freep) char *outside = xstrdup(at("outside"));
    tar_symlink(&t, "abs", outside);
    tar_file(&t, "abs/evil", "x");
    refuses(&t, "tar entry abs/evil: its directory cannot be opened inside the root");
    t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_dir(&t, "outside", 0755);
    tar_symlink(&t, "rel", "../outside");
    tar_file(&t, "rel/evil", "x");
    unpacks(&t, BERTH_WHITEOUT_OCI);
    assert_false(fs_exists(AT_FDCWD, at("outside/evil")));
    is_text("outside/evil", "x");
}

static void file_replaces_a_link_and_does_not_follow_it(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    _cleanup_(freep) char *secret = xstrdup(at("outside/secret"));
    tar_symlink(&t, "x", secret);
    tar_file(&t, "x", "new");
    tar_symlink(&t, "d", "../outside");
    tar_dir(&t, "d", 0700);
    tar_file(&t, "d/evil", "y");
    unpacks(&t, BERTH_WHITEOUT_OCI);
    is_text("x", "new");
    is_text("d/evil", "y");
    _cleanup_(freep) char *have = NULL;
    assert_int_equal(fs_read(AT_FDCWD, at("outside/secret"), 64, &have, NULL), 0);
    assert_string_equal(have, "secret");
    assert_false(fs_exists(AT_FDCWD, at("outside/evil")));
}

static void hard_links_out_are_refused(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_hardlink(&t, "h", "../outside/secret");
    refuses(&t, "tar entry h: hard link to ../outside/secret points outside the root");
    _cleanup_(freep) char *secret = xstrdup(at("outside/secret"));
    t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_hardlink(&t, "h", secret);
    refuses(&t, "which is not in the archive");
    t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_symlink(&t, "out", "../outside");
    tar_hardlink(&t, "h", "out/secret");
    refuses(&t, "which is not in the archive");
}

static void hard_link_to_a_link_is_the_link(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    struct stat st;
    tar_symlink(&t, "s", "../outside/secret");
    tar_hardlink(&t, "h", "s");
    unpacks(&t, BERTH_WHITEOUT_OCI);
    assert_int_equal(fstatat(f.root, "h", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISLNK(st.st_mode));
}

static int cut(struct tar *t, int64_t keep)
{
    int fd = tar_end(t);
    assert_int_equal(ftruncate(fd, keep), 0);
    int r = archive_unpack(fd, f.root, BERTH_WHITEOUT_OCI, NULL, &f.err);
    close(fd);
    return r;
}

static void truncated_archives_are_refused(void **ctx)
{
    char *big = xcalloc(1, 100000);
    for (int i = 0; i < 100000; i++)
        big[i] = (char)(i * 7 + i / 251);
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_add(&t, tar_entry("big", S_IFREG | 0644), big, 100000);
    assert_int_equal(cut(&t, 50000), -EINVAL);
    assert_non_null(strstr(err_msg(&f.err), "big"));
    t = tar_begin(ARCHIVE_FILTER_GZIP);
    tar_add(&t, tar_entry("big", S_IFREG | 0644), big, 100000);
    assert_int_equal(cut(&t, 300), -EINVAL);
    t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_add(&t, tar_entry("big", S_IFREG | 0644), big, 100000);
    assert_int_equal(cut(&t, 100), -EINVAL);
    free(big);
}

static void garbage_is_refused(void **ctx)
{
    int fd = memfd_create("x", MFD_CLOEXEC);
    char junk[2048];
    memset(junk, 'j', sizeof(junk));
    assert_int_equal(write(fd, junk, sizeof(junk)), sizeof(junk));
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(archive_unpack(fd, f.root, BERTH_WHITEOUT_OCI, NULL, &f.err), -EINVAL);
    close(fd);
}

static void every_compression_is_recognised(void **ctx)
{
    static const int filters[] = {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_BZIP2,
                                  ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_ZSTD};
    for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
        struct tar t = tar_begin(filters[i]);
        _cleanup_(freep) char *text = str_printf("filter %zu", i);
        tar_file(&t, "file", text);
        unpacks(&t, BERTH_WHITEOUT_OCI);
        is_text("file", text);
    }
}

static void names_are_bytes(void **ctx)
{
    static const char *const names[] = {"caf\xc3\xa9", "cafe\xcc\x81", "\xff\xfe", "a\\b",
                                        "new\nline"};
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        tar_file(&t, names[i], names[i]);
    unpacks(&t, BERTH_WHITEOUT_OCI);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        is_text(names[i], names[i]);
}

/* As bsdtar and Go write it: a PAX record in UTF-8, in either normal form. */
static void utf8_names_keep_their_normal_form(void **ctx)
{
    _cleanup_(freep) char *from = xstrdup(at("from"));
    fs_mkdir_p(from, 0755);
    _cleanup_(freep) char *name = str_printf("%s/cafe\xcc\x81-%0*d", from, 120, 1);
    _cleanup_(freep) char *raw = str_printf("%s/\xe9t\xe9", from);
    assert_int_equal(fs_write(AT_FDCWD, name, "x", 1, 0644), 0);
    assert_int_equal(fs_write(AT_FDCWD, raw, "x", 1, 0644), 0);
    static const char *const formats[] = {"pax", "gnu"};
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        _cleanup_(freep) char *tar = xstrdup(at("x.tar"));
        _cleanup_(freep) char *cmd =
            str_printf("tar --format=%s -C %s -cf %s .", formats[i], from, tar);
        FILE *p = popen(cmd, "r");
        assert_int_equal(pclose(p), 0);
        _cleanup_(closep) int fd = open(tar, O_RDONLY | O_CLOEXEC);
        if (archive_unpack(fd, f.root, BERTH_WHITEOUT_OCI, NULL, &f.err) < 0)
            fail_msg("%s", err_msg(&f.err));
        is_text(strrchr(name, '/') + 1, "x");
        is_text(strrchr(raw, '/') + 1, "x");
        unlinkat(f.root, strrchr(name, '/') + 1, 0);
        unlinkat(f.root, strrchr(raw, '/') + 1, 0);
    }
}

static void long_names_are_kept_and_bounded(void **ctx)
{
    struct buf name = {0};
    for (int i = 0; i < 12; i++)
        buf_printf(&name, "%0200d/", i);
    buf_adds(&name, "file");
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, name.s, "deep");
    unpacks(&t, BERTH_WHITEOUT_OCI);
    is_text(name.s, "deep");
    for (int i = 0; i < 12; i++)
        buf_printf(&name, "/%0200d", i);
    t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, name.s, "deep");
    refuses(&t, "longer than 4096 bytes");
    buf_fini(&name);
}

static void sparse_files_keep_their_holes(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    struct archive_entry *e = tar_entry("sparse", S_IFREG | 0644);
    char *data = xcalloc(1, 8 << 20);
    struct stat st;
    memcpy(data + (4 << 20), "middle", 6);
    archive_entry_set_size(e, 8 << 20);
    archive_entry_sparse_add_entry(e, 4 << 20, 4096);
    tar_add(&t, e, data, 8 << 20);
    free(data);
    unpacks(&t, BERTH_WHITEOUT_OCI);
    assert_int_equal(fstatat(f.root, "sparse", &st, 0), 0);
    assert_int_equal(st.st_size, 8 << 20);
    if (st.st_blocks * 512 >= 1 << 20)
        fail_msg("%lld blocks", (long long)st.st_blocks);
    char have[7] = "";
    _cleanup_(closep) int fd = openat(f.root, "sparse", O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, have, 6, 4 << 20), 6);
    assert_string_equal(have, "middle");
}

static void only_layer_xattrs_are_set(void **ctx)
{
    /* VFS_CAP_REVISION_2, cap_net_raw effective */
    static const unsigned char caps[20] = {1, 0, 0, 2, 0, 0x20};
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    struct archive_entry *e = tar_entry("x", S_IFREG | 0755);
    archive_entry_set_uid(e, 1000);
    archive_entry_xattr_add_entry(e, "user.k", "v", 1);
    archive_entry_xattr_add_entry(e, "trusted.overlay.opaque", "y", 1);
    archive_entry_xattr_add_entry(e, "user.overlay.opaque", "y", 1);
    archive_entry_xattr_add_entry(e, "security.capability", caps, sizeof(caps));
    tar_add(&t, e, "x", 1);
    unpacks(&t, BERTH_WHITEOUT_OCI);
    char v[64];
    const char *x = at("root/x");
    assert_int_equal(getxattr(x, "trusted.overlay.opaque", v, sizeof(v)), -1);
    assert_int_equal(getxattr(x, "user.overlay.opaque", v, sizeof(v)), -1);
    if (f.stats.xattrs_skipped)
        skip(); /* this file system has none */
    assert_int_equal(getxattr(x, "user.k", v, sizeof(v)), 1);
    assert_int_equal(getxattr(x, "security.capability", v, sizeof(v)), 20);
}

static void whiteouts_apply_to_what_is_below(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, "gone/deep/file", "x");
    tar_file(&t, "opaque/old", "x");
    tar_file(&t, "opaque/sub/old", "x");
    tar_file(&t, "stays", "x");
    unpacks(&t, BERTH_WHITEOUT_APPLY);
    t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, ".wh.gone", "");
    tar_file(&t, "opaque/new", "x");
    tar_file(&t, "opaque/sub/new", "x");
    tar_file(&t, "opaque/.wh..wh..opq", "");
    tar_file(&t, "nowhere/.wh.x", "");
    unpacks(&t, BERTH_WHITEOUT_APPLY);
    assert_false(fs_exists(f.root, "gone"));
    assert_false(fs_exists(f.root, ".wh.gone"));
    assert_false(fs_exists(f.root, "opaque/old"));
    assert_false(fs_exists(f.root, "opaque/sub/old"));
    is_text("opaque/new", "x");
    is_text("opaque/sub/new", "x");
    is_text("stays", "x");
}

static void whiteout_cannot_reach_out(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_symlink(&t, "out", "../outside");
    tar_file(&t, "out/.wh.secret", "");
    unpacks(&t, BERTH_WHITEOUT_APPLY);
    assert_true(fs_exists(AT_FDCWD, at("outside/secret")));
    t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, ".wh...", "");
    assert_int_equal(unpack_as(&t, BERTH_WHITEOUT_APPLY), -EINVAL);
}

static void whiteouts_become_overlayfs_own(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, "d/.wh.gone", "");
    tar_file(&t, "d/.wh..wh..opq", "");
    struct stat st;
    int r = unpack_as(&t, BERTH_WHITEOUT_OVERLAY);
    if (r == -EPERM || r == -EOPNOTSUPP)
        skip();
    assert_int_equal(r, 0);
    assert_int_equal(fstatat(f.root, "d/gone", &st, 0), 0);
    assert_true(S_ISCHR(st.st_mode) && st.st_rdev == 0);
    char v[2];
    assert_int_equal(getxattr(at("root/d"), "trusted.overlay.opaque", v, 2), 1);
    /* and back */
    int fd = memfd_create("out", MFD_CLOEXEC);
    assert_int_equal(archive_pack(f.root, fd, BERTH_WHITEOUT_OVERLAY, &f.err), 0);
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(fs_rm_rf(f.root, "d"), 0);
    assert_int_equal(archive_unpack(fd, f.root, BERTH_WHITEOUT_OCI, NULL, &f.err), 0);
    close(fd);
    assert_true(fs_exists(f.root, "d/.wh.gone"));
    assert_true(fs_exists(f.root, "d/.wh..wh..opq"));
}

static void device_0_0_cannot_be_smuggled_in(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_add(&t, tar_entry("x", S_IFCHR | 0600), NULL, 0);
    assert_int_equal(unpack_as(&t, BERTH_WHITEOUT_OVERLAY), -EINVAL);
}

static void pack_gives_the_same_bytes_again(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, "b/z", "1");
    tar_file(&t, "b/a", "2");
    tar_hardlink(&t, "hard", "b/z");
    tar_symlink(&t, "a", "b");
    tar_file(&t, "caf\xc3\xa9", "3");
    unpacks(&t, BERTH_WHITEOUT_OCI);
    char *one = NULL, *two = NULL;
    size_t n1, n2;
    for (int i = 0; i < 2; i++) {
        int fd = memfd_create("out", MFD_CLOEXEC);
        if (archive_pack(f.root, fd, BERTH_WHITEOUT_OCI, &f.err) < 0)
            fail_msg("%s", err_msg(&f.err));
        lseek(fd, 0, SEEK_SET);
        assert_int_equal(fs_read_fd(fd, 1 << 20, i ? &two : &one, i ? &n2 : &n1), 0);
        lseek(fd, 0, SEEK_SET);
        assert_int_equal(fs_rm_rf(f.root, "b"), 0);
        assert_int_equal(fs_rm_rf(f.root, "hard"), 0);
        if (archive_unpack(fd, f.root, BERTH_WHITEOUT_OCI, NULL, &f.err) < 0)
            fail_msg("%s", err_msg(&f.err));
        close(fd);
    }
    assert_int_equal(n1, n2);
    assert_memory_equal(one, two, n1);
    assert_null(memmem(one, n1, "hdrcharset", 10)); /* which tar(1) warns of, an entry each */
    struct stat st;
    assert_int_equal(fstatat(f.root, "hard", &st, 0), 0);
    assert_int_equal(st.st_nlink, 2);
    free(one);
    free(two);
}

/* Unpacks as a copy into a container does it: below "in", through a link of the container's. */
static int copy_in(struct tar *t, struct archive_target to)
{
    int fd = tar_end(t);
    to.root = f.root;
    to.form = BERTH_WHITEOUT_OCI;
    int r = archive_extract(fd, &to, &f.stats, &f.err);
    close(fd);
    return r;
}

static void copies_go_below_a_prefix_and_follow_links_inside_the_root_only(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    assert_int_equal(mkdirat(f.root, "other", 0755), 0);
    assert_int_equal(symlinkat("/other", f.root, "in"), 0); /* the root's, not the host's */
    assert_int_equal(symlinkat("../../../../outside", f.root, "other/up"), 0);
    tar_file(&t, "f", "1");
    tar_file(&t, "d/g", "2");
    tar_hardlink(&t, "h", "d/g");
    tar_file(&t, ".wh.name", "3");
    if (copy_in(&t, (struct archive_target){.prefix = "/in", .keep_top = true}) < 0)
        fail_msg("%s", err_msg(&f.err));
    struct stat st;
    assert_int_equal(fstatat(f.root, "other/h", &st, 0), 0);
    assert_int_equal(st.st_nlink, 2);
    assert_true(fs_exists(f.root, "other/f"));
    assert_true(fs_exists(f.root, "other/.wh.name"));
    t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, "up/secret", "planted");
    (void)copy_in(&t, (struct archive_target){.prefix = "/in"});
    _cleanup_(freep) char *text = NULL;
    assert_int_equal(fs_read(AT_FDCWD, at("outside/secret"), 64, &text, NULL), 0);
    assert_string_equal(text, "secret");
}

static void copies_keep_their_kind_when_told_to(void **ctx)
{
    const struct archive_target keep = {.no_replace = true};
    assert_int_equal(mkdirat(f.root, "d", 0755), 0);
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, "d", "1");
    assert_int_equal(copy_in(&t, keep), -EINVAL);
    assert_non_null(strstr(err_msg(&f.err), "cannot overwrite directory"));
    t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, "f", "1");
    assert_int_equal(copy_in(&t, keep), 0);
    t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_dir(&t, "f", 0755);
    assert_int_equal(copy_in(&t, keep), -EINVAL);
    t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_dir(&t, "f", 0755);
    tar_file(&t, "d", "1");
    assert_int_equal(copy_in(&t, (struct archive_target){0}), 0);
}

static void copies_take_another_name_and_owner(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_dir(&t, "from/", 0750);
    tar_file(&t, "from/x", "1");
    tar_hardlink(&t, "from/y", "from/x");
    const struct archive_target to = {
        .from = "from", .to = "to", .chown = true, .uid = 3000000000u, .gid = 7};
    if (copy_in(&t, to) < 0)
        fail_msg("%s", err_msg(&f.err));
    struct stat st;
    assert_int_equal(fstatat(f.root, "to/y", &st, 0), 0);
    assert_int_equal(st.st_nlink, 2);
    assert_int_equal(st.st_uid, 3000000000u);
    assert_int_equal(st.st_gid, 7);
    t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, "fromage", "1"); /* not below it */
    assert_int_equal(copy_in(&t, to), -EINVAL);
    t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, "./q", "1");
    assert_int_equal(copy_in(&t, (struct archive_target){.from = "", .to = "all"}), 0);
    assert_true(fs_exists(f.root, "all/q"));
}

static int put_fd(void *ctx, const void *data, size_t n, struct err *err)
{
    int r = fs_write_all(*(int *)ctx, data, n);
    return r < 0 ? err_errno(err, r, "writing") : 0;
}

/* The names in the archive of a source, one after the other. */
static char *names_of(const struct archive_source *src)
{
    struct buf b = {0};
    struct archive_entry *e;
    int fd = memfd_create("out", MFD_CLOEXEC);
    if (archive_write(src, put_fd, &fd, &f.err) < 0)
        fail_msg("%s", err_msg(&f.err));
    lseek(fd, 0, SEEK_SET);
    struct archive *a = archive_read_new();
    archive_read_support_format_tar(a);
    assert_int_equal(archive_read_open_fd(a, fd, 4096), ARCHIVE_OK);
    while (archive_read_next_header(a, &e) == ARCHIVE_OK)
        buf_printf(&b, "%s ", archive_entry_pathname(e));
    archive_read_free(a);
    close(fd);
    return buf_steal(&b);
}

static void sources_have_the_name_they_are_given(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, "d/a", "1");
    tar_symlink(&t, "d/l", "/outside");
    unpacks(&t, BERTH_WHITEOUT_OCI);
    int dir = openat(f.root, "d", O_PATH | O_CLOEXEC);
    int link = openat(f.root, "d/l", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    const struct {
        struct archive_source src;
        const char *names;
    } cases[] = {
        {{.fd = dir, .name = "d", .form = BERTH_WHITEOUT_OCI}, "d/ d/a d/l "},
        {{.fd = dir, .name = ".", .form = BERTH_WHITEOUT_OCI}, "./ ./a ./l "},
        {{.fd = dir, .name = "/", .form = BERTH_WHITEOUT_OCI}, "/ /a /l "},
        {{.fd = dir, .name = "d", .form = BERTH_WHITEOUT_OCI, .alone = true}, "d/ "},
        {{.fd = link, .name = "l", .form = BERTH_WHITEOUT_OCI}, "l "},
        {{.fd = dir, .form = BERTH_WHITEOUT_OCI}, "a l "},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *names = names_of(&cases[i].src);
        assert_string_equal(names, cases[i].names);
    }
    close(dir);
    close(link);
}

static void changes_become_entries_and_whiteouts(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, "d/a", "1");
    tar_file(&t, "d/b", "1");
    unpacks(&t, BERTH_WHITEOUT_OCI);
    const struct archive_change changes[] = {
        {"/d", false}, {"/d/a", false}, {"/d/gone", true}, {"/d/went/meanwhile", false}};
    const struct archive_source src = {.fd = f.root,
                                       .form = BERTH_WHITEOUT_OCI,
                                       .alone = true,
                                       .changes = changes,
                                       .nchanges = ARRAY_SIZE(changes)};
    _cleanup_(freep) char *names = names_of(&src);
    assert_string_equal(names, "d/ d/a d/.wh.gone ");
}

static void names_that_are_no_utf8_are_packed_as_they_stand(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, "plain", "1");
    unpacks(&t, BERTH_WHITEOUT_OCI);
    assert_int_equal(fs_write(f.root, "odd\xff\xfe", "1", 1, 0644), 0);
    assert_int_equal(symlinkat("to\xff", f.root, "link"), 0);
    const struct archive_source src = {.fd = f.root, .form = BERTH_WHITEOUT_OCI};
    _cleanup_(freep) char *names = names_of(&src);
    assert_string_equal(names, "link odd\xff\xfe plain ");
}

static int put_nothing(void *ctx, const void *data, size_t n, struct err *err)
{
    (void)ctx;
    (void)data;
    (void)n;
    return err_set(err, -ENOSPC, "no room");
}

static void a_writer_that_fails_ends_the_archive_with_its_own_words(void **ctx)
{
    struct tar t = tar_begin(ARCHIVE_FILTER_NONE);
    tar_file(&t, "a", "1");
    unpacks(&t, BERTH_WHITEOUT_OCI);
    const struct archive_source src = {.fd = f.root, .form = BERTH_WHITEOUT_OCI};
    assert_int_equal(archive_write(&src, put_nothing, NULL, &f.err), -ENOSPC);
    assert_string_equal(err_msg(&f.err), "no room");
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(unpacks_kinds_owners_modes_and_times),
        TEST(unpacks_devices),
        TEST(dot_dot_is_refused_naming_the_entry),
        TEST(links_lead_nowhere_else),
        TEST(file_replaces_a_link_and_does_not_follow_it),
        TEST(hard_links_out_are_refused),
        TEST(hard_link_to_a_link_is_the_link),
        TEST(truncated_archives_are_refused),
        TEST(garbage_is_refused),
        TEST(every_compression_is_recognised),
        TEST(names_are_bytes),
        TEST(utf8_names_keep_their_normal_form),
        TEST(long_names_are_kept_and_bounded),
        TEST(sparse_files_keep_their_holes),
        TEST(only_layer_xattrs_are_set),
        TEST(whiteouts_apply_to_what_is_below),
        TEST(whiteout_cannot_reach_out),
        TEST(whiteouts_become_overlayfs_own),
        TEST(device_0_0_cannot_be_smuggled_in),
        TEST(pack_gives_the_same_bytes_again),
        TEST(copies_go_below_a_prefix_and_follow_links_inside_the_root_only),
        TEST(copies_keep_their_kind_when_told_to),
        TEST(copies_take_another_name_and_owner),
        TEST(sources_have_the_name_they_are_given),
        TEST(changes_become_entries_and_whiteouts),
        TEST(names_that_are_no_utf8_are_packed_as_they_stand),
        TEST(a_writer_that_fails_ends_the_archive_with_its_own_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
