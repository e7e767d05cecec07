#!/usr/bin/env python3
"""Compares every prompt of every question with lm-evaluation-harness' own, to the byte; no model is run.

    cargo build --release -p evals --example prompts
    VENV/bin/python benches/evals/prompts.py --data BENCHMARKS --tasks mmlu,kmmlu,gsm8k,kobest_copa

VENV needs lm-eval 0.4.13. Prompts with their examples, options and stops; the whole of what is there.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

from peer import SHOTS, TASKS, opened

ROOT = Path(__file__).resolve().parent.parent.parent


def theirs(name, data, scratch):
    found = {}
    for prefix, yaml, splits in TASKS[name](data / name):
        task = opened(yaml, splits, SHOTS.get(name, 0), scratch)
        task.build_all_requests()
        for instance in task.instances:
            key = str(instance.doc_id) if prefix is None else f"{prefix}/{instance.doc_id}"
            context, rest = instance.args
            rest = rest["until"] if isinstance(rest, dict) else [rest]
            one = found.setdefault(key, {"context": context, "options": []})
            assert one["context"] == context
            one["options"] += rest
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--target", type=Path, default=ROOT / "target")
    options = parser.parse_args()
    good = True
    for name in options.tasks.split(","):
        command = [options.target / "release/examples/prompts", options.data, name]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        ours = {}
        for line in printed.split("\n"):
            if line:
                one = json.loads(line)
                ours[one.pop("id")] = one
        with tempfile.TemporaryDirectory() as scratch:
            peer = theirs(name, options.data, Path(scratch))
        apart = [key for key in peer if ours.get(key) != peer[key]]
        good &= not apart and ours.keys() == peer.keys()
        size = sum(len(one["context"].encode()) for one in ours.values())
        print(f"{name}: {len(ours)} questions here, {len(peer)} there, {size} bytes, {len(apart)} differ")
        for key in apart[:5]:
            print(f"  {key}: {json.dumps(ours.get(key), ensure_ascii=False)[-300:]}")
            print(f"  there: {json.dumps(peer[key], ensure_ascii=False)[-300:]}")
    raise SystemExit(0 if good else 1)


main()
