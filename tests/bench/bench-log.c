/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-log DRIVER.so [LINES [BYTES]]
 *
 * Nanoseconds per line through a log driver's write(), in batches of 64 and one by one, with the driver's defaults and into a
 * directory of its own; beside it the same bytes by write(2) alone. It prints ratios, it asserts nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "../unit/drivers/fakehost.h"

#define BATCH 64

static double seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double run_driver(const struct berth_log_ops *ops, void *log, const char *line, size_t len,
                         size_t lines, size_t batch)
{
    struct berth_log_record records[BATCH];
    const struct berth_log_record *list[BATCH];
    for (size_t i = 0; i < batch; i++) {
        records[i] = (struct berth_log_record){.size = sizeof(records[i]),
                                               .line = line,
                                               .len = len,
                                               .time_ns = 1700000000123456789,
                                               .stream = BERTH_STDOUT};
        list[i] = &records[i];
    }
    double start = seconds();
    for (size_t i = 0; i < lines; i += batch) {
        for (size_t j = 0; j < batch; j++)
            records[j].time_ns += 1000;
        if (ops->write(log, list, batch, NULL) < 0)
            return 0;
    }
    return (seconds() - start) * 1e9 / (double)lines;
}

static double run_plain(const char *dir, const char *line, size_t len, size_t lines)
{
    char *path = NULL, *block = calloc(BATCH, len + 1);
    if (!block || asprintf(&path, "%s/plain", dir) < 0)
        abort();
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    for (size_t i = 0; i < BATCH; i++) {
        memcpy(block + i * (len + 1), line, len);
        block[i * (len + 1) + len] = '\n';
    }
    double start = seconds();
    for (size_t i = 0; i < lines; i += BATCH)
        if (write(fd, block, BATCH * (len + 1)) < 0)
            abort();
    double ns = (seconds() - start) * 1e9 / (double)lines;
    close(fd);
    free(block);
    free(path);
    return ns;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench-log DRIVER.so [LINES [BYTES]]\n");
        return 2;
    }
    size_t lines = argc > 2 ? strtoul(argv[2], NULL, 10) : 500000;
    size_t len = argc > 3 ? strtoul(argv[3], NULL, 10) : 100;
    char *line = malloc(len + 1);
    for (size_t i = 0; line && i < len; i++)
        line[i] = (char)('a' + i % 26);
    const struct berth_plugin *plugin = fake_load(argv[1]);
    const struct berth_log_ops *ops = plugin->ops;
    struct fake_options options;
    struct fake_host host;
    void *log = NULL;
    fake_options_init(&options, plugin->options, NULL);
    fake_host_init(&host, &options.base);
    struct berth_log_info info = {.size = sizeof(info),
                                  .host = &host.base,
                                  .options = &options.base,
                                  .container_id = "0123456789abcdef",
                                  .log_dir = host.data_dir};
    if (!line || ops->open(&info, &log, NULL) < 0)
        return 1;
    double batched = run_driver(ops, log, line, len, lines, BATCH);
    double single = run_driver(ops, log, line, len, lines / 4, 1);
    double plain = run_plain(host.data_dir, line, len, lines);
    printf("%s: %zu bytes a line: %.0f ns in batches of %d (%.0f MB/s), %.0f ns one by one; "
           "plain write %.0f ns; ratio %.1f\n",
           plugin->name, len, batched, BATCH, (double)len * 1e3 / batched, single, plain,
           batched / plain);
    ops->close(log);
    fake_host_fini(&host);
    free(line);
    return 0;
}
