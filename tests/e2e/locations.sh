# SPDX-License-Identifier: Apache-2.0
# Every form of location and of constants, in debug information written by hand (targets/locations.S says what is where).
. "$ROOT/tests/lib/e2e.sh"

target locations locations.S gcc || exit 1
cat >"$W/want" <<'S'
at_address -10
c1u 200
c1s -56
c2u 32768
c2s -32768
c4u 2147483648
c4s -2147483648
c8 578437695752307201
cu 128
cs -1
lit 31
dup 25
drop 5
over -63
pick -3
swap 5
rot 4
deref -10
deref_size 52
in_register -7
uninitialized -7
low_bytes 119
by_number 5
breg 4660
bregx 4660
frame 153
frame_short -30601
cfa 153
and_or 9
xor_not -7
neg_abs -7
divide -3
modulo 2
shifts -64
shift_logical 15
plus_uconst 105
compare 2
branch 77
branch_not 1
loop none
implicit -2
pieces->first 5
pieces->second -6
half->first 5
half->second none
bit_pieces -28665
memory_bits->low 3
memory_bits->high -1
memory_bits->old -1
register_bits->low 3
register_bits->high 0
register_bits->old 0
array_pieces[0] 5
array_pieces[1] -7
array_pieces[2] 119
array_pieces[3] 0
vector_low 4612811918334230528
vector_pair->first 4612811918334230528
vector_pair->second 72623859790382856
vector_single 4608308318706860032
entry_rdi 40
entry_rsi 1234605616436508553
entry_lost none
truth 1
kind -1
character 119
byte 119
empty none
unknown none
typed 4294967289
typed_wraps 1
typed_memory -10
unsigned_compare 1
float_product 4618722892845154304
float_sum 4612811918334230528
float_compare 1
float_to_long 2
reinterpreted 4612811918334230528
of_thread 24301
implicit_pointer[0] -7
implicit_pointer[-1] 5
implicit_to_memory[0] 4660
in_memory->second 4660
called 9
constant -123456789
constant_block->first 11
constant_block->second 22
constant_text[1] 25699
gone none
list1 2
list2 3
list3 4
list4 5
list5 6
list6 none
list7 -7
list8 4660
S
{
	echo 'probe process.function("inside") {'
	while read -r name _; do
		echo "if (@defined(\$$name)) { try { println(\"$name \", \$$name) } catch (m) { println(\"$name: \", m) } }"
		echo "else println(\"$name none\")"
	done <"$W/want"
	echo '}'
} >"$W/locations.stp"
t locations
launch_same "$T/locations" "$W/locations.stp"
cmp -s "$W/out" "$W/want" || bad "$(diff "$W/out" "$W/want" | tr '\n' '~')"
done_t

t writes-to-registers
spile -g -e 'probe process.function("inside") { $in_register = 9; $low_bytes = -2; $breg = 77; println($in_register, " ", $low_bytes, " ", $typed, " ", $breg) }' -c "$T/locations"
ok_rc
is output "$(cat "$W/out")" "9 -2 9 77"
spile -g -e 'probe process.function("inside") { $implicit = 9 }' -c "$T/locations"
is "status of a constant's" "$RC" 1
has "$W/err" 'it has no address'
done_t
