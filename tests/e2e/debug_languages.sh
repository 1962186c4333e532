# SPDX-License-Identifier: Apache-2.0
# Functions and variables of Rust and Go by the names their programmers use.
. "$ROOT/tests/lib/e2e.sh"

if have rustc; then
	(cd "$W" && rustc -g "$ROOT/tests/e2e/targets/shapes.rs" -o "$T/shapes-rust" 2>"$W/rust.log") || { cat "$W/rust.log"; exit 1; }
	chmod 755 "$T/shapes-rust"
	P=$T/shapes-rust
	t rust-names
	as_user "$SPILE" -l "process(\"$P\").function(\"*@shapes.rs\")" >"$W/out" 2>"$W/err"
	is names "$(sed 's/.*function("\(.*\)@.*shapes.rs:\(.*\)")/\1:\2/' "$W/out" | tr '\n' ' ')" \
		'area:12 length:21 main:32 show<&str>:28 show<u8>:28 {closure#0}:37 '
	for name in 'shapes::geo::*::area' 'geo::*::area' 'shapes::main' '_ZN*4area*'; do
		as_user "$SPILE" -l "process(\"$P\").function(\"$name\")" >"$W/out" 2>"$W/err"
		[ -s "$W/out" ] || bad "nothing for $name: $(head -3 "$W/err")"
	done
	done_t
	t rust-variables
	launch_same "$P" -e 'probe process.function("geo::Shape::area") { println("area ", $self->width, " ", $self->height, " ", $scale) }
		probe process.function("show<*>@shapes.rs") { println(ppfunc(), " ", $xs->length, $xs->data_ptr[0], " ", user_string_n($s->data_ptr, $s->length)) }
		probe process.function("area@shapes.rs").return { println("is ", $return) }'
	is out "$(tr '\n' '~' <"$W/out")" 'area 3 4 2~is 24~show<u8> 31 hello~show<&str> 11 bye~'
	done_t
	t rust-variants
	(cd "$W" && rustc -g "$ROOT/tests/e2e/targets/variants.rs" -o "$T/variants" 2>"$W/rust.log") || bad "$(head -3 "$W/rust.log")"
	chmod 755 "$T/variants"
	launch_same "$T/variants" -Palways -e 'probe process.function("variants::handle") { println($e$, $o$, $b$, $r$, " ", $c$) }
		probe process.function("variants::hold") { println($h$$, $h->ev->Key->__0, " ", $h$) }'
	cat >"$W/want" <<'S'
{.Idle={}}{.None={}}{.None={}}{.Ok={.__0=5}} -1
{.Click={.x=3, .y=-4}}{.Some={.__0=9}}{.Some={.__0=ADDRESS}}{.Err={.__0=6}} 0
{.Key={.__0=1, .__1=2}}{.Some={.__0=-1}}{.None={}}{.Ok={.__0=7}} 1
{.Name={.__0={...}}}{.None={}}{.Some={.__0=ADDRESS}}{.Ok={.__0=8}} -1
{.id=4, .ev={.Key={.__0=7, .__1=8}}, .opt={.Some={.__0=ADDRESS}}}7 {.id=4, .ev={...}, .opt={...}}
{.id=5, .ev={.Idle={}}, .opt={.None={}}}0 {.id=5, .ev={...}, .opt={...}}
S
	sed 's/0x[0-9a-f]*/ADDRESS/g' "$W/out" >"$W/got"
	cmp -s "$W/got" "$W/want" || bad "$(diff "$W/got" "$W/want" | tr '\n' '~')"
	done_t
else
	skip_t rust "no rustc"
fi

if have go && go version | grep -qE 'go1\.(1[89]|[2-9][0-9])'; then
	(cd "$W" && HOME=$W GOFLAGS=-buildvcs=false GO111MODULE=off go build -o "$T/shapes-go" "$ROOT/tests/e2e/targets/shapes.go" 2>"$W/go.log") || { cat "$W/go.log"; exit 1; }
	chmod 755 "$T/shapes-go"
	P=$T/shapes-go
	t go-names
	as_user "$SPILE" -l "process(\"$P\").function(\"main.*\")" >"$W/out" 2>"$W/err"
	is names "$(sed 's/.*function("\(.*\)@.*shapes.go:\(.*\)")/\1:\2/' "$W/out" | tr '\n' ' ')" \
		'main.(*Shape).Area:14 main.Sum:17 main.main:32 main.make2[go.shape.string_0,go.shape.int_1]:30 '
	done_t
	t go-variables
	launch_same "$P" -e 'probe process.function("main.(\*Shape).Area") { println("area ", $s->Width, " ", $scale, " ", user_string_n($s->Name->str, $s->Name->len)) }
		probe process.function("main.Sum") { println("sum of ", $xs->len, " from ", $xs->array[1]) }
		probe process.statement("main.Sum@shapes.go:19") { println("add ", $x) }'
	is out "$(tr '\n' '~' <"$W/out")" 'area 3 2 box~sum of 3 from 2~add 1~add 2~add 3~'
	spile -e 'probe process.statement("main.Sum@shapes.go:19") { println($total) }' -c "$P"
	has "$W/err" 'not accessible at this address: optimized out'
	done_t
else
	skip_t go "no go"
fi
