/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command line
 */
#include "daemon/options.h"

#include <errno.h>
#include <getopt.h>

enum {
    OPT_CONFIG = 256,
    OPT_SET,
    OPT_CHECK,
    OPT_RECOVER,
    OPT_VERSION,
};

static const struct option longs[] = {
    {"config", required_argument, NULL, OPT_CONFIG},
    {"set", required_argument, NULL, OPT_SET},
    {"check-config", optional_argument, NULL, OPT_CHECK},
    {"recover", no_argument, NULL, OPT_RECOVER},
    {"debug", no_argument, NULL, 'D'},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, 'h'},
    {0},
};

void options_fini(struct options *o)
{
    free(o->config);
    strv_fini(&o->sets);
}

void options_usage(FILE *to)
{
    fputs("Usage: berthd [OPTIONS]\n"
          "\n"
          "The berth container engine.\n"
          "\n"
          "      --config FILE          read FILE instead of the installation's daemon.conf\n"
          "      --set KEY=VALUE        set one value of the configuration, over the files\n"
          "      --check-config [FILE]  check the configuration, change nothing, and exit\n"
          "      --recover              move a damaged database aside, make a new one, and exit;\n"
          "                             the next start fills it from what is there\n"
          "  -D, --debug                log everything: --set log_level=debug\n"
          "      --version              print the version and exit\n"
          "  -h, --help                 print this and exit\n",
          to);
}

static void config_set(struct options *o, const char *file)
{
    free(o->config);
    o->config = xstrdup(file);
}

static int option_apply(struct options *o, int c, char **argv, struct err *err)
{
    switch (c) {
    case OPT_CONFIG:
        config_set(o, optarg);
        return 0;
    case OPT_SET:
        strv_add(&o->sets, optarg);
        return 0;
    case OPT_CHECK:
        o->check_config = true;
        if (optarg)
            config_set(o, optarg);
        return 0;
    case OPT_RECOVER:
        o->recover = true;
        return 0;
    case OPT_VERSION:
        o->version = true;
        return 0;
    case 'D':
        strv_add(&o->sets, "log_level=debug");
        return 0;
    case 'h':
        o->help = true;
        return 0;
    case ':':
        return err_set(err, -EINVAL, "%s needs a value", argv[optind - 1]);
    default:
        return err_set(err, -EINVAL, "unknown option %s (try berthd --help)", argv[optind - 1]);
    }
}

int options_parse(struct options *o, int argc, char **argv, struct err *err)
{
    int c;
    *o = (struct options){0};
    while ((c = getopt_long(argc, argv, ":Dh", longs, NULL)) != -1) {
        int r = option_apply(o, c, argv, err);
        if (r < 0)
            return r;
    }
    if (optind < argc && o->check_config && !o->config)
        config_set(o, argv[optind++]);
    if (optind < argc)
        return err_set(err, -EINVAL, "berthd takes no argument \"%s\" (try berthd --help)",
                       argv[optind]);
    return 0;
}
