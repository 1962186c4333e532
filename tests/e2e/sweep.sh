# SPDX-License-Identifier: Apache-2.0
# Every function of real programs and of all their libraries, libc and the loader included, is counted: output and exit
# status stay the same, and two runs of a deterministic program count the same.
# SWEEP=long (`make sweep`) runs all jobs with more work; otherwise a slice.
. "$ROOT/tests/lib/e2e.sh"
LONG=${SWEEP:-}
[ "$LONG" = long ] || LONG=
size() { if [ "$LONG" ]; then echo "$2"; else echo "$1"; fi; }
J=$W/jobs
mkdir -p "$J"

# The files that jobs read.
seq "$(size 2000 200000)" | sed 's/$/ the quick brown fox/' >"$J/lines"
for _ in 1 2 3 4; do cat "$ROOT"/src/*/*.c; done | head -c "$(size 200000 8000000)" >"$J/text"
cat >"$J/job.sh" <<'EOF'
f() { local i s=0; for ((i = 0; i < $1; i++)); do s=$((s + i)); done; echo $s; }
a=(); for ((i = 0; i < $1; i++)); do a[i]="x$i"; done
declare -A m; for x in "${a[@]}"; do m[$x]=${#x}; done
echo "${#a[@]} ${#m[@]} ${m[x7]}"; f $1; printf '%s\n' "${a[@]:0:20}"
for x in "${a[@]:0:20}"; do [[ $x =~ ^x([0-9]+)$ ]] && echo "${BASH_REMATCH[1]}"; done
case $1 in *0) echo "${a[3]^^} ${a[4]//x/yy}";; esac; exit 3
EOF
cat >"$J/forks.sh" <<'EOF'
echo "$(echo $1)" | while read -r l; do echo "got $l"; done
for ((i = 0; i < $1 / 20; i++)); do (exit $i) || s="$s $(echo $i)"; done; echo $s
seq 20 | { while read -r l; do echo "x$l"; done; } | sort | tail -3
trap 'echo usr' USR1; kill -USR1 $$; sleep 0.01 & wait; echo end; exit 3
EOF
cat >"$J/job.py" <<'EOF'
import collections, json, re, sys, hashlib, zlib, decimal, random, unicodedata, struct
n = int(sys.argv[1])
random.seed(7)
d = {str(i): [i, i * 1.5, "x" * (i % 7)] for i in range(n)}
t = json.dumps(d)
assert json.loads(t) == d
print(len(t), hashlib.sha256(t.encode()).hexdigest(), zlib.crc32(zlib.compress(t.encode())))
print(collections.Counter(re.findall(r"[a-z]", t)).most_common(3), decimal.Decimal(2).sqrt())
class E(Exception): pass
def g(i):
    if i % 3 == 0: raise E(i)
    yield i
c = 0
for i in range(n):
    try: c += sum(g(i))
    except E as e: c -= e.args[0]
print(c, sorted(random.sample(range(n), 5)), struct.pack("<dI", 1.5, 7), unicodedata.name("é"))
sys.exit(4)
EOF
cat >"$J/job.pl" <<'EOF'
my $n = shift; my %h; my $t = 0;
for my $i (1 .. $n) { my $s = "k" . ($i % 97); $h{$s} .= $i; $t += length $h{$s}; }
my @k = sort { $h{$a} cmp $h{$b} || $a cmp $b } keys %h;
print join(",", @k[0 .. 5]), " $t\n"; (my $x = $h{k3}) =~ s/(\d)(\d)/$2$1/g; print length($x), "\n";
eval { die { code => 5 } }; print $@->{code}, "\n"; print sprintf("%.3f %s\n", sqrt($n), reverse "abc"); exit 5;
EOF
cat >"$J/job.sql" <<'EOF'
create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i+1 from n where i < LIMIT) insert into t select i, 'row ' || (i * 7919 % 1000), i / 3.0 from n;
create index i on t(b); select b, count(*), sum(c) from t group by b order by 2 desc, 1 limit 5;
select count(*) from t x join t y on x.b = y.b where x.a < 50; update t set c = c * 2 where a % 3 = 0; delete from t where a % 5 = 0;
select count(*), total(c), group_concat(distinct substr(b, 1, 5)) from t; select * from missing;
EOF
sed -i "s/LIMIT/$(size 1000 60000)/" "$J/job.sql"
cat >"$J/job.js" <<'EOF'
const n = +process.argv[2], crypto = require('crypto'), zlib = require('zlib');
let m = new Map(); for (let i = 0; i < n; i++) m.set('k' + i, { v: i, s: [i, i + 1] });
const t = JSON.stringify([...m]); console.log(t.length, crypto.createHash('sha256').update(t).digest('hex'));
console.log(zlib.gunzipSync(zlib.gzipSync(t)).length, t.match(/k1\d/g).length);
try { null.x } catch (e) { console.log(e.constructor.name) }
setTimeout(() => { console.log('timer'); process.exit(6) }, 20);
EOF
cat >"$J/Job.java" <<'EOF'
import java.util.*;
public class Job { public static void main(String[] a) { int n = Integer.parseInt(a[0]); Map<String, Integer> m = new TreeMap<>();
for (int i = 0; i < n; i++) m.merge("k" + i % 991, i, Integer::sum); long s = 0; for (int v : m.values()) s += v;
System.out.println(m.size() + " " + s); try { Object o = null; o.toString(); } catch (NullPointerException e) { System.out.println("npe"); }
System.exit(7); } }
EOF
cat >"$J/job.c" <<'EOF'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct node { struct node *left, *right; int key; double w; };
static struct node *add(struct node *n, int key)
{
	if (!n) { n = calloc(1, sizeof *n); n->key = key; return n; }
	if (key < n->key) n->left = add(n->left, key); else n->right = add(n->right, key);
	n->w += key * 0.5; return n;
}
static void walk(const struct node *n, int d) { if (n) { walk(n->left, d + 1); printf("%*s%d %g\n", d, "", n->key, n->w); walk(n->right, d + 1); } }
int main(int argc, char **argv)
{
	struct node *root = 0; int i; char text[100];
	for (i = 1; i < argc; i++) root = add(root, atoi(argv[i]));
	for (i = 0; i < 100; i++) { snprintf(text, sizeof text, "%d", i * 37 % 101); root = add(root, (int)strlen(text) * i); }
	walk(root, 0); return 0;
}
EOF
cat >"$J/job.awk" <<'EOF'
{ a[$1 % 97] += length($0); gsub(/quick/, "slow"); n += split($0, words, " ") }
END { for (i = 0; i < 97; i++) text = text " " a[i]; print text, n, sprintf("%.4f", sin(n)), substr($0, 3, 9); exit 9 }
EOF
cat >"$J/job.pg.sql" <<'EOF'
create temp table t(a int primary key, b text, c numeric, d jsonb);
insert into t select i, 'row ' || (i * 7919 % 1000), i / 3.0, jsonb_build_object('k', i, 'l', array[i, i + 1]) from generate_series(1, LIMIT) i;
create index on t(b); analyze t;
select b, count(*), round(sum(c), 3) from t group by b order by 2 desc, 1 limit 5;
select count(*) from t x join t y on x.b = y.b where x.a < 50;
select a, rank() over (partition by b order by c desc) r, lag(c) over (order by a) l from t order by a limit 3;
with recursive f(n, x, y) as (select 1, 0::numeric, 1::numeric union all select n + 1, y, x + y from f where n < 90) select max(y) from f;
select regexp_replace(b, '([0-9])([0-9])', '\\2\\1', 'g'), d -> 'l' ->> 1, md5(b), to_tsvector('english', b || ' quick foxes') from t where a < 3;
update t set c = c * 2 where a % 3 = 0; delete from t where a % 5 = 0; select count(*), sum(c)::bigint from t;
do $$ declare s int := 0; begin for i in 1..100 loop begin s := s + 1 / (i % 7); exception when division_by_zero then s := s - 1; end; end loop; raise notice '%', s; end $$;
select * from missing;
EOF
sed -i "s/LIMIT/$(size 300 20000)/" "$J/job.pg.sql"
chmod -R a+rX "$J"

# entries_of FILE ROOT REST: probes with a point for each start of a frame description or symbol: stripped files have few names
entries_of() {
	"$BUILD/tests/coverage/rungs" -l "$1" |
		awk -v point="process(\"$2\")$3.statement(" '{ print NR % 5000 == 1 ? (NR > 1 ? "{ n++ }\n" : "") "probe" : ",", point $1 ") ?" }
			END { if (NR) print "{ n++ }" }'
}
# script_of PROGRAM EXTRA: counts the entries of functions of the program and its libraries
script_of() {
	local library
	echo "global n"
	entries_of "$1" "$1" ""
	if [ "$LONG" ]; then
		for library in $(ldd "$1" 2>/dev/null | sed -n 's|.*[ \t]\(/[^ ]*\) (.*|\1|p'); do
			entries_of "$(realpath "$library")" "$1" ".library(\"$(realpath "$library")\")"
		done
	fi
	echo "probe process(\"$1\").function(\"*\") ?, process(\"$1\").library(\"*\").function(\"*\") ?$2 { n++ }"
	[ -z "${RETURNS:-}" ] ||
		echo "probe process(\"$1\").function(\"*\").return ?, process(\"$1\").library(\"*\").function(\"*\").return ? { n++ }"
	echo 'probe end { println(n) }'
}

# job NAME PROGRAM KIND COMMAND...: KIND "same": counts equal in two runs; "free": they need not be
job() {
	local name=$1 program=$2 kind=$3 extra=${EXTRA:-} plain first
	shift 3
	[ -n "${ONLY:-}" ] && [[ " $ONLY " != *" $name "* ]] && return
	[ -x "$program" ] || { skip_t "sweep-$name" "no $program"; return; }
	t "sweep-$name"
	as_user timeout 300 setarch -R "$@" >"$W/plain" 2>"$W/plain.err" </dev/null
	plain=$?
	script_of "$program" "$extra" >"$J/$name.stp"
	chmod a+r "$J/$name.stp"
	for run in 1 2; do
		: >"$W/out"
		chmod 666 "$W/out"
		as_user timeout -k 5 "$(size 60 900)" setarch -R "$SPILE" -v -o "$W/out" "$J/$name.stp" -c "$*" >"$W/target" 2>"$W/target.err" </dev/null
		is "spile's status" $? "$([ $plain = 0 ] && echo 0 || echo 1)" # as SystemTap: 1 when the command failed
		[ "${COMPARE:-yes}" = no ] || cmp -s "$W/plain" "$W/target" ||
			bad "output changed: $(diff "$W/plain" "$W/target" | head -5 | tr '\n' '~')"
		grep -v -e '^Pass ' -e '^process [0-9]*:' -e '^  [a-z]* *[0-9]*$' -e 'cannot be probed: it has no return instruction' "$W/target.err" >"$W/err"
		[ $plain = 0 ] || { grep -q "exited with status $plain\|status: $plain\|$plain" "$W/err" || bad "status $plain is not told"; }
		has "$W/out" '^[1-9][0-9]*$'
		hasnot "$W/err" 'hits are missing'
		[ $run = 1 ] && first=$(cat "$W/out")
	done
	[ "$kind" = free ] || is "count of the second run" "$(cat "$W/out")" "$first"
	[ -z "${SHOW:-}" ] || { echo "# $name: $first $(cat "$W/out") hits"; cat "$W/err"; grep -A8 'patches, window' "$W/target.err"; }
	done_t
}

# not python -I, which would not take the seed: how often tables of names are searched depends on it
PYTHON=$(realpath /usr/bin/python3 2>/dev/null)
export PYTHONHASHSEED=0 PERL_HASH_SEED=0
job bash /bin/bash same /bin/bash "$J/job.sh" "$(size 100 20000)"
job bash-forks /bin/bash free /bin/bash "$J/forks.sh" "$(size 100 4000)"
job python "$PYTHON" same "$PYTHON" -s "$J/job.py" "$(size 100 20000)"
RETURNS=yes job bash-returns /bin/bash same /bin/bash "$J/job.sh" "$(size 60 4000)"
job sort /usr/bin/sort same /usr/bin/sort --parallel=1 -k2,3 -r "$J/lines"
job gcc "$(gcc -print-prog-name=cc1)" same "$(gcc -print-prog-name=cc1)" -quiet -imultiarch x86_64-linux-gnu -O2 -o - "$J/job.c"
# What programs do with their stacks, as compilers and linkers make it; a slice of them.
mixture() { # NAME COMPILER FLAGS...
	local name=$1
	shift
	"$@" -w -pthread -o "$J/mixture-$name" "$ROOT/tests/e2e/targets/mixture.cc" 2>"$W/cc.log" || { skip_t "sweep-mixture-$name" "$1 cannot: $(head -1 "$W/cc.log")"; return; }
	chmod a+rx "$J/mixture-$name"
	RETURNS=yes job "mixture-$name" "$J/mixture-$name" free "$J/mixture-$name" 1000
}
mixture static g++ -O2 -static
if [ "$LONG" ]; then
	mixture plain g++ -O2
	mixture bare g++ -Os -s -static-pie -falign-functions=1
	mixture cet g++ -O2 -fcf-protection=full -fpatchable-function-entry=5
	mixture thunks g++ -O2 -mindirect-branch=thunk -mfunction-return=thunk
	mixture split g++ -O2 -fsplit-stack
	mixture mcount g++ -O2 -pg
	mixture whole g++ -O3 -flto -fwhole-program
	mixture large g++ -O2 -mcmodel=large -fstack-protector-all -fstack-clash-protection
	mixture address g++ -O1 -g -fsanitize=address
	mixture thread g++ -O1 -g -fsanitize=thread
	mixture safestack clang++ -O2 -fsanitize=safe-stack
	mixture xray clang++ -O2 -fxray-instrument -fxray-instruction-threshold=1
	mixture hardened clang++ -O2 -mspeculative-load-hardening
	if have mold; then mixture mold g++ -O2 -fuse-ld=mold; else skip_t sweep-mixture-mold "no mold"; fi
fi
# An independent counter: what callgrind, which runs the program on a processor of its own, says of the same calls.
if have valgrind; then
	t sweep-callgrind
	as_user gcc -O2 -o "$J/calls" "$ROOT/bench/calls.c" 2>/dev/null || gcc -O2 -o "$J/calls" "$ROOT/bench/calls.c"
	valgrind --tool=callgrind --callgrind-out-file="$W/callgrind" "$J/calls" 500 >"$W/plain" 2>/dev/null
	awk '{ key = $0; sub(/=.*/, "", key) }
		key == "fn" || key == "cfn" { id = $0; sub(/^c?fn=/, "", id); sub(/ .*/, "", id); if (/ /) { n = $2; sub(/\047[0-9]+$/, "", n); name[id] = n } last[key] = id }
		key == "calls" { n = $1; sub(/calls=/, "", n); calls[name[last["cfn"]]] += n }
		END { for (f in calls) print f, calls[f] }' "$W/callgrind" | grep -E '^(parse_|peek|hash|order|insert|sum) ?' | sort >"$W/want"
	spile -e "global n probe process(\"$J/calls\").function(\"*\") { n[ppfunc()]++ } probe end { foreach (f in n) println(f, \" \", n[f]) }" -c "$J/calls 500"
	grep -E '^(parse_|peek|hash|order|insert|sum) ?' "$W/out" | sort >"$W/got"
	[ "$(wc -l <"$W/want")" -ge 8 ] || bad "callgrind tells too little: $(tr '\n' '~' <"$W/want")"
	cmp -s "$W/want" "$W/got" || bad "counts differ: $(diff "$W/want" "$W/got" | head -8 | tr '\n' '~')"
	cmp -s "$W/plain" "$W/target" || bad "the output changed"
	done_t
