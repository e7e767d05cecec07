#!/usr/bin/env python3
"""Do our rules drop what datatrove's drop, each with its own words?

    pip install "datatrove[processing]==0.10.1" spacy zstandard
    cargo build --release -p corpus --example curation
    python benches/curation/agree.py FILE.jsonl.zst… [--binary target/release/examples/curation]

English documents are cut to a few kilobytes and spoilt so that every rule has texts on both sides of its
limit, at least 200 beyond it (but `many_words`: 200 texts of 100,000 words). For each rule alone: the sets that both
drop, their Jaccard index.
"""

import argparse
import io
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import zstandard

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "fixtures"))
import curation  # noqa: E402  (what is measured is defined once, with the fixtures)
from datatrove.utils.text import split_into_sentences, split_into_words  # noqa: E402

LIMITS = {  # reason: (signal, side, limit)
    "duplicate_paragraphs": ("duplicate_paragraphs", 1, 0.3),
    "duplicate_paragraph_characters": ("duplicate_paragraph_characters", 1, 0.2),
    "duplicate_lines": ("duplicate_lines", 1, 0.3),
    "duplicate_line_characters": ("duplicate_line_characters", 1, 0.2),
    **{f"top_{n}_gram": (f"top_{n}_gram", 1, limit) for n, limit in ((2, 0.2), (3, 0.18), (4, 0.16))},
    **{f"duplicate_{n}_grams": (f"duplicate_{n}_grams", 1, 0.2 - n / 100) for n in range(5, 11)},
    "few_words": ("counted_words", -1, 50),
    "short_words": ("word_length", -1, 3),
    "long_words": ("word_length", 1, 10),
    "many_hashes": ("hashes", 1, 0.1),
    "many_ellipses": ("ellipses", 1, 0.1),
    "bullet_lines": ("bullet_lines", 1, 0.9),
    "ellipsis_lines": ("ellipsis_lines", 1, 0.3),
    "few_words_with_letters": ("words_with_letters", -1, 0.8),
    "few_stop_words": ("stop_words", -1, 2),
    "lorem_ipsum": ("lorem_ipsum", 1, 0),
    "curly_bracket": ("curly_bracket", 1, 0),
    "few_sentences": ("sentences", -1, 5),
    "few_closed_lines": ("closed_lines", -1, 0.12),
    "short_lines": ("short_lines", 1, 0.67),
    "repeated_lines": ("repeated_line_characters", 1, 0.01),
    "list_like": ("newlines_per_word", 1, 0.3),
}


def documents(paths):
    for path in paths:
        with open(path, "rb") as file:
            for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8"):
                yield json.loads(line)["text"]


def pieces(paths, count, draw):
    """Runs of eight lines, a few kilobytes, from all over the files."""
    found = []
    for text in documents(paths):
        lines = [line.strip() for line in text.split("\n") if len(line.strip()) > 60]
        found += [lines[start : start + 8] for start in range(0, len(lines) - 8, 8)]
    draw.shuffle(found)
    return found[:count]


# How often each way to spoil a text is taken, so that every rule has its 200.
WAYS = [0, 0, 1, 1, 2, 3, 4, 5, 6, 6, 7, 7, 8, 9, 9, 9, 10, 10, 10, 11, 11, 12, 12, 13, 14, 14, 15, 15, 16, 16, 17, 18, 19, 20, 21, 21, 21]


