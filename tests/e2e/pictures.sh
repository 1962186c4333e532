# SPDX-License-Identifier: Apache-2.0
# Pictures of stacks and numbers.
. "$ROOT/tests/lib/e2e.sh"

target chain chain.c gcc -g -O2 -fomit-frame-pointer
[ -e "$T/orders" ] || gcc -O2 -g -o "$T/orders" "$ROOT/examples/orders.c" || exit 1
chmod 755 "$T/orders"

# frames FILE: name, width, depth of the frames of a flame graph
frames() { sed -nE 's/^<g class="f" data-x="[0-9]+" data-w="([0-9]+)" data-d="([0-9]+)" data-n="([^"]*)".*/\3 \1 \2/p' "$1" | sort; }
is_xml() { python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$1" 2>"$W/xml" || bad "$1 is not XML: $(tail -1 "$W/xml")"; }

t flame-of-a-session
touch "$W/f.svg"
chmod 666 "$W/f.svg"
launch_same "$T/chain 7" --flame="$W/f.svg" -e "global n, kept
	probe process(\"$T/chain\").function(\"leaf\") { n[execname(), ubacktrace()] <<< 2; kept[ubacktrace()]++ }
	probe end { foreach (s in kept) if (kept[s] > 7) println(s) }"
is "printed" "$(cat "$W/out")" ""
is "frames" "$(frames "$W/f.svg" | grep -v __ | tr '\n' ',')" "all 69 0,chain 46 1,inlined 14 5,inlined 14 6,inlined 28 6,inlined 7 5,leaf 1 2,leaf 1 6,leaf 14 6,leaf 14 7,leaf 2 3,leaf 2 7,leaf 28 7,leaf 7 6,lost 1 1,lost 2 2,low 14 4,low 14 5,low 28 5,low 7 4,main 22 1,main 44 2,mid 14 3,mid 14 4,mid 28 4,mid 7 3,on_signal 1 5,on_signal 2 6,raise 1 2,raise 2 3,top_a 14 2,top_a 28 3,top_b 14 3,top_b 7 2,"
is_xml "$W/f.svg"
hasnot "$W/f.svg" '(href|src)="?http'
done_t

t flame-of-nothing
launch_same "$T/chain" --flame="$W/none.svg" -e "probe process(\"$T/chain\").function(\"leaf\") { println(1) }"
has "$W/err" 'there is nothing to draw'
[ ! -e "$W/none.svg" ] || bad "a file was made"
spile --flame="$W/no/folder.svg" -e "global n; probe process(\"$T/chain\").function(\"leaf\") { n[ubacktrace()]++ }" -c "$T/chain"
is status "$RC" 1
has "$W/err" "cannot write '$W/no/folder.svg'"
done_t

t flame-of-text
printf 'main;work;leaf <a&b> 3\nmain;work 4\nother 1\n' | "$SPILE" --plot=flame >"$W/g.svg"
is "folded" "$(frames "$W/g.svg" | tr '\n' ',')" "all 8 0,leaf &lt;a&amp;b&gt; 3 3,main 7 1,other 1 1,work 7 2,"
is_xml "$W/g.svg"
printf '7\n 0x1 : leaf+0x0/0x10 at a.c:3 [/x]\n 0x2 : in at a.c:7 [/x] (inlined)\n 0x2 : main+0x3/0x9 [/x]\n3\n 0x2 : main+0x3/0x9 [/x]\n 0x9 [/lib+0x3]\n' | "$SPILE" --plot=flame -o "$W/h.svg"
is "printed stacks" "$(frames "$W/h.svg" | tr '\n' ',')" "[/lib+0x3] 3 1,all 10 0,in 7 2,leaf 7 3,main 3 2,main 7 1,"
printf '' | "$SPILE" --plot=flame >"$W/e.svg"
is_xml "$W/e.svg"
head -c 20000 /dev/urandom | "$SPILE" --plot=flame >"$W/e.svg"
is_xml "$W/e.svg"
done_t

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
# As a browser has it: a click, one on the way back, a search, a key. What is seen is told in an element of its own.
t flame-in-a-browser
if [ -n "$browser" ]; then
	sed 's|</svg>||' "$W/g.svg" >"$W/driven.svg"
	cat >>"$W/driven.svg" <<'END'
<text id="told"></text><script>//<![CDATA[
window.addEventListener('load', function () {
	var told = [];
	function frame(name) { return all.filter(function (g) { return g.getAttribute('data-n') === name })[0] }
	function click(e) { e.dispatchEvent(new MouseEvent('click', { bubbles: true })) }
	function tell(what) {
		told.push(what + ':' + all.filter(function (g) { return g.style.display !== 'none' }).map(function (g) {
			return g.getAttribute('data-n').split(' ')[0] + '=' + Math.round(g.querySelector('rect').getAttribute('width')) +
				(g.querySelector('rect').getAttribute('fill') === '#c8f' ? '*' : '')
		}).join(',') + ' ' + document.getElementById('shown').textContent + (back.style.display === 'none' ? '' : ' back'))
	}
	tell('begin');
	click(frame('work')); tell('work');
	click(back); tell('back');
	window.prompt = function () { return 'le.f|other' };
	click(document.getElementById('search')); tell('search');
	frame('main').dispatchEvent(new MouseEvent('mouseover', { bubbles: true }));
	told.push('info:' + info.textContent);
	window.prompt = function () { return '(' };
	window.dispatchEvent(new KeyboardEvent('keydown', { key: 'f', ctrlKey: true })); tell('wrong');
	click(frame('main'));
	window.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' })); tell('escape');
	document.getElementById('told').textContent = told.join(';');
});
//]]></script></svg>
END
	HOME=$W timeout 60 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$W/chromium" --dump-dom "file://$W/driven.svg" >"$W/dom" 2>/dev/null
	is "what the browser shows" "$(sed -nE 's/.*id="told"[^>]*>([^<]*)<.*/\1/p' "$W/dom" | sed 's/&amp;/\&/g; s/&lt;/</g; s/&gt;/>/g' | tr ';' '~')" \
		"begin:all=1180,main=1032,work=1032,leaf=442,other=147 ~work:all=1180,main=1180,work=1180,leaf=505  back~back:all=1180,main=1032,work=1032,leaf=442,other=147 ~search:all=1180,main=1032,work=1032,leaf=442*,other=147* \"le.f|other\": 50.0%~info:main (7, 87.50%)~wrong:all=1180,main=1032,work=1032,leaf=442,other=147 ~escape:all=1180,main=1032,work=1032,leaf=442,other=147 "
	done_t
else
	skip_t flame-in-a-browser "no chromium here"
fi

t charts
awk 'BEGIN { print "time up down"; for (i = 0; i < 100; i++) print i, i * i, 5000 - i }' >"$W/line.txt"
for kind in line bars heat; do
	"$SPILE" --plot=$kind -o "$W/$kind.svg" <"$W/line.txt" || bad "$kind: status"
	is_xml "$W/$kind.svg"
	"$SPILE" --plot=$kind <"$W/line.txt" >"$W/$kind.out" || bad "$kind: status"
	head -c 20000 /dev/urandom | sed '1i 1 2' | "$SPILE" --plot=$kind -o "$W/r.svg" || bad "$kind: noise"
	is_xml "$W/r.svg"
	printf '' | "$SPILE" --plot=$kind >"$W/none" 2>"$W/err" && bad "$kind: nothing"
	has "$W/err" 'two columns'
	[ "$(tail -c 200 "$W/err" | grep -c .)" = 1 ] || bad "$kind: message"
done
is "lines" "$(grep -c "<polyline" "$W/line.svg")" 2
has "$W/line.out" '^up$'
has "$W/line.out" '^ +9801 \|'
has "$W/bars.out" '^ +99 \|@{50} 9801$'
has "$W/heat.out" '^ +4096 \|'
"$SPILE" --plot=pie </dev/null >"$W/out" 2>"$W/err" && bad "status"
has "$W/err" "no picture is called 'pie'"
done_t

# Marks tell the numbers apart, where numbers are large and near to each other, or few.
marks() { sed -nE 's/.*text-anchor="middle">([^<]*)<.*/\1/p' "$1" | tail -n +2 | tr '\n' ' '; }
chart() { "$SPILE" --plot="$1" -o "$W/$2.svg" || bad "$2: status"; is_xml "$W/$2.svg"; hasnot "$W/$2.svg" 'nan|inf'; }
t chart-marks
printf '1764000000 5\n1764000300 7\n' | chart line epoch
is "seconds" "$(marks "$W/epoch.svg")" "+0 +50 +100 +150 +200 +250 +300 "
has "$W/epoch.svg" '>from 1764000000<'
printf '1764000000000000000 5\n1764000000040000000 7000000000\n' | chart line ns
is "nanoseconds" "$(marks "$W/ns.svg")" "+0 +5M +10M +15M +20M +25M +30M +35M +40M "
has "$W/ns.svg" '>7G<'
printf '1764000000000000000 5\n1764000000000000256 7\n' | (ulimit -f 1000 && chart line near)
has "$W/near.svg" 'polyline.* points="80.0,[0-9.]+ 966.0,'
printf '5 7\n' | chart line one
is "one point" "$(grep -c '<circle .*5: 7' "$W/one.svg") $(marks "$W/one.svg")" "1 4.6 4.8 5.0 5.2 5.4 "
printf '1764000000000000000 7\n' | chart line one-late
is "one late point" "$(grep -c '<circle ' "$W/one-late.svg")" 1
printf '0 0\n0.000001 0.00001\n' | chart line tiny
is "tiny" "$(marks "$W/tiny.svg")" "0 2e-07 4e-07 6e-07 8e-07 1e-06 "
printf '1e308 1\n-1e308 2\n3 4\n' | chart line vast
printf 'no numbers\nat all\n' | chart line words
awk 'BEGIN { printf "time"; for (i = 0; i < 14; i++) printf " a_rather_long_name_of_a_series_%d", i; print ""
	for (t = 0; t < 40; t++) { printf "%d", t; for (i = 0; i < 14; i++) printf " %d", (i + 1) * t; print "" } }' | chart line many
printf 'zeit größe \377\n1 2 3\n' | chart line names
has "$W/names.svg" '>größe<'
has "$W/names.svg" '>\?<'
printf 'std::vector<std::basic_string<char>,std::allocator<std::basic_string<char>>>::_M_realloc_insert 1\nb -100\nc 1000000000000\n' | tr , _ | chart bars long
is "bars" "$(sed -nE 's/.*class="v" x="([0-9.]+)" y="[0-9]+" width="([0-9.]+)".*>([-0-9]+)<.*/\3 \2/p' "$W/long.svg" | tr '\n' ' ')" "1 0.0 -100 0.0 1000000000000 455.3 "
printf 'a -100\nb 300\n' | chart bars signs
is "below nothing" "$(sed -nE 's/.*class="v" x="([0-9.]+)" y="[0-9]+" width="([0-9.]+)".*>([-0-9]+)<.*/\3 \1+\2/p' "$W/signs.svg" | tr '\n' ' ')" "-100 80.0+200.0 300 280.0+600.0 "
printf 'a -100\nb 300\n' | "$SPILE" --plot=bars >"$W/out"
has "$W/out" '^ +a \|@{13} -100$'
has "$W/out" '^ +b \| {13}@{37} 300$'
awk 'BEGIN { for (i = 0; i < 60; i++) printf "%d %.0f\n", i, 2 ^ i }' | chart heat wide
has "$W/wide.svg" '>1Gi<'
printf '5 7\n' | chart heat one-cell
is "one cell" "$(sed -nE 's/.*text-anchor="end">([^<]*)<.*/\1/p' "$W/one-cell.svg" | tr '\n' ' ')" "4 8 "
done_t

# No text of a picture overlaps another or is cut off, lines and cells are there, in light and in darkness.
t charts-in-a-browser
if [ -n "$browser" ]; then
	{
		echo '<html><body><pre id="told"></pre>'
		for n in line bars heat epoch ns near one one-late tiny vast words many names long signs wide one-cell; do
			echo "<div id=\"$n\">$(tail -n +2 "$W/$n.svg")</div>"
		done
		cat <<'END'
<script>
var told = [], dark = matchMedia('(prefers-color-scheme:dark)').matches ? 'dark ' : '';
function overlaps(a, b) { return a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1 }
function light(colour) { var c = colour.match(/[0-9]+/g).map(Number); return c[0] + c[1] + c[2] }
document.querySelectorAll('div').forEach(function (div) {
	var whole = div.querySelector('svg').getBoundingClientRect(), ground = light(getComputedStyle(div.querySelector('.g')).fill);
	var texts = [].slice.call(div.querySelectorAll('text')), boxes = texts.map(function (t) { return t.getBoundingClientRect() });
	function say(what, i) { told.push(div.id + ': ' + what + ' ' + texts[i].firstChild.textContent) }
	boxes.forEach(function (b, i) {
		if (b.left < whole.left || b.right > whole.right || b.top < whole.top || b.bottom > whole.bottom) say('outside', i);
		for (var j = 0; j < i; j++) if (overlaps(b, boxes[j])) say('overlaps ' + texts[j].textContent, i);
		if (Math.abs(light(getComputedStyle(texts[i]).fill) - ground) < 350) say('unreadable', i);
	});
	div.querySelectorAll('polyline, circle, rect.v, rect.c').forEach(function (e) {
		var b = e.getBoundingClientRect();
		if (b.left < whole.left || b.right > whole.right || b.top < whole.top || b.bottom > whole.bottom) told.push(div.id + ': data outside');
	});
});
document.getElementById('told').textContent = dark + (told.join('~') || 'fine');
</script>
END
	} >"$W/charts.html"
	for scheme in 0 1; do
		HOME=$W timeout 60 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$W/chromium" --blink-settings=preferredColorScheme=$scheme \
			--dump-dom "file://$W/charts.html" >"$W/dom" 2>/dev/null
		is "what the browser shows" "$(sed -nE 's/.*id="told">([^<]*)<.*/\1/p' "$W/dom")" "$([ $scheme = 1 ] || echo 'dark ')fine"
	done
	done_t
else
	skip_t charts-in-a-browser "no chromium here"
fi

t examples
launch_same "$T/orders 20" "$ROOT/examples/stacks.stp"
has "$W/out" '^[0-9]+ times:$'
has "$W/out" "^ 0x[0-9a-f]+ : price_of\+0x0/0x[0-9a-f]+ \[$T/orders\]$"
launch_same "$T/orders 300" "$ROOT/examples/latency-heat.stp"
"$SPILE" --plot=heat <"$W/out" >"$W/heat" || bad "status of --plot=heat"
has "$W/heat" '^ +[0-9]+ \|.*█'
touch "$W/m.svg"
chmod 666 "$W/m.svg"
launch_same "sort /etc/services" --flame="$W/m.svg" "$ROOT/examples/flame.stp"
has "$W/m.svg" 'data-n="(malloc|__libc_malloc)"'
is_xml "$W/m.svg"
done_t
