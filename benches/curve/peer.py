#!/usr/bin/env python3
"""Trains the decoder of ../step/peer.py in PyTorch on the very windows that a kanana run was fed.

    peer.py MODEL WINDOWS HELD_OUT OUT.json [--tokens 2000000] [--precision f32|bf16] [--device cuda]

MODEL is the untrained model (a Hugging Face directory), WINDOWS and HELD_OUT are folders written
by `cargo run --release -p train --example windows`. The mathematics is written out here a second
time, from the report and not from our code: AdamW with decay independent of the rate, z-loss,
clipping, warm-up by tokens, documents that do not see each other. OUT gets the loss of every
step and held-out bits per byte as often as asked; compare.py lays them beside training.json.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "step"))
import peer as step  # noqa: E402

NAMES = {
    "n1": "input_layernorm",
    "n2": "post_attention_layernorm",
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "g": "mlp.gate_proj",
    "u": "mlp.up_proj",
    "d": "mlp.down_proj",
}


def load(decoder, folder):
    config = json.loads((folder / "config.json").read_text())
    wanted = (step.WIDTH, step.LAYERS, step.HEADS, step.KV_HEADS, step.FFN, step.VOCABULARY)
    keys = ["hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads"]
    keys += ["intermediate_size", "vocab_size"]
    found = tuple(config[key] for key in keys)
    assert found == wanted and config["tie_word_embeddings"], f"another shape: {found}"
    tensors = load_file(folder / "model.safetensors")
    state = {"emb.weight": tensors["model.embed_tokens.weight"], "nf.weight": tensors["model.norm.weight"]}
    for layer in range(step.LAYERS):
        for ours, theirs in NAMES.items():
            state[f"blocks.{layer}.{ours}.weight"] = tensors[f"model.layers.{layer}.{theirs}.weight"]
    decoder.load_state_dict(state)
    return config


class Rows:
    """Rows of a folder of windows."""

    def __init__(self, folder, device):
        read = lambda name: np.fromfile(folder / f"{name}.u32", dtype="<u4").astype(np.int64)
        self.ids, self.targets, self.positions = read("ids"), read("targets"), read("positions")
        self.groups = read("groups")
        self.segment = np.zeros(len(self.ids), dtype=np.int64)
        starts = read("starts")
        self.segment[starts[(starts > 0) & (starts < len(self.ids))]] = 1
        self.segment = np.cumsum(self.segment)
        self.names = json.loads((folder / "groups.json").read_text())
        self.device = device

    def part(self, begin, end, length):
        """Rows begin..end as sequences of `length` (the last padded with rows of weight 0)."""
        count = -(-(end - begin) // length)
        full = count * length

        def shaped(values, fill):
            out = np.full(full, fill, dtype=np.int64)
            out[: end - begin] = values[begin:end]
            return torch.from_numpy(out.reshape(count, length)).to(self.device)

        segment = shaped(self.segment, -1)
        mask = segment[:, :, None] == segment[:, None, :]
        mask &= torch.ones(length, length, dtype=torch.bool, device=self.device).tril()
        weight = shaped(np.ones(len(self.ids), dtype=np.int64), 0)
        return shaped(self.ids, 0), shaped(self.targets, 0), shaped(self.positions, 0), mask, weight


def hidden(decoder, ids, positions, mask, cos, sin):
    """The decoder of ../step/peer.py with positions and a mask of documents."""
    b, t = ids.shape
    cos, sin = cos[positions][:, None], sin[positions][:, None]
    rotate = lambda x: x * cos + step.rotate_half(x) * sin
    x = decoder.emb(ids)
    for block in decoder.blocks:
        h = block.n1(x)
        heads = lambda y, n: y.view(b, t, n, step.HEAD_DIM).transpose(1, 2)
        q = rotate(heads(block.q(h), step.HEADS))
        k = rotate(heads(block.k(h), step.KV_HEADS))
        v = heads(block.v(h), step.KV_HEADS)
        q, k = q.to(v.dtype), k.to(v.dtype)
        a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None], enable_gqa=True)
        x = x + block.o(a.transpose(1, 2).reshape(b, t, step.WIDTH))
        h = block.n2(x)
        x = x + block.d(F.silu(block.g(h)) * block.u(h))
    return decoder.nf(x)


def schedule(at, warm_up, horizon):
    """DeepSeek's multi-step schedule, by tokens."""
    if at < warm_up:
        return at / warm_up
    return 1.0 if at < 0.8 * horizon else 0.316 if at < 0.9 * horizon else 0.1


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("windows", type=Path)
    parser.add_argument("held_out", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tokens", type=int, default=2_000_000)
    parser.add_argument("--batch", type=int, default=16384)
    parser.add_argument("--sequence", type=int, default=512)
    parser.add_argument("--micro", type=int, default=8, help="sequences at once")
    parser.add_argument("--peak", type=float, default=1.5e-3)
    parser.add_argument("--warm-up", type=int, default=100_000)
    parser.add_argument("--horizon", type=int, default=10_000_000, help="tokens of the schedule")
    parser.add_argument("--every", type=int, default=225_000, help="tokens between validations")
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    torch.set_float32_matmul_precision("highest")
    device = arguments.device
    decoder = step.Decoder()
    config = load(decoder, arguments.model)
    decoder.to(device)
    base = config.get("rope_theta", 500000.0)
    cos, sin = (x.to(device) for x in step.rotation(arguments.sequence, base))
    rows, held = Rows(arguments.windows, device), Rows(arguments.held_out, device)
    autocast = lambda: torch.autocast(device, torch.bfloat16, arguments.precision == "bf16")
    parameters = list(decoder.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1.0, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.0)

    def validate(tokens):
        nats = np.zeros(len(held.names))
        size = arguments.sequence * arguments.micro
        with torch.no_grad(), autocast():
            for begin in range(0, len(held.ids), size):
                end = min(begin + size, len(held.ids))
                ids, targets, positions, mask, weight = held.part(begin, end, arguments.sequence)
                x = hidden(decoder, ids, positions, mask, cos, sin)
                logits = F.linear(x, decoder.emb.weight).float()
                loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
                loss = loss[weight.flatten() > 0].double().cpu().numpy()
                np.add.at(nats, held.groups[begin:end], loss)
        score = lambda nats, of: nats / math.log(2) / of if of else 0.0
        return {
            "tokens": tokens,
            "bits_per_byte": score(nats.sum(), sum(of for _, of in held.names)),
            "groups": {name: score(x, of) for (name, of), x in zip(held.names, nats)},
        }

    points, validations = [], [validate(0)]
    tokens, begun = 0, time.monotonic()
    while tokens < arguments.tokens:
        count = min(arguments.batch, len(rows.ids) - tokens)
        total, size = 0.0, arguments.sequence * arguments.micro
        for begin in range(tokens, tokens + count, size):
            end = min(begin + size, tokens + count)
            ids, targets, positions, mask, weight = rows.part(begin, end, arguments.sequence)
            with autocast():
                x = hidden(decoder, ids, positions, mask, cos, sin)
                logits = F.linear(x, decoder.emb.weight).float().flatten(0, 1)
            kept = weight.flatten().float()
            loss = F.cross_entropy(logits, targets.flatten(), reduction="none") * kept
            z = torch.logsumexp(logits, -1) ** 2 * kept
            ((loss.sum() + 5e-6 * z.sum()) / count).backward()
            total += loss.sum().item()
        norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0).item()
        middle = tokens + 0.5 * count
        factor = schedule(middle, arguments.warm_up, arguments.horizon)
        optimizer.param_groups[0]["lr"] = arguments.peak * factor
        with torch.no_grad():
            # w -= s·λ·w beside the step of Adam, not multiplied by the rate; matrices only
            for p in parameters:
                if p.dim() > 1:
                    p.mul_(1.0 - factor * 1e-4)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        before, tokens = tokens, tokens + count
        points.append({"tokens": tokens, "loss": total / count, "gradient_norm": norm})
        if before // arguments.every != tokens // arguments.every:
            validations.append(validate(tokens))
            print(json.dumps(validations[-1]), round(time.monotonic() - begun), "s", flush=True)
    described = f"torch {torch.__version__} {arguments.precision} on {device}"
    result = {"peer": described, "points": points, "validations": validations}
    arguments.out.write_text(json.dumps(result))


if __name__ == "__main__":
    main()
