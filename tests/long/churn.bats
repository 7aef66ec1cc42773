#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Many clients at few containers: a lock or a claim that is held too long shows as a deadline that is missed.
load ../lib/berth

@test "32 clients, all verbs at 8 containers, kill -9 of everything, ten minutes: no deadline is missed" {
    bash "$LIB/../soak.sh" --seconds 600 --clients 32 --own 0 --shared 8
}
