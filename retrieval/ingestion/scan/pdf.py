"""Scripts, launched programs and attachments of a PDF, followed from its root with `pypdf`."""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from retrieval.errors import UnreadableFile
from retrieval.ingestion.limits import ParseLimits
from retrieval.ingestion.scan.findings import ATTACHMENT, FORM_SCRIPT, LAUNCH, PROGRAM, SCRIPT, Finding
from retrieval.ingestion.scan.programs import HEAD_BYTES, is_program, runs_by_name

_OBJECTS_MAX = 500_000
_FINDINGS_MAX = 100
# What pages are drawn with, and ways back up: nothing there starts anything.
_NOT_FOLLOWED = frozenset(
    {"/Contents", "/Resources", "/Parent", "/P", "/Prev", "/StructTreeRoot", "/Metadata", "/AP", "/Dest"}
)
# Any of these in the bytes of a PDF, or a compressed object in which it could stand, asks for a closer look.
_SIGNS = re.compile(
    rb"/(?:JS|JavaScript|Launch|EmbeddedFiles?|EF|ObjStm|Encrypt|RichMedia)\b|/\w*#[0-9A-Fa-f]{2}"
)
_SIGN_BYTES_MAX = 64
_BLOCK_BYTES = 1024 * 1024
# Acrobat's own functions for figures and dates in forms, called with plain values.
_FORM_CALL = re.compile(
    r"\s*(?:AF(?:Number|Date|Time|Percent|Special|Simple|Range|Merge)\w*\([^()]*\)\s*;?\s*)+"
)


def may_act(file: BinaryIO) -> bool:
    """Whether a PDF's bytes hold any sign of a script, a launch or an attachment, or could hide one."""
    file.seek(0)
    kept = b""
    while block := file.read(_BLOCK_BYTES):
        if _SIGNS.search(kept + block):
            return True
        kept = block[-_SIGN_BYTES_MAX:]
    return False


def inspect(file: BinaryIO, name: str, limits: ParseLimits) -> Iterator[Finding]:
    """What a PDF would run or open. Raises UnreadableFile when its inside cannot be followed."""
    # Imported here: only PDFs that could hide something are looked into.
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(file, strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            return  # nobody reads it without a password; the parser says so
        found = 0
        for dictionary in _dictionaries(reader.trailer["/Root"], name):
            for finding in _judged(dictionary):
                yield finding
                found += 1
                if found >= _FINDINGS_MAX:
                    return
    except (PyPdfError, KeyError, ValueError, TypeError, AttributeError, IndexError, RecursionError, OSError):
        raise UnreadableFile(
            f"{name} is damaged inside and cannot be checked for programs; save it anew and send it again."
        ) from None


def _dictionaries(root: Any, name: str) -> Iterator[Any]:
    """Every dictionary that hangs from the root, each once; a list and not calls, however deep it is."""
    from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject

    waiting, seen = [root], set()
    count = 0
    while waiting:
        found = waiting.pop()
        if isinstance(found, IndirectObject):
            if found.idnum in seen:
                continue
            seen.add(found.idnum)
            found = found.get_object()
        count += 1
        if count > _OBJECTS_MAX:
            raise UnreadableFile(f"{name} has too many parts to be checked for programs; split it.")
        if isinstance(found, DictionaryObject):
            yield found
            waiting += [dict.__getitem__(found, key) for key in found if key not in _NOT_FOLLOWED]
        elif isinstance(found, ArrayObject):
            waiting += list.__iter__(found)


def _judged(dictionary: Any) -> Iterator[Finding]:
    action = dictionary.get("/S")
    if action == "/JavaScript" or "/JS" in dictionary:
        script = _script(dictionary.get("/JS"))
        rule = FORM_SCRIPT if _FORM_CALL.fullmatch(script) else SCRIPT
        yield Finding(rule=rule, detail=" ".join(script.split())[:80])
    elif action == "/Launch":
        yield Finding(rule=LAUNCH, detail=_file_name(dictionary.get("/F") or dictionary.get("/Win")))
    elif dictionary.get("/Subtype") == "/RichMedia":
        yield Finding(rule=SCRIPT, detail="rich media")
    if "/EF" in dictionary:
        yield _attachment(dictionary)


def _attachment(specification: Any) -> Finding:
    name = _file_name(specification)
    embedded = specification["/EF"]
    stream = embedded.get("/F") or embedded.get("/UF")
    head = stream.get_object().get_data()[:HEAD_BYTES] if stream is not None else b""
    dangerous = is_program(head) or runs_by_name(name)
    return Finding(rule=PROGRAM if dangerous else ATTACHMENT, detail=name)


def _file_name(specification: Any) -> str:
    if hasattr(specification, "get_object"):
        specification = specification.get_object()
    if hasattr(specification, "get"):
        specification = specification.get("/UF") or specification.get("/F") or ""
    return str(specification or "")


def _script(source: Any) -> str:
    source = source.get_object() if hasattr(source, "get_object") else source
    if hasattr(source, "get_data"):
        return bytes(source.get_data()[: 64 * 1024]).decode("latin-1")
    return str(source or "")
