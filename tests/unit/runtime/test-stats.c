/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's texts, well-formed and not, and the numbers of this very process. */
#include "runtime/stats.h"

#include <errno.h>
#include <unistd.h>

#include "base/json.h"
#include "runtime/cgroup.h"
#include "runtime/procfs.h"
#include "runtime/stats-text.h"
#include "unit.h"

static void says(struct buf *b, const char *want)
{
    assert_string_equal(b->s, want);
    buf_fini(b);
}

static void values_are_found_by_their_whole_key(void **state)
{
    static const char text[] =
        "usage_usec 12\nuser_usec 7\nnr_periods 3\nnr_throttled x\nlast 18446744073709551615";
    assert_int_equal(stats_value(text, "user_usec"), 7);
    assert_int_equal(stats_value(text, "user"), 0);
    assert_int_equal(stats_value(text, "nr_periods"), 3);
    assert_int_equal(stats_value(text, "nr_throttled"), 0);
    assert_true(stats_value(text, "last") == UINT64_MAX);
    assert_int_equal(stats_value(NULL, "last"), 0);
    assert_int_equal(stats_number("12\n", 5), 12);
    assert_int_equal(stats_number("max\n", 5), 5);
    assert_int_equal(stats_number(NULL, 5), 5);
}

static void the_machines_time_is_the_sum_of_seven(void **state)
{
    unsigned cpus;
    assert_int_equal(
        stats_system_ticks("cpu  1 2 3 4 5 6 7 800 900 0\ncpu0 1 2\ncpu1 1 2\nintr 5\n", &cpus),
        28);
    assert_int_equal(cpus, 2);
    assert_int_equal(stats_system_ticks("", &cpus), 0);
    assert_int_equal(cpus, 0);
}

static void lines_become_members(void **state)
{
    struct buf b = {0};
    stats_put_lines(&b, "anon 1\nbad\nfile 18446744073709551615\nno number\n\"x 3\nlast 4");
    says(&b, "{\"anon\":1,\"file\":18446744073709551615,\"last\":4}");
    stats_put_lines(&b, "");
    says(&b, "{}");
    assert_int_equal(stats_put_percpu(&b, "5 6 \n"), 11);
    says(&b, "[5,6]");
    assert_int_equal(stats_put_percpu(&b, ""), 0);
    says(&b, "[]");
}

static void block_devices_of_both_versions(void **state)
{
    struct buf b = {0};
    stats_put_blkio_v1(&b,
                       "8:0 Read 4096\n8:0 Write 0\n253:16 Total 7\nTotal 4103\n8:0\nx:0 Read 1\n");
    says(&b, "[{\"major\":8,\"minor\":0,\"op\":\"Read\",\"value\":4096},"
             "{\"major\":8,\"minor\":0,\"op\":\"Write\",\"value\":0},"
             "{\"major\":253,\"minor\":16,\"op\":\"Total\",\"value\":7}]");
    stats_put_blkio_v1(&b, NULL);
    says(&b, "[]");
    stats_put_blkio_v2(&b, "8:0 rbytes=1 wbytes=2 rios=3\n8:16 rios=3\n");
    says(&b, "[{\"major\":8,\"minor\":0,\"op\":\"read\",\"value\":1},"
             "{\"major\":8,\"minor\":0,\"op\":\"write\",\"value\":2},"
             "{\"major\":8,\"minor\":16,\"op\":\"read\",\"value\":0},"
             "{\"major\":8,\"minor\":16,\"op\":\"write\",\"value\":0}]");
}

static void the_engines_interfaces_are_told(void **state)
{
    struct buf b = {0};
    stats_put_networks(&b, "Inter-|   Receive   |  Transmit\n face |bytes packets\n"
                           "    lo:  9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0\n"
                           "  eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n"
                           " eth1:10\n");
    says(&b, "{\"eth0\":{\"rx_bytes\":1,\"rx_packets\":2,\"rx_errors\":3,\"rx_dropped\":4,"
             "\"tx_bytes\":5,\"tx_packets\":6,\"tx_errors\":7,\"tx_dropped\":8},"
             "\"eth1\":{\"rx_bytes\":10,\"rx_packets\":0,\"rx_errors\":0,\"rx_dropped\":0,"
             "\"tx_bytes\":0,\"tx_packets\":0,\"tx_errors\":0,\"tx_dropped\":0}}");
    stats_put_networks(&b, "");
    says(&b, "{}");
}

/* A container without groups: its numbers are not there, and what is written is whole. */
static void what_this_machine_lacks_is_left_out(void **state)
{
    struct cgroup *cg = NULL;
    _cleanup_(stats_reader_closep) struct stats_reader *reader = NULL;
    struct stats_host host;
    struct stats_target target = {.id = "none", .pid = getpid(), .networks = true};
    assert_int_equal(cgroup_open("berth-unit", "00000000", &cg, NULL), 0);
    assert_int_equal(procfs_start_time(getpid(), &target.pid_start), 0);
    assert_int_equal(stats_host_read(&host), 0);
    assert_true(host.cpus > 0 && host.system_ns > 0 && host.memory > 0);
    assert_int_equal(stats_reader_open(cg, &target, true, &reader), 0);
    _cleanup_(buf_fini) struct buf cpu = {0}, rest = {0};
    assert_int_equal(stats_reader_sample(reader, &host, &cpu, &rest), 0);
    _cleanup_(freep) char *text = str_printf("{\"cpu_stats\":%s,%s}", cpu.s, rest.s);
    json_auto_t *v = NULL;
    assert_int_equal(json_parse(text, strlen(text), &v, NULL), 0);
    assert_int_equal(json_int(json_obj(json_obj(v, "cpu_stats"), "cpu_usage"), "total_usage", -1),
                     0);
    assert_int_equal(json_object_size(json_obj(v, "memory_stats")), 0);
    target.pid_start++;
    struct stats_reader *other;
    assert_int_equal(stats_reader_open(cg, &target, true, &other), -ESRCH);
    target.pid_start--;
    assert_int_equal(stats_reader_open(cg, &target, false, &other), 0);
    assert_int_equal(stats_reader_sample(other, &host, &cpu, &rest), -ENODEV);
    stats_reader_close(other);
    cgroup_close(cg);
}

static void the_numbers_of_nothing_are_json(void **state)
{
    static const char text[] = "{\"cpu_stats\":" STATS_NO_CPU "," STATS_NO_REST "}";
    json_auto_t *v = NULL;
    assert_int_equal(json_parse(text, strlen(text), &v, NULL), 0);
    assert_int_equal(json_object_size(v), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_by_their_whole_key),
        cmocka_unit_test(the_machines_time_is_the_sum_of_seven),
        cmocka_unit_test(lines_become_members),
        cmocka_unit_test(block_devices_of_both_versions),
        cmocka_unit_test(the_engines_interfaces_are_told),
        cmocka_unit_test(what_this_machine_lacks_is_left_out),
        cmocka_unit_test(the_numbers_of_nothing_are_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
