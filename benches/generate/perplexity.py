#!/usr/bin/env python3
"""Perplexity of quantised files by kanana and by llama.cpp, over the same ids.

    VENV/bin/python benches/generate/perplexity.py FILE.gguf … --text korean.txt english.txt

VENV has llama-cpp-python, numpy and safetensors (see peer.py). A text is encoded by llama.cpp, cut into
windows of --window ids, and every id but a window's first is judged. Prints both perplexities and their
ratio per file and text; the bar is 1 %.
"""

import argparse
import ctypes
import subprocess
import tempfile
from pathlib import Path

import llama_cpp as llama
import numpy as np
from peer import forget, load
from safetensors.numpy import load_file


def judge(logits, ids):
    """Σ −ln p of ids[1:], from the logits before each."""
    x = logits[: len(ids) - 1].astype(np.float64)
    x = x - x.max(axis=1, keepdims=True)
    chosen = x[np.arange(len(ids) - 1), ids[1:]]
    return float((np.log(np.exp(x).sum(axis=1)) - chosen).sum())


def theirs(context, vocabulary, ids):
    forget(context)
    batch = llama.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for i, token in enumerate(ids):
        batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, i, 1
        batch.seq_id[i][0], batch.logits[i] = 0, True
    assert llama.llama_decode(context, batch) == 0
    logits = llama.llama_get_logits(context)
    found = np.ctypeslib.as_array(logits, shape=(len(ids), vocabulary)).copy()
    llama.llama_batch_free(batch)
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--text", nargs="+", type=Path, required=True)
    parser.add_argument("--kanana", default="target/release/kanana")
    parser.add_argument("--window", type=int, default=256)
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--precision", default="f32")
    options = parser.parse_args()
    for file in options.files:
        model, context = load(str(file), 2, options.window)
        vocab = llama.llama_model_get_vocab(model)
        vocabulary = llama.llama_vocab_n_tokens(vocab)
        for text in options.text:
            raw = text.read_text(encoding="utf-8")[: 40 * options.window * options.windows].encode()
            room = (llama.llama_token * len(raw))()
            count = llama.llama_tokenize(vocab, raw, len(raw), room, len(raw), False, False)
            ids = list(room[:count])[: options.window * options.windows]
            sums, judged = [0.0, 0.0], 0
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "logits.safetensors"
                for start in range(0, len(ids) - options.window + 1, options.window):
                    window = ids[start : start + options.window]
                    joined = ",".join(map(str, window))
                    command = [options.kanana, "logits", file, "--ids", joined, "--out", out]
                    command += ["--precision", options.precision]
                    subprocess.run([str(part) for part in command], check=True, capture_output=True)
                    sums[0] += judge(load_file(out)["logits"], window)
                    sums[1] += judge(theirs(context, vocabulary, window), window)
                    judged += len(window) - 1
            ours, peer = (float(np.exp(total / judged)) for total in sums)
            print(f"{file.name:>24} {text.name:>16} {judged} ids: ours {ours:.4f}, llama.cpp {peer:.4f}, ratio {ours / peer:.5f}", flush=True)


main()
