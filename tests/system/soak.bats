#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The soak for half a minute; `--full` has ten (tests/long).
load ../lib/berth

@test "clients with all verbs and kill -9 of everything: no difference to the model, no leak" {
    bash "$LIB/../soak.sh" --seconds 30
}
