#!/usr/bin/env python3
"""The peer: a distillation step in plain PyTorch, one after another.

    peer.py weights FILE                        writes weights, ids and targets (seeded)
    peer.py train FILE MODE --threads 2 --steps 6
                                                MODE: eager-f32 compile-f32 eager-bf16 compile-bf16

A Llama-style teacher of 32M parameters (width 512, 8 layers, 8 heads of 64, 4 kv heads, ffn 1408,
vocabulary 16384, tied) and a student half as wide (heads of 32, ffn 704); 4 sequences of 512 tokens;
forward KL on final logits, the teacher under no_grad; fused AdamW. `train` prints one line of JSON.
Attention is scaled_dot_product_attention, bf16 is autocast: PyTorch as its users run it. Tensors are
named as kanana names its parameters.
"""

import argparse
import importlib.util
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

found = importlib.util.spec_from_file_location(
    "step_peer", Path(__file__).resolve().parent.parent / "step" / "peer.py"
)
step_peer = importlib.util.module_from_spec(found)
found.loader.exec_module(step_peer)

LAYERS, HEADS, KV_HEADS, VOCABULARY = 8, 8, 4, 16384
SEQUENCES, LENGTH = 4, 512


@dataclass
class Size:
    width: int
    head_dim: int
    ffn: int


TEACHER, STUDENT = Size(512, 64, 1408), Size(256, 32, 704)


def rotation(head_dim, base=500000.0):
    frequencies = 1.0 / (base ** (torch.arange(0, head_dim, 2).float() / head_dim))
    angles = torch.outer(torch.arange(LENGTH).float(), frequencies)
    angles = torch.cat([angles, angles], -1)
    return angles.cos(), angles.sin()


class Block(nn.Module):
    def __init__(self, size):
        super().__init__()
        linear = lambda i, o: nn.Linear(i, o, bias=False)
        width, self.head_dim = size.width, size.head_dim
        kv = KV_HEADS * size.head_dim
        self.attn_norm, self.mlp_norm = step_peer.RMSNorm(width), step_peer.RMSNorm(width)
        self.q, self.k, self.v = linear(width, width), linear(width, kv), linear(width, kv)
        self.o, self.down = linear(width, width), linear(size.ffn, width)
        self.gate, self.up = linear(width, size.ffn), linear(width, size.ffn)

    def forward(self, x, cos, sin):
        b, t, width = x.shape
        h = self.attn_norm(x)
        q = self.q(h).view(b, t, HEADS, self.head_dim).transpose(1, 2)
        k = self.k(h).view(b, t, KV_HEADS, self.head_dim).transpose(1, 2)
        v = self.v(h).view(b, t, KV_HEADS, self.head_dim).transpose(1, 2)
        q = q * cos + step_peer.rotate_half(q) * sin
        k = k * cos + step_peer.rotate_half(k) * sin
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + self.o(a.transpose(1, 2).reshape(b, t, width))
        h = self.mlp_norm(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Decoder(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, size.width)
        self.layers = nn.ModuleList([Block(size) for _ in range(LAYERS)])
        self.norm = step_peer.RMSNorm(size.width)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02)

    def forward(self, ids, cos, sin):
        x = self.embed(ids)
        for block in self.layers:
            x = block(x, cos, sin)
        return F.linear(self.norm(x), self.embed.weight)

    def named(self):
        """Parameters by kanana's names."""
        halves = {"attn_norm": "attn.norm", "mlp_norm": "mlp.norm"}
        halves |= {part: f"attn.{part}" for part in "qkvo"}
        halves |= {part: f"mlp.{part}" for part in ("gate", "up", "down")}
        for name, parameter in self.named_parameters():
            parts = name.removesuffix(".weight").split(".")
            if parts[0] == "layers":
                parts[2] = halves[parts[2]]
            yield ".".join(parts), parameter


def weights(arguments):
    torch.manual_seed(0)
    tensors = {}
    for title, size in [("teacher", TEACHER), ("student", STUDENT)]:
        for name, parameter in Decoder(size).named():
            tensors[f"{title}.{name}"] = parameter.detach().contiguous()
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(0, VOCABULARY, (SEQUENCES, LENGTH + 1), generator=generator)
    tensors["ids"], tensors["tgt"] = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    save_file(tensors, arguments.file)


def load(tensors, title, size):
    decoder = Decoder(size)
    with torch.no_grad():
        for name, parameter in decoder.named():
            parameter.copy_(tensors[f"{title}.{name}"])
    return decoder


def train(arguments):
    torch.set_num_threads(arguments.threads)
    tensors = load_file(arguments.file)
    ids = tensors["ids"]
    teacher, student = load(tensors, "teacher", TEACHER), load(tensors, "student", STUDENT)
    teacher.requires_grad_(False).eval()
    rotations = rotation(TEACHER.head_dim), rotation(STUDENT.head_dim)
    optimizer = torch.optim.AdamW(
        student.parameters(), lr=3e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1, fused=True
    )

    def divergence(ids):
        with torch.no_grad():
            log_p = teacher(ids, *rotations[0]).float().log_softmax(-1)
        log_q = student(ids, *rotations[1]).float().log_softmax(-1)
        rows = (-1, VOCABULARY)
        return F.kl_div(log_q.view(rows), log_p.view(rows), log_target=True, reduction="batchmean")

    step = torch.compile(divergence) if "compile" in arguments.mode else divergence
    seconds, losses = [], []
    for _ in range(arguments.steps):
        start = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled="bf16" in arguments.mode):
            loss = step(ids)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
    step_peer.report(arguments, seconds, losses)


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
