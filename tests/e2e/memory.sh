# SPDX-License-Identifier: Apache-2.0
# Wide strings, the kernel's names of readers, and what guru scripts may do to the target.
. "$ROOT/tests/lib/e2e.sh"

target memory memory.c gcc -O2 || exit 1
cat >"$W/wide.stp" <<'S'
probe process.function("visit") {
	w = pointer_arg(1) x = pointer_arg(2) b = pointer_arg(3) c = pointer_arg(4) n = pointer_arg(5)
	println(user_string_utf16(w), "|", user_string_utf32(x), "|", kernel_string_utf16(w), "|", kernel_string_utf32(x))
	println(user_string_quoted_utf16(w), kernel_string_quoted_utf16(w), kernel_or_user_string_quoted_utf16(w))
	println(user_string_quoted_utf32(x), kernel_string_quoted_utf32(x), kernel_or_user_string_quoted_utf32(x))
	println(user_string_utf16(16, "none"), user_string2_utf16(16, "none"), user_string_utf32(16, "none"), user_string2_utf32(16, "none"),
		kernel_string_utf16(16, "none"), kernel_string2_utf16(16, "none"), kernel_string_utf32(16, "none"), kernel_string2_utf32(16, "none"))
	println(user_string_quoted_utf16(16), user_string_quoted_utf32(16))
	try { user_string_utf16(b) println("no") } catch (m) { println(m) }
	try { println(user_string_utf32(c)) } catch (m) { println(m) }
	try { println(user_string_utf16(b)) } catch (m) { println(m) }
	println(kernel_char(n), " ", kernel_short(n + 2), " ", kernel_int(n + 4), " ", kernel_long(n + 8), " ", kernel_pointer(n + 8) == -4)
	println(kernel_string(n + 16), "|", kernel_string(16, "none"), "|", kernel_string2(16, "none"), "|", kernel_string_n(n + 16, 2), "|",
		kernel_string_quoted(n + 16), kernel_or_user_string_quoted(n + 16))
	println(kernel_buffer_quoted(n + 16, 11, 40), kernel_buffer_quoted(n + 16, 2), kernel_buffer_quoted_error(n + 16, 2, 40), atomic_read(n + 4), atomic_long_read(n + 8))
	try { println(kernel_int(16)) } catch { println("fault") }
	try { println(atomic_read(16)) } catch { println("fault") }
}
S
t wide-strings
launch_same "$T/memory" "$W/wide.stp"
cat >"$W/want" <<'S'
wïde € 😀|wïde € 😀|wïde € 😀|wïde € 😀
"w\u00EFde \u20AC \U0001F600""w\u00EFde \u20AC \U0001F600""w\u00EFde \u20AC \U0001F600"
"w\u00EFde \u20AC \U0001F600""w\u00EFde \u20AC \U0001F600""w\u00EFde \u20AC \U0001F600"
nonenonenonenonenonenonenonenone
0x100x10
no
invalid character in a wide string
invalid character in a wide string
-1 -2 -3 -4 1
as it was|none|none|as|"as it was""as it was"
"as it was\000\000""as""as"-3-4
fault
fault
S
cmp -s "$W/want" "$W/out" || bad "$(diff "$W/want" "$W/out" | head -20 | tr '\n' '~')"
done_t

