"""Deduplicates a generated corpus with planted near-duplicates, and says how much memory that took.

    cargo build --release && cargo build --release -p corpus --example curation
    python benches/curation/memory.py --megabytes 2000

Writes the corpus (every fifth document is a copy with one word in fifty replaced) and a store into a folder
that goes when it is done: three times the megabytes of disk. Prints JSON: seconds, the most memory of the
deduplicating process (`resident`, of which `own` is not pages of mapped files), documents dropped, and the
share of the planted copies that were. `--passages N` cuts repeated passages of N bytes as well. The bar:
2,000 MB in less than 1 GB.
"""

import argparse
import json
import pathlib
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
    command = [str(release / "kanana"), "run", "r.toml", "--input", "texts=texts", "--only", step, *arguments]
    start = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    most = memory(process)
    said = process.stderr.read()
    if process.wait() != 0:
        raise SystemExit(said)
    return time.monotonic() - start, most


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--passages", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", help="where to write, if not where temporary files go")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        folder = pathlib.Path(folder)
        (folder / "texts").mkdir()
        with open(folder / "texts" / "planted.jsonl", "wb") as out:
            plant = [str(release / "examples" / "curation"), "plant", str(given.megabytes)]
            subprocess.run(plant, stdout=out, check=True)
        (folder / "r.toml").write_text(RECIPE.format(passages=given.passages), encoding="utf-8")
        threads = ["--threads", str(given.threads)]
        run(folder, "corpus", threads)
        seconds, most = run(folder, "unique", threads)
        made = next((folder / "store").glob("unique-*"))
        total = json.loads((made / "curated.json").read_text())["total"]
        dropped = sum(amount["documents"] for amount in total["dropped"].values())
        planted = total["came"]["documents"] // 5
        print(
            json.dumps(
                {
                    "megabytes": given.megabytes,
                    "passages": given.passages,
                    "seconds": round(seconds, 1),
                    "resident_MB": round(most["VmRSS"]),
                    "own_MB": round(most["RssAnon"]),
                    "documents": total["came"]["documents"],
                    "dropped": total["dropped"],
                    "found_of_planted": round(dropped / max(planted, 1), 4),
                },
                ensure_ascii=False,
            )
        )


main()
