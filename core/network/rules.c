/* SPDX-License-Identifier: Apache-2.0 */
/* The rule text and the nft program: at start, and when the table was lost. */
#include "network/rules.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fs.h"
#include "base/id.h"
#include "base/str.h"
#include "base/tool.h"
#include "network/nft.h"

#define RULES_MAX   (256u << 10)
#define NFT_TIME_MS 20000

/* `text` with each `from` replaced by `to`. */
static char *replaced(const char *text, const char *from, const char *to)
{
    struct buf b = {0};
    for (const char *at; (at = strstr(text, from)); text = at + strlen(from)) {
        buf_add(&b, text, (size_t)(at - text));
        buf_adds(&b, to);
    }
    buf_adds(&b, text);
    return buf_steal(&b);
}

static int nft_run(const char *text, struct err *err)
{
    static const char *const argv[] = {"nft", "-f", "-", NULL};
    int r = tool_run(argv, text, NFT_TIME_MS, err);
    if (r == -ENOENT)
        return err_set(err, r, "the nft program is not installed (package nftables)");
    return r < 0 ? err_wrap(err, "loading the firewall rules") : 0;
}

int rules_load(int sock, const char *table, const char *path, struct err *err)
{
    _cleanup_(freep) char *text = NULL;
    size_t n;
    int r = fs_read(AT_FDCWD, path, RULES_MAX, &text, &n);
    if (r < 0)
        return err_errno(err, r, "cannot read the firewall rules %s", path);
    char digest[DIGEST_MAX];
    digest_of(text, n, digest);
    _cleanup_(freep) char *mark = str_printf("rules_%.12s", digest_hex(digest));
    r = nft_chain_exists(sock, table, mark);
    if (r != 0)
        return r < 0 ? err_errno(err, r, "cannot look at table inet %s", table) : 0;
    _cleanup_(freep) char *named = replaced(text, "@TABLE@", table);
    _cleanup_(freep) char *whole = replaced(named, "@RULES@", mark);
    return nft_run(whole, err);
}