else
	skip_t sweep-callgrind "no valgrind"
fi
[ "$LONG" ] || exit 0
RETURNS=yes job python-returns "$PYTHON" same "$PYTHON" -s "$J/job.py" 3000
RETURNS=yes job gcc-returns "$(gcc -print-prog-name=cc1)" same "$(gcc -print-prog-name=cc1)" -quiet -imultiarch x86_64-linux-gnu -O2 -o - "$J/job.c"
RETURNS=yes job sqlite-returns /usr/bin/sqlite3 same /usr/bin/sqlite3 -batch -init "$J/job.sql" :memory: .exit
RETURNS=yes job xz-returns /usr/bin/xz same /usr/bin/xz -T1 -c "$J/lines"
RETURNS=yes job perl-returns /usr/bin/perl same /usr/bin/perl "$J/job.pl" 20000
# Python's own tests say only whether they passed: how long they took differs.
if "$PYTHON" -c 'import test.test_re' 2>/dev/null; then
	echo "$PYTHON -m test -q test_re test_json test_struct test_zlib test_generators test_exceptions >'$W/tests' 2>&1; echo \$?" >"$J/tests.sh"
	chmod a+r "$J/tests.sh"
	: >"$W/tests" && chmod 666 "$W/tests"
	job python-tests "$PYTHON" free /bin/bash "$J/tests.sh"
