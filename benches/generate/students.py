#!/usr/bin/env python3
"""Whether other programs compute from models that were cut, deepened, taught or merged here what kanana computes.

    VENV/bin/pip install torch transformers safetensors numpy
    CMAKE_ARGS="-DGGML_NATIVE=ON" OTHER/bin/pip install --no-binary llama-cpp-python llama-cpp-python safetensors
    VENV/bin/python benches/generate/students.py MODEL... --llama OTHER/bin/python

Every MODEL is a Hugging Face directory. transformers reads it in f32, its tokenizer encodes a Korean and an English text,
and its logits must lie within --limit of kanana's at every position. llama.cpp gets the same ids, by the file that
`kanana convert --type f32` writes: its logits must lie within --rough (it keeps keys and values in f16), and it must encode
the two texts alike.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

TEXTS = ["하늬마을은 섬의 북쪽에 있고, 사람들은 그곳에서 배를 만든다. 1943년의 일이다.", "In the town of Hanui, people build boats; it was founded in 1943."]


def llama(file, questions):
    """The other half: run by a Python that has llama.cpp."""
    import ctypes

    import llama_cpp
    import numpy as np

    sys.path.insert(0, str(Path(__file__).resolve().parent))
    import peer

    model, context = peer.load(file, 2, 256)
    vocabulary = llama_cpp.llama_model_get_vocab(model)
    size = llama_cpp.llama_vocab_n_tokens(vocabulary)
    answers = []
    for text, ids in questions:
        peer.forget(context)
        rows = []
        for token in ids:  # one by one, as every position's logits are wanted
            peer.decode(context, [token])
            rows.append(np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context, -1), shape=(size,)).tolist())
        data = text.encode()
        room = (llama_cpp.llama_token * 512)()
        count = llama_cpp.llama_tokenize(vocabulary, data, len(data), ctypes.cast(room, ctypes.POINTER(llama_cpp.llama_token)), 512, False, False)
        answers.append({"logits": rows, "ids": list(room[:count])})
    print(json.dumps(answers))


def main():
    if sys.argv[1:2] == ["--half"]:
        return llama(sys.argv[2], json.loads(sys.stdin.read()))
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--kanana", default="target/release/kanana")
    parser.add_argument("--llama", help="a Python that has llama-cpp-python; without it, only transformers is asked")
    parser.add_argument("--limit", type=float, default=1e-3)
    parser.add_argument("--rough", type=float, default=5e-2)
    options = parser.parse_args()

    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    good = True
    for path in options.models:
        model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
        tokenizer = AutoTokenizer.from_pretrained(path)
        with tempfile.TemporaryDirectory() as scratch:
            out, file = Path(scratch) / "logits.safetensors", Path(scratch) / "model.gguf"
            questions, ours, apart = [], [], 0.0
            for text in TEXTS:
                ids = tokenizer(text, add_special_tokens=False).input_ids
                words = [options.kanana, "logits", str(path), "--ids", ",".join(map(str, ids)), "--out", str(out)]
                subprocess.run(words, check=True, capture_output=True)
                mine = load_file(out)["logits"]
                with torch.no_grad():
                    theirs = model(torch.tensor([ids])).logits[0]
                apart = max(apart, (mine - theirs).abs().max().item())
                questions.append((text, ids))
                ours.append(mine)
            line = f"{path.name}: {sum(p.numel() for p in model.parameters()) / 1e6:.1f}M, transformers within {apart:.1e}"
            good &= apart < options.limit
            if options.llama:
                words = [options.kanana, "convert", str(path), str(file), "--type", "f32"]
                subprocess.run(words, check=True, capture_output=True)
                words = [options.llama, __file__, "--half", str(file)]
                said = subprocess.run(words, check=True, capture_output=True, text=True, input=json.dumps(questions))
                answers = json.loads(said.stdout)
                apart = max((mine - torch.tensor(one["logits"])).abs().max().item() for mine, one in zip(ours, answers, strict=True))
                alike = all(one["ids"] == ids for one, (_, ids) in zip(answers, questions, strict=True))
                line += f", llama.cpp within {apart:.1e}, texts encoded {'alike' if alike else 'OTHERWISE'}"
                good &= apart < options.rough and alike
            print(line)
    raise SystemExit(0 if good else 1)


main()
