"""What makes two questions, or two bodies of evidence, the same. Keys are HMACs: they reveal nothing."""

import hashlib
import hmac
import json
import re
import unicodedata

from retrieval.values.chunks import PermittedChunks
from retrieval.values.questions import SafeQuestion, SearchQuery

SPACES = re.compile(r"\s+")


def normalise(text: str) -> str:
    """A question without what does not change its meaning: form, case, spacing, closing punctuation.

    Only the end is trimmed: "C++" and "C" stay apart, and so do numbers and negations.
    """
    folded = SPACES.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
    return folded.rstrip("?!. ") or folded


def keyed(secret: bytes, *parts: object) -> bytes:
    """HMAC-SHA-256 over a list in JSON, so that no two different lists run together."""
    return hmac.new(secret, json.dumps(parts, ensure_ascii=False).encode(), hashlib.sha256).digest()


def question_key(secret: bytes, question: SafeQuestion, configuration: str) -> bytes:
    """Equal for the same words after the same conversation, under the same rights and settings."""
    history = [[normalise(turn.question), turn.answer] for turn in question.question.history]
    return keyed(
        secret,
        "question",
        str(question.scope.tenant_id),
        question.scope.fingerprint.hex(),
        normalise(question.text),
        history,
        sorted(map(str, question.question.collection_ids)),
        configuration,
    )


def evidence_key(secret: bytes, query: SearchQuery, permitted: PermittedChunks, configuration: str) -> bytes:
    """Equal for the same standalone question over the same chunks with the same content, in order."""
    evidence = [[chunk.chunk_id, chunk.digest.hex()] for chunk in permitted.chunks]
    return keyed(
        secret, "evidence", str(query.scope.tenant_id), normalise(query.text), evidence, configuration
    )
