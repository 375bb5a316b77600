"""What can go wrong in retrieval. `ragsite/api_errors.py` translates these for clients."""


class RetrievalError(Exception):
    """Base of all errors here; the message is one sentence that may be shown."""

    code = "error"
    permanent = True  # trying again cannot help


class InvalidQuestion(RetrievalError):
    code = "invalid_question"


class EncoderUnavailable(RetrievalError):
    code = "encoder_unavailable"
    permanent = False


class EncoderMismatch(RetrievalError):
    """The configured encoder is not the one the index was built with."""

    code = "encoder_mismatch"


class SpaceMoved(RetrievalError):
    """The index went over to another encoder while something was encoded for it; encode again."""

    code = "space_moved"
    permanent = False


class ReembeddingRefused(RetrievalError):
    """A re-embedding that cannot begin, go on or be believed; nothing that is searched was changed."""

    code = "reembedding_refused"


class GeneratorUnavailable(RetrievalError):
    code = "generator_unavailable"
    permanent = False


class AuditUnavailable(RetrievalError):
    code = "audit_unavailable"
    permanent = False


class UnreadableFile(RetrievalError):
    """A file that cannot be taken in; the message is the reason a person reads."""

    code = "unreadable_file"


class DamagedOriginal(RetrievalError):
    """A kept file that is not, byte for byte and in its place, what was kept."""

    code = "damaged_original"


class LockedOriginal(RetrievalError):
    """A kept file whose tenant's key is destroyed, or opens with no master key that is here."""

    code = "locked_original"


class ScannerUnavailable(RetrievalError):
    """The configured virus scanner has not judged a file; it waits, because unscanned is not clean."""

    code = "scanner_unavailable"
    permanent = False


class AccessRevoked(RetrievalError):
    """The asker's right to what is being told ended while it was being told."""

    code = "access_revoked"


class GrantRefused(RetrievalError):
    """A grant that cannot be: a grantee from elsewhere, an end in the past, more than the giver has."""

    code = "grant_refused"


class ChangeRefused(RetrievalError):
    """A change of a document that its caller may not make, or that cannot be."""

    code = "change_refused"


class PreviewTooLarge(RetrievalError):
    """A change that reaches too much to be counted in the time there is."""

    code = "preview_too_large"


class FetchRefused(RetrievalError):
    """A page that was not fetched; the message tells nothing of what is inside our own network.

    status: what the server answered; 0 where none did.
    """

    code = "fetch_refused"

    def __init__(self, message: str, *, status: int = 0, permanent: bool = True) -> None:
        super().__init__(message)
        self.status = status
        self.permanent = permanent


class SourceRefused(RetrievalError):
    """A source that cannot be as it is described; `field` is what is wrong with it, or empty."""

    code = "source_refused"

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class SourceUnavailable(RetrievalError):
    """A source that does not answer, or breaks off; what was listed until then is not all there is."""

    code = "source_unavailable"
    permanent = False
