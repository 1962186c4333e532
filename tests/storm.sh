#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/storm.sh SPILE [N]: N processes (10000), 100 at a time, by fork, vfork and exec: each begin has its end and each
# hit is counted; then a third of them is killed at some moment. The end-to-end tests have a slice of it.
set -eu
spile=$1 n=${2:-10000}
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gcc -O1 -o "$work/storm" "$here/e2e/targets/storm.c"
script='global begun, ended, leaf
	probe process.begin { begun <<< 1 } probe process.end { ended <<< 1 }
	probe process("'"$work/storm"'").function("leaf") { leaf <<< 1 }
	probe end { printf("%d %d %d\n", @count(begun), @count(ended), @count(leaf)) }'
"$spile" -o "$work/out" -e "$script" -c "$work/storm $n 100"
# one for each fork, one more for each exec, and the target
want=$((n + (n + 1) / 3 + n / 3 + 1))
read -r begun ended leaf <"$work/out"
echo "begun $begun ended $ended leaf $leaf, wanted $want $want $n"
[ "$begun $ended $leaf" = "$want $want $n" ]
"$spile" -o "$work/out" -e "$script" -c "$work/storm $n 100 3"
read -r begun ended leaf <"$work/out"
echo "killed: begun $begun ended $ended leaf $leaf"
[ "$begun" = "$ended" ]
