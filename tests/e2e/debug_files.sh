# SPDX-License-Identifier: Apache-2.0
# Debug information in every place where it may be kept: separate files by build-id, by .gnu_debuglink and from a server,
# alternate and split files, packed sections, symbols in .gnu_debugdata. Files of another build are told of and not used.
. "$ROOT/tests/lib/e2e.sh"
D=$W/d
mkdir -p "$D" && chmod 755 "$D"
cd "$D" || exit 1
cp "$ROOT/tests/e2e/targets/parts.c" .
unset DEBUGINFOD_URLS
export SYSTEMTAP_DEBUGINFO_PATH=.debug:$D/store
cat >"$W/parts.stp" <<'S'
probe process.function("outer") { println("outer ", $n, " ", $p->next->id, user_string($p->name), " ", @var("counter@parts.c"), $p->next$) }
probe process.function("inner").call { println("inner ", $n) }
probe process.function("doubled").inline { println("doubled") }
probe process.statement("outer@parts.c:30") { println("line ", $n) }
S
WANT='outer 3 2head 3{.id=2, .next=0x0, .name="tail"}~inner 4~doubled~line 3~'
all_there() { # PROGRAM: everything can be asked
	launch_same "$1" "$W/parts.stp"
	is "out of $(basename "$1")" "$(tr '\n' '~' <"$W/out")" "$WANT"
	hasnot "$W/err" WARNING
}
by_symbols() { # PROGRAM: only functions, by symbols
	spile -e 'probe process.function("outer") { println("outer ", int_arg(2)) }' -c "$1"
	is "out of $(basename "$1")" "$(cat "$W/out")" "outer 3"
	as_user "$SPILE" -L "process(\"$1\").function(\"outer\")" >"$W/got" 2>>"$W/err"
	is "listed" "$(cat "$W/got")" "process(\"$1\").function(\"outer\")"
}
id_of() { readelf -nW "$1" | sed -n 's/.*Build ID: //p'; }
split_off() { # PROGRAM: leaves its debug information in PROGRAM.debug
	objcopy --only-keep-debug "$1" "$1.debug" && strip -g "$1"
}

t own
gcc -g -O2 -w parts.c -o own || exit 1
all_there "$D/own"
for pack in zlib zlib-gnu; do
	gcc -g -O2 -w "-Wl,--compress-debug-sections=$pack" parts.c -o "own-$pack"
	all_there "$D/own-$pack"
done
done_t

t build-id
gcc -g -O2 -w parts.c -o by-id && split_off by-id
id=$(id_of by-id)
by_symbols "$D/by-id"
mkdir -p "store/.build-id/${id:0:2}"
mv by-id.debug "store/.build-id/${id:0:2}/${id:2}.debug"
all_there "$D/by-id"
gcc -g -O1 -w -DOTHER=1 parts.c -o other && objcopy --only-keep-debug other "store/.build-id/${id:0:2}/${id:2}.debug"
by_symbols "$D/by-id"
has "$W/err" "WARNING: debug file .*/store/.build-id/${id:0:2}/${id:2}.debug does not belong to $D/by-id: its build-id is $(id_of other), not $id"
rm -r store/.build-id
done_t

t link
gcc -g -O2 -w parts.c -o linked && split_off linked && objcopy --add-gnu-debuglink=linked.debug linked
all_there "$D/linked"
mkdir .debug && mv linked.debug .debug/
all_there "$D/linked"
mkdir -p "store/$D" && mv .debug/linked.debug "store/$D/"
all_there "$D/linked"
objcopy --only-keep-debug other linked.debug
rm -r "${D:?}/store/${D:?}"
by_symbols "$D/linked"
has "$W/err" 'WARNING: debug file .*linked.debug does not belong to'
rm linked.debug
done_t

t link-checksum
gcc -g -O2 -w -Wl,--build-id=none parts.c -o summed && split_off summed && objcopy --add-gnu-debuglink=summed.debug summed
all_there "$D/summed"
echo >>summed.debug
by_symbols "$D/summed"
has "$W/err" 'WARNING: debug file .*summed.debug does not belong to .*: its checksum differs'
done_t

