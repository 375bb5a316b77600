"""Which parts of an Office file can hold another file, told by their names alone."""

from retrieval.ingestion.scan.programs import runs_by_name

_PLAIN = (".xml", ".rels", ".vml")
_OPAQUE = (".bin", ".docx", ".xlsx", ".pptx", ".ole")


def embedding_parts(names: list[str]) -> list[str]:
    """The parts that can hold another file; an Office file without one needs no closer look."""
    return [name for name in names if _may_embed(name.lower()) and not is_plain(name)]


def is_plain(name: str) -> bool:
    """Whether a part is text of the format itself."""
    return name.lower().endswith(_PLAIN) and "/activex/" not in name.lower()


def _may_embed(name: str) -> bool:
    if "/printersettings/" in name:
        return False  # every workbook that was once printed has one
    return (
        "/activex/" in name
        or "/embeddings/" in name
        or "oleobject" in name
        or name.startswith("object")
        or runs_by_name(name)
        or name.endswith(_OPAQUE)
    )