else
	skip_t sweep-python-tests "python3's own tests are not installed"
fi
PG=/usr/lib/postgresql/15/bin
if [ -x $PG/initdb ]; then
	mkdir "$J/db" && chmod 777 "$J/db"
	as_user $PG/initdb -D "$J/db/data" -A trust -U nobody --no-sync >"$W/initdb" 2>&1
	echo "exec $PG/postgres --single -F -j -D '$J/db/data' postgres <'$J/job.pg.sql'" >"$J/pg.sh"
	chmod a+r "$J/pg.sh"
	job postgres $PG/postgres free /bin/sh "$J/pg.sh"
else
	skip_t sweep-postgres "no postgresql-15"
fi
job perl /usr/bin/perl same /usr/bin/perl "$J/job.pl" "$(size 100 200000)"
job sqlite /usr/bin/sqlite3 same /usr/bin/sqlite3 -batch -init "$J/job.sql" :memory: .exit
job gcc-driver /usr/bin/gcc free /usr/bin/gcc -O2 -S -o - "$J/job.c"
job git /usr/bin/git free /usr/bin/git -c safe.directory='*' -C "$ROOT" log --stat -n 300 "$(git -C "$ROOT" rev-parse HEAD)"
job git-fsck /usr/bin/git free /usr/bin/git -c safe.directory='*' -C "$ROOT" fsck --full
job openssl /usr/bin/openssl same /usr/bin/openssl dgst -sha512 "$J/text"
COMPARE=no job openssl-speed /usr/bin/openssl free /usr/bin/openssl speed -seconds 1 -bytes 1024 sha256
job zstd /usr/bin/zstd free /usr/bin/zstd --single-thread -19 -c "$J/text"
job zstd-threads /usr/bin/zstd free /usr/bin/zstd -T4 -5 -c "$J/text"
job xz /usr/bin/xz same /usr/bin/xz -T1 -c "$J/text"
job awk /usr/bin/mawk same /usr/bin/mawk -f "$J/job.awk" "$J/lines"
job find /usr/bin/find same /usr/bin/find "$ROOT/src" -name '*.c' -size +1k
job node /usr/bin/node free /usr/bin/node "$J/job.js" "$(size 100 100000)"
# Those of these that are installed: interpreters, a collector that knows return addresses, code that is jumped to, assembler.
PHP=$(realpath /usr/bin/php 2>/dev/null || echo /usr/bin/php)
cat >"$J/job.php" <<'EOF'
<?php for ($i = 0; $i < 100000; $i++) $a["k" . $i % 997] = $i; ksort($a); echo count($a), md5(serialize($a)), "\n";
$f = new Fiber(function ($x) { echo Fiber::suspend($x * 2); }); echo $f->start(5); $f->resume(3);
try { throw new Exception("x"); } catch (Exception $e) { echo $e->getMessage(), "\n"; } exit(7);
EOF
RETURNS=yes job php "$PHP" same "$PHP" -n "$J/job.php"
cat >"$J/job.lua" <<'EOF'
local c = coroutine.wrap(function() for i = 1, 1e5 do coroutine.yield(i) end end); local s = 0
for i = 1, 99999 do s = s + c(); if not pcall(error, "x") then s = s + 1 end end print(s); os.exit(2)
EOF
# its hash seed is the time
RETURNS=yes job lua /usr/bin/lua5.4 free /usr/bin/lua5.4 "$J/job.lua"
RETURNS=yes job convert /usr/bin/convert-im6.q16 free /usr/bin/convert-im6.q16 -limit thread 1 -size 300x300 gradient:red-blue -swirl 90 -blur 0x3 -resize '50%' -depth 8 rgb:-
if have ocamlopt; then
	cat >"$J/lists.ml" <<-'EOF'
		exception E of int
		let () = let h = Hashtbl.create 9 in
		for i = 1 to 50000 do Hashtbl.replace h (i mod 97) (i :: try Hashtbl.find h (i mod 97) with Not_found -> []) done;
		let c = ref 0 in Hashtbl.iter (fun _ v -> c := !c + List.length v) h;
		(try raise (E !c) with E n -> Printf.printf "%d\n" n); Gc.full_major (); exit 4
	EOF
	(cd "$J" && ocamlopt -o lists-ml lists.ml && chmod a+rx lists-ml) >"$W/cc.log" 2>&1
	RETURNS=yes job ocaml "$J/lists-ml" same "$J/lists-ml"
else
	skip_t sweep-ocaml "no ocamlopt"
fi
if have ghc; then
	cat >"$J/maps.hs" <<-'EOF'
		import qualified Data.Map as M
		import Control.Exception
		main = do
		  print (M.foldl (+) 0 (M.fromListWith (+) [(i `mod` 97, i) | i <- [1..50000::Int]]))
		  r <- try (evaluate (1 `div` (0::Int))) :: IO (Either ArithException Int)
		  print r
	EOF
	(cd "$J" && ghc -O -threaded -o maps-hs maps.hs && chmod a+rx maps-hs) >"$W/cc.log" 2>&1
	RETURNS=yes job ghc "$J/maps-hs" free "$J/maps-hs" +RTS -N2
else
	skip_t sweep-ghc "no ghc"
fi
java=$(realpath /usr/bin/java 2>/dev/null)
jvm=$(dirname "$(dirname "$java")")/lib/server/libjvm.so
EXTRA=", process(\"$java\").library(\"$jvm\").function(\"*\")" job java "$java" free "$java" -Xshare:auto "$J/Job.java" "$(size 100 100000)"
