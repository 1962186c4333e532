# SPDX-License-Identifier: Apache-2.0
# What the tool tells of itself without running anything.
. "$ROOT/tests/lib/e2e.sh"

t dump-probe-types
spile --dump-probe-types
ok_rc
for form in 'begin' 'timer.ms(number)' 'process.mark(string)' 'process(string).library(string).function(string)'; do
	grep -qxF "$form" "$W/target" || bad "no form $form"
done
is "forms written twice" "$(sort "$W/target" | uniq -d | head -3)" ""
done_t

t dump-functions
spile --dump-functions
ok_rc
has "$W/target" '^user_string'
has "$W/target" '^tid:long \(\)$'
has "$W/target" '^text_strn:string \(input:string, len:long, quoted:long\)$'
has "$W/target" '^ansi_set_color:unknown \(fg:long, bg:long\)$'
has "$W/target" '^set_user_int:unknown \(addr:long, val:long\) /\* guru \*/$'
has "$W/target" '^pn:string \(\)$'
hasnot "$W/target" '^_'
hasnot "$W/target" '^ipv6_text'
sort -c "$W/target" || bad "not sorted"
spile -v --dump-functions
has "$W/target" '^_sys_open_flag_str:string \(value:long\)$'
done_t

t dump-probe-aliases
mkdir -p "$W/more"
cat >"$W/more/a.stp" <<'S'
probe some.thing = never, begin(3)? {}
probe a.b = a.c {}
probe _a.c = begin {}
S
chmod -R a+rX "$W/more"
spile -I "$W/more" --dump-probe-aliases
ok_rc
is "lines of ours" "$(grep -v '^init = \|^oneshot = ' "$W/target" | grep -E '^(some|a|_a)\.' | tr '\n' '~')" 'a.b = a.c~some.thing = never, begin(3)?~'
has "$W/target" '^init = begin\(-9223372036854775808\)$'
spile -v -I "$W/more" --dump-probe-aliases
has "$W/target" '^_a.c = begin$'
echo 'probe x = ' >"$W/more/b.stp"
spile -I "$W/more" --dump-functions
is "status of a library that cannot be read" "$RC" 1
has "$W/err" 'parse error'
done_t

# A bare process needs no program for its system calls to be listed, and none of it is told.
t system-calls
for target in "" "-c true"; do
	# shellcheck disable=SC2086 # words
	spile $target -l 'process.syscall*'
	is "points $target" "$(cat "$W/target")" process.syscall
	# shellcheck disable=SC2086
	spile $target -l 'process.**'
	is "all points $target" "$(grep '^process\.' "$W/target" | sort | tr '\n' ' ')" \
		"process.begin process.end process.syscall process.syscall.return process.thread.begin process.thread.end "
done
spile -L process.syscall.return
has "$W/target" '^process.syscall.return \$syscall:long \$return:long \$arg1:long'
done_t

t version
spile --version
ok_rc
has "$W/target" '^spile [0-9]+\.[0-9]+\.[0-9]+ '
done_t
