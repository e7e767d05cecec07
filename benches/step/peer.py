#!/usr/bin/env python3
"""The peer: the same decoder in plain PyTorch, one training step after another.

    peer.py weights FILE                        writes weights, ids and targets (seeded)
    peer.py train FILE MODE --threads 2 --steps 6
                                                MODE: eager-f32 compile-f32 eager-bf16 compile-bf16

A Llama-style decoder of 32M parameters: width 512, 8 layers, 8 heads of 64, 4 kv heads, ffn 1408,
vocabulary 16384, tied; 4 sequences of 512 tokens; fused AdamW. `train` prints one line of JSON.
Attention is scaled_dot_product_attention, bf16 is autocast: PyTorch as its users run it.
"""

import argparse
import json
import resource
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

WIDTH, LAYERS, HEADS, KV_HEADS, FFN, VOCABULARY = 512, 8, 8, 4, 1408, 16384
HEAD_DIM = WIDTH // HEADS
SEQUENCES, LENGTH = 4, 512


class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight, 1e-5)


def rotation(positions, base=500000.0):
    frequencies = 1.0 / (base ** (torch.arange(0, HEAD_DIM, 2).float() / HEAD_DIM))
    angles = torch.outer(torch.arange(positions).float(), frequencies)
    angles = torch.cat([angles, angles], -1)
    return angles.cos(), angles.sin()


def rotate_half(x):
    a, b = x.chunk(2, -1)
    return torch.cat([-b, a], -1)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        linear = lambda i, o: nn.Linear(i, o, bias=False)
        self.n1, self.n2 = RMSNorm(WIDTH), RMSNorm(WIDTH)
        self.q, self.k = linear(WIDTH, WIDTH), linear(WIDTH, KV_HEADS * HEAD_DIM)
        self.v, self.o = linear(WIDTH, KV_HEADS * HEAD_DIM), linear(WIDTH, WIDTH)
        self.g, self.u, self.d = linear(WIDTH, FFN), linear(WIDTH, FFN), linear(FFN, WIDTH)

    def forward(self, x, cos, sin):
        b, t, _ = x.shape
        h = self.n1(x)
        q = self.q(h).view(b, t, HEADS, HEAD_DIM).transpose(1, 2)
        k = self.k(h).view(b, t, KV_HEADS, HEAD_DIM).transpose(1, 2)
        v = self.v(h).view(b, t, KV_HEADS, HEAD_DIM).transpose(1, 2)
        q = q * cos + rotate_half(q) * sin
        k = k * cos + rotate_half(k) * sin
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + self.o(a.transpose(1, 2).reshape(b, t, WIDTH))
        h = self.n2(x)
        return x + self.d(F.silu(self.g(h)) * self.u(h))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(VOCABULARY, WIDTH)
        self.blocks = nn.ModuleList([Block() for _ in range(LAYERS)])
        self.nf = RMSNorm(WIDTH)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02)

    def forward(self, ids, targets, cos, sin):
        x = self.emb(ids)
        for block in self.blocks:
            x = block(x, cos, sin)
        logits = F.linear(self.nf(x), self.emb.weight)
        return F.cross_entropy(logits.float().view(-1, VOCABULARY), targets.view(-1))


def weights(arguments):
    torch.manual_seed(0)
    tensors = {k: v.contiguous() for k, v in Decoder().state_dict().items()}
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(0, VOCABULARY, (SEQUENCES, LENGTH + 1), generator=generator)
    tensors["ids"], tensors["tgt"] = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    save_file(tensors, arguments.file)


def train(arguments):
    torch.set_num_threads(arguments.threads)
    tensors = load_file(arguments.file)
    ids, targets = tensors.pop("ids"), tensors.pop("tgt")
    decoder = Decoder()
    decoder.load_state_dict(tensors)
    del tensors
    cos, sin = rotation(LENGTH)
    optimizer = torch.optim.AdamW(
        decoder.parameters(), lr=3e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1, fused=True
    )
    step = torch.compile(decoder) if "compile" in arguments.mode else decoder
    seconds, losses = [], []
    for _ in range(arguments.steps):
        start = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled="bf16" in arguments.mode):
            loss = step(ids, targets, cos, sin)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
    report(arguments, seconds, losses)


def report(arguments, seconds, losses):
    """One line of JSON, for this peer and for the others that measure a step."""
    median, tokens = statistics.median(seconds[1:] or seconds), SEQUENCES * LENGTH
    line = {
        "cand": f"torch-{arguments.mode}",
        "device": f"torch {torch.__version__}",
        "threads": arguments.threads,
        "first": round(seconds[0], 3),
        "med_s": round(median, 3),
        "min_s": round(min(seconds), 3),
        "tok_s": round(tokens / median, 1),
        "tok_s_best": round(tokens / min(seconds), 1),
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "losses": [round(x, 6) for x in losses[:5]],
    }
    print(json.dumps(line))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("weights")
    command.add_argument("file")
    command.set_defaults(run=weights)
    command = commands.add_parser("train")
    command.add_argument("file")
    modes = ["eager-f32", "compile-f32", "eager-bf16", "compile-bf16"]
    command.add_argument("mode", choices=modes)
    command.add_argument("--threads", type=int, default=2)
    command.add_argument("--steps", type=int, default=6)
    command.set_defaults(run=train)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
