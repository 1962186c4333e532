# SPDX-License-Identifier: Apache-2.0
# The examples about variables run and show what their heads say.
. "$ROOT/tests/lib/e2e.sh"

[ -e "$T/orders" ] || gcc -O2 -g -o "$T/orders" "$ROOT/examples/orders.c" || exit 1
chmod 755 "$T/orders"

t calls
launch_same "$T/orders 2" "$ROOT/examples/calls.stp"
sed 's/0x[0-9a-f]\{5,\}/ADDRESS/g' "$W/out" >"$W/got"
cat >"$W/want" <<'S'
  sell(number=0 count=1)
    take(item={.name="apple", .price=50, .stock=9} count=1)
    take = 8
    price_of(o={.count=1, .item=ADDRESS})
    price_of = 50
  sell = 50
  sell(number=1 count=2)
    take(item={.name="bread", .price=320, .stock=4} count=2)
    take = 2
    price_of(o={.count=2, .item=ADDRESS})
    price_of = 640
  sell = 640
S
cmp -s "$W/got" "$W/want" || bad "$(diff "$W/got" "$W/want" | tr '\n' '~')"
done_t

t field
launch_same "$T/orders 9" "$ROOT/examples/field.stp"
is values "$(sed 's/ after [0-9]* us$//' "$W/out" | tr '\n' '~')" \
	"     apple: stock 9 -> 8~     bread: stock 4 -> 2~    cheese: stock 2 -> 1~     apple: stock 8 -> 6~     bread: stock 2 -> 1~"
done_t

t latency
launch_same "$T/orders 6" "$ROOT/examples/latency.stp"
has "$W/out" '^count 1: 3 calls, [0-9]+ ns on average$'
has "$W/out" '^count 2: [0-9] calls, [0-9]+ ns on average$'
has "$W/out" '^ *[0-9]+ \|@+ '
done_t

t template
if have g++; then
	[ -e "$T/template" ] || g++ -O1 -g -o "$T/template" "$ROOT/examples/template.cc" || exit 1
	chmod 755 "$T/template"
	launch_same "$T/template" "$ROOT/examples/template.stp"
	cat >"$W/want" <<'S'
ring<int, 2>::put: place 0 had 0, gets 10: {.items=[0, ...], .next=1}
ring<int, 2>::put: place 1 had 0, gets 20: {.items=[10, ...], .next=2}
ring<int, 2>::put: place 0 had 10, gets 30: {.items=[10, ...], .next=3}
ring<char const*, 3>::put: place 0 had 0x0, gets "first": {.items=[0x0, ...], .next=1}
ring<char const*, 3>::put: place 1 had 0x0, gets "second": {.items=["first", ...], .next=2}
S
	cmp -s "$W/out" "$W/want" || bad "$(diff "$W/out" "$W/want" | tr '\n' '~')"
	done_t
else
	skip_t template "no g++"
fi