cat >"$W/numbers.stp" <<'S'
function readers(n) {
	println(user_char(n), user_short(n + 2), user_int(n + 4), user_long(n + 8), " ", user_ushort(n + 2), " ", user_uint(n + 4), " ", user_ulong(n + 8))
	println(user_char_error(n), user_short_error(n + 2), user_int_error(n + 4), user_long_error(n + 8), " ", user_ushort_error(n + 2), " ",
		user_uint_error(n + 4), " ", user_ulong_error(n + 8))
	println(user_char_warn(n), user_short_warn(n + 2), user_int_warn(n + 4), user_long_warn(n + 8), " ", user_ushort_warn(n + 2), " ",
		user_uint_warn(n + 4), " ", user_ulong_warn(n + 8))
	println(user_int8(n), user_int16(n + 2), user_int32(n + 4), user_int64(n + 8), " ", user_uint8(n), " ", user_uint16(n + 2), " ",
		user_uint32(n + 4), " ", user_uint64(n + 8))
	println(user_int8_error(n), user_int16_error(n + 2), user_int32_error(n + 4), user_int64_error(n + 8), " ", user_uint8_error(n), " ",
		user_uint16_error(n + 2), " ", user_uint32_error(n + 4), " ", user_uint64_error(n + 8))
}
function faults(a) {
	println(user_char(a), user_short(a), user_int(a), user_long(a), user_ushort(a), user_uint(a), user_ulong(a), user_int8(a), user_int16(a),
		user_int32(a), user_int64(a), user_uint8(a), user_uint16(a), user_uint32(a), user_uint64(a))
	println(user_char_warn(a), user_short_warn(a), user_int_warn(a), user_long_warn(a), user_ushort_warn(a), user_uint_warn(a), user_ulong_warn(a))
	try { user_char_error(a) println(user_ushort_error(a)) } catch (m) { println(m) }
	try { println(user_uint64_error(a)) } catch (m) { println(m) }
	println(user_string(a, "none"), user_string2(a, "none"), user_string_nofault(a), user_string_n(a, 3, "none"), user_string2_n(a, 3, "none"),
		user_string_n_nofault(a, 3), user_string_n2(a, 3, "none"), user_string_warn(a), user_string_warn(a, "none"), user_string2_warn(a, "none"),
		user_string_n_warn(a, 3), user_string_n_warn(a, 3, "none"), user_string2_n_warn(a, 3, "none"))
	println(user_string_quoted(a), user_string_n_quoted(a, 3), user_string_n_quoted(a, 3, 9), user_string_n2_quoted(a, 3, 9), user_buffer_quoted(a, 3, 9))
	try { println(user_buffer_quoted_error(a, 3, 9)) } catch (m) { println(m) }
	try { println(user_string_n(a, 3)) } catch (m) { println(m) }
}
probe process.function("visit") {
	n = pointer_arg(5)
	readers(n)
	t = n + 16
	println(user_string(t), "|", user_string2(t, ""), "|", user_string_n(t, 2), "|", user_string_n(t, 2, ""), "|", user_string2_n(t, 2, ""), "|",
		user_string_n_nofault(t, 2), "|", user_string_n2(t, 2, ""), "|", user_string_warn(t), "|", user_string2_warn(t, ""), "|",
		user_string_n_warn(t, 2), "|", user_string2_n_warn(t, 2, ""))
	println(user_string_quoted(t), user_string_n_quoted(t, 2), user_string_n_quoted(t, 9, 5), user_string_n2_quoted(t, 9, 5), user_buffer_quoted(t, 11, 30),
		user_buffer_quoted_error(t, 11, 30))
	printf("[%.9m][%.2M][%#.4m][%M][%12.3M][%-12.3M][%m]\n", t, t, t, t, t, t, t)
	println(sprintf("%.3M", t))
	faults(16)
}
S
t numbers-and-strings
launch_same "$T/memory" "$W/numbers.stp"
cat >"$W/want" <<'S'
-1-2-3-4 65534 4294967293 -4
-1-2-3-4 65534 4294967293 -4
-1-2-3-4 65534 4294967293 -4
-1-2-3-4 255 65534 4294967293 -4
-1-2-3-4 255 65534 4294967293 -4
as it was|as it was|as|as|as|as|as|as it was|as it was|as|as
"as it was""as""a"..."a"..."as it was\000\000""as it was\000\000"
[as it was][6173][as i][61][      617320][617320      ][a]
617320
000000000000000
0000000
read fault [man error::fault] at 0x10
read fault [man error::fault] at 0x10
nonenonenonenonenonenonenonenonenone
0x100x100x100x100x10
user string copy fault -14 [man error::fault] at 0x10
user string copy fault -14 [man error::fault] at 0x10
S
cmp -s "$W/want" "$W/out" || bad "$(diff "$W/want" "$W/out" | head -20 | tr '\n' '~')"
is warnings "$(grep -c 'WARNING: user .* copy fault at 0x10 .man error::fault.' "$W/err")" 8
done_t

cat >"$W/arguments.stp" <<'S'
probe process.function("take") {
	println(int_arg(1), " ", uint_arg(1), " ", uint_arg(2), " ", long_arg(3), " ", s32_arg(4), " ", u32_arg(4), " ", user_string(pointer_arg(5)), " ",
		longlong_arg(6), " ", ulonglong_arg(6), " ", s64_arg(7), " ", u64_arg(7), " ", ulong_arg(7), " ", s32_arg(8))
	println(register("rdi") & 0xffffffff, " ", u_register("edi"), " ", register("edi"), " ", register("di"), " ", u_register("dil"), " ", registers_valid())
	println(ppfunc(), " ", probefunc(), " ", probe_type(), " ", addr() == uaddr(), " ", addr() == register("rip"), " ", probemod(), " ", umodname(addr()), " ",
		modname(addr()), " ", umodaddr(addr()) > 0)
	try { println(register("none")) } catch (m) { println(m) }
	try { println(int_arg(0)) } catch (m) { println(m) }
	print_regs()
}
S
t arguments-and-registers
launch_same "$T/memory" "$W/arguments.stp"
head -5 "$W/out" >"$W/got"
cat >"$W/want" <<'S'
-1 4294967295 4000000000 -2 -3 4294967293 as it was 1099511627776 1099511627776 -7 -7 -7 -8
4294967295 4294967295 -1 -1 255 1
take take uprobe 1 1 memory memory memory 1
Unknown register: none
cannot access arg(n)
S
cmp -s "$W/want" "$W/got" || bad "$(diff "$W/want" "$W/got" | head -20 | tr '\n' '~')"
is "lines of registers" "$(tail -n +6 "$W/out" | grep -cE '^(R[A-Z0-9]+: [0-9a-f]{16} ?)+')" 6
done_t

