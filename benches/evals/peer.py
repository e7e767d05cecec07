"""What lm-evaluation-harness (model type `hf`, CPU) makes of benchmarks in their original files.

    python peer.py --model DIR --data FOLDER --tasks mmlu,gsm8k --limit 30 --batch 1

Its own task files are used; only where rows come from is replaced, by files beside each other. Writes
one JSON object: for each task the seconds of `evaluate` alone, and every question by id. Needs lm-eval
0.4.13 with torch and transformers; run.py calls it.
"""

import argparse
import csv
import json
import os
import tempfile
import time
from pathlib import Path

os.environ["HF_DATASETS_OFFLINE"] = os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import lm_eval
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks._yaml_loader import load_yaml

YAMLS = Path(lm_eval.__file__).parent / "tasks"
SHOTS = {"mmlu": 5, "kmmlu": 5, "haerae": 5, "gsm8k": 5}
TRUTH = {"FALSE": 0, "TRUE": 1}
HAERAE = {"general_knowledge": "gk", "history": "hi", "loan_words": "lw", "rare_words": "rw", "standard_nomenclature": "sn"}


def table(path, delimiter=","):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.reader(file, delimiter=delimiter))


def named(path, delimiter=","):
    heading, *rows = table(path, delimiter)
    return [dict(zip(heading, row, strict=True)) for row in rows if row]


def lines(path):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").split("\n") if line]


def mmlu(folder):
    def rows(path):
        return [{"question": row[0], "choices": row[1:5], "answer": "ABCD".index(row[5])} for row in table(path)]

    for test in sorted((folder / "test").glob("*_test.csv")):
        subject = test.name.removesuffix("_test.csv")
        dev = folder / f"dev/{subject}_dev.csv"
        yield subject, f"mmlu/default/mmlu_{subject}.yaml", {"dev": rows(dev), "test": rows(test)}


def kmmlu(folder):
    def rows(path):
        return [{**row, "answer": int(row["answer"])} for row in named(path)]

    for test in sorted(folder.glob("*-test.csv")):
        subject = test.name.removesuffix("-test.csv")
        dev = folder / f"{subject}-dev.csv"
        yaml = f"kmmlu/default/kmmlu_{subject.lower().replace('-', '_')}.yaml"
        yield subject, yaml, {"dev": rows(dev), "test": rows(test)}


def haerae(folder):
    for path in sorted([*folder.glob("*.csv"), *folder.glob("*.jsonl")]):
        rows = named(path) if path.suffix == ".csv" else lines(path)
        yield path.stem, f"haerae/haerae_{HAERAE[path.stem]}.yaml", {"test": rows}


def gsm8k(folder):
    yield None, "gsm8k/gsm8k.yaml", {split: lines(folder / f"{split}.jsonl") for split in ("train", "test")}


def kobest(part):
    rows = {
        "boolq": lambda row: {
            "paragraph": row["Text"],
            "question": row["Question"],
            "label": TRUTH[row["Answer"].upper()],
        },
        "copa": lambda row: {
            "premise": row["sentence"],
            "question": row["question"],
            "alternative_1": row["1"],
            "alternative_2": row["2"],
            "label": int(row["Answer"]) - 1,
        },
        "hellaswag": lambda row: {
            "context": row["context"],
            **{f"ending_{n}": row[f"choice{n}"] for n in range(1, 5)},
            "label": int(row["label"]),
        },
        "sentineg": lambda row: {"sentence": row["Text"], "label": int(row["Label"])},
        "wic": lambda row: {
            "word": row["Target"],
            "context_1": row["SENTENCE1"],
            "context_2": row["SENTENCE2"],
            "label": TRUTH[row["ANSWER"].upper()],
        },
    }[part]
    folder = {"boolq": "BoolQ", "copa": "COPA", "hellaswag": "HellaSwag", "sentineg": "SentiNeg", "wic": "WiC"}[part]

    def make(base):
        here = base.parent / "kobest" / folder
        asked = here / ("test.tsv" if (here / "test.tsv").exists() else "dev.tsv")
        test = [rows(row) for row in named(asked, "\t")]
        train = [rows(row) for row in named(here / "train.tsv", "\t")]
        yield None, f"kobest/kobest_{part}.yaml", {"train": train, "validation": test, "test": test}

    return make


TASKS = {
    "mmlu": mmlu,
    "kmmlu": kmmlu,
    "haerae": haerae,
    "gsm8k": gsm8k,
    **{f"kobest_{part}": kobest(part) for part in ("boolq", "copa", "hellaswag", "sentineg", "wic")},
}


def opened(yaml, splits, shots, scratch):
    config = load_yaml(YAMLS / yaml)
    files = {}
    for split, rows in splits.items():
        path = scratch / f"{len(list(scratch.iterdir()))}.jsonl"
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        files[split] = str(path)
    config |= {"dataset_path": "json", "dataset_kwargs": {"data_files": files}}
    config.pop("dataset_name", None)
    config.pop("tag", None)
    task = ConfigurableTask(config=config)
    task.set_config(key="num_fewshot", value=shots)
    task.set_fewshot_seed(seed=1234)
    return task


def question(samples):
    """One question of what `evaluate` logged; a task with two filters logs it twice."""
    first = samples[0]
    scores = {}
    for sample in samples:
        for metric in sample["metrics"]:
            value = sample[metric]
            if metric != "f1":
                single = len(samples) == 1
                scores[metric if single else f"{metric},{sample['filter']}"] = float(value)
    answers = first["resps"]
    if isinstance(answers[0][0], str):
        return {"text": answers[0][0], "scores": scores}
    return {"sums": [float(answer[0][0]) for answer in answers], "scores": scores}


def main():
    import torch
    from lm_eval.models.huggingface import HFLM

    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tasks", required=True)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--batch", default="1")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = HFLM(pretrained=options.model, device="cpu", dtype=options.precision, batch_size=options.batch)
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.tasks.split(","):
            parts = list(TASKS[name](options.data / name))
            tasks = {}
            for prefix, yaml, splits in parts:
                task = opened(yaml, splits, SHOTS.get(name, 0), Path(scratch))
                tasks[prefix] = task
            start = time.perf_counter()
            questions = {}
            for prefix, task in tasks.items():
                result = lm_eval.simple_evaluate(
                    model=model, tasks=[task], limit=options.limit, bootstrap_iters=0, log_samples=True
                )
                ((_, samples),) = result["samples"].items()
                by_place = {}
                for sample in samples:
                    by_place.setdefault(sample["doc_id"], []).append(sample)
                for place, samples in by_place.items():
                    key = str(place) if prefix is None else f"{prefix}/{place}"
                    questions[key] = question(samples)
            found[name] = {"seconds": time.perf_counter() - start, "questions": questions}
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main()
