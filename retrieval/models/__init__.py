from retrieval.models.asking import Conversation, Query
from retrieval.models.cache import CachedAnswer, Epoch
from retrieval.models.documents import (
    Collection,
    CollectionGroupObjectPermission,
    CollectionUserObjectPermission,
    Document,
    DocumentGroupObjectPermission,
    DocumentUserObjectPermission,
)
from retrieval.models.index import (
    TERM_SPACE,
    Chunk,
    ChunkLexeme,
    ChunkText,
    EmbeddingSpace,
    LexemeFrequency,
    Reembedding,
)
from retrieval.models.policy import GlossaryTerm, TenantPolicy
from retrieval.models.resumable import ResumableUpload
from retrieval.models.sources import Source, SourceItem
from retrieval.models.versions import DocumentVersion, Ingestion

__all__ = [
    "TERM_SPACE",
    "CachedAnswer",
    "Chunk",
    "ChunkLexeme",
    "ChunkText",
    "Collection",
    "CollectionGroupObjectPermission",
    "CollectionUserObjectPermission",
    "Conversation",
    "Document",
    "DocumentGroupObjectPermission",
    "DocumentUserObjectPermission",
    "DocumentVersion",
    "EmbeddingSpace",
    "Epoch",
    "GlossaryTerm",
    "Ingestion",
    "LexemeFrequency",
    "Query",
    "Reembedding",
    "ResumableUpload",
    "Source",
    "SourceItem",
    "TenantPolicy",
]
