/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls with their fallbacks
 *
 * What newer kernels do in one call and Linux 5.10 does otherwise. Safe in the child: nothing here allocates.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Closes all descriptors but 0, 1, 2 and the listed ones (negative entries are skipped). */
void sys_close_others(const int *keep, size_t n);
/* Marks all descriptors above 2 close-on-exec. */
void sys_cloexec_all(void);
/* Sets and clears MOUNT_ATTR_* of the mount `fd`, which must be attached. Before mount_setattr only the one mount is
 * changed, also where `recursive` is set. -errno. */
int sys_mount_attr(int fd, uint64_t set, uint64_t clear, bool recursive);
/* Sets the propagation (MS_*, MS_REC) of the attached mount `fd`. -errno. */
/* Both at once, for one mount; -ENOSYS on kernels before 5.12. */
int sys_mount_set(int fd, uint64_t set, uint64_t clear, unsigned long propagation);
int sys_mount_propagation(int fd, unsigned long flags);
/* clone3 as fork: 0 in the child, its pid in the parent with *pidfd, or -errno. `cgroup` (version 2) may be -1;
 * -EOPNOTSUPP says that the kernel cannot put the child there. */
pid_t sys_clone(uint64_t flags, int cgroup, int *pidfd);
