# SPDX-License-Identifier: Apache-2.0
# Embedded C in a real target: structures by its own headers, state in globals, threads, attach and leave.
. "$ROOT/tests/lib/e2e.sh"

target embedded embedded.c gcc -O2 -pthread || exit 1
cat >"$W/item.h" <<'S'
struct item {
	int number;
	char name[16];
	struct item *next;
};
S
chmod 644 "$W/item.h"
cat >"$W/list.stp" <<S
%{
#include "$W/item.h"
#include <linux/limits.h>
static long length(const struct item *i) { long n = 0; for (; i; i = i->next) n++; return n; }
%}
global hits, sums, names
function sum:long(first:long)
%{
	long s = 0;
	for (const struct item *i = (const void *)STAP_ARG_first; i; i = i->next)
		s += i->number;
	STAP_RETVALUE = s;
%}
function last:string(first:long)
%{
	const struct item *i = (const void *)STAP_ARG_first;
	while (i->next)
		i = i->next;
	STAP_RETURN(i->name);
%}
function note(name:string) %{ /* pragma:read:names */ /* pragma:write:names */
	STAP_GLOBAL_SET_names(STAP_ARG_name, STAP_GLOBAL_GET_names(STAP_ARG_name) + 1); %}
function long_list:long(first:long) %{ /* pure */ STAP_RETVALUE = length((const void *)STAP_ARG_first); %}
probe process.function("work") {
	hits++
	sums <<< sum(pointer_arg(1)) + long_list(pointer_arg(1)) * 100
	note(last(pointer_arg(1)))
}
probe end {
	println(hits, " ", @min(sums), " ", @max(sums), " ", names["three"] + names["none"], " ", @const("PATH_MAX"), " ", @const("sizeof(struct item)"))
}
S
t launched
launch_same "$T/embedded 1000" -g "$W/list.stp"
is output "$(cat "$W/out")" "4000 306 306 4000 4096 32"
done_t

t attached
start "$T/embedded" 100000000
attach_run -g -e "probe process.function(\"work\") { if (%{ 6 * 7 %} == 42) exit() }
	function f() %{ STAP_ERROR(\"said in %s\", \"C\"); %} probe end { try { f() } catch (m) { println(m) } }"
ok_rc
is output "$(cat "$W/out")" "said in C"
kill "$PID"
done_t

t error-ends-the-session
spile -g -e 'function f() %{ STAP_ERROR("no %d", 5); %} probe process.function("work") { f() }' -c "$T/embedded"
is status "$RC" 1
has "$W/err" '^ERROR: no 5 near identifier .f. at <input>:1:'
has "$W/target" '^36$'
done_t

t no-compiler
as_user env CC=/no/such/compiler "$SPILE" -g -e 'probe begin { println(%{ 1 %}) exit() }' >"$W/out" 2>"$W/err"
is status $? 1
has "$W/err" "embedded C needs a C compiler: cannot run '/no/such/compiler'"
has "$W/err" 'install gcc or clang'
as_user env CC=/no/such/compiler "$SPILE" -e 'probe begin { println("no C, no compiler") exit() }' >"$W/out" 2>"$W/err"
is "without C" "$(cat "$W/out")" "no C, no compiler"
done_t

t mistake
cat >"$W/mistake.stp" <<'S'
%{
static int broken(void) { return 1; }
%}
function f:long()
%{
	STAP_RETVALUE = broken(1);
%}
probe begin { println(f()) exit() }
S
spile -g "$W/mistake.stp"
is status "$RC" 1
has "$W/err" "mistake.stp:6:.*error: .*broken"
hasnot "$W/err" '<spile>'
has "$W/err" 'the C compiler did not accept the embedded C.*\[embedded\]$'
done_t

t not-guru
spile -e 'probe begin { println(%{ 1 %}) exit() }'
is status "$RC" 1
has "$W/err" 'embedded expression code in unprivileged script; need stap -g'
spile -e 'function f:long() %{ STAP_RETVALUE = 1; %} probe begin { println(f()) exit() }'
has "$W/err" 'embedded code in unprivileged script; need stap -g'
spile -e 'probe begin { println(@const("1")) exit() }'
has "$W/err" 'using @const operator not permitted; need stap -g'
done_t

t state
spile -g -e '%{ static int count; %} function f:long() %{ STAP_RETVALUE = ++count; %} probe begin { println(f()) exit() }'
is status "$RC" 1
has "$W/err" 'static variables that change: keep them in globals of the script'
spile -g -e 'function f:long(x:long) %{ double d = STAP_ARG_x; STAP_RETVALUE = d * 2; %} probe begin { println(f(pid())) exit() }'
is "status of floating point" "$RC" 1
done_t

for cc in gcc clang; do
	have "$cc" || { skip_t "by-$cc" "not installed"; continue; }
	t "by-$cc"
	as_user env CC="$cc" "$SPILE" -g "$ROOT/tests/script/run/embedded.c.stp" >"$W/out" 2>"$W/err"
	cmp -s "$W/out" "$ROOT/tests/script/run/embedded.c.out" || bad "$(diff "$W/out" "$ROOT/tests/script/run/embedded.c.out" | head -5 | tr '\n' '~')$(head -c 300 "$W/err")"
	as_user env CC="$cc" "$SPILE" -g "$ROOT/tests/script/run/embedded.globals.stp" >"$W/out" 2>"$W/err"
	cmp -s "$W/out" "$ROOT/tests/script/run/embedded.globals.out" || bad "globals: $(head -c 300 "$W/err")"
	as_user env CC="$cc" "$SPILE" -g "$ROOT/tests/script/run/embedded.symbol.stp" >"$W/out" 2>"$W/err"
	has "$W/err" "embedded C uses 'getpid'"
	done_t
done

t nothing-left
# shellcheck disable=SC2016 # for the shell inside
is "folders of ours" "$(find "$(as_user sh -c 'echo "${TMPDIR:-/tmp}"')" -maxdepth 1 -name 'spile.??????' -newer "$W/item.h" 2>/dev/null | wc -l)" 0
done_t
