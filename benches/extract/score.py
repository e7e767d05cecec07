#!/usr/bin/env python3
"""Token-level F1 and speed of extraction on Korean gold pages, beside trafilatura and resiliparse.

    VENV/bin/pip install trafilatura==2.3.1 resiliparse==2.0.1 rapidfuzz lxml lxml_html_clean zstandard
    cargo build --release -p corpus --example main_text
    VENV/bin/python benches/extract/score.py --pages OUT/pages.jsonl --pytorch KO_PYTORCH.jsonl.zst --help KO_HELP.jsonl.zst

A page's output and its gold are sequences of words (runs of Hangul, of Latin letters and digits). The longest
common subsequence aligns them; a word of the gold that is aligned is found. A word of the output that is not
is charged to the class (text, table, code) of the gold word before it, so the three are scored apart for
tools that do not mark them. Code is also scored by whole lines, indents included. Speed is CPU time of one
thread on all pages; every tool gets decoded strings.
"""

import argparse
import collections
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import lxml.html
import zstandard
from rapidfuzz.distance import LCSseq

ROOT = Path(__file__).resolve().parent.parent.parent
WORD = re.compile(r"[가-힣]+|[A-Za-z0-9]+")
CLASSES = ["text", "table", "code"]


def rows(path):
    stream = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(path.open("rb")))
    return map(json.loads, stream)


def article(html):
    """The parts of the element that the site puts its article into."""
    root = lxml.html.fromstring(html)
    found = root.xpath("//article") or root.xpath("//main") or [root]
    parts = []

    def walk(node, kind):
        if not isinstance(node.tag, str) or node.tag in ("script", "style", "button", "nav"):
            return
        kind = {"pre": "code", "table": "table"}.get(node.tag, kind) if kind == "text" else kind
        if node.text:
            parts.append([kind, node.text])
        for child in node:
            walk(child, kind)
            if child.tail:
                parts.append([kind, child.tail])

    walk(found[0], "text")
    joined = []
    for kind, text in parts:  # code is spread over spans
        if joined and joined[-1][0] == kind:
            joined[-1][1] += text if kind == "code" else " " + text
        else:
            joined.append([kind, text])
    return joined


def plain(text):
    """The text without what Markdown adds: names of languages, numbers of items, indents of blocks in lists."""
    lines, fence = [], None
    for line in text.split("\n"):
        ticks = re.match(r"([ \t]*)`{3,}", line)
        if ticks and (fence is None or line.strip(" \t`") == ""):
            fence = ticks[1] if fence is None else None
            continue
        if fence is None:
            lines.append(re.sub(r"^[ \t>]*\d+\. ", "", line))
        else:
            lines.append(line.removeprefix(fence))
    return "\n".join(lines)


def score(text, gold):
    text = plain(text)
    words = [(word.lower(), kind) for kind, part in gold for word in WORD.findall(part)]
    target = [word for word, _ in words]
    found = [word.lower() for word in WORD.findall(text)]
    counts = {kind: [0, 0, 0] for kind in CLASSES}  # hits, misses, extras
    kind = "text"
    for step in LCSseq.opcodes(found, target):
        if step.tag == "equal":
            for at in range(step.dest_start, step.dest_end):
                counts[words[at][1]][0] += 1
        else:
            counts[kind][2] += step.src_end - step.src_start
            for at in range(step.dest_start, step.dest_end):
                counts[words[at][1]][1] += 1
        if step.dest_end > 0:
            kind = words[step.dest_end - 1][1]
    lines = [line.rstrip() for part, code in gold if part == "code" for line in code.split("\n") if line.strip()]
    have = collections.Counter(line.rstrip() for line in text.split("\n"))
    kept = 0
    for line in lines:
        if have[line] > 0:
            have[line] -= 1
            kept += 1
    return counts, kept, len(lines)


def f1(hits, misses, extras):
    return 2 * hits / (2 * hits + misses + extras) if hits + misses else float("nan")


def peers():
    import trafilatura
    from resiliparse.extract.html2text import extract_plain_text

    return {
        "trafilatura 2.3.1": lambda html: trafilatura.extract(html, include_comments=False) or "",
        "trafilatura 2.3.1 fast": lambda html: trafilatura.extract(html, include_comments=False, fast=True) or "",
        "resiliparse 2.0.1": lambda html: extract_plain_text(html, main_content=True, alt_texts=False),
    }


