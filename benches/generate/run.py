#!/usr/bin/env python3
"""Compares reading a prompt and writing with llama.cpp's, on the same GGUF files, in turn.

    cargo build --release -p kanana && cargo build --release -p model --example speed
    target/release/kanana convert MODEL work/bf16.gguf && target/release/kanana convert MODEL work/q8_0.gguf --type q8_0
    target/release/kanana convert MODEL work/q4_0.gguf --type q4_0
    python3 benches/generate/run.py --peer VENV/bin/python work/*.gguf     # see peer.py for VENV

A round runs every file with both, each in a process of its own, the order alternating; a process
gives its best of three. What is printed is the median over rounds, and the ratios of those. Our best
prompt is compared with its best, whatever the file. Linux only; quote the processor.
"""

import argparse
import json
import platform
import statistics
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# ours over the peer's: by the file's type, and for the best prompt of all
BARS = {"q4_0": 1.2, "q8_0": 1.2, "bf16": 1.1}
PROMPT_BAR = 1.3


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--peer", required=True, help="a Python that has llama-cpp-python")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--target", type=Path, default=ROOT / "target")
    options = parser.parse_args()
    common = ["--threads", options.threads, "--tokens", options.tokens]
    ours = options.target / "release/examples/speed"
    found = {}
    for number in range(options.rounds):
        for file in options.files:
            pair = [
                ("ours", [ours, file, *common]),
                ("peer", [options.peer, HERE / "peer.py", file, *common]),
            ]
            for who, command in pair if number % 2 == 0 else reversed(pair):
                result = run(command)
                for what in ["prompt", "decode", "load"]:
                    found.setdefault((file, who, what), []).append(result[what])
    median = {key: statistics.median(values) for key, values in found.items()}
    print(f"{processor()}, {options.threads} threads, {options.rounds} rounds")
    print(f"{'file':>24} {'prompt':>16} {'decode':>16} {'ratio':>6} {'bar':>5} {'load, s':>12}")
    for file in options.files:
        of = lambda what: [median[file, who, what] for who in ["ours", "peer"]]
        prompt, decode, load = of("prompt"), of("decode"), of("load")
        bar = next((bar for name, bar in BARS.items() if name in file.name.lower()), None)
        print(
            f"{file.name:>24} {prompt[0]:7.0f} {prompt[1]:8.0f} {decode[0]:7.1f} {decode[1]:8.1f} "
            f"{decode[0] / decode[1]:6.2f} {bar or '':>5} {load[0]:5.2f} {load[1]:6.2f}"
        )
    best = {who: max(median[file, who, "prompt"] for file in options.files) for who in ["ours", "peer"]}
    ratio = best["ours"] / best["peer"]
    print(f"best prompt: {best['ours']:.0f} and {best['peer']:.0f} tokens/s, {ratio:.2f} (bar {PROMPT_BAR})")


main()
