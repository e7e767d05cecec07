"""Verdicts of evalplus and of ours on the same programs: canonical solutions and 200 mutated ones.

    pip install evalplus==0.3.1
    cargo build --release -p evals --example answers
    python benches/evals/programs.py FOLDER target/release/examples/answers

The data folder holds `humaneval_plus/HumanEvalPlus.jsonl.gz` and `mbpp_plus/MbppPlus.jsonl.gz`; evalplus is given the same
files and fetches nothing. Its own functions compute what is expected (`trusted_exec`) and judge (`untrusted_check`, with
its own time limits); ours run in the sandbox. A program counts as the same where both the verdict on the benchmark's
inputs and that on all inputs are.
"""

import argparse
import ast
import collections
import gzip
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

from evalplus.data.mbpp import mbpp_deserialize_inputs
from evalplus.eval import PASS, untrusted_check
from evalplus.eval._special_oracle import MBPP_OUTPUT_NOT_NONE_TASKS
from evalplus.gen.util import trusted_exec

sys.setrecursionlimit(10_000)
sys.set_int_max_str_digits(0)
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Div, ast.Mod: ast.FloorDiv, ast.Lt: ast.LtE,
    ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.And: ast.Or, ast.Or: ast.And,
}
APART = {"HumanEval/32"}
# what a whole function may be made to do instead
WRAPPERS = [
    "def {f}(*a, _own={f}):\n    r = _own(*a)\n    return r + 1e-9 if isinstance(r, float) else r",
    "def {f}(*a, _own={f}):\n    r = _own(*a)\n    return r + 1e-3 if isinstance(r, float) else r",
    "def {f}(*a, _own={f}):\n    r = _own(*a)\n    return tuple(r) if isinstance(r, list) else list(r) if isinstance(r, tuple) else r",
    "def {f}(*a, _own={f}):\n    r = _own(*a)\n    return float(r) if type(r) is int else int(r) if type(r) is bool else r",
    "def {f}(*a, _own={f}):\n    print('noise' * 1000)\n    return _own(*a)",
    "def {f}(*a, _own={f}):\n    while True: pass",
    "def {f}(*a, _own={f}):\n    raise SystemExit(0)",
    "def {f}(*a, _own={f}):\n    r = _own(*a)\n    return r[::-1] if isinstance(r, (list, str, tuple)) else r",
    "def {f}(*a, _own={f}):\n    r = _own(*a)\n    return None if r == [] or r == '' or r == 0 else r",
    "def {f}(*a, _own={f}):\n    import copy\n    r = _own(*copy.deepcopy(a))\n    return [x + 1e-8 if isinstance(x, float) else x for x in r] if isinstance(r, list) else r",
    "def {f}(*a):\n    pass",
    "def other(*a):\n    pass\ndel {f}",
]


def mutated(code, entry, rng):
    """The program with one thing changed: an operator, a constant, a condition, a statement, or all of it."""
    if rng.random() < 0.35:
        return code + "\n" + rng.choice(WRAPPERS).format(f=entry) + "\n"
    tree = ast.parse(code)
    places = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.BinOp, ast.BoolOp)) and type(node.op) in OPERATORS:
            places.append(lambda node=node: setattr(node, "op", OPERATORS[type(node.op)]()))
        if isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
            places.append(lambda node=node: node.ops.__setitem__(0, OPERATORS[type(node.ops[0])]()))
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            places.append(lambda node=node: setattr(node, "value", node.value + rng.choice([-1, 1, 2])))
        if isinstance(node, (ast.If, ast.While, ast.IfExp)):
            places.append(lambda node=node: setattr(node, "test", ast.UnaryOp(ast.Not(), node.test)))
        if isinstance(node, (ast.For, ast.If, ast.FunctionDef)) and len(node.body) > 1:
            places.append(lambda node=node: node.body.pop(rng.randrange(len(node.body))))
        if isinstance(node, ast.Return) and node.value is not None:
            places.append(lambda node=node: setattr(node, "value", ast.Tuple([node.value], ast.Load())))
    rng.choice(places)()
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def problems(path, mbpp):
    with gzip.open(path, "rt") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    for row in rows:
        if mbpp:
            for name in ("base_input", "plus_input"):
                row[name] = mbpp_deserialize_inputs(row["task_id"], row[name])
    return {row["task_id"]: row for row in rows}


