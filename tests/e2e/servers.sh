# SPDX-License-Identifier: Apache-2.0
# Attach and leave, again and again, servers under load: no request fails. Two of them in CI, all by `make torture`.
. "$ROOT/tests/lib/e2e.sh"
LOAD=$ROOT/tests/lib/load
ROUNDS=${ROUNDS:-5}
# on a busy machine, with everything counted
[ -z "${TORTURE:-}" ] || LIMIT=300
D=$W/servers
mkdir -p "$D"
chmod 777 "$D"

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
await_port() { for _ in $(seq 200); do (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return; sleep 0.1; done; bad "nobody listens at port $1"; }
# rounds KIND PORT SCRIPT: attaches to $PID and leaves it, under load
rounds() {
	local r
	"$LOAD" "$1" "$2" 3600 >"$W/load" 2>&1 &
	local load=$!
	PIDS="$PIDS $load"
	sleep 0.3
	for r in $(seq "$ROUNDS"); do
		spile -x "$PID" -e "$3 probe timer.ms(300) { exit() } probe end { println(@count(n) > 0, bad >= 0) }"
		ok_rc
		is "hits in round $r" "$(cat "$W/out")" 11
		grep -q memfd:spile "/proc/$PID/maps" && bad "round $r: a mapping of ours is left"
	done
	kill -TERM $load
	wait $load || bad "the load: $(cat "$W/load")"
	text_is_file "$PID"
}
serve() { "${RUN_AS[@]}" "$@" >"$W/server" 2>&1 </dev/null & PID=$!; PIDS="$PIDS $PID"; }
finish() { kill -TERM "$PID" 2>/dev/null; wait "$PID" 2>/dev/null; done_t; }

PORT=$(free_port)
if have redis-server; then
	t redis
	serve "$(command -v redis-server)" --port "$PORT" --save "" --appendonly no --dir "$D"
	await_port "$PORT"
	rounds redis "$PORT" 'global n, bad probe process.function("*Command").call? { n <<< 1 } probe process("'"$(ldd "$(command -v redis-server)" | awk '/libc\.so/ {print $3}')"'").function("memcpy") { bad += user_int8(8) } probe process.function("*") { n <<< 1 }'
	finish
else
	skip_t redis "redis-server is not installed"
fi
PORT=$(free_port)
NGINX=$(command -v nginx || echo /usr/sbin/nginx)
if [ -x "$NGINX" ]; then
	t nginx
	echo hello >"$D/index.html"
	cat >"$D/nginx.conf" <<-END
		daemon off; master_process off; pid $D/nginx.pid; error_log $D/error.log;
		events { }
		http { access_log off; client_body_temp_path $D; proxy_temp_path $D; fastcgi_temp_path $D; uwsgi_temp_path $D;
			scgi_temp_path $D; server { listen 127.0.0.1:$PORT; root $D; } }
	END
	serve "$NGINX" -c "$D/nginx.conf" -e "$D/error.log"
	await_port "$PORT"
	LIBC=$(ldd "$NGINX" | awk '/libc\.so/ {print $3}')
	rounds http "$PORT" 'global n, bad probe process("'"$LIBC"'").function("*") { n <<< 1 } probe process("'"$LIBC"'").function("memcpy") { bad += user_int8(8) }'
	finish
else
	skip_t nginx "nginx is not installed"
fi
[ -n "${TORTURE:-}" ] || exit 0

PORT=$(free_port)
if have go; then
	t go
	cat >"$D/main.go" <<-END
		package main
		import ("net/http"; "fmt")
		func main() {
			http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") })
			http.ListenAndServe("127.0.0.1:$PORT", nil)
		}
	END
	(cd "$D" && GOCACHE=$D/cache HOME=$D go build -o "$D/goserver" main.go) >"$W/go" 2>&1 || bad "$(cat "$W/go")"
	serve "$D/goserver"
	await_port "$PORT"
	rounds http "$PORT" 'global n, bad probe process("'"$D/goserver"'").function("net/http.*") { n <<< 1; bad += user_int8(8) }'
	finish
fi
PORT=$(free_port)
if have java; then
	t java
	cat >"$D/Server.java" <<-END
		import com.sun.net.httpserver.*;
		public class Server {
			public static void main(String[] a) throws Exception {
				HttpServer s = HttpServer.create(new java.net.InetSocketAddress("127.0.0.1", $PORT), 0);
				s.createContext("/", e -> { byte[] b = "hello".getBytes(); e.sendResponseHeaders(200, b.length); e.getResponseBody().write(b); e.close(); });
				s.start();
			}
		}
	END
	# The single-file launcher needs the compiler; a runtime alone does not have it.
	serve "$(realpath "$(command -v java)")" "$D/Server.java"
	await_port "$PORT"
	LIBC=$(awk '/libc\.so/ {print $6; exit}' "/proc/$PID/maps")
	rounds http "$PORT" 'global n, bad probe process("'"$LIBC"'").function("*") { n <<< 1 } probe process("'"$LIBC"'").function("memcpy") { bad += user_int8(8) }'
	finish
fi
PG=/usr/lib/postgresql/15/bin
if [ -x $PG/postgres ] && as_user $PG/initdb -D "$D/data" -A trust -U nobody >"$W/initdb" 2>&1; then
	t postgres
	as_user $PG/pg_ctl -D "$D/data" -o "-k $D -c listen_addresses=''" -l "$D/log" -w start >/dev/null 2>&1 || bad "the server does not start"
	as_user $PG/pgbench -h "$D" -U nobody -i -q postgres >/dev/null 2>&1
	as_user $PG/pgbench -h "$D" -U nobody -T $((ROUNDS * 2)) -c 4 -S postgres >"$W/bench" 2>&1 &
	BENCH=$!
	sleep 1
	for r in $(seq "$ROUNDS"); do
		for PID in $(head -1 "$D/data/postmaster.pid") $(as_user psql -h "$D" -U nobody -At -c "select pid from pg_stat_activity where application_name='pgbench' limit 1" postgres); do
			spile -x "$PID" -e 'global n probe process.function("*") { n <<< 1 } probe timer.ms(300) { exit() }'
			! kill -0 "$PID" 2>/dev/null || ok_rc # the backend may have ended with its client
		done
		kill -0 $BENCH 2>/dev/null || break
	done
	wait $BENCH || bad "pgbench: $(tail -3 "$W/bench")"
	has "$W/bench" 'number of failed transactions: 0'
	as_user $PG/pg_ctl -D "$D/data" -m immediate stop >/dev/null 2>&1
	done_t
fi