def ours(pages, mode, binary):
    with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as said:
        for page in pages:
            given.write(json.dumps({"id": page["id"], "html": page["html"]}, ensure_ascii=False) + "\n")
        given.flush()
        given.seek(0)
        process = subprocess.Popen([binary, mode], stdin=given, stdout=said)
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0
        said.seek(0)
        return [json.loads(line)["text"] for line in said], usage.ru_utime + usage.ru_stime


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, conflict_handler="resolve")
    options.add_argument("--pages", type=Path)
    options.add_argument("--pytorch", type=Path)
    options.add_argument("--help", type=Path, dest="manual")
    options.add_argument("--sets", nargs="*")
    options.add_argument("--only", nargs="*", help="ours, or names of peers")
    options.add_argument("--rounds", type=int, default=1, help="of all tools in turn, for speed")
    options.add_argument("--binary", default=ROOT / "target/release/examples/main_text")
    options.add_argument("--dump", type=Path, help="a folder for the texts")
    options = options.parse_args()
    pages = []
    if options.pages:
        pages += [json.loads(line) for line in options.pages.open()]
    if options.pytorch:
        pages += [{"id": row["id"], "set": "pytorch", "html": row["html"], "gold": article(row["html"])} for row in rows(options.pytorch)]
    if options.manual:
        manual = [row for row in rows(options.manual) if row.get("html_ko")]
        pages += [{"id": row["id"], "set": "libreoffice", "html": row["html_ko"], "gold": [["text", row["ko"]]]} for row in manual]
    if options.sets:
        pages = [page for page in pages if page["set"] in options.sets]
    size = sum(len(page["html"].encode()) for page in pages)
    print(f"{len(pages)} pages, {size / 1e6:.1f} MB\n")
    outputs, seconds = {}, collections.defaultdict(list)
    wanted = lambda name: not options.only or any(name.startswith(word) for word in options.only)
    for _ in range(options.rounds):
        for mode in ["quality", "fast"]:
            if wanted("ours"):
                outputs[f"ours, {mode}"], spent = ours(pages, mode, options.binary)
                _, reading = ours(pages, "none", options.binary)  # the peers' pages lie in memory already
                seconds[f"ours, {mode}"].append(spent - reading)
        for name, extract in peers().items():
            if wanted(name):
                extract(pages[0]["html"])
                start = time.process_time()
                outputs[name] = [extract(page["html"]) for page in pages]
                seconds[name].append(time.process_time() - start)
    for name, spent in seconds.items():
        best = min(spent)
        print(f"{name:24} {best:7.2f} CPU s  {size / 1e6 / best:6.1f} MB/s  {len(pages) / best:6.0f} pages/s")
    sets = sorted({page["set"] for page in pages})
    for part in sets + ["all"]:
        print(f"\n{part:24} {'all F1':>7} {'text':>7} {'table':>7} {'code':>7} {'code lines':>10}")
        for name, texts in outputs.items():
            total = {kind: [0, 0, 0] for kind in CLASSES}
            kept = lines = 0
            for page, text in zip(pages, texts):
                if part not in (page["set"], "all"):
                    continue
                counts, good, all_lines = score(text, page["gold"])
                kept, lines = kept + good, lines + all_lines
                for kind in CLASSES:
                    total[kind] = [a + b for a, b in zip(total[kind], counts[kind])]
            whole = f1(*[sum(column) for column in zip(*total.values())])
            each = " ".join(f"{f1(*total[kind]):7.3f}" for kind in CLASSES)
            print(f"{name:24} {whole:7.3f} {each} {kept / lines if lines else float('nan'):10.3f}")
    if options.dump:
        options.dump.mkdir(parents=True, exist_ok=True)
        for name, texts in outputs.items():
            for page, text in zip(pages, texts):
                path = options.dump / page["id"].replace("/", "_").replace(":", "_")
                path.with_name(path.name + "." + name.replace(" ", "_").replace(",", "")).write_text(text)


main()
