#!/usr/bin/env python3
"""Many clients at once against `kanana serve`: is any answer lost or mixed up, does memory grow, how long does it take?

    kanana serve MODEL --port 8080 --sequences 16 &
    python3 benches/serve/load.py --port 8080 --pid $! --clients 64 --minutes 10

First every question of a fixed set is asked alone; what came back is the truth, because the same
seed gives the same text whatever else is going on. Then clients ask questions of the set at random:
most read to the end (streamed or whole) and compare, some go away in the middle, some send
nonsense and have to get a sentence. Prints counts, latency percentiles and the memory of the server
(by its process id) once a minute; the exit code is 1 if an answer differed or was lost. Needs nothing but Python.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter

KOREAN = "하늬마을의 특산물은 감귤이다. 다리는 오래되었고 강은 길다. "
ENGLISH = "The bridge of Marlow was built in 1931 and the river is long. "
NONSENSE = [
    (b"{", 400),
    (b'{"prompt": "x", "max_tokens": -1}', 400),
    (b'{"prompt": "x", "nonsense": 1}', 400),
    (b'{"prompt": [99999999]}', 400),
    (b'{"prompt": "x", "n": 100000}', 400),
    (b'{"prompt": "x", "model": "nobody"}', 404),
    (b"[" * 50000, 400),
]


def questions(number, longest, tokens):
    draw = random.Random(7)
    made = []
    for i in range(number):
        length = int(longest ** draw.random())
        text = (KOREAN if i % 2 else ENGLISH) * (length // 60 + 1)
        made.append({
            "prompt": f"{i}: " + text[:length],
            "max_tokens": int(tokens ** draw.random()) + 1,
            "temperature": draw.choice([0, 0.7, 1.0]),
            "seed": draw.randrange(1 << 31),
        })
    return made


async def send(port, path, body):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    status = int((await reader.readline()).split()[1])
    headers = {}
    while (line := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    return reader, writer, status, headers


async def pieces(reader, headers):
    """The body, chunk by chunk."""
    if headers.get("transfer-encoding") != "chunked":
        yield await reader.readexactly(int(headers.get("content-length", 0)))
        return
    while size := int(await reader.readline(), 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readline()


async def whole(port, path, question):
    reader, writer, status, headers = await send(port, path, json.dumps(question).encode())
    body = b"".join([piece async for piece in pieces(reader, headers)])
    writer.close()
    return status, body


async def streamed(port, path, question, leave=None):
    """The text of a stream, and when its first piece came; leaves after so many events if told to."""
    reader, writer, status, headers = await send(port, path, json.dumps(question | {"stream": True}).encode())
    if status != 200:
        async for _ in pieces(reader, headers):
            pass
        writer.close()
        return status, None, None
    text, first, seen, done = "", None, 0, False
    rest = b""
    async for piece in pieces(reader, headers):
        rest += piece
        *events, rest = rest.split(b"\n\n")
        for event in events:
            data = event.removeprefix(b"data: ")
            if data == b"[DONE]":
                done = True
                continue
            if event.startswith(b":"):
                continue
            chunk = json.loads(data)
            if "error" in chunk:
                writer.close()
                return 599, chunk["error"]["message"], None
            text += chunk["choices"][0]["text"]
            first = first or time.monotonic()
            seen += 1
        if leave is not None and seen >= leave:
            writer.transport.abort()
            return 0, None, None
    writer.close()
    return (200 if done else 598), text, first


def memory(pid):
    if not pid:
        return 0
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS"))


def percentiles(values):
    values = sorted(values)
    at = lambda share: values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")
    return f"p50 {at(0.5):.3f} s, p90 {at(0.9):.3f} s, p99 {at(0.99):.3f} s, longest {at(1):.3f} s"


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--pid", type=int, default=0)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--longest", type=int, default=400, help="characters of the longest prompt")
    parser.add_argument("--tokens", type=int, default=64, help="tokens of the longest answer")
    args = parser.parse_args()
    path, asked = "/v1/completions", questions(args.questions, args.longest, args.tokens)
    truth = []
    for question in asked:
        status, body = await whole(args.port, path, question)
        assert status == 200, body
        truth.append(json.loads(body)["choices"][0]["text"])
    print(f"{len(truth)} questions asked alone, {sum(map(len, truth))} characters; server has {memory(args.pid)} MiB", flush=True)

    end = time.monotonic() + args.minutes * 60
    counts, firsts, lasts, wrong = Counter(), [], [], []

    async def client(number):
        draw = random.Random(number)
        while time.monotonic() < end:
            kind = draw.random()
            index = draw.randrange(len(asked))
            begun = time.monotonic()
            try:
                if kind < 0.1:
                    body, wanted = draw.choice(NONSENSE)
                    reader, writer, status, headers = await send(args.port, path, body)
                    sentence = json.loads(b"".join([piece async for piece in pieces(reader, headers)]))["error"]["message"]
                    writer.close()
                    counts["nonsense refused"] += 1
                    if status not in (wanted, 429) or not sentence:
                        wrong.append((index, f"nonsense {body[:40]} got {status}"))
                elif kind < 0.25:
                    await streamed(args.port, path, asked[index] | {"max_tokens": 4096}, leave=draw.randrange(4))
                    counts["went away"] += 1
                elif kind < 0.65:
                    status, text, first = await streamed(args.port, path, asked[index])
                    if status == 429:
                        counts["429"] += 1
                        await asyncio.sleep(0.2)
                        continue
                    counts["streamed"] += 1
                    if status != 200 or text != truth[index]:
                        wrong.append((index, f"stream {status}: {text!r} is not {truth[index]!r}"))
                    elif first:
                        firsts.append(first - begun)
                    lasts.append(time.monotonic() - begun)
                else:
                    status, body = await whole(args.port, path, asked[index])
                    if status == 429:
                        counts["429"] += 1
                        await asyncio.sleep(0.2)
                        continue
                    counts["whole"] += 1
                    text = json.loads(body)["choices"][0]["text"] if status == 200 else None
                    if text != truth[index]:
                        wrong.append((index, f"whole {status}: {text!r} is not {truth[index]!r}"))
                    lasts.append(time.monotonic() - begun)
            except (OSError, asyncio.IncompleteReadError, ValueError, IndexError, KeyError) as error:
                wrong.append((index, f"lost: {error!r}"))

    async def watch():
        begun = time.monotonic()
        while time.monotonic() < end:
            await asyncio.sleep(min(60, args.minutes * 10))
            print(f"{time.monotonic() - begun:.0f} s: {dict(counts)}, {len(wrong)} wrong, server has {memory(args.pid)} MiB", flush=True)

    await asyncio.gather(watch(), *(client(number) for number in range(args.clients)))
    reader, writer = await asyncio.open_connection("127.0.0.1", args.port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    metrics = (await reader.read()).decode()
    left = [line for line in metrics.splitlines() if line.startswith(("kanana_answers", "kanana_cache_pages_used", "kanana_prompt", "kanana_generated"))]
    print("first piece:", percentiles(firsts))
    print("last piece: ", percentiles(lasts))
    print("afterwards: ", "; ".join(left))
    for index, what in wrong[:5]:
        print("WRONG", index, what[:400])
    print(f"{sum(counts.values())} requests, {len(wrong)} wrong or lost")
    sys.exit(bool(wrong))


asyncio.run(main())
