/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp programs
 *
 * Turns a profile (Docker's JSON form) into a BPF program for a capability set on this kernel and architecture. Programs
 * are kept in memory, by the digest of all they depend on. Thread-safe.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct seccomp_cache;

/* `builtin`: path of the default profile (sharedir's seccomp-default.json). Its program for the default capabilities is compiled here. */
int seccomp_cache_open(const char *builtin, struct seccomp_cache **out, struct err *err);
void seccomp_cache_close(struct seccomp_cache *c);
/* Gives `c` the default profile of `from`; programs that are being made go on with the old one. */
void seccomp_cache_renew(struct seccomp_cache *c, struct seccomp_cache *from);
DEFINE_CLEANUP(struct seccomp_cache *, seccomp_cache_close);

/* *fd: a sealed memfd with an array of struct sock_filter, the caller's. profile NULL: the default one. */
int seccomp_program(struct seccomp_cache *c, const char *profile, uint64_t caps, int *fd,
                    struct err *err);

/* What a container asks for (SecurityOpt, Privileged): true when it runs under a seccomp program; *profile is then the
 * JSON text given by the client, borrowed from host_config, or NULL for the default. */
bool seccomp_wanted(const json_t *host_config, const char **profile);
/* The program for a container's HostConfig: *fd is -1 when it runs unconfined. */
int seccomp_of(struct seccomp_cache *c, const json_t *host_config, int *fd, struct err *err);
