/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of containers
 *
 * A name is an identity for people: it stands in URLs, host names and log tags, so its alphabet is small. Who gives none gets
 * two words that can be told over the phone.
 */
#include "engine/names.h"

#include <errno.h>
#include <sys/random.h>

#include "base/str.h"

#define NAME_MAX_BYTES 255
#define NAME_FIRST     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define NAME_REST      NAME_FIRST "_.-"

static const char *const qualities[] = {
    "amber",  "azure",  "bold",    "brave",  "bright", "brisk",  "calm",   "candid",
    "clear",  "clever", "copper",  "coral",  "crisp",  "deft",   "eager",  "early",
    "fair",   "fleet",  "gentle",  "glad",   "golden", "grand",  "happy",  "hardy",
    "honest", "humble", "jolly",   "keen",   "kind",   "light",  "lively", "loyal",
    "lucid",  "merry",  "mild",    "modest", "neat",   "nimble", "noble",  "patient",
    "plain",  "polite", "proud",   "quick",  "quiet",  "ready",  "rosy",   "serene",
    "sharp",  "silver", "sincere", "sleek",  "smooth", "spry",   "stable", "steady",
    "sunny",  "swift",  "tender",  "tidy",   "upbeat", "vivid",  "warm",   "witty",
};

static const char *const things[] = {
    "anchor",  "basin",   "bay",   "beacon",  "boathouse", "bollard", "bowline",  "breeze",
    "bulwark", "buoy",    "canal", "cape",    "capstan",   "cargo",   "channel",  "coast",
    "compass", "cove",    "crane", "current", "deck",      "delta",   "dock",     "estuary",
    "fathom",  "ferry",   "fjord", "galley",  "gangway",   "gull",    "harbor",   "haven",
    "hawser",  "heron",   "hull",  "inlet",   "island",    "jetty",   "keel",     "lagoon",
    "landing", "lantern", "levee", "marina",  "mast",      "mooring", "oar",      "pier",
    "pilot",   "port",    "quay",  "reef",    "rudder",    "sail",    "schooner", "sextant",
    "shoal",   "sloop",   "spar",  "strait",  "tide",      "tiller",  "wharf",    "windlass",
};

int name_check(const char *name, struct err *err)
{
    size_t n = strlen(name);
    if (n < 2 || n > NAME_MAX_BYTES || !strchr(NAME_FIRST, name[0]) || !str_only(name, NAME_REST))
        return err_set(err, -EINVAL,
                       "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
                       name);
    return 0;
}

char *name_generate(unsigned attempt)
{
    uint32_t r[3] = {0};
    if (getrandom(r, sizeof(r), 0) != (ssize_t)sizeof(r))
        r[0] = attempt;
    const char *quality = qualities[r[0] % ARRAY_SIZE(qualities)];
    const char *thing = things[r[1] % ARRAY_SIZE(things)];
    if (attempt == 0)
        return str_printf("%s_%s", quality, thing);
    return str_printf("%s_%s%u", quality, thing, r[2] % (attempt < 3 ? 10u : 100000u));
}
