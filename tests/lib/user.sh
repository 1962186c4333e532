# SPDX-License-Identifier: Apache-2.0
# Sourced: $SPILE, a copy of the tool that every user can run, and as_user.
# Needs ROOT, BUILD and WORK.
mkdir -p "$WORK/tool/bin" "$WORK/tmp"
chmod 1777 "$WORK/tmp"
[ -e "$WORK/tool/bin/spile" ] || {
	cp "$BUILD/spile" "$WORK/tool/bin/" 2>/dev/null
	cp -r "$ROOT/tapset" "$WORK/tool/"
	chmod -R a+rX "$WORK/tool"
}
SPILE=$WORK/tool/bin/spile
export SPILE

as_user() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all env HOME="$WORK/tmp" TMPDIR="$WORK/tmp" "$@"
	else
		"$@"
	fi
}
