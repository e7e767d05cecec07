#!/usr/bin/env python3
"""Compares kanana's training step with PyTorch's, in turn, on the machine it is started on.

    python3 -m venv VENV && VENV/bin/pip install torch safetensors numpy    # about 5 GB
    VENV/bin/python benches/step/run.py                  # two threads, five rounds: ten minutes

The environment is better kept outside the repository. A round runs every candidate once, each in
a process of its own, in an order that alternates between rounds; what counts is the median over
rounds of each process's median step, and the ratios of those medians. Peak memory is the largest
of the rounds. `mkl` in a name means that MKL's slow path on AMD processors was overridden with
fakeintel.c (needs a C compiler); quote both figures. A run during which other processes used more
than a tenth of a processor is repeated; `--lock FILE` is held (flock) during every run, for
machines whose users agreed on one. Linux only.
"""

import argparse
import contextlib
import fcntl
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PEERS = ["eager-f32", "compile-f32", "compile-f32-mkl"]
PEERS += ["eager-bf16", "compile-bf16", "compile-bf16-mkl"]
OURS = ["f32", "bf16", "f32-avx2", "bf16-avx2"]
# ours, peer, and what the ratio of tokens a second is wanted to be
BARS = [
    ("bf16", "compile-bf16", 1.6),
    ("bf16", "compile-bf16-mkl", None),
    ("f32", "compile-f32-mkl", 0.95),
    ("f32", "compile-f32", 2.0),
    ("f32-avx2", "compile-f32", None),
    ("bf16-avx2", "compile-bf16", None),
]


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def commands(arguments, folder):
    """Every candidate's command and environment."""
    file, threads, steps = folder / "weights.safetensors", arguments.threads, arguments.steps
    plain = os.environ | {"TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor")}
    plain |= {"OMP_NUM_THREADS": str(threads)}
    preload = str(folder / "fakeintel.so")
    found = {}
    for peer in arguments.peers:
        mode = peer.removesuffix("-mkl")
        command = [sys.executable, HERE / "peer.py", "train", file, mode]
        environment = plain | ({"LD_PRELOAD": preload} if peer.endswith("-mkl") else {})
        found[peer] = (command, environment)
    for name in arguments.ours:
        precision, *kernels = name.split("-")
        command = [arguments.target / "release/examples/step", file, "--precision", precision]
        command += ["--kernels", *kernels] if kernels else []
        found[name] = (command, plain)
    options = ["--threads", threads, "--steps", steps]
    whole = lambda command: [str(part) for part in command + options]
    return {name: (whole(command), environment) for name, (command, environment) in found.items()}


def busy():
    """Seconds that the machine's processors have worked since it started."""
    fields = [int(x) for x in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    idle = fields[3] + fields[4]
    return (sum(fields[:8]) - idle) / os.sysconf("SC_CLK_TCK")


def used():
    times = os.times()
    return times.children_user + times.children_system


@contextlib.contextmanager
def alone(lock):
    """Holds the lock that others on this machine agreed to take."""
    if not lock:
        yield
        return
    with open(lock, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def once(arguments, name, command, environment):
    """One process, its result, and the processors that others used meanwhile."""
    with alone(arguments.lock):
        start, before = time.monotonic(), busy() - used()
        ran = subprocess.run(command, env=environment, capture_output=True, text=True)
        others = (busy() - used() - before) / (time.monotonic() - start)
    if ran.returncode:
        sys.exit(f"{name} failed:\n{ran.stderr[-2000:]}")
    return json.loads(ran.stdout.strip().splitlines()[-1]) | {"others": round(others, 2)}


def measure(arguments, folder):
    """A list of results for every candidate, one for every round, and how many were disturbed."""
    results, disturbed = {}, 0
    candidates = list(commands(arguments, folder).items())
    for number in range(arguments.rounds):
        # forwards, backwards: what runs first in one round runs last in the next
        for name, (command, environment) in candidates[:: 1 if number % 2 == 0 else -1]:
            for _ in range(20):
                result = once(arguments, name, command, environment)
                line = f"round {number + 1} {name}: {json.dumps(result)}"
                print(line, file=sys.stderr, flush=True)
                if result["others"] <= arguments.others:
                    break
                # judged before its speed is looked at, whoever's process it is
                disturbed += 1
                time.sleep(20)
            else:
                sys.exit("the machine does not come to rest; try again later")
            results.setdefault(name, []).append(result)
    return results, disturbed


def report(arguments, results, disturbed):
    import torch

    median = lambda name, key: statistics.median(r[key] for r in results[name])
    speed = {name: median(name, "tok_s") for name in results}
    memory = {name: max(r["rss_mb"] for r in found) for name, found in results.items()}
    print(f"{processor()}, {arguments.threads} threads, torch {torch.__version__}, ", end="")
    print(f"{arguments.rounds} rounds of {arguments.steps} steps; {disturbed} runs were repeated")
    print(f"because others used more than {arguments.others} of a processor meanwhile\n")
    print("| candidate | tokens/s, median | over rounds | peak RSS MB | first loss |")
    print("|---|---|---|---|---|")
    for name, found in results.items():
        low, high = min(r["tok_s"] for r in found), max(r["tok_s"] for r in found)
        title = f"torch {name}" if name in PEERS else f"**kanana {name}**"
        loss = found[0]["losses"][0]
        print(f"| {title} | {speed[name]:.0f} | {low:.0f}–{high:.0f} | {memory[name]} | {loss} |")
    print("\n| ratio of tokens/s | found | wanted |\n|---|---|---|")
    for ours, peer, wanted in BARS:
        if ours in speed and peer in speed:
            wanted = f"≥ {wanted}" if wanted else ""
            print(f"| kanana {ours} / torch {peer} | {speed[ours] / speed[peer]:.2f} | {wanted} |")
    for ours, peer in [("f32", "eager-f32"), ("bf16", "eager-bf16")]:
        if ours in memory and peer in memory:
            ratio = memory[ours] / memory[peer]
            print(f"| peak memory, kanana {ours} / torch {peer} | {ratio:.2f} | ≤ 0.45 |")
    for name in arguments.ours:
        device, speed = results[name][0]["device"], median(name, "gflops")
        print(f"\nkanana {name}: {device}, {speed:.0f} GFLOP/s")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--peers", nargs="*", default=PEERS, choices=PEERS)
    parser.add_argument("--ours", nargs="*", default=OURS, choices=OURS)
    parser.add_argument("--lock", help="a file to hold a lock on while a process is measured")
    parser.add_argument("--others", type=float, default=0.1, help="processors that others may use")
    parser.add_argument("--target", type=Path, default=ROOT / "target", help="cargo's target folder")
    parser.add_argument("--json", type=Path, help="every single result, for the record")
    arguments = parser.parse_args()
    build = ["cargo", "build", "--release", "-p", "model", "--example", "step"]
    subprocess.run(build + ["--target-dir", arguments.target], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        weights = [sys.executable, HERE / "peer.py", "weights", folder / "weights.safetensors"]
        subprocess.run(weights, check=True)
        library = ["cc", "-shared", "-fPIC", "-o", folder / "fakeintel.so", HERE / "fakeintel.c"]
        subprocess.run(library, check=True)
        results, disturbed = measure(arguments, folder)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    report(arguments, results, disturbed)


if __name__ == "__main__":
    main()
