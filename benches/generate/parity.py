#!/usr/bin/env python3
"""Whether kanana computes what transformers does on a GGUF file that `gguf` has written out.

    VENV/bin/pip install torch transformers gguf safetensors
    VENV/bin/python benches/generate/parity.py MODEL.gguf --kanana target/release/kanana

For 50 prompts, Korean, English, code and emoji, transformers writes 64 tokens greedily in f32; kanana
(f32, `--weights dense`) then gives its logits over prompt and continuation, which must lie within
--limit of transformers' and choose the same token at every place, except where transformers' two best
lie within 1e-3: those are listed. So the greedy continuations are the same, token by token. Prompts are
encoded by both tokenizers.
"""

import argparse
import copy
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

PROMPTS = [
    "안녕하세요, 저는", "대한민국의 수도는", "오늘 날씨가", "한국의 역사에서 가장", "김치를 만들려면",
    "인공지능이란", "서울에서 부산까지", "옛날 옛적에", "세종대왕은", "물은 섭씨 100도에서",
    "가나다라마바사", "1부터 10까지 세면", "제주도의 특산물은", "한글은 1443년에", "봄 여름 가을",
    "The capital of France is", "Once upon a time", "Water boils at", "In 1969, humans", "The quick brown fox",
    "To make bread, you need", "Photosynthesis is", "The largest planet", "She opened the door and", "My favourite book",
    "Gravity is a force", "The theory of evolution", "A prime number is", "Shakespeare wrote", "The human heart",
    "def fibonacci(n):", "import numpy as np\n", "for (int i = 0; i <", "SELECT name FROM", "fn main() {\n    let x =",
    "class Node:\n    def __init__", "<html>\n<head>", "{\"name\": \"", "#include <stdio.h>", "print('hello",
    "1 + 1 =", "2, 4, 8, 16,", "🙂 means", "👨‍👩‍👧 is a family", "Email: info@",
    "Bonjour, je", "Der schnelle", "こんにちは", "你好，世界", "Question: What is 12 times 12?\nAnswer:",
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--kanana", default="target/release/kanana")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--limit", type=float, default=1e-4)
    parser.add_argument("--skip", type=int, default=0, help="prompts to leave out at the beginning")
    parser.add_argument("--prompts", type=int, default=len(PROMPTS))
    options = parser.parse_args()
    place = {"pretrained_model_name_or_path": options.file.parent, "gguf_file": options.file.name}
    model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(**place)
    exact = copy.deepcopy(model).double()
    worst, ours, theirs, close, wrong = 0.0, 0.0, 0.0, [], []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "logits.safetensors"
        chosen = PROMPTS[options.skip :][: options.prompts]
        for prompt in chosen:
            ids = tokenizer(prompt, add_special_tokens=False).input_ids
            with torch.no_grad():
                start = torch.tensor([ids])
                whole = model.generate(start, attention_mask=torch.ones_like(start), do_sample=False,
                                       max_new_tokens=options.tokens, eos_token_id=None, pad_token_id=0)[0]
                wanted = model(whole[None]).logits[0]
                truth = exact(whole[None]).logits[0]
            joined = ",".join(str(int(i)) for i in whole)
            command = [options.kanana, "logits", options.file, "--ids", joined, "--out", out, "--weights", "dense"]
            subprocess.run([str(part) for part in command], check=True, capture_output=True)
            found = load_file(out)["logits"]
            print(f"{worst:.1e} {len(close)} {len(wrong)} {prompt!r}", file=sys.stderr, flush=True)
            worst = max(worst, (found - wanted).abs().max().item())
            ours = max(ours, (found - truth).abs().max().item())
            theirs = max(theirs, (wanted - truth).abs().max().item())
            for at in range(len(ids) - 1, len(whole) - 1):
                best = wanted[at].topk(2).values
                if found[at].argmax() != wanted[at].argmax():
                    apart = (best[0] - best[1]).item()
                    (close if apart < 1e-3 else wrong).append((prompt, at - len(ids) + 1, apart))
    print(json.dumps({"prompts": len(chosen), "largest difference": worst, "ours from f64": ours, "transformers' from f64": theirs, "close calls": close, "wrong": wrong}, ensure_ascii=False))
    sys.exit(bool(wrong) or not (worst <= options.limit or ours <= theirs))


main()