def spoil(draw, lines):
    """One text in one of the ways that the rules look for, to a degree that straddles the limit."""
    words = " ".join(lines).split()
    text = "\n".join(lines)
    some = draw.choice(lines)
    rate = draw.choice([0.08, 0.11, 0.13, 0.16, 0.2])
    way = draw.choice(WAYS)
    if way == 0:
        return "\n\n".join(lines + draw.choices(lines, k=draw.randint(2, 9)))
    if way == 1:
        return "\n".join(lines + draw.choices(lines, k=draw.randint(1, 7)))
    if way in (2, 3):
        phrase = " ".join(words[: draw.choice([2, 3, 4])])
        return text + "\n" + (phrase + " ") * draw.randint(10, 120)
    if way in (4, 5):
        run = " ".join(words[: draw.choice([6, 9, 14, 30])])
        return text + " " + " ".join([run] * draw.randint(1, 9))
    if way == 6:
        return " ".join(words[: draw.randint(25, 60)])
    if way == 7:
        short = draw.choices(["a", "of", "to", "I", "in", "it", "we", "up", "1", "x"], k=draw.randint(200, 1600))
        return text + "\n" + " ".join(short)
    if way == 8:
        return text + "\n" + " ".join("".join(draw.choices("abcdefghij", k=draw.randint(14, 40))) for _ in range(draw.randint(5, 160)))
    if way == 9:
        return " ".join(word + (" #" if draw.random() < rate else "") for word in words)
    if way == 10:
        return " ".join(word + ("..." if draw.random() < rate else "") for word in words)
    if way == 11:
        share = draw.choice([0.9, 0.97, 1.0, 1.0])
        return "\n".join(("- " if draw.random() < share else "") + line for line in lines)
    if way == 12:
        share = draw.choice([0.2, 0.4, 0.8])
        return "\n".join(line + ("…" if draw.random() < share else "") for line in lines)
    if way == 13:
        return text + "\n" + " ".join(f"{draw.randint(1, 9999)}" for _ in range(draw.randint(5, 150)))
    if way == 14:
        plain = [word for word in words if word.strip(".,;:()\"'").lower() not in {"the", "be", "to", "of", "and", "that", "have", "with"}]
        return " ".join(plain + draw.choices(["the", "and", "of"], k=draw.randint(0, 3)))
    if way == 15:
        return text + "\nLorem ipsum dolor sit amet and so on."
    if way == 16:
        return text + "\nHere is a line {with a bracket} in it."
    if way == 17:
        return ". ".join(draw.sample([line.replace(".", "").replace("?", "").replace("!", "") for line in lines], draw.randint(2, 7)))
    if way == 18:
        share = draw.choice([0.05, 0.12, 0.3])
        return "\n".join(line.rstrip(".!?") + ("." if draw.random() < share else "") for line in lines)
    if way == 19:
        size = draw.choice([3, 4, 5, 7])
        return "\n".join(" ".join(words[at : at + size]) for at in range(0, len(words), size))
    if way == 20:
        return text + "\n" + some[: draw.randint(5, 80)] + "\n" + some[: draw.randint(5, 80)]
    plain = [word for word in words if word.isalpha()][: draw.randint(60, 200)]
    return "\n".join(" ".join(plain[at : at + 3]) for at in range(0, len(plain), 3)) + ("\n" + some if draw.random() < 0.3 else ".")


def theirs(text):
    language = "eng"
    words = split_into_words(text, language)
    if not words:
        return {}
    signals = {**curation.repetition(text, words, language), **curation.quality(text, words, language)}
    after = curation.cleaned(text, language)
    signals["sentences"] = sum(len(split_into_sentences(line, language)) for line in after.split("\n") if line)
    for name, rule in (("lorem_ipsum", "filter_lorem_ipsum"), ("curly_bracket", "filter_curly_bracket")):
        off = dict(filter_no_terminal_punct=False, min_num_sentences=0, filter_lorem_ipsum=False, filter_curly_bracket=False)
        filter = curation.C4QualityFilter(**{**off, rule: True})
        signals[name] = int(filter.filter(curation.Document(text=text, id="x")) is not True)
    signals.update(curation.fineweb(after, language))
    return signals


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+")
    parser.add_argument("--binary", default="target/release/examples/curation")
    parser.add_argument("--texts", type=int, default=5600)
    arguments = parser.parse_args()
    curation.flips = lambda *_: True  # checked with the fixtures
    draw = random.Random(3)
    texts = [spoil(draw, lines) for lines in pieces(arguments.files, arguments.texts, draw)]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", delete=False) as file:
        for index, text in enumerate(texts):
            file.write(json.dumps({"id": str(index), "text": text}) + "\n")
    ours = [json.loads(line) for line in subprocess.check_output([arguments.binary, "verdicts", file.name], text=True).splitlines()]
    print(len(texts), "texts,", sum(map(len, texts)) / 1e6, "M characters")
    dropped = {reason: [set(), set()] for reason in LIMITS}
    for index, (text, row) in enumerate(zip(texts, ours)):
        signals = theirs(text)
        for reason, (signal, side, limit) in LIMITS.items():
            value = signals.get(signal)
            if value is not None and side * value > side * limit:
                dropped[reason][0].add(index)
            if reason in row["reasons"]:
                dropped[reason][1].add(index)
    print("| rule | datatrove drops | we drop | Jaccard |\n|---|---|---|---|")
    for reason, (a, b) in dropped.items():
        print(f"| {reason} | {len(a)} | {len(b)} | {len(a & b) / max(1, len(a | b)):.4f} |")
    print("worst examples:", {reason: sorted(a ^ b)[:3] for reason, (a, b) in dropped.items() if a ^ b})
    print(file.name)


if __name__ == "__main__":
    main()
