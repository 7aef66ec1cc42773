/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns of starts
 *
 * The kernel makes network namespaces and links one at a time: more starts at once only wait for each other. They come in the order in which
 * they asked: whoever asks later does not overtake one that waits.
 */
#pragma once

#include "engine/internal.h"

struct start_turn {
    struct start_turn *next;
    bool come;
};

/* Waits for a turn, at most 2 s: starts that hang (a bind mount of a dead server) hold up the others for so long and no longer. */
void turn_take(struct engine *e);
void turn_give(struct engine *e);
