#!/usr/bin/env python3
"""Compares kanana's merge with mergekit's, in turn, on the machine it is started on.

    python3 -m venv VENV && VENV/bin/pip install mergekit==0.1.5
    cargo build --release && VENV/bin/python benches/merge/run.py      # about ten minutes

Three checkpoints of the shape of SmolLM2-135M (bf16, about 270 MB each, random) are merged by every
method below. A round runs both programs once, each in a process of its own, in an order that
alternates; what counts is the median over rounds of wall time, and the largest peak memory (resident
set, as the kernel counts it for the process and its threads; mapped files count while they are read).
kanana starts each round from an empty store, so that hashing its inputs and its output is in its time.
The results of the last round are compared number by number. `--lock FILE` is held (flock) during
every run, for machines whose users agreed on one. `--size 2.1b` merges two checkpoints of that shape
by kanana alone, for its peak memory; it takes about 20 GB of disk.
"""

import argparse
import contextlib
import fcntl
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SMALL = {"layers": 30, "width": 576, "ffn": 1536, "query_heads": 9, "kv_heads": 3, "vocabulary": 49152, "context": 2048}
MODELS = ["base", "a", "b"]
CASES = {
    "linear": {"merge_method": "linear", "models": [("a", {"weight": 0.3}), ("b", {"weight": 0.7})]},
    "slerp": {"merge_method": "slerp", "base_model": "a", "parameters": {"t": 0.4}, "models": [("a", {}), ("b", {})]},
    "ties": {
        "merge_method": "ties",
        "base_model": "base",
        "models": [("a", {"weight": 0.5, "density": 0.5}), ("b", {"weight": 0.5, "density": 0.3})],
    },
    "dare_ties": {
        "merge_method": "dare_ties",
        "base_model": "base",
        "models": [("a", {"weight": 0.5, "density": 0.5}), ("b", {"weight": 0.5, "density": 0.3})],
    },
    "model_stock": {"merge_method": "model_stock", "base_model": "base", "models": [("a", {}), ("b", {})]},
    "passthrough": {"merge_method": "passthrough", "slices": [[("a", [0, 20])], [("b", [10, 30])]]},
}


def run(command, lock, **more):
    """Wall seconds and peak megabytes of a command."""
    with open(lock, "w") if lock else contextlib.nullcontext() as held:
        if held:
            fcntl.flock(held, fcntl.LOCK_EX)
        with tempfile.TemporaryFile() as said:
            start = time.monotonic()
            process = subprocess.Popen(command, stdout=said, stderr=said, **more)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - start
            process.returncode = status
            if status:
                said.seek(0)
                sys.exit(f"{' '.join(map(str, command))} failed:\n{said.read().decode(errors='replace')[-3000:]}")
    return seconds, usage.ru_maxrss / 1024


def checkpoints(program, folder, shape, names, lock):
    """Random models of one shape, made by the program itself."""
    text = "seed = 11\n"
    for name in names:
        shape_text = ", ".join(f"{key} = {json.dumps(value)}" for key, value in shape.items())
        text += f'[[step]]\nname = "{name}"\nstage = "init"\nwith = {{ shape = {{ {shape_text} }}, dtype = "bf16", deviation = 0.05 }}\n'
    (folder / "init.toml").write_text(text)
    run([program, "run", "init.toml"], lock, cwd=folder)
    found = {}
    for name in names:
        (made,) = (folder / "store").glob(f"{name}-????????????")
        found[name] = folder / name
        shutil.move(made, folder / name)
    shutil.rmtree(folder / "store")
    return found


def yaml(case, folders):
    """mergekit's file; JSON is YAML."""
    case = dict(case)
    if "base_model" in case:
        case["base_model"] = str(folders[case["base_model"]])
    if "models" in case:
        case["models"] = [{"model": str(folders[name]), "parameters": parameters} for name, parameters in case["models"]]
    if "slices" in case:
        case["slices"] = [
            {"sources": [{"model": str(folders[name]), "layer_range": span} for name, span in sources]} for sources in case["slices"]
        ]
    return json.dumps(case | {"dtype": "bfloat16"}, indent=1)


