/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/check-http.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void a_head_is_read_once_it_is_whole(void **state)
{
    static const char text[] =
        "HTTP/1.1 204 No Content\r\nServer: x\r\nContent-length:  12 \r\n\r\nbody";
    struct http_answer a;
    size_t head = strlen(text) - 4;
    for (size_t n = 0; n < head; n++)
        assert_int_equal(http_answer_read(text, n, &a), 0);
    assert_int_equal(http_answer_read(text, strlen(text), &a), 1);
    assert_int_equal(a.status, 204);
    assert_int_equal(a.line, strlen("HTTP/1.1 204 No Content"));
    assert_int_equal(a.head, head);
    assert_int_equal(a.length, 12);
}

static void bare_newlines_and_no_length_are_fine(void **state)
{
    static const char text[] = "HTTP/1.0 200\nX: y\n\n";
    struct http_answer a;
    assert_int_equal(http_answer_read(text, strlen(text), &a), 1);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.length, -1);
}

static void what_is_no_answer_is_refused(void **state)
{
    static const char *const texts[] = {
        "220 mail.example ESMTP\r\n", "HTTP/1.1 20 OK\r\n\r\n",  "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",    "HTTP/1.1 600 OK\r\n\r\n", "HTTP/x.1 200 OK\r\n\r\n",
        "HTTP/1.1\r\n\r\n",           "http/1.1 200 OK\r\n",     "X",
    };
    struct http_answer a;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        assert_int_equal(http_answer_read(texts[i], strlen(texts[i]), &a), -EBADMSG);
}

static void a_length_that_is_none_is_not_believed(void **state)
{
    static const char *const lengths[] = {"-1", "x", "99999999999999999999", "1 2", ""};
    struct http_answer a;
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        char text[128];
        snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n", lengths[i]);
        assert_int_equal(http_answer_read(text, strlen(text), &a), 1);
        assert_int_equal(a.length, -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_read_once_it_is_whole),
        cmocka_unit_test(bare_newlines_and_no_length_are_fine),
        cmocka_unit_test(what_is_no_answer_is_refused),
        cmocka_unit_test(a_length_that_is_none_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
