"""Why a part or an upload is not taken."""

from retrieval.errors import RetrievalError


class UploadTooLarge(RetrievalError):
    """A file, or a part of one, beyond what is taken."""

    code = "too_large"


class TooManyUploads(RetrievalError):
    """More open uploads, or bytes of them, than one person may have."""

    code = "too_many_uploads"
    permanent = False


class UploadConflict(RetrievalError):
    """A part for another place than where the upload stands."""

    code = "conflict"
    permanent = False


class UploadGone(RetrievalError):
    """An upload whose time is over."""

    code = "gone"


class ChecksumMismatch(RetrievalError):
    """A part that did not arrive as it was sent."""

    code = "checksum_mismatch"
    permanent = False
