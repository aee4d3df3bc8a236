"""One line of 8 MiB in 1-byte reads: flat time per byte, and memory of a small multiple of the event."""

from __future__ import annotations

import os
import subprocess
import sys

# In a process of its own, so that neither coverage nor other tests are measured. A byte costs a call of about
# a microsecond; that it stays so is seen over a tripling of the size, by a factor that noise does not reach.
PROGRAM = """
import resource, time
from ssewire import Tokenizer

def feed(size):
    tokenizer, a = Tokenizer(), b"a"
    start = time.perf_counter()
    for byte in b"data: ":
        tokenizer.feed(bytes((byte,)))
    for _ in range(size):
        tokenizer.feed(a)
    tokenizer.feed(b"\\n")
    (event,) = tokenizer.feed(b"\\n")
    assert len(event.data) == size
    return (time.perf_counter() - start) / size

MIB = 2**20
small = min(feed(MIB // 4) for _ in range(3))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
large = feed(8 * MIB)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(large / small, grown * 1024 / (8 * MIB))
"""


def test_an_8_mib_line_in_1_byte_reads_costs_per_byte_what_a_short_one_costs() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    ratio, memory = map(float, ran.stdout.split())
    assert ratio < 3
    assert memory < 3
