/* SPDX-License-Identifier: Apache-2.0 */
/* Cleanup helpers and the allocation functions that cannot fail. */
#include "base/cleanup.h"

#include <errno.h>
#include <string.h>

void close_fd(int fd)
{
    if (fd < 0)
        return;
    int saved = errno;
    close(fd);
    errno = saved;
}

void closep(int *fd)
{
    close_fd(*fd);
}

static void *must(void *p)
{
    static const char words[] = "out of memory\n";
    if (p)
        return p;
    ssize_t ignored = write(STDERR_FILENO, words, sizeof(words) - 1);
    (void)ignored;
    abort();
}

void *xmalloc(size_t n)
{
    return must(malloc(n ? n : 1));
}

void *xcalloc(size_t n, size_t size)
{
    return must(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t n)
{
    return must(realloc(p, n ? n : 1));
}

char *xstrdup(const char *s)
{
    return must(strdup(s));
}

char *xstrndup(const char *s, size_t n)
{
    return must(strndup(s, n));
}

char *xstrdup0(const char *s)
{
    return s ? xstrdup(s) : NULL;
}
