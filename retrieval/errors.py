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


class GeneratorUnavailable(RetrievalError):
    code = "generator_unavailable"
    permanent = False


class AuditUnavailable(RetrievalError):
    code = "audit_unavailable"
    permanent = False


class UnreadableFile(RetrievalError):
    """A file that cannot be taken in; the message is the reason a person reads."""

    code = "unreadable_file"


class AccessRevoked(RetrievalError):
    """The asker's right to what is being told ended while it was being told."""

    code = "access_revoked"
