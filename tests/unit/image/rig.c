/* SPDX-License-Identifier: Apache-2.0 */
/* The store of a test. */
#include "tests/unit/unit.h"

#include "tests/unit/image/rig.h"

#include <dirent.h>
#include <fcntl.h>

#include "base/fs.h"
#include "base/str.h"

struct rig f;

void open_all(void)
{
    ok(state_open(f.root, &f.state, &f.err));
    const struct image_store_params p = {
        .state = f.state, .ops = &fake_ops, .self = &f.driver, .driver = "fake", .shown = "fake2"};
    ok(image_store_open(&p, &f.store, &f.err));
}

void close_all(void)
{
    image_store_close(f.store);
    state_close(f.state);
}

int setup(void **ctx)
{
    f.root = xstrdup("/tmp/berth-store-XXXXXX");
    if (!mkdtemp(f.root))
        return -1;
    open_all();
    _cleanup_(freep) char *layers = str_printf("%s/storage/fake", f.root);
    fs_mkdir_p(layers, 0700);
    f.driver = (struct fake){.dir = fs_open_dir(AT_FDCWD, layers)};
    return 0;
}

int teardown(void **ctx)
{
    close_all();
    close(f.driver.dir);
    fs_rm_rf(AT_FDCWD, f.root);
    free(f.root);
    err_fini(&f.err);
    return 0;
}

size_t count(const char *name)
{
    _cleanup_(freep) char *path = str_printf("%s/%s", f.root, name);
    size_t n = 0;
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}