t split
for version in 4 5; do
	mkdir -p "split$version"
	(cd "split$version" && gcc -g "-gdwarf-$version" -O2 -w -gsplit-dwarf ../parts.c -o split)
	all_there "$D/split$version/split"
	rm -f "split$version"/*.dwo
	as_user "$SPILE" -l "process(\"$D/split$version/split\").function(\"outer\")" >"$W/got" 2>"$W/err"
	is "without its .dwo" "$(cat "$W/got")" "process(\"$D/split$version/split\").function(\"outer\")"
done
done_t

# All that a program with .dwo files answers it answers with a package in their place. shared.h is in two units: with type
# units in the package once, with the abbreviations and strings of one of them.
cat >shared.h <<'C'
struct shared { short tag; char name[8]; struct shared *next; };
C
cat >one.cc <<'C'
#include "shared.h"
struct first_only { int x, y; };
int second(struct shared *p, const char *text);
static inline int doubled(int v) { int twice = v * 2; return twice; }
__attribute__((noinline)) int first(struct shared *p, first_only *o) { asm volatile("" ::: "memory"); return p->tag + o->y; }
int main(int argc, char **argv) { shared p = { 7, "abc", 0 }; first_only o = { 1, doubled(argc) }; return first(&p, &o) + second(&p, argv[0]) == 0; }
C
cat >two.cc <<'C'
#include "shared.h"
enum color { red, green };
struct third_only { long q; color c; shared in; };
__attribute__((noinline)) int third(struct shared *p, third_only *o) { asm volatile("" ::: "memory"); return p->tag + o->c; }
int second(struct shared *p, const char *text) { third_only b = { 5, green, { 3, "xyz", 0 } }; return third(p, &b) + text[0]; }
C
cat >"$W/shared.stp" <<'S'
probe process.function("first") { println("first ", $p$$, $o$) }
probe process.function("third") { println("third ", $p$$, $o$$) }
S
SHARED='first {.tag=7, .name="abc", .next=0x0}{.x=1, .y=2}~third {.tag=7, .name="abc", .next=0x0}{.q=5, .c=1, .in={.tag=3, .name="xyz", .next=0x0}}~'
answers() { # PROGRAM: what can be listed of it
	for points in 'function("*")' 'statement("*@*:*")' 'function("*").callees'; do
		as_user "$SPILE" -L "process(\"$1\").$points" 2>&1
	done
}
export CCACHE_DISABLE=1 # kept objects name the .dwo files of the folder that they were first made in
package() { # TOOL COMPILER VERSION [FLAG]
	t "package-$1-$2-$3${4:-}"
	rm -rf pack && mkdir pack
	for source in one two; do
		(cd pack && "$2" -g "-gdwarf-$3" -O1 -gsplit-dwarf ${4:+"$4"} -c "../$source.cc") || bad "not compiled"
	done
	(cd pack && g++ -o pack two.o one.o && timeout 20 "$1" -e pack -o pack.package) || bad "no package was made"
	answers "$D/pack/pack" >"$W/with-files"
	mkdir pack/away && mv pack/*.dwo pack/away/ && mv pack/pack.package pack/pack.dwp
	answers "$D/pack/pack" >"$W/with-package"
	has "$W/with-package" '"third@[^"]*two.cc:4"\) \$p:struct shared\*'
	# GCC's type units are in several sections of a .dwo file, of which libdw reads one
	[ "$2${4:-}" = gcc-fdebug-types-section ] || is "the package's listings" "$(diff "$W/with-files" "$W/with-package")" ""
	launch_same "$D/pack/pack" "$W/shared.stp"
	is out "$(tr '\n' '~' <"$W/out")" "$SHARED"
	hasnot "$W/err" WARNING
	done_t
}
if have llvm-dwp-14 && have clang; then
	package llvm-dwp-14 gcc 4
	package llvm-dwp-14 gcc 5
	package llvm-dwp-14 clang 4 -fdebug-types-section
	package llvm-dwp-14 clang 5
	package llvm-dwp-14 clang 5 -fdebug-types-section
	t package-of-other-build
	gcc -g -O1 -gsplit-dwarf -w parts.c -o pack/other && rm -f pack/*.dwo && cp pack/pack.dwp pack/other.dwp
	by_symbols "$D/pack/other"
	has "$W/err" "WARNING: no split unit of $D/pack/other can be read from the package $D/pack/other.dwp"
	head -c 2000 pack/pack.dwp >pack/cut && mv pack/cut pack/pack.dwp
	as_user "$SPILE" -l "process(\"$D/pack/pack\").function(\"first\")" >"$W/got" 2>"$W/err"
	[ $? -lt 2 ] || bad "of half a package: $(cat "$W/err")"
	done_t
	t package-of-a-separate-file
	(cd pack && gcc -g -O2 -w -gsplit-dwarf ../parts.c -o apart && llvm-dwp-14 -e apart -o apart.dwp && rm -f -- *.dwo)
	objcopy --compress-debug-sections=zlib pack/apart pack/packed
	objcopy --compress-debug-sections=zlib pack/apart.dwp pack/packed.dwp
	all_there "$D/pack/packed"
	objcopy --compress-debug-sections=zlib-gnu pack/apart pack/packed
	by_symbols "$D/pack/packed"
	has "$W/err" "WARNING: no split unit of $D/pack/packed can be read from the package"
	split_off pack/apart && objcopy --add-gnu-debuglink=pack/apart.debug pack/apart
	all_there "$D/pack/apart"
	done_t
else
	skip_t package "no clang or llvm-dwp"
fi
if have dwp; then # that of binutils 2.40 ends by a signal on DWARF 5
	package dwp gcc 4
	package dwp gcc 4 -fdebug-types-section
	package dwp clang 4
else
	skip_t package-dwp "no dwp"
fi

if have dwz; then
	t alternate
	gcc -g -O2 -w parts.c -o dwz1 && dwz dwz1 && all_there "$D/dwz1"
	gcc -g -O2 -w parts.c -o dwz2 && cp dwz2 dwz3 && dwz -m "$D/common.debug" dwz2 dwz3
	readelf -SW dwz2 | grep -q gnu_debugaltlink || bad "dwz made no common file"
	all_there "$D/dwz2"
	mv common.debug elsewhere
	as_user "$SPILE" -l "process(\"$D/dwz2\").function(\"main\")" >"$W/got" 2>"$W/err"
	status=$?
	[ $status -lt 2 ] || bad "without the common file: status $status"
	done_t
else
	skip_t alternate "no dwz"
fi

if have xz; then
	t symbols-in-gnu-debugdata
	gcc -O2 -w parts.c -o mini
	nm -D mini --format=posix --defined-only | awk '{ print $1 }' | sort >dynamic
	nm mini --format=posix --defined-only | awk '$2 == "T" || $2 == "t" { print $1 }' | sort >functions
	comm -13 dynamic functions >keep
	objcopy --only-keep-debug mini mini.debug
	objcopy -S --remove-section .gdb_index --remove-section .comment --keep-symbols=keep mini.debug mini.symbols 2>/dev/null
	strip --strip-all -R .comment mini
	xz mini.symbols && objcopy --add-section .gnu_debugdata=mini.symbols.xz mini
	spile -e 'probe process.function("inner") { println("inner ", int_arg(2)) }' -c "$D/mini"
	is out "$(cat "$W/out")" "inner 4"
	done_t
else
	skip_t symbols-in-gnu-debugdata "no xz"
fi

# The client library is loaded when DEBUGINFOD_URLS is set; the server here is one of files.
if have python3 && [ -e /usr/lib/x86_64-linux-gnu/libdebuginfod.so.1 ]; then
	t debuginfod
	gcc -g -O2 -w parts.c -o remote && split_off remote
	id=$(id_of remote)
	mkdir -p "served/buildid/$id" && mv remote.debug "served/buildid/$id/debuginfo"
	cat >serve.py <<'P'
import http.server, os, sys
os.chdir("served")
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        with open("../asked", "a") as f:
            f.write(self.path + "\n")
server = http.server.HTTPServer(("127.0.0.1", 0), Quiet)
print(server.server_port, flush=True)
server.serve_forever()
P
	python3 serve.py >port 2>/dev/null &
	SERVER=$! PIDS="$PIDS $!"
	for _ in $(seq 100); do [ -s port ] && break; sleep 0.05; done
	by_symbols "$D/remote"
	[ ! -s asked ] || bad "a server was asked without being named"
	mkdir -m 777 cache
	DEBUGINFOD_URLS="http://127.0.0.1:$(cat port)"
	export DEBUGINFOD_URLS DEBUGINFOD_CACHE_PATH=$D/cache DEBUGINFOD_TIMEOUT=5
	all_there "$D/remote"
	has asked "^/buildid/$id/debuginfo"
	kill "$SERVER"
	wait "$SERVER" 2>/dev/null
	all_there "$D/remote" # from its cache
	rm -rf cache
	mkdir -m 777 cache
	by_symbols "$D/remote"
	unset DEBUGINFOD_URLS
	done_t
else
	skip_t debuginfod "needs python3 and libdebuginfod"
fi
