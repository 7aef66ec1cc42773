#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# man.sh MKMAN SCDOC DIR: the manual pages, from the table of commands.
set -e
mkman=$1 scdoc=$2 dir=$3
rm -rf "$dir" "$dir.sources"
mkdir -p "$dir" "$dir.sources"
"$mkman" "$dir.sources"
for source in "$dir.sources"/*.scd; do
    page=${source##*/}
    "$scdoc" <"$source" >"$dir/${page%.scd}"
done
