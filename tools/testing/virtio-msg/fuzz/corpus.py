#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
The corpus of a fuzzer in one file of text: an input a line, in hexadecimal digits. A
comment behind # says what an input has once found; such a line is never left out.

  corpus.py unpack FILE DIRECTORY	an input per file
  corpus.py merge OUT CORPUS NAME...	of OUT/found-NAME and CORPUS/NAME.txt as few as
					reach the same, by libFuzzer
"""
import hashlib
import os
import shutil
import subprocess
import sys


def read(path):
    """The inputs of a file, each with its comment."""
    inputs = []
    if os.path.exists(path):
        with open(path, encoding="ascii") as f:
            for line in f:
                data, _, why = line.partition("#")
                if data.strip():
                    inputs.append((bytes.fromhex(data.strip()), why.strip()))
    return inputs


def unpack(path, directory):
    os.makedirs(directory, exist_ok=True)
    for old in os.listdir(directory):
        os.unlink(os.path.join(directory, old))
    for data, _ in read(path):
        with open(os.path.join(directory, hashlib.sha1(data).hexdigest()), "wb") as f:
            f.write(data)


def merge(out, corpus, name):
    path = os.path.join(corpus, name + ".txt")
    old, new = os.path.join(out, "merge-old"), os.path.join(out, "merge-new")
    found = os.path.join(out, "found-" + name)
    kept = [(data, why) for data, why in read(path) if why]
    unpack(path, old)
    shutil.rmtree(new, ignore_errors=True)
    os.makedirs(new)
    os.makedirs(found, exist_ok=True)
    subprocess.run([os.path.join(out, "lf", "fuzz_" + name), "-merge=1", new, old, found],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    inputs = dict(kept)
    for entry in os.listdir(new):
        with open(os.path.join(new, entry), "rb") as f:
            inputs.setdefault(f.read(), "")
    with open(path, "w", encoding="ascii") as f:
        f.write("# SPDX-License-Identifier: GPL-2.0-only\n")
        f.write("# Inputs of fuzz_%s; see corpus.py.\n" % name)
        for data, why in sorted(inputs.items(), key=lambda i: (len(i[0]), i[0])):
            if data:
                f.write(data.hex() + (" # " + why if why else "") + "\n")
    print("# %s: %d inputs" % (name, len(inputs)))


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "unpack":
        unpack(sys.argv[2], sys.argv[3])
    elif len(sys.argv) > 4 and sys.argv[1] == "merge":
        for name in sys.argv[4:]:
            merge(sys.argv[2], sys.argv[3], name)
    else:
        print(__doc__.strip())
        sys.exit(sys.argv[1:] not in (["--help"], ["-h"]))


main()
