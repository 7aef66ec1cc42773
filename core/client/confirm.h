/* SPDX-License-Identifier: Apache-2.0 */
/* Asking before something is lost. */
#pragma once

#include <stdbool.h>

/* Prints "WARNING! …" and the question, and reads one line of stdin; anything but yes is no. */
bool confirm(const char *warning);
