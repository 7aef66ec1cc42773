/* SPDX-License-Identifier: Apache-2.0 */
#include "json-log.h"

static const char *const some_labels[] = {"b=2", "a=<1>", "c=3", NULL};
static const char *const some_env[] = {"PATH=/bin", "X=y\tz", NULL};

void use(struct fixture *f, const char *const *given)
{
    fake_options_init(&f->options, f->plugin->options, given);
}

int json_log_setup(void **state)
{
    static const char *const none[] = {NULL};
    struct fixture *f = calloc(1, sizeof(*f));
    f->plugin = fake_load(JSON_FILE_SO);
    f->ops = f->plugin->ops;
    fake_err_init(&f->err);
    use(f, none);
    fake_host_init(&f->host, NULL);
    f->info = (struct berth_log_info){.size = sizeof(f->info),
                                      .host = &f->host.base,
                                      .options = &f->options.base,
                                      .container_id = "0123456789abcdef0123",
                                      .container_name = "web",
                                      .image_id = "sha256:fedcba9876543210",
                                      .image_name = "busybox",
                                      .daemon_name = "berth",
                                      .env = some_env,
                                      .labels = some_labels,
                                      .log_dir = f->host.data_dir};
    *state = f;
    return 0;
}

int json_log_teardown(void **state)
{
    struct fixture *f = *state;
    if (f->log)
        f->ops->close(f->log);
    fake_host_fini(&f->host);
    free(f);
    return 0;
}

void open_log(struct fixture *f)
{
    if (f->ops->open(&f->info, &f->log, &f->err.base) < 0)
        fail_msg("%s", f->err.words);
}

void close_log(struct fixture *f)
{
    f->ops->close(f->log);
    f->log = NULL;
}

int put_record(struct fixture *f, struct berth_log_record rec)
{
    const struct berth_log_record *list[] = {&rec};
    rec.size = sizeof(rec);
    return f->ops->write(f->log, list, 1, &f->err.base);
}

void put(struct fixture *f, const char *line, size_t n, int64_t time_ns)
{
    struct berth_log_record rec = {
        .line = line, .len = n, .time_ns = time_ns, .stream = BERTH_STDOUT};
    assert_int_equal(put_record(f, rec), 0);
}

void put_numbers(struct fixture *f, int from, int to)
{
    for (int i = from; i < to; i++) {
        char text[32];
        int n = snprintf(text, sizeof(text), "line %d", i);
        put(f, text, (size_t)n, T0 + i * (int64_t)1000000000);
    }
}

void path_of(struct fixture *f, const char *suffix, char out[512])
{
    snprintf(out, 512, "%s/%s-json.log%s", f->host.data_dir, f->info.container_id, suffix);
}

char *slurp(struct fixture *f, const char *suffix)
{
    static char text[1 << 18];
    char path[512];
    path_of(f, suffix, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
    return text;
}

void append_raw(struct fixture *f, const char *data, size_t n)
{
    char path[512];
    path_of(f, "", path);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, n), n);
    close(fd);
}

int collect(void *ctx, const struct berth_log_record *rec)
{
    struct got *g = ctx;
    pthread_mutex_lock(&g->lock);
    size_t used = strlen(g->text);
    snprintf(g->text + used, sizeof(g->text) - used, "%.*s|", (int)rec->len, rec->line);
    g->n++;
    int stop = g->stop_at && g->n >= g->stop_at;
    pthread_cond_signal(&g->more);
    pthread_mutex_unlock(&g->lock);
    return stop;
}

struct got *got_new(void)
{
    struct got *g = calloc(1, sizeof(*g));
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->more, NULL);
    return g;
}

struct berth_log_query query_all(void)
{
    return (struct berth_log_query){.size = sizeof(struct berth_log_query),
                                    .tail = -1,
                                    .streams = 1u << BERTH_STDOUT | 1u << BERTH_STDERR,
                                    .stop_fd = -1,
                                    .done_fd = -1};
}

void assert_read(struct fixture *f, struct berth_log_query q, const char *expected)
{
    struct got *g = got_new();
    if (f->ops->read(&f->info, &q, collect, g, &f->err.base) < 0)
        fail_msg("%s", f->err.words);
    assert_string_equal(g->text, expected);
    free(g);
}

void assert_tail(struct fixture *f, int64_t tail, const char *expected)
{
    struct berth_log_query q = query_all();
    q.tail = tail;
    assert_read(f, q, expected);
}