t other-file
rm -f "$W"/out.*
: >"$W/out.1"; : >"$W/out.2"; chmod 666 "$W"/out.?
spile -e 'probe process.function("take") { println("hit") switch_file() } probe end { println("end") }' -c "$T/memory 2"
ok_rc
is first "$(cat "$W/out")" hit
is second "$(cat "$W/out.1")" hit
is third "$(cat "$W/out.2")" end
spile -e 'probe begin { println(tz_name(), tz_gmtoff()) println(tz_ctime(0)) exit() }'
as_user env TZ=XYZ-5:30 "$SPILE" -e 'probe oneshot { println(tz_name(), tz_gmtoff()) println(tz_ctime(0)) }' >"$W/out" 2>"$W/err"
is zone "$(tr '\n' '~' <"$W/out")" "XYZ-19800~Thu Jan  1 05:30:00 1970 XYZ~"
done_t

cat >"$W/write.stp" <<'S'
probe process.function("visit") {
	n = pointer_arg(5)
	set_user_char(n, 300) set_user_short(n + 2, 70000) set_user_int(n + 4, 5000000000) set_user_long(n + 8, 1 << 40)
	set_user_pointer(n + 8, 77)
	set_user_string(n + 16, "a longer text")
	set_user_string_n(n + 16, 1, "A")
	set_user_string_arg(n + 20, "x")
	try { set_user_int(16, 1) } catch (m) { println(m) }
	try { set_user_string(16, "x") } catch (m) { println(m) }
	try { set_user_string_n(16, 1, "x") } catch (m) { println(m) }
	try { set_user_char(pointer_arg(1), 1) println("wrote constants") } catch { println("read-only") }
}
S
t guru-writes
spile -g "$W/write.stp" -c "$T/memory"
ok_rc
is "the target" "$(cat "$W/target")" "44 4464 705032704 77 A lox -"
is "one fault each" "$(grep -c '^write fault \[man error::fault\] at 0x0*10' "$W/out")" 3
is "constants" "$(tail -1 "$W/out")" "read-only"
spile "$W/write.stp" -c "$T/memory"
is "refused without -g" "$RC" 1
has "$W/err" "guru"
done_t

cat >"$W/set.stp" <<'S'
probe process.function("take") {
	set_int_arg(1, -10) set_uint_arg(2, 5000000000) set_long_arg(3, -20) set_s32_arg(4, 30) set_pointer_arg(5, 0) set_longlong_arg(6, 60)
	set_s64_arg(7, 1000) set_s32_arg(8, 200)
	println(int_arg(1), " ", uint_arg(2), " ", long_arg(3), " ", s32_arg(4), " ", pointer_arg(5), " ", longlong_arg(6), " ", s64_arg(7), " ", s32_arg(8))
	set_u32_arg(1, 1) set_u64_arg(3, 2) set_ulong_arg(6, 3) set_ulonglong_arg(6, 4)
	println(int_arg(1), long_arg(3), long_arg(6))
	try { set_int_arg(0, 1) } catch (m) { println(m) }
}
probe process.function("take").return { println(returnval()) }
probe begin { try { set_int_arg(1, 1) } catch (m) { println(m) } }
S
t guru-arguments
launch_same "$T/memory" -g "$W/set.stp"
cat >"$W/want" <<'S'
cannot access CPU registers in this context
-10 705032704 -20 30 0 60 1000 200
124
cannot access arg(n)
1200
S
cmp -s "$W/want" "$W/out" || bad "$(diff "$W/want" "$W/out" | head -20 | tr '\n' '~')"
spile -e 'probe process.function("take") { set_int_arg(1, 1) }' -c "$T/memory"
has "$W/err" 'function may not be used unless -g is specified'
done_t

t raise-and-delay
spile -g -e 'global n probe process.function("visit") { if (!n++) raise(10) } probe end { println(n) }' -c "$T/memory 4 slow"
ok_rc
has "$W/target" "signal"
is hits "$(cat "$W/out")" 4
spile -g -e 'probe process.function("visit") { a = gettimeofday_us() udelay(3000) mdelay(4) println(gettimeofday_us() - a >= 7000) udelay(-1)
	try { raise(0) } catch (m) { println(m) } try { raise(65) } catch { println("no") } }' -c "$T/memory"
ok_rc
is delays "$(head -1 "$W/out")" 1
is refused "$(sed -n 2p "$W/out")" "no such signal, or no process to send it to"
done_t

t attached
start "$T/memory" 1000 slow
attach_run -g -e 'probe process.function("visit") { set_user_string(pointer_arg(5) + 16, "changed") println(user_string_utf16(pointer_arg(1))) exit() }'
ok_rc
has "$W/out" "^w.*de"
for _ in $(seq 100); do grep -q changed "$W/bg" && break; sleep 0.1; done
has "$W/bg" "changed"
kill "$PID"
done_t
