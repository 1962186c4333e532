# SPDX-License-Identifier: Apache-2.0
"""Where spile and SystemTap 4.8 differ and are meant to: each row is a reason of tests/script/DIFFERENCES.md.

A row: what SystemTap says, what spile says (patterns of the whole judgement), a pattern of the script, the reason.
"""
import re

ROWS = [
    (r'^accept', r"^reject \S+ expected '\)'", r'@(count|sum|min|max|avg|variance)\s*\(',
     'no closing parenthesis behind a statistic'),
    (r'^accept', r'^reject \S+ Expecting lvalue', r'',
     'a step of what is no place, in code that is dropped'),
    (r'^accept', r'^reject \S+ variable \S+ modified during', r'foreach\s*\([^)]*limit',
     'a loop around nothing whose limit has an effect'),
    (r'^reject \S+ inconsistent arity \((\d vs 0|0 vs \d)\)', r'^accept', r'',
     'an array alone as a statement'),
    (r'^reject \S+ unresolved type : identifier', r'^accept', r'catch', 'try around nothing is dropped with its variable'),
    (r'^reject \S+ type mismatch: expected unknown', r'^accept', r'return', 'a call without effect is dropped with its function'),
    (r'^reject \S+ type mismatch \((long|string)\): identifier', r'^accept', r'',
     'a local that nothing reads is dropped before types are asked for'),
    (r'^accept', r'^reject \S+ invalid type stats', r'next|break|continue|return',
     'types are asked for before unreachable code is dropped'),
    (r"^reject \S+ expected (',' or '\]'|literal string or number)", r'^accept', r'\bin\b',
     'any operator within a key'),
    (r'^accept', r'^reject \S+ stat locals', r'', 'a local fed as a statistic, in code that is dropped'),
    (r'^reject \S+ unresolved (target-symbol|symbol)', r'^accept', r'foreach', 'any expression in a slice'),
    (r"^reject \S+ cannot '\w+' outside loop", r'^accept', r'catch', 'what cannot fail leaves nothing reachable behind it'),
    (r'^accept', r'^reject \S+ type mismatch', r'catch', 'what cannot fail is not looked for behind try'),
    (r'^reject \S+ unresolved array in delete', r'^accept', r'delete', 'a local whose first use is delete'),
    (r'^reject \S+ (invalid operator|type mismatch)', r'^accept', r'\b[fgh]\d?\(', 'a call without effect is dropped with its function'),
    (r"^reject \S+ expected one of ', \)'", r'^accept', r'@hist_', 'a bucket as the first value printed'),
    (r'^reject \S+ unresolved function', r'^accept', r'@defined', 'what @defined decides is dropped before names are looked up'),
    (r'^reject \S+ unresolved type', r'^accept', r'print_char', 'print_char takes a number, which tells the type'),
    (r'^accept .* if', r'^accept', r'\bif\b', 'a probe without effect is dropped with its condition'),
    (r'^accept', r'^accept', r'foreach.*[-+]', 'a loop that sorts has an effect'),
    (r'^accept', r'^accept', r'while|for|if|@defined', 'what is constant is dropped in another order'),
    (r'^accept', r'^accept', r'catch', 'what cannot fail is not looked for behind try'),
    (r'^accept', r'^accept', r'next', 'functions of one body are not merged'),
    (r'^accept', r'^accept', r'\b(f|g|h|f1|f2|s1)\(', 'of a call without effect the arguments are not left alone'),
    (r'^accept', r'^reject \S+ unresolved type : identifier .(exit|log|error|warn|f\d?|g|h)\W', r'',
     'the value of a function without one'),
    (r'^accept', r'^reject \S+ type mismatch: expected', r'print_char|sprint|if|@', 'types that SystemTap does not compare'),
]


def reason(kind, script, asked, own):
    for a, o, s, why in ROWS:
        # types that contradict each other have no reason
        if kind != 'types' and re.search(a, asked) and re.search(o, own) and re.search(s, script):
            return why
    return None
