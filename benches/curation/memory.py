"""Deduplicates generated corpora with planted near-duplicates, and says how much memory and time that took.

    cargo build --release && cargo build --release -p corpus --example curation
    python benches/curation/memory.py --megabytes 50 200 800 2000
    python benches/curation/memory.py --megabytes 50 200 800 2000 --passages 200

Writes each corpus (every fifth document is a copy with one word in fifty replaced) and a store into a folder
that goes when it is done: about three times the megabytes of disk, with passages four times. Prints a line of JSON
for each size: seconds on the clock and of processor time, the most memory of the deduplicating process (`resident`, of
which `own` is not pages of mapped files: those are the kernel's to drop), documents dropped, and the share of the
planted copies that were. Then how the cost grew from the smallest size to the largest: 1 is linear.

`--passages N` cuts repeated passages of N bytes as well: then every third document, copies aside, quotes sixty words
of the one before, and `cut_MB` is what was cut of kept documents. The bar: 2,000 MB in less than 1 GB, and linear.
"""

import argparse
import json
import math
import pathlib
import resource
import subprocess
import tempfile
import time

root = pathlib.Path(__file__).resolve().parents[2]
release = root / "target" / "release"

RECIPE = """
seed = 1
[inputs]
texts = {{ kind = "files" }}
[[step]]
name = "corpus"
stage = "ingest"
inputs = {{ files = "texts" }}
[[step]]
name = "unique"
stage = "dedup"
inputs = {{ corpus = "corpus" }}
with = {{ passage_bytes = {passages} }}
"""


def memory(process):
    """The most of `VmRSS` and of `RssAnon` while a process runs, in MB."""
    most = {"VmRSS": 0, "RssAnon": 0}
    while process.poll() is None:
        try:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        except FileNotFoundError:
            break
        for line in status.splitlines():
            name, _, value = line.partition(":")
            if name in most:
                most[name] = max(most[name], int(value.split()[0]) / 1024)
        time.sleep(0.05)
    return most


def run(folder, step, arguments):
    """Seconds on the clock, seconds of processor time, memory."""
    command = [str(release / "kanana"), "run", "r.toml", "--input", "texts=texts", "--only", step, *arguments]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with open(folder / "said.txt", "w+", encoding="utf-8") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=said)
        most = memory(process)
        if process.wait() != 0:
            said.seek(0)
            raise SystemExit(said.read())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - start, spent, most


def measure(folder, megabytes, passages, threads):
    (folder / "texts").mkdir()
    with open(folder / "texts" / "planted.jsonl", "wb") as out:
        mode = "quote" if passages else "plant"
        subprocess.run([str(release / "examples" / "curation"), mode, str(megabytes)], stdout=out, check=True)
    (folder / "r.toml").write_text(RECIPE.format(passages=passages), encoding="utf-8")
    arguments = ["--threads", str(threads)]
    run(folder, "corpus", arguments)
    seconds, spent, most = run(folder, "unique", arguments)
    made = next((folder / "store").glob("unique-*"))
    total = json.loads((made / "curated.json").read_text())["total"]
    dropped = {reason: amount["documents"] for reason, amount in total["dropped"].items()}
    planted = total["came"]["documents"] // 5
    lost = sum(amount["bytes"] for amount in total["dropped"].values())
    return {
        "megabytes": megabytes,
        "passages": passages,
        "threads": threads,
        "seconds": round(seconds, 1),
        "processor_seconds": round(spent, 2),
        "resident_MB": round(most["VmRSS"]),
        "own_MB": round(most["RssAnon"]),
        "documents": total["came"]["documents"],
        "dropped": dropped,
        "cut_MB": round((total["came"]["bytes"] - lost - total["kept"]["bytes"]) / 1e6, 1),
        "found_of_planted": round(sum(dropped.values()) / max(planted, 1), 4),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, nargs="+", default=[2000])
    parser.add_argument("--passages", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", help="where to write, if not where temporary files go")
    given = parser.parse_args()
    made = []
    for megabytes in given.megabytes:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            made.append(measure(pathlib.Path(folder), megabytes, given.passages, given.threads))
        print(json.dumps(made[-1], ensure_ascii=False), flush=True)
    if len(made) > 1:
        first, last = made[0], made[-1]
        larger = last["megabytes"] / first["megabytes"]
        power = math.log(last["processor_seconds"] / first["processor_seconds"]) / math.log(larger)
        print(f"{larger:g} times the corpus cost {last['processor_seconds'] / first['processor_seconds']:.1f} times the processor time: "
              f"a power of {power:.2f}; own memory {first['own_MB']} -> {last['own_MB']} MB")


main()
