#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Soaks.
load ../lib/berth

@test "ten minutes of all verbs and kill -9 of everything: no difference to the model, no leak, flat memory" {
    bash "$LIB/../soak.sh" --seconds 600
}
