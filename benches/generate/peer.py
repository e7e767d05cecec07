#!/usr/bin/env python3
"""llama.cpp on a GGUF file: how fast it reads a prompt, and how fast it writes. One JSON line.

With `--streams 16` that many texts are written together, one batch a step: what its server does
without what it costs (HTTP, sampling, text), so its server is at most as fast.

    python3 -m venv VENV
    CMAKE_ARGS="-DGGML_NATIVE=ON" VENV/bin/pip install --no-binary llama-cpp-python llama-cpp-python
    VENV/bin/python benches/generate/peer.py FILE --threads 2

Through the C interface, so that no Python stands between two tokens but the choice of the likeliest.
"""

import argparse
import ctypes
import json
import time

import llama_cpp as llama
import numpy as np


@llama.llama_log_callback
def quiet(level, text, data):
    pass


def load(path, threads, context, streams=1):
    llama.llama_log_set(quiet, ctypes.c_void_p(0))
    llama.llama_backend_init()
    model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
    settings = llama.llama_context_default_params()
    settings.n_ctx = context * streams
    settings.n_seq_max = streams
    settings.n_batch = settings.n_ubatch = 512
    settings.n_threads = settings.n_threads_batch = threads
    return model, llama.llama_init_from_model(model, settings)


def forget(context):
    llama.llama_memory_clear(llama.llama_get_memory(context), True)


def decode(context, ids):
    array = (llama.llama_token * len(ids))(*ids)
    code = llama.llama_decode(context, llama.llama_batch_get_one(array, len(ids)))
    assert code == 0, code


def write_together(context, vocabulary, prompts, tokens):
    """Tokens a second of all texts together, prompts not counted."""
    count = len(prompts)
    batch = llama.llama_batch_init(512, 0, 1)

    def put(at, token, position, stream, wanted):
        batch.token[at], batch.pos[at], batch.n_seq_id[at] = token, position, 1
        batch.seq_id[at][0], batch.logits[at] = stream, wanted

    def step(size):
        batch.n_tokens = size
        code = llama.llama_decode(context, batch)
        assert code == 0, code

    forget(context)
    likeliest = [0] * count

    def choose(stream, at):
        logits = llama.llama_get_logits_ith(context, at)
        likeliest[stream] = int(np.ctypeslib.as_array(logits, shape=(vocabulary,)).argmax())

    for stream, prompt in enumerate(prompts):
        for at, token in enumerate(prompt):
            put(at, token, at, stream, at + 1 == len(prompt))
        step(len(prompt))
        choose(stream, len(prompt) - 1)
    start = time.perf_counter()
    for written in range(tokens):
        for stream, prompt in enumerate(prompts):
            put(stream, likeliest[stream], len(prompt) + written, stream, True)
        step(count)
        for stream in range(count):
            choose(stream, stream)
    return count * tokens / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--streams", type=int, default=1)
    options = parser.parse_args()
    start = time.perf_counter()
    model, context = load(options.file, options.threads, options.prompt + options.tokens + 16, options.streams)
    loaded = time.perf_counter() - start
    vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    ids = [(i * 7919 + 13) % (vocabulary - 1000) + 500 for i in range(options.prompt)]
    if options.streams > 1:
        prompts = [[(i * 37 + s * 101) % 20_000 + 1 for i in range(options.prompt)] for s in range(options.streams)]
        runs = [write_together(context, vocabulary, prompts, options.tokens) for _ in range(options.repeat)]
        print(json.dumps({"streams": options.streams, "decode": max(runs)}))
        return
    prompt, written = [], []
    decode(context, ids[:32])  # warm
    for _ in range(options.repeat):
        forget(context)
        start = time.perf_counter()
        decode(context, ids)
        prompt.append(options.prompt / (time.perf_counter() - start))
    for _ in range(options.repeat):
        forget(context)
        decode(context, ids[:16])
        start = time.perf_counter()
        for _ in range(options.tokens):
            logits = llama.llama_get_logits_ith(context, -1)
            best = int(np.ctypeslib.as_array(logits, shape=(vocabulary,)).argmax())
            decode(context, [best])
        written.append(options.tokens / (time.perf_counter() - start))
    print(json.dumps({"prompt": max(prompt), "decode": max(written), "load": loaded}))


if __name__ == "__main__":
    main()
