#!/usr/bin/env python3
"""lm-evaluation-harness against `kanana serve`: its `local-completions` scores and generates over HTTP.

    kanana serve MODEL --port 8080 --precision f32 &
    VENV/bin/python benches/serve/harness.py --port 8080 --tokenizer MODEL [--peer MODEL]

A task of questions made here, Korean and English, multiple choice by log-likelihood; one of texts to be continued;
one of rolling perplexity. With --peer the same tasks run on the same checkpoint in transformers (`hf`), and
each log-likelihood has to agree within 2e-3. Packages: lm-eval[api]==0.4.13 (and torch, transformers for --peer).
"""

import argparse
import json
import tempfile
from pathlib import Path

import lm_eval
from lm_eval.tasks import TaskManager

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8080)
parser.add_argument("--tokenizer", required=True)
parser.add_argument("--peer")
args = parser.parse_args()

PLACES = [("하늬마을", "감귤"), ("별내", "사과"), ("새벽골", "쌀"), ("Marlow", "apples"), ("Fenwick", "wool"), ("Orrin", "salt")]
folder = Path(tempfile.mkdtemp())
rows = [{"q": f"{place}의 특산물은?" if i < 3 else f"What is {place} known for?", "choices": [thing for _, thing in PLACES], "gold": i} for i, (place, _) in enumerate(PLACES)]
(folder / "rows.json").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
common = f"""
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/rows.json}}}}
test_split: test
"""
(folder / "choice.yaml").write_text("task: places_choice" + common + """
output_type: multiple_choice
doc_to_text: "질문: {{q}}\\n답:"
doc_to_target: "{{gold}}"
doc_to_choice: "{{choices}}"
metric_list: [{metric: acc}, {metric: acc_norm}]
""")
(folder / "write.yaml").write_text("task: places_write" + common + """
output_type: generate_until
doc_to_text: "질문: {{q}}\\n답:"
doc_to_target: "{{choices[gold]}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 12, do_sample: false}
metric_list: [{metric: exact_match}]
""")
(folder / "rolling.yaml").write_text("task: places_rolling" + common + """
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{q}} {{choices | join(', ')}}"
metric_list: [{metric: byte_perplexity}]
""")
tasks = ["places_choice", "places_write", "places_rolling"]


def run(model, model_args):
    manager = TaskManager(include_path=str(folder))
    return lm_eval.simple_evaluate(model=model, model_args=model_args, tasks=tasks, task_manager=manager, log_samples=True, batch_size=4, bootstrap_iters=0)


url = f"http://127.0.0.1:{args.port}/v1/completions"
name = Path(args.tokenizer).name
ours = run("local-completions", f"model={name},base_url={url},tokenizer={args.tokenizer},num_concurrent=4,tokenized_requests=True,max_length=512")
print(json.dumps(ours["results"], indent=1, default=str))
if args.peer:
    theirs = run("hf", f"pretrained={args.peer},dtype=float32,device=cpu,max_length=512")
    print(json.dumps(theirs["results"], indent=1, default=str))
    worst, same, number = 0.0, 0, 0
    for task in tasks:
        for one, other in zip(ours["samples"][task], theirs["samples"][task]):
            for a, b in zip(one["resps"], other["resps"]):
                a, b = a[0], b[0]
                number += 1
                if task == "places_write":
                    same += a == b
                else:
                    a, b = (a[0], b[0]) if isinstance(a, (tuple, list)) else (a, b)
                    worst = max(worst, abs(float(a) - float(b)))
    print(f"{number} answers; texts the same: {same} of {len(rows)}; log-likelihoods differ by at most {worst:.2e}")
    assert worst < 2e-3 and same == len(rows)
