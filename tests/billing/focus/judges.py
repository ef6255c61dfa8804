"""Installs and asks those who judge FOCUS files: the validator of the specification's makers for
1.2, and a linter of its 1.4 datasets.

    python -m tests.billing.focus.judges     # or: make focus-judges

Exactly the locked packages (0.6 GB) go into a folder outside the checkout. Needs a Python 3.12: the
validator wants no older one, and its numpy has no wheels for a newer one.

Source: the validator's own output; shared design, billing 3.1.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.cache import cache_folder
from tests.skips import NO_PYTHON

LOCK = Path(__file__).resolve().parents[3] / "requirements" / "focus.txt"
_PYTHON = (3, 12)
_MODEL = "1.2.0.1"
# What we say of ourselves; capacity reservations and zones are not offered.
_CRITERIA = (
    "ACCOUNT_NAMING_SUPPORTED",
    "COMMITMENT_DISCOUNT_SUPPORTED",
    "MULTIPLE_PRICING_CATEGORIES_SUPPORTED",
    "MULTIPLE_SUB_ACCOUNT_TYPES_SUPPORTED",
    "MULTIPLE_BILLING_ACCOUNT_TYPES_SUPPORTED",
    "NEGOTIATED_PRICING_SUPPORTED",
    "PUBLIC_PRICE_LIST_SUPPORTED",
    "USAGE_MEASUREMENT_SUPPORTED",
    "UNIT_PRICING_SUPPORTED",
    "SUB_ACCOUNT_SUPPORTED",
    "BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED",
    "RESOURCE_TYPE_ASSIGNMENT_SUPPORTED",
    "PRICING_BILLING_CURRENCY_DIFFERENCES_SUPPORTED",
    "REGION_SUPPORTED",
    "TAGGING_SUPPORTED",
)


def folder() -> Path:
    return cache_folder() / f"focus-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"


def python() -> str:
    """An interpreter of that version; empty when there is none."""
    homes = sorted(Path.home().glob(".pyenv/versions/3.12.*/bin/python"))
    for path in (sys.executable, shutil.which("python3.12"), *map(str, homes)):
        if path and _version(path) == _PYTHON:
            return path
    return ""


def _version(path: str) -> tuple[int, ...]:
    code = "import sys; print(*sys.version_info[:2])"
    done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
    return tuple(map(int, done.stdout.split())) if done.returncode == 0 else ()


def missing() -> str:
    """What is not there, as a sentence; empty when all is."""
    if (folder() / "whole").exists():
        return ""
    return "run make focus-judges" if python() else NO_PYTHON


def build() -> Path:
    """Raises: CalledProcessError; FileNotFoundError without an interpreter."""
    final = folder()
    with (cache_folder() / "focus.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (final / "whole").exists():
            for old in cache_folder().glob("focus-*"):
                shutil.rmtree(old)
            if not (found := python()):
                raise FileNotFoundError(NO_PYTHON)
            subprocess.run([found, "-m", "venv", final], check=True)
            install = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
            locked = ["--require-hashes", "-r", str(LOCK)]
            subprocess.run([final / "bin" / "python", *install, *locked], check=True)
            (final / "whole").touch()
    return final


@dataclass(frozen=True)
class Verdict:
    """Numbers of rules that passed, failed and were not looked at; names of those that failed."""

    passed: int
    failed: int
    skipped: int
    failures: frozenset[str]


def _packages() -> Path:
    return next(folder().glob("lib/python3.*/site-packages"))


def judge_1_2(file: Path, rules: Path | None = None) -> Verdict:
    """All rules of 1.2, those of its own model or of a folder of models. It answers 0 even when
    rules fail, so its words are read; it looks for a file of its own beside where it runs.
    """
    argv = [
        folder() / "bin" / "focus-validator",
        *("--data-file", file, "--validate-version", _MODEL, "--block-download"),
        *("--focus-dataset", "CostAndUsage", "--applicability-criteria", ",".join(_CRITERIA)),
        *(("--rule-set-path", rules) if rules else ()),
    ]
    done = subprocess.run(
        argv, cwd=_packages(), capture_output=True, text=True, check=True, env=_environment()
    )
    found = re.findall(r"^\W*([\w-]+): (PASS|FAIL|SKIP\w*)", done.stdout, re.MULTILINE)
    assert found, done.stdout + done.stderr
    kinds = [kind[:4] for _, kind in found]
    failures = frozenset(name for name, kind in found if kind == "FAIL")
    return Verdict(kinds.count("PASS"), kinds.count("FAIL"), kinds.count("SKIP"), failures)


def judge_1_4(file: Path, dataset: str) -> str:
    """What the linter finds; empty when it finds nothing."""
    argv = [folder() / "bin" / "python", "-m", "focus_data_toolkit", "validate"]
    done = subprocess.run(
        [*argv, "--dataset", dataset, file],
        capture_output=True,
        text=True,
        check=False,
        env=_environment(),
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def mended_model(target: Path, billed: str) -> Path:
    """The validator's own model with the three conditions that contradict its sentences made right:
    a charge has a number when its billing period (beginning at `billed`) has an invoice, and a
    status when there is a commitment.
    """
    source = _packages() / "focus_validator" / "rules" / f"model-{_MODEL}.json"
    model = json.loads(source.read_text())
    period = {"ColumnName": "BillingPeriodStart", "Value": billed}
    conditions = {
        "InvoiceId-C-004-C": {"CheckFunction": "CheckNotValue", **period},
        "InvoiceId-C-005-C": {"CheckFunction": "CheckValue", **period},
        "CommitmentDiscountStatus-C-004-C": {
            "CheckFunction": "AND",
            "Items": [
                {"CheckFunction": "CheckNotValue", "ColumnName": "CommitmentDiscountId",
                 "Value": None},
                {"CheckFunction": "CheckValue", "ColumnName": "ChargeCategory", "Value": "Usage"},
            ],
        },
    }  # fmt: skip
    for name, condition in conditions.items():
        model["ModelRules"][name]["ValidationCriteria"]["Condition"] = condition
    # Both of a charge's cases are demanded, not one of them.
    nulls = model["ModelRules"]["InvoiceId-C-003-C"]["ValidationCriteria"]
    nulls["Requirement"]["CheckFunction"] = "AND"
    target.mkdir(exist_ok=True)
    (target / source.name).write_text(json.dumps(model))
    return target


def _environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8"}


if __name__ == "__main__":
    print(build() if python() or not missing() else NO_PYTHON)