def difference(ours, theirs):
    """The share of numbers that are the same, and the mean distance as a part of the mean magnitude."""
    from safetensors import safe_open

    def tensors(folder):
        files = {}
        for path in sorted(folder.glob("*.safetensors")):
            file = safe_open(path, "pt")
            files |= {name: file for name in file.keys()}
        return files

    ours, theirs = tensors(ours), tensors(theirs)
    assert ours.keys() == theirs.keys(), ours.keys() ^ theirs.keys()
    same = count = 0
    distance = magnitude = 0.0
    for name in ours:
        x, y = ours[name].get_tensor(name).float(), theirs[name].get_tensor(name).float()
        same += (x == y).sum().item()
        count += x.numel()
        distance += (x - y).abs().double().sum().item()
        magnitude += y.abs().double().sum().item()
    return same / count, distance / magnitude


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/kanana")
    parser.add_argument("--mergekit", type=Path, default=Path(sys.executable).with_name("mergekit-yaml"))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--lock")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary one otherwise")
    parser.add_argument("--size", choices=["135m", "2.1b"], default="135m")
    arguments = parser.parse_args()
    program = arguments.program.resolve()
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(arguments.threads)}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        folder = Path(folder)
        huge = arguments.size == "2.1b"
        shape, names = ({"name": "2.1b"}, MODELS[:2]) if huge else (SMALL, MODELS)
        folders = checkpoints(program, folder, shape, names, arguments.lock)
        cases = {name: CASES[name] for name in arguments.cases}
        if huge:
            two = {"base_model": "base", "models": [("a", {"weight": 0.5, "density": 0.5})]}
            cases = {"linear": {"merge_method": "linear", "models": [(name, {"weight": 0.5}) for name in names]}}
            cases |= {"ties": {"merge_method": "ties"} | two, "dare_linear": {"merge_method": "dare_linear"} | two}
        for name, case in cases.items():
            (folder / "case.yml").write_text(yaml(case, folders))
            commands = {
                "kanana": [program, "merge", "case.yml", "kanana", "--store", "store", "--threads", str(arguments.threads)],
                "mergekit": [arguments.mergekit, "case.yml", "mergekit", "--lazy-unpickle", "--no-copy-tokenizer", "-j", str(arguments.threads)],
            }
            if huge:
                del commands["mergekit"]
            measured = {who: [] for who in commands}
            for round_number in range(1 if huge else arguments.rounds):
                order = list(commands)[:: 1 if round_number % 2 == 0 else -1]
                for who in order:
                    for old in (folder / "store", folder / who):
                        shutil.rmtree(old, ignore_errors=True)
                    measured[who].append(run(commands[who], arguments.lock, cwd=folder, env=environment))
            row = {who: (statistics.median(s for s, _ in runs), max(m for _, m in runs)) for who, runs in measured.items()}
            text = "  ".join(f"{who} {seconds:.2f} s {memory:.0f} MB" for who, (seconds, memory) in row.items())
            if not huge:
                (ours, our_memory), (theirs, their_memory) = row["kanana"], row["mergekit"]
                text += f"  time 1/{theirs / ours:.1f}, memory 1/{their_memory / our_memory:.1f}"
                # DARE's masks are chance in both
                if not name.startswith("dare"):
                    # In a process of its own: what this one has held counts as the next child's peak.
                    with multiprocessing.get_context("spawn").Pool(1) as pool:
                        same, distance = pool.apply(difference, (folder / "kanana", folder / "mergekit"))
                    text += f"  {same:.4%} of numbers the same, mean distance {distance:.1e} of the mean magnitude"
            print(f"{name:12} {text}", flush=True)


if __name__ == "__main__":
    main()
