/* SPDX-License-Identifier: Apache-2.0 */
/* sd_notify(3) without libsystemd. */
#pragma once

/* Sends `state` ("READY=1") to NOTIFY_SOCKET; nothing when there is none. */
void notify_send(const char *state);
