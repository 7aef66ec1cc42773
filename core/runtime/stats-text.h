/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's texts as members of Docker's statistics. Whatever is not of the form that is looked for is left out. */
#pragma once

#include <stdint.h>

#include "base/str.h"

/* The number behind `key` at a line's begin ("nr_periods 12"), or 0. */
uint64_t stats_value(const char *text, const char *key);
/* A file of one number; "max" and what is no number give `other`. */
uint64_t stats_number(const char *text, uint64_t other);
/* "cpu  1 2 3 …" of /proc/stat: ticks of all cpus; *cpus is how many there are. */
uint64_t stats_system_ticks(const char *text, unsigned *cpus);

/* {"key":value,…} of lines "key value". */
void stats_put_lines(struct buf *out, const char *text);
/* [1,2] of numbers with blanks between them; the sum is returned. */
uint64_t stats_put_percpu(struct buf *out, const char *text);
/* [{"major":8,"minor":0,"op":"Read","value":1},…] of v1's lines "8:0 Read 1"; NULL gives []. */
void stats_put_blkio_v1(struct buf *out, const char *text);
/* The same of io.stat: bytes read and written. */
void stats_put_blkio_v2(struct buf *out, const char *text);
/* {"eth0":{…},…} of /proc/net/dev: the interfaces that the engine makes, which are called eth0 and so on. */
void stats_put_networks(struct buf *out, const char *text);
