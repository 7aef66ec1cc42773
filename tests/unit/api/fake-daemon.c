/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API over the tests' engine as a program, for trying clients by hand: fake-daemon ADDRESS;
 * ends with its stdin.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "api/activation.h"
#include "api/server.h"
#include "base/log.h"
#include "fake-engine.h"

int main(int argc, char **argv)
{
    _cleanup_(err_fini) struct err err = {0};
    char c;
    log_setup("fake-daemon", argc > 2 ? LOG_DEBUG : LOG_INFO, false);
    signal(SIGPIPE, SIG_IGN);
    struct engine *e = fake_engine_new();
    struct server *s = server_new(e, &err);
    int r = server_listen(s, argc > 1 ? argv[1] : "", "", &(struct passed){0}, &err);
    if (r < 0)
        log_error("%s", err_msg(&err));
    while (r == 0 && read(STDIN_FILENO, &c, 1) > 0)
        continue;
    server_free(s);
    fake_engine_free(e);
    return r < 0;
}
