"""`make soak`: attacks at full size, then many mixed requests. Ends with 1 where a bound is broken.

The server has its default bounds. Memory has to stay below what it had before, its budget of
analyses and twice FOVEA_WORK_BUDGET_BYTES under every attack (attacks.py), others have to be
answered meanwhile, and after the mix nothing may be left: resident memory within two percent, no
file and no thread more.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from fovea.server.settings import Settings
from tests.load.attacks import MEBIBYTE, attacks, photo, post
from tests.load.serving import Process, serving

MODELS = ("vit", "se_resnet", "cbam_resnet", "stn_digits")
OTHER = "127.0.0.2"
GROWTH = 1.02

HEADER = (
    "attack", "took", "peak memory", "its answers", "others' photos", "at most", "/healthz at most",
    "a page's file at most", "a photo after it",
)  # fmt: skip

failures: list[str] = []


def attacked(server: Process, name: str, attack: Callable[[], list[int]], most: float) -> None:
    """Runs the attack, and asks how others fare meanwhile: another client's photos, the page.

    most: MiB of memory.
    """
    server.forget_peak()
    answers: list[int] = []
    running = threading.Thread(target=lambda: answers.extend(attack()))
    started = time.monotonic()
    running.start()
    health, page, posts, others = [], [], [], Counter[int]()
    transport = httpx.HTTPTransport(local_address=OTHER, verify=False, retries=3)
    with httpx.Client(base_url=server.url, transport=transport, timeout=120) as other:
        while running.is_alive() or not page:
            for path, times in (("/healthz", health), ("/main.js", page)):
                asked = time.monotonic()
                other.get(path)
                times.append(time.monotonic() - asked)
            sent = {"image": photo(random.randrange(1 << 30))}
            asked = time.monotonic()
            others[other.post("/v1/analyses?model=vit", files=sent).status_code] += 1
            posts.append(time.monotonic() - asked)
            time.sleep(0.02)
    took = time.monotonic() - started
    asked = time.monotonic()
    seen = post(server, photo(random.randrange(1 << 30)), "se_resnet")
    afterwards = time.monotonic() - asked
    peak = server.status("VmHWM") / 1024
    told = [
        name, f"{took:.1f} s", f"{peak:,.0f} MiB", _counted(Counter(answers)), _counted(others),
        *(f"{1000 * max(times):.0f} ms" for times in (posts, health, page)),
        f"{1000 * afterwards:.0f} ms",
    ]  # fmt: skip
    print("| " + " | ".join(told) + " |", flush=True)
    if peak > most:
        failures.append(f"{name}: {peak:.0f} MiB of memory")
    if seen.status_code != 201 or set(answers) & {500, 502, 504} or 500 in others:
        failures.append(f"{name}: {answers}, {dict(others)}, then {seen.status_code}")


def _counted(statuses: Counter[int]) -> str:
    return ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items()))


def mixed(server: Process, count: int) -> None:
    """Posts, maps, pictures, mistakes. The first quarter asks of every photo that there is, so that
    no analysis is new after it and nothing may grow any more.
    """
    rounds = max(16, count // 5)  # Each is about five requests.
    photos = max(len(MODELS), rounds // 4 // len(MODELS) * len(MODELS))

    def one(n: int) -> int:
        with httpx.Client(base_url=server.url, timeout=120) as client:
            if n % 7 == 0:
                return client.get("/v1/models").status_code
            if n % 11 == 0:
                return client.post("/v1/analyses", content=b"no photo").status_code
            made = client.post(
                "/v1/analyses", params={"model": MODELS[n % 4]}, files={"image": photo(n % photos)}
            )
            if made.status_code != 201:
                return made.status_code
            found = made.json()
            here = found["links"]["self"]
            site = found["sites"][n % len(found["sites"])]["id"] if found["sites"] else "s00"
            for path in ("", "/image", f"/sites/{site}/steps", "/maps/rollout"):
                media = ("application/json", "image/png", "*/*")[n % 3]
                answer = client.get(here + path, headers={"Accept": media})
                if answer.status_code >= 500:
                    return answer.status_code
            return 200

    def run(first: int, last: int) -> None:
        with ThreadPoolExecutor(8) as pool:
            wrong = [status for status in pool.map(one, range(first, last)) if status >= 500]
        if wrong:
            failures.append(f"{len(wrong)} answers of the mix were {sorted(set(wrong))}")

    run(0, rounds // 4)
    time.sleep(2)
    before = (server.status("VmRSS"), server.files, server.status("Threads"))
    run(rounds // 4, rounds)
    time.sleep(20)  # Connections that were kept alive are closed by then.
    after = (server.status("VmRSS"), server.files, server.status("Threads"))
    print(f"resident kB, files, threads: {before} → {after}")
    if after[0] > before[0] * GROWTH:
        failures.append(f"resident memory grew by {after[0] / before[0] - 1:.1%}")
    if after[1] > before[1] or after[2] > before[2]:
        failures.append(f"files or threads are left: {before[1:]} → {after[1:]}")


def main() -> None:
    """Attacks, then the mix."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="of the mix")
    parser.add_argument("--only", default="", help="attacks with this in their name")
    options = parser.parse_args()
    bounds = Settings()
    with serving() as server:
        post(server, photo(0))
        before = server.status("VmRSS") / 1024
        budgets = (bounds.trace_budget_bytes + 2 * bounds.work_budget_bytes) / MEBIBYTE
        print(f"{before:.0f} MiB before; at most {before + budgets:.0f} MiB\n")
        print("| " + " | ".join(HEADER) + " |\n|" + "---|" * len(HEADER), flush=True)
        for name, attack in attacks(server):
            if options.only in name:
                attacked(server, name, attack, before + budgets)
        if options.requests:
            mixed(server, options.requests)
    for line in failures:
        print(f"broken: {line}", file=sys.stderr)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
