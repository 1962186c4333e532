# SPDX-License-Identifier: Apache-2.0
# For gdb: stops once at each of some statements and writes the variables that are visible there, with their
# values, one JSON object a line. QUESTION is a file: {"source", "answer", "pick", "seed"}.
import json
import os
import random
import re
import struct

import gdb

Q = json.load(open(os.environ["QUESTION"]))
random.seed(Q["seed"])
MASK = (1 << 64) - 1
SCALARS = (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_CHAR, gdb.TYPE_CODE_BOOL, gdb.TYPE_CODE_ENUM, gdb.TYPE_CODE_FLT,
           gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF)


def dead(v):
    """Below the red zone: the program gave the memory back, and handlers may use it."""
    if v.address is None:
        return False
    below = int(gdb.parse_and_eval("$rsp")) - int(v.address)
    return 128 < below < (1 << 20)


def number(v):
    """A scalar as a script sees it; raises gdb.error when there is none."""
    t = v.type.strip_typedefs()
    if dead(v):
        return None
    if v.is_optimized_out:
        raise gdb.error("optimized out")
    if t.code == gdb.TYPE_CODE_PTR and "synthetic" in v.format_string(symbols=False):
        raise gdb.error("a pointer without a value")
    if t.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
        to = v.referenced_value().address
        if to is None:
            raise gdb.error("a reference without an address")
        return int(to) & MASK
    if t.code == gdb.TYPE_CODE_FLT:
        f = float(v)
        return struct.unpack("<Q", struct.pack("<d", f))[0] if f == f else None
    return int(v) & MASK


def flat(path, v, depth, out):
    """(path, value or None) of the scalars in v, a few levels deep."""
    t = v.type.strip_typedefs()
    if t.code in SCALARS:
        if t.sizeof > 8:
            return
        try:
            n = number(v)
            if n is None:
                return
        except (gdb.error, gdb.MemoryError, OverflowError):
            n = None
        out.append((path, n))
        if t.code == gdb.TYPE_CODE_PTR and n and depth < 2 and not dead(v):
            to = t.target().strip_typedefs()
            if to.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
                try:
                    members(path, v.dereference(), to, depth + 1, out)
                except (gdb.error, gdb.MemoryError):
                    pass
    elif t.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION) and depth < 2:
        members(path, v, t, depth + 1, out)
    elif t.code == gdb.TYPE_CODE_ARRAY and depth < 2:
        low, high = t.range()
        for i in sorted({low, (low + high) // 2, high}):
            if 0 <= i <= high:
                try:
                    flat("%s[%d]" % (path, i), v[i], depth + 1, out)
                except (gdb.error, gdb.MemoryError):
                    pass


def members(path, v, t, depth, out):
    for f in t.fields()[:9]:
        if f.name and not f.is_base_class and not f.artificial and hasattr(f, "bitpos") and not f.name.startswith("_vptr"):
            try:
                flat("%s->%s" % (path, f.name), v[f], depth, out)
            except (gdb.error, gdb.MemoryError):
                pass


def visible(frame, block, out):
    seen = set()
    while block and not block.is_global and not block.is_static:
        for s in block:
            if not (s.is_variable or s.is_argument) or s.name in seen or not s.name.isidentifier():
                continue
            seen.add(s.name)
            try:
                v = s.value(frame)
            except (gdb.error, gdb.MemoryError):
                out.append((s.name, None))
                continue
            flat(s.name, v, 0, out)
        if block.function:
            return
        block = block.superblock


def statements():
    """Addresses of the line table's rows inside the program's own functions, at the base it is loaded at."""
    found = set()
    for objfile in gdb.objfiles():
        if os.path.realpath(objfile.filename) != os.path.realpath(Q["program"]):
            continue
    tables = set()
    for name in Q["source"]:
        for loc in gdb.decode_line(name + ":1")[1] or ():
            tables.add(loc.symtab)
    for table in tables:
        if os.path.basename(table.filename) not in Q["source"]:
            continue
        for row in table.linetable():
            b = gdb.block_for_pc(row.pc)
            while b and not b.function:
                b = b.superblock
            if b and os.path.basename(b.function.symtab.filename) in Q["source"]:
                found.add(row.pc)
    return sorted(found)


gdb.execute("set pagination off")
gdb.execute("set confirm off")
gdb.execute("set width 0")
gdb.execute("set print entry-values no")
gdb.execute("set debuginfod enabled off")
gdb.execute("set exec-wrapper env -i")
gdb.execute("set max-value-size unlimited")
# What only the call sites of the C library know is not asked for: no probe looks there.
gdb.execute("set debug-file-directory " + os.path.dirname(Q["answer"]))
gdb.execute("starti", to_string=True)
where = statements()
random.shuffle(where)
base = 0
for line in gdb.execute("info proc mappings", to_string=True).splitlines():
    words = line.split()
    if words and words[-1] == os.path.realpath(Q["program"]) and Q["pie"]:
        base = int(words[0], 16)
        break


def function_of(pc):
    inner = gdb.block_for_pc(pc)
    while inner and not inner.function:
        inner = inner.superblock
    return inner


def behind_prologue(pc):
    """Of code without optimization: where the parameters of the function that begins here are in their places."""
    inner = function_of(pc)
    if not Q["plain"] or not inner or inner.start != pc:
        return None
    rows = sorted(row.pc for row in inner.function.symtab.linetable() if inner.start < row.pc < inner.end)
    return rows[0] if rows else None


def passed(pc, values):
    """At its first instruction gdb reads parameters where they are not yet: what they are is seen behind the prologue."""
    frame = gdb.newest_frame()
    later, names = [], {s.name for s in function_of(pc) if s.is_argument}
    visible(frame, gdb.block_for_pc(frame.pc()), later)
    later = dict(later)
    return [(path, later.get(path) if re.split(r"->|\[", path)[0] in names else want) for path, want in values]


def ask(pattern):
    """The values at each stop, by address."""
    found = {}
    wanted = set(where[:Q["pick"]])
    entered = {}
    gdb.execute("set var fill_pattern = %d" % pattern)
    for pc in wanted:
        gdb.Breakpoint("*%d" % pc, temporary=True)
    while wanted:
        try:
            gdb.execute("continue", to_string=True)
            frame = gdb.newest_frame()
        except gdb.error:
            break
        pc = frame.pc()
        entry = entered.pop(pc, None)
        if entry:
            found[entry] = (found[entry][0], passed(entry, found[entry][1]))
        if pc not in wanted:
            continue
        wanted.discard(pc)
        inner = function_of(pc)
        found[pc] = (inner.function.name if inner else "?", [])
        visible(frame, gdb.block_for_pc(pc), found[pc][1])
        behind = behind_prologue(pc)
        if behind:
            entered[behind] = pc
            gdb.Breakpoint("*%d" % behind, temporary=True)
    while entered:
        gdb.execute("continue", to_string=True)
        pc = gdb.newest_frame().pc()
        entry = entered.pop(pc, None)
        if entry:
            found[entry] = (found[entry][0], passed(entry, found[entry][1]))
    return found


first = ask(0)
for breakpoint in gdb.breakpoints():
    breakpoint.delete()
gdb.execute("starti", to_string=True)
second = ask(0xa5)
with open(Q["answer"], "w") as answer:
    for pc, (function, values) in first.items():
        again = dict(second.get(pc, ("", []))[1])
        # what differs was never initialized
        same = [v for v in values if v[0] in again and again[v[0]] == v[1]]
        answer.write(json.dumps({"pc": pc - base, "function": function, "values": same}) + "\n")
gdb.execute("kill")
