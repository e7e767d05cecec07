#!/usr/bin/env python3
"""Compares `kanana eval` with lm-evaluation-harness (`hf`) on one checkpoint and the same files.

    cargo build --release -p kanana
    python3 benches/evals/run.py --peer VENV/bin/python --model HF_DIRECTORY --data BENCHMARKS \\
        --tasks mmlu,kmmlu --subjects abstract_algebra,anatomy,Criminal-Law,Accounting --limit 30

Both on the CPU, with as many threads, in f32 or, by `--precision bf16`, in bf16, where only seconds are held
against each other, as rounded sums lie further apart. In f32 every question's log-likelihoods must lie within 1e-3 of the peer's; where scores differ the two best options must lie closer than that, or the texts
must differ, and the question is listed. Seconds are those of the whole command here, reading the checkpoint included, and of `evaluate`
alone there. Base protocol: 5-shot MMLU, KMMLU, HAE-RAE and GSM8K, 0-shot KoBEST. VENV needs lm-eval
0.4.13, torch, transformers and scikit-learn. Quote the processor.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
NEAR = 1e-3
FASTER = 4.0


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def run(command):
    start = time.perf_counter()
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stderr[-3000:]}")
    return time.perf_counter() - start, done.stdout


def narrowed(data, subjects, to):
    """The benchmarks with only some subjects of MMLU and KMMLU."""
    for folder in data.iterdir():
        if folder.is_dir():
            shutil.copytree(folder, to / folder.name, copy_function=os.symlink)
    for pattern in ("mmlu/*/*.csv", "kmmlu/*.csv"):
        for file in to.glob(pattern):
            stem = file.stem.removesuffix("_test").removesuffix("_dev")
            if stem.removesuffix("-test").removesuffix("-dev") not in subjects:
                file.unlink()


def ours(options, task, data, out):
    command = [options.target / "release/kanana", "eval", options.model, "--tasks", task, "--data", data]
    command += ["--protocol", "base", "--precision", options.precision, "--threads", options.threads, "--out", out, "--json"]
    if options.limit:
        command += ["--limit", options.limit]
    seconds, _ = run(command)
    questions = {}
    for line in (out / f"samples_{task}.jsonl").read_text().split("\n"):
        if not line:
            continue
        sample = json.loads(line)
        scores = {name: sample[name] for name in sample["metrics"] if name in sample}
        answers = sample["resps"]
        one = {"scores": scores}
        if isinstance(answers[0][0], str):
            one["text"] = answers[0][0]
        else:
            one["sums"] = [float(answer[0][0]) for answer in answers]
        questions[sample["doc"]["id"]] = one
    return {"seconds": seconds, "questions": questions}


def compared(mine, peer):
    """The farthest likelihood, questions scored otherwise, and texts that differ."""
    if mine.keys() != peer.keys():
        raise SystemExit(f"other questions: {sorted(mine.keys() ^ peer.keys())[:10]}")
    farthest, otherwise, texts = 0.0, [], 0
    for key, one in mine.items():
        other = peer[key]
        differs = "text" in one and one["text"] != other["text"]
        if "sums" in one:
            farthest = max(farthest, *(abs(a - b) for a, b in zip(one["sums"], other["sums"], strict=True)))
        texts += differs
        if any(one["scores"][name] != value for name, value in other["scores"].items()):
            best = sorted(other.get("sums", []))[-2:]
            margin = best[1] - best[0] if best else None
            excused = differs if margin is None else margin < NEAR
            otherwise.append({"id": key, "margin": margin, "excused": excused})
    return farthest, otherwise, texts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", required=True, help="a Python that has lm-eval and torch")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tasks", default="mmlu,kmmlu")
    parser.add_argument("--subjects", default="abstract_algebra,anatomy,Criminal-Law,Accounting")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--batch", default="1", help="the peer's batch size")
    parser.add_argument("--threads", default="2", help="of both")
    parser.add_argument("--precision", default="f32", choices=["f32", "bf16"], help="of both")
    parser.add_argument("--target", type=Path, default=ROOT / "target")
    options = parser.parse_args()
    print(processor())
    good = True
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        # links are made to it
        narrowed(options.data.resolve(), options.subjects.split(","), data)
        for task in options.tasks.split(","):
            mine = ours(options, task, data, Path(scratch) / f"out-{task}")
            command = [options.peer, HERE / "peer.py", "--model", options.model, "--data", data]
            command += ["--tasks", task, "--batch", options.batch, "--threads", options.threads]
            command += ["--precision", {"f32": "float32", "bf16": "bfloat16"}[options.precision]]
            if options.limit:
                command += ["--limit", options.limit]
            _, printed = run(command)
            peer = json.loads(printed.strip().splitlines()[-1])[task]
            farthest, otherwise, texts = compared(mine["questions"], peer["questions"])
            ratio = peer["seconds"] / mine["seconds"]
            print(
                f"{task}: {len(mine['questions'])} questions, likelihoods within {farthest:.1e}, "
                f"{len(otherwise)} scored otherwise, {texts} texts differ; "
                f"{mine['seconds']:.1f} s here, {peer['seconds']:.1f} s there: {ratio:.1f} times"
            )
            for one in otherwise if options.precision == "f32" else []:
                print(f"  otherwise: {one['id']}, margin {one['margin']}, excused: {one['excused']}")
            if options.precision == "f32":
                good &= farthest < NEAR and all(one["excused"] for one in otherwise)
            if task in ("mmlu", "kmmlu"):
                good &= ratio >= FASTER
    raise SystemExit(0 if good else 1)


main()
