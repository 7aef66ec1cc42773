/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer of shim or netd may write: any bytes, in any pieces, cut into frames. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int take_all(struct frame_reader *r)
{
    json_t *msg;
    int got;
    while ((got = frame_next(r, &msg)) == 1)
        json_decref(msg);
    return got;
}

static void feed(int in, int out, const uint8_t *data, size_t n, size_t piece)
{
    struct frame_reader r = {0};
    for (size_t at = 0; at < n; at += piece) {
        size_t part = MIN(piece, n - at);
        if (send(out, data + at, part, 0) != (ssize_t)part)
            abort();
        if (frame_fill(&r, in) != 1 || take_all(&r) < 0)
            break;
    }
    frame_reader_fini(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    int fds[2];
    if (n < 2 || n > 8192)
        return 0;
    for (int i = 0; i < 2; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
            abort();
        feed(fds[0], fds[1], data + 1, n - 1, i ? n : (size_t)data[0] + 1);
        close(fds[0]);
        close(fds[1]);
    }
    return 0;
}
