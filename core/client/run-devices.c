/* SPDX-License-Identifier: Apache-2.0 */
/* Flags of run and create that name a device: rates and weights of block devices, GPUs. */
#include <errno.h>

#include "base/json.h"
#include "client/run-parts.h"

#define WEIGHT_MIN 10
#define WEIGHT_MAX 1000

/* "/dev/sda:VALUE" */
static int split_device(const char *flag, const char *item, char **path, const char **value,
                        struct err *err)
{
    const char *colon = strchr(item, ':');
    if (!colon || colon == item || !colon[1] || strchr(colon + 1, ':'))
        return err_set(err, -EINVAL, "bad format of --%s %s: PATH:NUMBER would be right", flag,
                       item);
    if (!str_after(item, "/dev/"))
        return err_set(err, -EINVAL,
                       "bad device path of --%s %s: it is one of those in /dev that is meant", flag,
                       item);
    *path = xstrndup(item, (size_t)(colon - item));
    *value = colon + 1;
    return 0;
}

enum unit { BYTES, OPERATIONS, WEIGHT };

static int read_value(const char *flag, const char *text, enum unit unit, int64_t *out,
                      struct err *err)
{
    int r = unit == BYTES        ? parse_size(text, out)
            : unit == OPERATIONS ? parse_i64(text, 0, INT64_MAX, out)
                                 : parse_i64(text, 0, WEIGHT_MAX, out);
    if (r == 0 && unit == WEIGHT && *out > 0 && *out < WEIGHT_MIN)
        r = -ERANGE;
    if (r == 0)
        return 0;
    return err_set(err, -EINVAL, "invalid value \"%s\" for --%s: %s", text, flag,
                   unit == BYTES        ? "bytes a second, with an optional unit (kb, mb, gb)"
                   : unit == OPERATIONS ? "operations a second, a whole number"
                                        : "a weight of 10 to 1000, or 0");
}

static int put_one(const struct args *a, const char *flag, enum unit unit, const char *member,
                   json_t *host, struct err *err)
{
    const char *item;
    if (!args_given(a, flag))
        return 0;
    json_t *list = json_array();
    json_put_take(host, member, list);
    strv_foreach (item, args_list(a, flag)) {
        _cleanup_(freep) char *path = NULL;
        const char *text = "";
        int64_t value = 0;
        int r = split_device(flag, item, &path, &text, err);
        if (r == 0)
            r = read_value(flag, text, unit, &value, err);
        if (r < 0)
            return r;
        json_t *o = json_object();
        json_put_str(o, "Path", path);
        json_put_int(o, unit == WEIGHT ? "Weight" : "Rate", value);
        json_push_take(list, o);
    }
    return 0;
}

/* What it asks for does not matter before the daemon has such drivers: it refuses in words. */
static void put_gpus(const struct args *a, json_t *host)
{
    if (args_given(a, "gpus"))
        json_put_take(host, "DeviceRequests",
                      json_pack("[{s:s, s:i, s:[[s]], s:{}}]", "Driver", "", "Count", -1,
                                "Capabilities", "gpu", "Options"));
}

int put_block_devices(const struct args *a, json_t *host, struct err *err)
{
    static const struct {
        const char *flag;
        enum unit unit;
        const char *member;
    } flags[] = {
        {"blkio-weight-device", WEIGHT, "BlkioWeightDevice"},
        {"device-read-bps", BYTES, "BlkioDeviceReadBps"},
        {"device-read-iops", OPERATIONS, "BlkioDeviceReadIOps"},
        {"device-write-bps", BYTES, "BlkioDeviceWriteBps"},
        {"device-write-iops", OPERATIONS, "BlkioDeviceWriteIOps"},
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(flags); i++)
        r = put_one(a, flags[i].flag, flags[i].unit, flags[i].member, host, err);
    put_gpus(a, host);
    return r;
}
