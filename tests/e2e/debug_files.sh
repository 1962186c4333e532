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
	if [ $version = 4 ] && have dwp; then
		(cd split4 && dwp -e split -o split.dwp)
		rm split4/*.dwo
		by_symbols "$D/split4/split"
		has "$W/err" "WARNING: the debug information of $D/split4/split is in the package $D/split4/split.dwp, which cannot be read"
	fi
	rm -f "split$version"/*.dwo
	as_user "$SPILE" -l "process(\"$D/split$version/split\").function(\"outer\")" >"$W/got" 2>"$W/err"
	is "without its .dwo" "$(cat "$W/got")" "process(\"$D/split$version/split\").function(\"outer\")"
done
done_t

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
