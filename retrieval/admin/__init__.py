"""Admin pages of documents, settings and questions."""

from retrieval.admin import documents, questions, settings, sources

__all__ = ["documents", "questions", "settings", "sources"]
