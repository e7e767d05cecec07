#!/usr/bin/env python3
"""Which peak rate and which batch suit a cut model: taught by the model it was cut from, and from nothing.

    rates.py TEACHER SURGERY TOKENS HELD_OUT OUT.json --jobs taught:2048:1e-3,scratch:2048:2e-3,… [--tokens-seen 3000000]

For a GPU: PyTorch and transformers, bf16 autocast, one job of KIND:BATCH:PEAK after another (start several of
these for more at once). TEACHER is a Hugging Face directory (or FOLDER:FILE.gguf), SURGERY the surgery.json of a
`prune` artifact, TOKENS and HELD_OUT token files (u16 or u32). Text is one stream in order, not by document: for
choosing settings of recipes/smollm2.toml, not for comparing numbers with it. Teaching is forward KL
with a cosine, learning from nothing is cross-entropy with DeepSeek's multi-step schedule: kanana's defaults.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

LENGTH = 512


def read(path):
    return torch.from_numpy(np.fromfile(path, dtype=np.uint16 if path.suffix == ".u16" else np.uint32).astype(np.int64))


def teacher_of(name):
    folder, _, gguf = name.partition(":")
    given = {"gguf_file": gguf} if gguf else {}
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **given).eval()


def student_of(teacher, surgery, cut):
    """The model that SURGERY describes, cut from the teacher, or with fresh weights."""
    shape, full = surgery["shape"], surgery["from"]["shape"]
    config = LlamaConfig(
        vocab_size=shape["vocabulary"],
        hidden_size=shape["width"],
        intermediate_size=shape["ffn"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["query_heads"],
        num_key_value_heads=shape["kv_heads"],
        head_dim=shape["head_dim"],
        max_position_embeddings=shape["context"],
        rms_norm_eps=shape["norm_epsilon"],
        rope_theta=shape["rope"]["base"],
        tie_word_embeddings=True,
    )
    student = LlamaForCausalLM(config)
    if not cut:
        torch.manual_seed(1)
        for name, p in student.named_parameters():
            if p.dim() == 2:
                deep = name.endswith(("o_proj.weight", "down_proj.weight"))
                torch.nn.init.normal_(p, std=0.02 / math.sqrt(2 * shape["layers"]) if deep else 0.02)
        return student
    taken = surgery["taken"]
    width = torch.tensor(taken["width"]["lists"][0])
    groups, size = full["kv_heads"], full["head_dim"]
    within = full["query_heads"] // groups
    [heads_axis] = [axis for axis in taken if axis not in ("width", "ffn")]
    source, weights = teacher.state_dict(), {}
    for name, value in source.items():
        if name.startswith("lm_head"):
            continue
        if ".layers." in name:
            layer = int(name.split(".layers.")[1].split(".")[0])
            ffn = torch.tensor(taken["ffn"]["lists"][layer])
            lists = taken[heads_axis]["lists"]
            own = lists[layer * groups : (layer + 1) * groups]
            assert len(lists) == full["layers"] * groups and max(map(max, own)) < within
            heads = [group * within + head for group, list in enumerate(own) for head in list]
            queries = torch.cat([torch.arange(h * size, (h + 1) * size) for h in heads])
            rows = {"q_proj": queries, "gate_proj": ffn, "up_proj": ffn, "o_proj": width, "down_proj": width}
            columns = {"o_proj": queries, "down_proj": ffn}
            kind = name.split(".")[-2]
            if value.dim() == 2:
                value = value[rows[kind]] if kind in rows else value
                value = value[:, columns.get(kind, width)]
            else:
                value = value[width]
        else:
            value = value[:, width] if value.dim() == 2 else value[width]
        weights[name] = value
    missing, unexpected = student.load_state_dict(weights, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    student.tie_weights()
    return student


def factor(kind, at, total):
    warm = 0.01 * total
    if at < warm:
        return at / warm
    if kind == "scratch":
        return 1.0 if at < 0.8 * total else 0.316 if at < 0.9 * total else 0.1
    return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * (at - warm) / (total - warm)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("teacher")
    parser.add_argument("surgery", type=Path)
    parser.add_argument("tokens", type=Path)
    parser.add_argument("held_out", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--jobs", required=True)
    parser.add_argument("--tokens-seen", type=int, default=3_000_000)
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after this long")
    arguments = parser.parse_args()
    begun = time.monotonic()
    torch.set_num_threads(2)
    surgery = json.loads(arguments.surgery.read_text())
    cpu_teacher = teacher_of(arguments.teacher)
    teacher = cpu_teacher.to("cuda", torch.bfloat16)
    cpu_teacher = teacher_of(arguments.teacher)
    tokens, held = read(arguments.tokens).cuda(), read(arguments.held_out).cuda()
    held = held[: (len(held) - 1) // LENGTH * LENGTH + 1]

    def held_out(model):
        model.eval()
        total, count = 0.0, len(held) // LENGTH
        with torch.no_grad(), torch.autocast("cuda", torch.bfloat16):
            for begin in range(0, count, 32):
                end = min(count, begin + 32)
                ids = held[begin * LENGTH : end * LENGTH].view(-1, LENGTH)
                next = held[begin * LENGTH + 1 : end * LENGTH + 1]
                logits = model(input_ids=ids).logits.float().view(-1, model.config.vocab_size)
                total += F.cross_entropy(logits, next, reduction="sum").item()
        return total / (count * LENGTH)

    results = []
    print("teacher", held_out(teacher), flush=True)
    for job in arguments.jobs.split(","):
        kind, batch, peak = job.split(":")
        batch, peak = int(batch), float(peak)
        student = student_of(cpu_teacher, surgery, kind == "taught").cuda()
        record = {"job": job, "curve": [[0, held_out(student)]]}
        optimizer = torch.optim.AdamW(student.parameters(), lr=peak, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
        steps = arguments.tokens_seen // batch
        student.train()
        for step in range(steps):
            begin = step * batch
            ids = tokens[begin : begin + batch].view(-1, LENGTH)
            rate = factor(kind, (step + 0.5) * batch, steps * batch)
            with torch.autocast("cuda", torch.bfloat16):
                logits = student(input_ids=ids).logits.view(batch, -1)
                if kind == "taught":
                    with torch.no_grad():
                        wanted = F.log_softmax(teacher(input_ids=ids).logits.float().view(batch, -1), -1)
                    loss = F.kl_div(F.log_softmax(logits.float(), -1), wanted, reduction="batchmean", log_target=True)
                else:
                    logits = logits.float()
                    loss = F.cross_entropy(logits, tokens[begin + 1 : begin + batch + 1])
                    loss = loss + 5e-6 * logits.logsumexp(-1).square().mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
            for group in optimizer.param_groups:
                group["lr"] = peak * rate
            with torch.no_grad():
                torch._foreach_mul_(list(student.parameters()), 1 - 1e-4 * rate)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if (step + 1) % max(1, steps // 6) == 0:
                record["curve"].append([(step + 1) * batch, held_out(student)])
                student.train()
            if time.monotonic() - begun > arguments.seconds:
                record["stopped"] = True
                break
        record["end"] = held_out(student)
        record["seconds"] = time.monotonic() - begun
        results.append(record)
        print(json.dumps(record), flush=True)
        arguments.out.write_text(json.dumps(results, indent=1))
        if "stopped" in record:
            break


if __name__ == "__main__":
    main()