def theirs(name, problem, expected, code):
    verdicts = []
    for kind in ("base", "plus"):
        wanted, seconds = expected[kind]
        status, _ = untrusted_check(
            name, code, problem[f"{kind}_input"], problem["entry_point"], expected=wanted, atol=problem["atol"],
            ref_time=seconds, fast_check=True,
        )
        verdicts.append(status == PASS)
    return verdicts[0], verdicts[0] and verdicts[1]


def ours(binary, task, data, batch, folder):
    file = folder / "answers.jsonl"
    file.write_text("".join(json.dumps({"task_id": task_id, "solution": code}) + "\n" for task_id, code in batch.items()))
    out = subprocess.run([binary, task, data, file, "instruct"], check=True, capture_output=True, text=True).stdout
    verdicts = {}
    for line in out.splitlines():
        row = json.loads(line)
        values = row["values"]
        verdicts[row["id"]] = (values.get("pass@1,base") == 1.0, values.get("pass@1") == 1.0, row["note"])
    return verdicts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--mutants", type=int, default=200)
    parser.add_argument("--only", choices=["humaneval", "mbpp"])
    parser.add_argument("--limit", type=int, default=None, help="problems of each benchmark")
    options = parser.parse_args()
    rng = random.Random(31)
    wrong, apart, spent, table = [], [], collections.Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        for name, task, file in (("humaneval", "humaneval_plus", "HumanEvalPlus"), ("mbpp", "mbpp_plus", "MbppPlus")):
            if options.only not in (None, name):
                continue
            all_of = problems(options.data / task / f"{file}.jsonl.gz", name == "mbpp")
            all_of = dict(list(all_of.items())[: options.limit])
            expected = {}
            for task_id, problem in all_of.items():
                code = problem["prompt"] + problem["canonical_solution"]
                not_none = name == "mbpp" and problem["entry_point"] in MBPP_OUTPUT_NOT_NONE_TASKS
                expected[task_id] = {
                    kind: trusted_exec(code, problem[f"{kind}_input"], problem["entry_point"], True, not_none)
                    for kind in ("base", "plus")
                }
            canonical = {i: p["prompt"] + p["canonical_solution"] for i, p in all_of.items()}
            batches = [("canonical", canonical)]
            left = options.mutants // 2
            while left > 0:
                some = rng.sample(sorted(canonical), min(left, len(canonical)))
                batch = {i: mutated(canonical[i], all_of[i]["entry_point"], rng) for i in some}
                batches.append(("mutated", batch))
                left -= len(batch)
            for kind, batch in batches:
                begun = time.time()
                mine = ours(options.binary, task, options.data, batch, pathlib.Path(folder))
                middle = time.time()
                other = {i: theirs(name, all_of[i], expected[i], code) for i, code in batch.items()}
                spent["ours"] += middle - begun
                spent["evalplus"] += time.time() - middle
                same = 0
                for task_id, code in batch.items():
                    if mine[task_id][:2] == other[task_id]:
                        same += 1
                    elif task_id in APART:
                        apart.append(f"{task_id} ({kind}): ours {mine[task_id]}, evalplus {other[task_id]}")
                    else:
                        wrong.append((task, kind, task_id, mine[task_id], other[task_id], code))
                passed = sum(plus for _, plus in other.values())
                base = sum(base for base, _ in other.values())
                table.append(f"{task:15} {kind:9} {len(batch):4} programs, evalplus passes {base:4} base {passed:4} plus, same verdicts {same}")
    print("\n".join(table))
    print(f"seconds: ours {spent['ours']:.0f}, evalplus {spent['evalplus']:.0f} (one program at a time)")
    print("\n".join(["set apart:", *apart] if apart else []))
    for task, kind, task_id, mine, other, code in wrong:
        print(f"\n{task} {kind} {task_id}: ours {mine}, evalplus {other}\n{code}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
