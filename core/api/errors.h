/* SPDX-License-Identifier: Apache-2.0 */
/* The one table from errno to HTTP status. */
#pragma once

/* `code` is a negative errno. What the table does not know is 500. */
unsigned error_status(int code);
