# SPDX-License-Identifier: Apache-2.0
"""Run by gdb: functions of a program's own sources as {"blocks": [[name, start, end, inlined]], "rows": [[line, address]]}."""
import json
import os
import gdb

source, out = os.environ["POINTS_SOURCE"], os.environ["POINTS_OUT"]
blocks, rows, tables = set(), set(), {}


def own(symtab):
    return symtab and os.path.basename(symtab.filename) in (source, "<artificial>")


def look(pc):
    block = gdb.block_for_pc(pc)
    while block and not block.is_static and not block.is_global:
        if block.function and own(block.function.symtab):
            above = block.superblock
            while above and not above.function:
                above = above.superblock
            blocks.add((block.function.linkage_name or block.function.name, block.start, block.end, above is not None))
        block = block.superblock


pc, end = int(os.environ["POINTS_START"], 16), int(os.environ["POINTS_END"], 16)
while pc < end:
    line = gdb.find_pc_line(pc)
    if line.symtab:
        tables.setdefault((line.symtab.filename, str(line.symtab.objfile), id(line.symtab)), line.symtab)
    look(pc)
    pc = line.last + 1 if line.last and line.last >= pc else pc + 1
for table in tables.values():
    for row in table.linetable() if own(table) else ():
        rows.add((row.line, row.pc))
with open(out, "w") as f:
    json.dump({"blocks": sorted(blocks), "rows": sorted(rows)}, f)
