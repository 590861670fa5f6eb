#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Make C tables out of the tables of wire.rst.

Usage: ref_tables.py WIRE.RST >HEADER

For each message: its fields with their offsets in the four wire revisions. What the
driver decodes is compared with what these tables say, see ref.c; so the document is
tested as well.
"""
import re
import sys

REVISIONS = ['rfc2', 'v1', 'v2', 'xid32']
BITS = {'u16': 16, 'u32': 32, 'u64': 64}


def cells(line, ruler):
    """Cut a line of a simple table into its columns."""
    ends = [m.span() for m in re.finditer('=+', ruler)]
    ends[-1] = (ends[-1][0], max(len(line), ends[-1][1]))
    return [line[a:b].strip() for a, b in ends]


def tables(lines):
    """Yield (section, header cells, rows)."""
    section = None
    i = 0
    while i < len(lines):
        line = lines[i]
        if i and re.fullmatch(r'([-~=])\1+', line) and lines[i - 1].strip() and \
           not re.match('=+ +=', line):
            section = lines[i - 1].strip()
        if re.match('=+ +=', line):
            header = cells(lines[i + 1], line)
            j = i + 1
            while not re.match('=+ +=', lines[j]):
                j += 1
            rows = []
            j += 1
            while not re.match('=+ +=', lines[j]):
                rows.append(cells(lines[j], line))
                j += 1
            yield section, header, rows
            i = j
        i += 1


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith('-'):
        sys.stderr.write(__doc__)
        return 2
    with open(sys.argv[1], encoding='utf-8') as f:
        lines = f.read().split('\n')
    out = []
    for section, header, rows in tables(lines):
        if header[-4:] != REVISIONS or not header[0].startswith('Field'):
            continue
        fields, length = {}, [-1] * 4
        for row in rows:
            name, kind, offsets = row[0], row[1], row[2:]
            offsets = [-1 if o in ('--', '') else int(o) for o in offsets]
            if name == 'Length':
                length = offsets
                continue
            # A field whose type depends on the revision has two rows.
            bits = BITS.get(kind.split()[0], 0)
            fields.setdefault(name.replace(' ', '_'), []).append((bits, offsets))
        out.append((section.split(',')[0], fields, length))
    print('/* Made by ref_tables.py from wire.rst. */')
    for section, fields, length in out:
        print(f'static const struct ref_field ref_{section}[] = {{')
        for name, variants in fields.items():
            for bits, offsets in variants:
                print(f'\t{{ "{name}", {bits}, {{ {", ".join(map(str, offsets))} }} }},')
        print('\t{ }\n};')
        print(f'static const int ref_len_{section}[4] __attribute__((unused)) = '
              f'{{ {", ".join(map(str, length))} }};')
    return 0 if out else 1


if __name__ == '__main__':
    sys.exit(main())
