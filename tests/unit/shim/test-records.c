/* SPDX-License-Identifier: Apache-2.0 */
/* Records: where output is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "shim/records.h"

static void line_is(const struct berth_log_record *r, const char *text)
{
    assert_int_equal(r->len, strlen(text));
    assert_memory_equal(r->line, text, r->len);
    assert_int_equal(r->flags, 0);
}

static void lines_are_cut_across_reads(void **state)
{
    struct cutter c = {0};
    struct batch *b = cutter_feed(&c, 1, "one\ntw", 6);
    assert_int_equal(b->n, 1);
    line_is(&b->records[0], "one");
    batch_free(b);
    assert_null(cutter_feed(&c, 1, "o", 1));
    b = cutter_feed(&c, 1, "\n\nthree", 7);
    assert_int_equal(b->n, 2);
    line_is(&b->records[0], "two");
    line_is(&b->records[1], "");
    batch_free(b);
    b = cutter_end(&c, 1);
    assert_int_equal(b->n, 1);
    line_is(&b->records[0], "three");
    assert_int_equal(b->records[0].no_newline, 1);
    batch_free(b);
    assert_null(cutter_end(&c, 1));
}

static void long_lines_come_in_numbered_pieces(void **state)
{
    struct cutter c = {0};
    static char data[RECORD_MAX * 2 + 11];
    memset(data, 'x', sizeof(data));
    data[sizeof(data) - 1] = '\n';
    struct batch *b = cutter_feed(&c, 2, data, sizeof(data));
    assert_int_equal(b->n, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(b->records[i].partial_ordinal, i + 1);
        assert_int_equal(b->records[i].partial_id, b->records[0].partial_id);
        assert_int_equal(b->records[i].flags,
                         BERTH_LOG_PARTIAL | (i == 2 ? BERTH_LOG_PARTIAL_LAST : 0));
        assert_int_equal(b->records[i].stream, 2);
    }
    assert_int_equal(b->records[2].len, 10);
    batch_free(b);
}

static void a_line_of_exactly_one_piece_ends_with_an_empty_last_one(void **state)
{
    struct cutter c = {0};
    static char data[RECORD_MAX];
    memset(data, 'y', sizeof(data));
    struct batch *b = cutter_feed(&c, 1, data, sizeof(data));
    assert_int_equal(b->n, 1);
    assert_int_equal(b->records[0].flags, BERTH_LOG_PARTIAL);
    batch_free(b);
    b = cutter_end(&c, 1);
    assert_int_equal(b->records[0].len, 0);
    assert_int_equal(b->records[0].flags, BERTH_LOG_PARTIAL | BERTH_LOG_PARTIAL_LAST);
    batch_free(b);
}

static void trimming_drops_the_oldest(void **state)
{
    struct cutter c = {0};
    struct batch *b = cutter_feed(&c, 1, "a\nb\nc\nd\n", 8);
    assert_int_equal(batch_trim(b, b->bytes), 0);
    assert_int_equal(batch_trim(b, 2 * (sizeof(struct berth_log_record) + 1) + 6), 2);
    line_is(&b->records[b->first], "c");
    batch_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_cut_across_reads),
        cmocka_unit_test(long_lines_come_in_numbered_pieces),
        cmocka_unit_test(a_line_of_exactly_one_piece_ends_with_an_empty_last_one),
        cmocka_unit_test(trimming_drops_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
