# SPDX-License-Identifier: Apache-2.0
"""Gives a script to passes 1 to 3 of spile or of SystemTap, and reduces what they say to what can be compared.

A judgement is "accept SIGNATURE", where the signature is what pass 2 says of globals, functions and probes, one after
the other; or "reject LINE:COLUMN MESSAGE"; or "crash" for an end by a signal.

SystemTap 4.8 (Debian's package) wants a kernel build tree, so it gets a stand-in; and instead of its tapset the one
in tests/oracle/tapset, where the functions that scripts of tests use are declared: it starts ten times as fast.
"""
import glob
import os
import re
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TIME_LIMIT = 20

# Functions that are the tool's own are not listed: what SystemTap declares in embedded C is native here.
DECLARED = {name for path in glob.glob(os.path.join(HERE, 'tapset', '*.stp'))
            for name in re.findall(r'^function (\w+)', open(path).read(), re.M)}


def find_systemtap():
    return shutil.which('stap')


def kernel_tree(folder):
    """As much of a kernel build tree as passes 1 to 3 look at."""
    files = {
        '.config': 'CONFIG_UPROBES=y\nCONFIG_ARCH_SUPPORTS_UPROBES=y\nCONFIG_UPROBE_EVENTS=y\nCONFIG_TRACEPOINTS=y\n',
        'Makefile': 'VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 0\nEXTRAVERSION =\n',
        'include/config/kernel.release': '6.1.0\n',
        'Module.symvers': ''.join('0x00000000\t%s\tvmlinux\tEXPORT_SYMBOL_GPL\t\n' % s
                                  for s in ('uprobe_register', 'uprobe_unregister')),
        'System.map': ''.join('ffffffff810000%02x T %s\n' % (n, s) for n, s in enumerate((
            '_stext', 'uprobe_register', 'uprobe_unregister', 'arch_uretprobe_hijack_return_addr', 'task_work_add',
            'signal_wake_up_state', 'wake_up_state', 'try_to_wake_up'), 1)),
    }
    os.makedirs(os.path.join(folder, 'include', 'generated'))
    for name, text in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as f:
            f.write(text)
    return folder


def listing(text):
    """Pass 2's output without comments, with sections told by their first letters."""
    section, items = '', {}
    for line in text.splitlines():
        line = re.sub(r'/\*.*?\*/', '', line).rstrip()
        if line.startswith('# '):
            section = line[2:]
        elif section == 'globals':
            items.setdefault('g', []).append(re.sub(r' = .*', '', line))
        elif section == 'functions' and line and not line.startswith(' '):
            if line.split(':')[0] not in DECLARED and '__procfs_value_' not in line:
                items.setdefault('f', []).append(line)
        elif line.startswith('  # '):
            pass
        elif section and line.startswith('  ') and line.strip():
            if not line.strip().startswith('__stable__'):  # SystemTap's own
                items[kind][-1] += ' ' + line.strip()
            continue
        elif section == 'probes' and line:
            items.setdefault('p', []).append(re.sub(r' if \(.*', ' if', line.strip()))
        kind = {'g': 'g', 'f': 'f', 'p': 'p'}.get(section[:1], 'g')
        items.setdefault(kind, [])
    # SystemTap tries conditions first in a probe of its own.
    unseen = ['begin'] if any(' if' in p for p in items.get('p', [])) else []
    out = []
    for kind in 'gfp':
        for item in sorted(items.get(kind, [])):
            head, *locals_ = item.split(' ') if kind == 'p' else (item,)
            if item not in unseen:
                out.append(kind + ' ' + ' '.join([head] + sorted(locals_)))
    return '; '.join(out)


def complaint(text):
    """The first error: its place in the script and its words."""
    for block in re.split(r'\n(?=\S)', text):
        m = re.match(r'(?:parse|semantic) error: (.*)', block) or re.match(r'(Input file .*)', block)
        if not m:
            continue
        place = re.search(r'(?:at )?(?:<input>)?:(\d+):(\d+)', block)
        words = re.sub(r'\s+', ' ', re.sub(r' (at )?(<input>)?:\d+:\d+.*', '', m.group(1)))
        return '%s %s' % (place.group(1) + ':' + place.group(2) if place else '-', words.strip())
    return '- ' + (text.strip().splitlines() or ['nothing'])[0]


class Judge:
    """One of the two tools. `judge` may be called from several threads."""

    def __init__(self, command, environment=None):
        self.command = command
        self.environment = dict(os.environ, LC_ALL='C', **(environment or {}))

    def run(self, passes, options, script, args, folder):
        words = self.command + [passes] + options + ['-e', script] + (['--'] + args if args else [])
        try:
            p = subprocess.run(words, cwd=folder, env=self.environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            return None, '', ''
        return p.returncode, p.stdout.decode('utf-8', 'replace'), p.stderr.decode('utf-8', 'replace')

    def judge(self, script, options=(), args=(), folder=HERE):
        status, out, err = self.run('-p2', list(options), script, list(args), folder)
        if status is None or status < 0 or status > 1:
            return 'crash'
        if status:
            return 'reject ' + complaint(err)
        status3, _, err = self.run('-p3', list(options), script, list(args), folder)
        if status3 is None or status3 < 0 or status3 > 1:
            return 'crash'
        if status3:
            return 'reject ' + complaint(err)
        return ('accept ' + listing(out)).strip()


class Systemtap(Judge):
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix='spile-oracle.')
        tree = kernel_tree(os.path.join(self.folder.name, 'tree'))
        super().__init__([find_systemtap(), '-r', tree],
                         {'SYSTEMTAP_TAPSET': os.path.join(HERE, 'tapset'), 'SYSTEMTAP_DIR': self.folder.name})


class Spile(Judge):
    def __init__(self, path):
        super().__init__([os.path.abspath(path)])
