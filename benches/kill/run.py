#!/usr/bin/env python3
"""Kills a run with SIGKILL at twenty moments and compares what it ends with, byte for byte.

    cargo build --release && python3 benches/kill/run.py

life.toml runs once undisturbed, which says how long it takes. Then it runs again in a store of
its own and is killed when a twentieth of that time has passed, started again, killed again, until
it has fallen twenty times; the last life may end. Moments are jittered by a seed, so that they
fall on writing states as well as between. Everything outside `provenance/` (times, speeds) must
be the same in both stores. Linux or macOS; needs nothing but Python.
"""

import argparse
import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def start(arguments, store):
    command = [arguments.kanana, "run", HERE / "life.toml", "--store", store, "--json"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen([str(part) for part in command], text=True, **quiet)


def to_the_end(process):
    complaint = process.communicate()[1]
    if process.returncode:
        sys.exit(f"the run failed ({process.returncode}):\n{complaint}")


def contents(store):
    """The hash of every file of every artifact; times and speeds, and who held which lock, apart."""
    found = {}
    for path in sorted(store.rglob("*")):
        name = path.relative_to(store)
        apart = {"provenance", "locks"} & set(name.parts)
        if path.is_file() and not apart and path.parent != store:
            found[str(name)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def place(store):
    """Which step a killed run was in, and how far."""
    for folder in sorted(store.glob("*-*"), key=lambda x: x.stat().st_mtime, reverse=True):
        if folder.is_dir() and not (folder / "manifest.json").exists():
            lines = [path for path in folder.rglob("metrics.jsonl")]
            last = lines[0].read_text().splitlines()[-1:] if lines else []
            try:
                tokens = f", {json.loads(last[0])['tokens']} tokens" if last else ""
            except (ValueError, KeyError):
                tokens = ""  # the line that was being written when it fell
            half = sum(path.name.endswith(".pending") for path in folder.rglob("*"))
            writing = f", {half} half-written" if half else ""
            return f"{folder.name.rsplit('-', 1)[0]}{tokens}{writing}"
    return "between two steps"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kanana", type=Path, default=ROOT / "target/release/kanana")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    folder = Path(tempfile.mkdtemp())
    try:
        begun = time.monotonic()
        to_the_end(start(arguments, folder / "undisturbed"))
        whole = time.monotonic() - begun
        print(f"undisturbed: {whole:.0f} s", flush=True)
        life = whole / arguments.kills
        kills = 0
        while kills < arguments.kills:
            process = start(arguments, folder / "killed")
            try:
                process.wait(life * draw.uniform(0.6, 1.4))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
                print(f"kill {kills}: {place(folder / 'killed')}", flush=True)
                continue
            if process.returncode:
                sys.exit(f"a life failed:\n{process.stderr.read()}")
            sys.exit(f"it ended after {kills} kills: the machine sped up; start again")
        to_the_end(start(arguments, folder / "killed"))
        wanted, found = contents(folder / "undisturbed"), contents(folder / "killed")
        differ = [name for name in wanted | found if wanted.get(name) != found.get(name)]
        if differ:
            sys.exit(f"{len(differ)} of {len(wanted)} files differ: {differ[:5]}")
        print(f"{len(wanted)} files, byte for byte the same after {kills} kills")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
