"""Personal data: found by `PiiEngine`, judged by `PiiPolicy`, replaced by `mask.apply`."""

from compliance.pii.engine import ALL_TYPES, PiiEngine
from compliance.pii.mask import Masked, apply
from compliance.pii.policy import DEFAULT_POLICY, PiiAction, PiiPolicy, PiiRules, PolicyError
from compliance.pii.spans import ENTITY_TYPES, PiiSpan

__all__ = [
    "ALL_TYPES",
    "DEFAULT_POLICY",
    "ENTITY_TYPES",
    "Masked",
    "PiiAction",
    "PiiEngine",
    "PiiPolicy",
    "PiiRules",
    "PiiSpan",
    "PolicyError",
    "apply",
]
