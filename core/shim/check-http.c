/* SPDX-License-Identifier: Apache-2.0 */
/* The answer to an HTTP health check: its head. */
#include "shim/check-http.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

#define LENGTH "content-length:"

/* The end of the line that begins at `at`, without CR; *next is the line behind it. False: it is not whole. */
static bool line_end(const char *data, size_t n, size_t at, size_t *end, size_t *next)
{
    const char *lf = memchr(data + at, '\n', n - at);
    if (!lf)
        return false;
    *next = (size_t)(lf - data) + 1;
    *end = *next - 1;
    if (*end > at && data[*end - 1] == '\r')
        --*end;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 …" */
static int read_status(const char *line, size_t n)
{
    if (n < 12 || memcmp(line, "HTTP/", 5) != 0 || !is_digit(line[5]) || line[6] != '.' ||
        !is_digit(line[7]) || line[8] != ' ')
        return -EBADMSG;
    for (int i = 9; i < 12; i++)
        if (!is_digit(line[i]))
            return -EBADMSG;
    if (n > 12 && line[12] != ' ')
        return -EBADMSG;
    int status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    return status >= 100 && status <= 599 ? status : -EBADMSG;
}

static void read_header(const char *line, size_t n, struct http_answer *out)
{
    size_t name = strlen(LENGTH);
    if (n <= name || n > name + 32 || strncasecmp(line, LENGTH, name) != 0)
        return;
    char text[40] = "";
    memcpy(text, line + name, n - name);
    int64_t length;
    if (parse_i64(str_trim(text), 0, INT64_MAX, &length) == 0)
        out->length = length;
}

int http_answer_read(const char *data, size_t n, struct http_answer *out)
{
    size_t end, next = 0;
    *out = (struct http_answer){.length = -1};
    if (n == 0)
        return 0;
    if (memcmp(data, "HTTP/", MIN(n, 5)) != 0)
        return -EBADMSG;
    if (!line_end(data, n, 0, &end, &next))
        return 0;
    out->status = read_status(data, end);
    if (out->status < 0)
        return out->status;
    out->line = end;
    for (size_t at = next; line_end(data, n, at, &end, &next); at = next) {
        if (end == at) {
            out->head = next;
            return 1;
        }
        read_header(data + at, end - at, out);
    }
    return 0;
}
