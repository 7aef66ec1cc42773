/* SPDX-License-Identifier: Apache-2.0 */
/* The tests' own engine: engine.h in memory. */
#pragma once

struct engine;
struct engine *fake_engine_new(void);
void fake_engine_free(struct engine *e);

/* How many log streams were told to stop, and how many imports saw a broken archive; atomic. */
extern int fake_logs_stopped, fake_imports_cut;
