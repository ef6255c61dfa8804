"""How long it takes to write, judge and set invoices.

    python scripts/measure_einvoices.py [--documents 1000]

The documents are the ones that tests judge: each VAT case in turn, nine of ten with 12 lines, the
others with 60 and 300. All four profiles that suit the buyer are written and judged, the PDF is
made. Prints seconds by the clock and of the processor, the memory, and the load of the machine.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.conf.settings")

import django
import psutil

from billing.einvoice import rules
from billing.einvoice.document import Document
from billing.einvoice.judging import judge, worker
from billing.einvoice.pdf import facturx_pdf
from billing.einvoice.profiles import Profile
from tests.billing.einvoice import samples


def document(number: int) -> Document:
    case = list(samples.CASES)[number % 4]
    lines = 300 if number % 50 == 0 else 60 if number % 10 == 0 else 12
    made = samples.invoice(case, f"P26-{number:06}")
    found = tuple(replace(made.lines[n % 3], name=f"Instance {n}") for n in range(lines))
    return replace(made, lines=found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1000)
    wanted = parser.parse_args().documents
    django.setup()
    spent: Counter[str] = Counter()
    fired = size = 0
    began = time.perf_counter_ns()
    for number in range(wanted):
        made = document(number)
        start = time.perf_counter_ns()
        verdict = judge(made)
        assert verdict.may_be_issued, verdict.fatal
        judged = time.perf_counter_ns()
        size += len(facturx_pdf(made, verdict.xml[Profile.FACTUR_X]))
        spent["judged"] += judged - start
        spent["PDF"] += time.perf_counter_ns() - judged
        fired += sum(verdict.fired.values())
    second = 1_000_000_000
    process = psutil.Process(worker(rules.folder()).pid)
    theirs, own = process.cpu_times(), resource.getrusage(resource.RUSAGE_SELF)
    memory = (psutil.Process().memory_info().rss + process.memory_info().rss) >> 20
    print(f"{wanted} documents: {(time.perf_counter_ns() - began) / second:.0f} s")
    print(*(f"{name}: {value / second:.0f} s" for name, value in spent.items()), sep=", ")
    print(f"processor: {own.ru_utime + own.ru_stime + theirs.user + theirs.system:.0f} s")
    print(f"{fired} rules applied, {size >> 20} MiB of PDF, {memory} MiB of memory")
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
