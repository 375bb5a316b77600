"""Secrets that must be read again, kept so that a stolen table gives none away."""

import base64
import hashlib
import hmac
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

NONCE_BYTES = 12  # what AES-GCM takes (NIST SP 800-38D)
VERSION = "1:"


def seal(text: str, *, purpose: str) -> str:
    """AES-256-GCM under the installation's key; only `unseal` with the same purpose opens it."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(_key()).encrypt(nonce, text.encode(), purpose.encode())
    return VERSION + base64.b64encode(nonce + sealed).decode()


def unseal(sealed: str, *, purpose: str) -> str:
    """Raises ValueError for what was not sealed here, or for another purpose."""
    try:
        raw = base64.b64decode(sealed.removeprefix(VERSION), validate=True)
        return AESGCM(_key()).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], purpose.encode()).decode()
    except (InvalidTag, ValueError) as error:
        raise ValueError("This secret was sealed with another key; enter it again.") from error


def fingerprint(text: str, *, purpose: str) -> str:
    """HMAC-SHA-256 in hex: the same text can be found again, and nobody can read it back."""
    return hmac.new(_key(), f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()


@lru_cache(maxsize=1)
def _key() -> bytes:
    return hmac.new(settings.RAGSITE_TENANT_KEY.encode(), b"ragsite sign-in secrets", hashlib.sha256).digest()
