"""How long the input guardrail takes, and what its rules catch and wrongly stop on public data.

Prints one JSON line. Times are milliseconds of a warm `inspect`; recall and false alarms are shares of
each file's texts at the default threshold, by the rules alone. RAGSITE_DATA names the data folder.
"""

import asyncio
import gzip
import json
import os
import random
import statistics
import sys
import time
from pathlib import Path
from uuid import UUID

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from accounts.scope import AccessScope
from compliance.pii import PiiEngine
from retrieval.guardrails.canonical import canonical_views
from retrieval.guardrails.injection import InjectionDetector
from retrieval.guardrails.input import DefaultInputGuardrail
from retrieval.guardrails.policy import DEFAULT_THRESHOLD, GuardPolicy
from retrieval.values.questions import Question

SIZES = (100, 500, 2_000)
REPEATS = 200
ROWS_MAX = 1_500  # a file; the first ones
CHARS_MAX = 2_000
SCOPE = AccessScope(tenant_id=UUID(int=1), user_id=1, group_ids=frozenset())
PROSE = (
    "What does the supplier contract of 2024 say about late delivery, and who at the Leeds office may sign "
    "a change to clause 12.3 when the head of purchasing, whose mail is ann@acme.example, is away? The "
    "annex lists fees, deadlines and the steps to follow if goods arrive damaged or in part only. "
)


class Policies:
    def policy_for(self, tenant_id: UUID) -> GuardPolicy:
        return GuardPolicy()


async def latencies() -> dict[str, dict[str, float]]:
    pii = PiiEngine()
    pii.warm()
    guardrail = DefaultInputGuardrail(pii=pii, policies=Policies(), question_chars_max=CHARS_MAX)
    texts = {f"{size}_chars": _of_size(size) for size in SIZES} | {"100_chars_with_pii": PROSE[104:204]}
    return {name: await _times(guardrail, text) for name, text in texts.items()}


def _of_size(size: int) -> str:
    # Shuffled, because the guardrail refuses a text that repeats itself.
    words = PROSE.split()
    dice = random.Random(size)
    return (PROSE + " ".join(" ".join(dice.sample(words, len(words))) for _ in range(8)))[:size]


async def _times(guardrail: DefaultInputGuardrail, text: str) -> dict[str, float]:
    question = Question(text=text, scope=SCOPE)
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        await guardrail.inspect(question)
        taken.append((time.perf_counter() - start) * 1_000)
    return {"p50": round(statistics.median(taken), 3), "p95": round(statistics.quantiles(taken, n=20)[18], 3)}


def shares(folder: Path) -> dict[str, dict[str, float]]:
    detector = InjectionDetector()
    found: dict[str, dict[str, float]] = {"recall": {}, "false_alarms": {}}
    for path in sorted(folder.glob("*.jsonl*")):
        rows = [row for row in _rows(path) if "text" in row]
        for label, kind in ((1, "recall"), (0, "false_alarms")):
            texts = [str(row["text"])[:CHARS_MAX] for row in rows if row["label"] == label]
            if texts:
                caught = sum(detector.read(canonical_views(t)).score >= DEFAULT_THRESHOLD for t in texts)
                found[kind][path.name.partition(".")[0]] = round(caught / len(texts), 4)
    return found


def _rows(path: Path) -> list[dict[str, object]]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        return [json.loads(line) for _, line in zip(range(ROWS_MAX), lines, strict=False)]


def main() -> None:
    folder = Path(os.environ.get("RAGSITE_DATA", ROOT / ".." / "shared" / "data")) / "guard"
    report: dict[str, object] = {"inspect_ms": asyncio.run(latencies())}
    report |= shares(folder) if folder.is_dir() else {"recall": None, "false_alarms": None}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
