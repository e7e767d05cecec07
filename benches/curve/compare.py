#!/usr/bin/env python3
"""Lays a kanana run's course beside PyTorch's on the same windows.

    compare.py training.json peer.json [peer.json …]

Prints held-out bits per byte at the same tokens, in all and by group, and the training loss
smoothed over fifteen steps on either side; the bar is one per cent.
"""

import json
import sys
from pathlib import Path


def smoothed(points, reach=15):
    losses = [point["loss"] for point in points]
    window = lambda i: losses[max(0, i - reach) : i + reach + 1]
    return {p["tokens"]: sum(window(i)) / len(window(i)) for i, p in enumerate(points)}


def main():
    ours = json.loads(Path(sys.argv[1]).read_text())
    held = {v["tokens"]: v for v in ours["validations"]}
    for name in sys.argv[2:]:
        peer = json.loads(Path(name).read_text())
        last = peer["points"][-1]["tokens"]
        print(f"\nkanana beside {peer['peer']}\n")
        print("| tokens | kanana | peer | kanana / peer | widest group |")
        print("|---|---|---|---|---|")
        worst = 0.0
        for there in peer["validations"]:
            here = held.get(there["tokens"])
            if here is None:
                continue
            ratio = here["total"]["bits_per_byte"] / there["bits_per_byte"]
            groups = {g["name"]: g["score"]["bits_per_byte"] for g in here["groups"]}
            ratios = {g: groups[g] / x for g, x in there["groups"].items() if x and g in groups}
            widest = max(ratios, key=lambda g: abs(ratios[g] - 1))
            worst = max(worst, abs(ratio - 1))
            print(
                f"| {there['tokens']} | {here['total']['bits_per_byte']:.4f} | "
                f"{there['bits_per_byte']:.4f} | {ratio:.4f} | {widest} {ratios[widest]:.4f} |"
            )
        a = smoothed([p for p in ours["points"] if p["tokens"] <= last])
        b = smoothed(peer["points"])
        apart = max(abs(a[t] / b[t] - 1) for t in a.keys() & b.keys())
        print(f"\nheld-out bits per byte: at most {worst:.2%} apart")
        print(f"smoothed training loss: at most {apart:.2%} apart over {len(a.keys() & b.keys())} steps")


if __name__ == "__main__":
    main()
