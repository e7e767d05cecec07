#!/usr/bin/env python3
"""Compares kanana's distillation step with PyTorch's, in turn, and with what it should cost.

    python3 -m venv VENV && VENV/bin/pip install torch safetensors numpy    # about 5 GB
    VENV/bin/python benches/distill/run.py               # two threads, three rounds: five minutes

As benches/step/run.py, whose machinery it uses: a round runs every candidate once, each in a process
of its own, in an order that alternates; what counts is the median over rounds of each process's
median step. What a step should cost is measured in kanana's own process, in turn with it: the plain
training step of the same student, and the forward pass of the teacher, its head included.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
found = importlib.util.spec_from_file_location("step_run", HERE.parent / "step" / "run.py")
step = importlib.util.module_from_spec(found)
found.loader.exec_module(step)

PEERS = ["eager-f32", "compile-f32", "eager-bf16", "compile-bf16"]
OURS = ["f32", "bf16"]


def commands(arguments, folder):
    file, options = folder / "weights.safetensors", ["--threads", arguments.threads]
    options += ["--steps", arguments.steps]
    environment = os.environ | {"OMP_NUM_THREADS": str(arguments.threads)}
    environment |= {"TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor")}
    found = {}
    for peer in arguments.peers:
        found[peer] = [sys.executable, HERE / "peer.py", "train", file, peer]
    for name in arguments.ours:
        example = arguments.target / "release/examples/distill"
        found[name] = [example, file, "--precision", name]
    whole = lambda command: [str(part) for part in command + options]
    return {name: (whole(command), environment) for name, command in found.items()}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--peers", nargs="*", default=["compile-bf16"], choices=PEERS)
    parser.add_argument("--ours", nargs="*", default=["bf16"], choices=OURS)
    parser.add_argument("--lock", help="a file to hold a lock on while a process is measured")
    parser.add_argument("--others", type=float, default=0.1, help="processors that others may use")
    parser.add_argument("--target", type=Path, default=ROOT / "target", help="cargo's target folder")
    arguments = parser.parse_args()
    build = ["cargo", "build", "--release", "-p", "model", "--example", "distill"]
    subprocess.run(build + ["--target-dir", arguments.target], cwd=ROOT, check=True)
    results, disturbed = {}, 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        weights = [sys.executable, HERE / "peer.py", "weights", folder / "weights.safetensors"]
        subprocess.run(weights, check=True)
        candidates = list(commands(arguments, folder).items())
        for number in range(arguments.rounds):
            for name, (command, environment) in candidates[:: 1 if number % 2 == 0 else -1]:
                result = step.once(arguments, name, command, environment)
                disturbed += result["others"] > arguments.others
                print(f"round {number + 1} {name}: {json.dumps(result)}", file=sys.stderr, flush=True)
                results.setdefault(name, []).append(result)
    median = lambda name, key: statistics.median(r[key] for r in results[name])
    print(f"{step.processor()}, {arguments.threads} threads, {arguments.rounds} rounds of ", end="")
    print(f"{arguments.steps} steps; during {disturbed} of the runs others used more than ", end="")
    print(f"{arguments.others} of a processor\n")
    print("| candidate | tokens/s | of what it should cost | peak RSS MB | first losses |")
    print("|---|---|---|---|---|")
    for name in results:
        ours = name in arguments.ours
        share = f"{median(name, 'of_expected'):.2f}" if ours else ""
        title = f"**kanana {name}**" if ours else f"torch {name}"
        losses = ", ".join(str(x) for x in results[name][0]["losses"][:2])
        memory = max(r["rss_mb"] for r in results[name])
        print(f"| {title} | {median(name, 'tok_s'):.0f} | {share} | {memory} | {losses} |")
    for ours in arguments.ours:
        for peer in arguments.peers:
            ratio = median(ours, "tok_s") / median(peer, "tok_s")
            print(f"\nkanana {ours} / torch {peer}: {ratio:.2f}")


if __name__ == "__main__":
    main()
