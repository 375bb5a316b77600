"""Words that make a loose pattern believable when they stand beside it.

Single words, because whole words are compared and a phrase would never match. Presidio's own lists
have "document", "us" and "policy", which stand beside any number in an office.
"""

CONTEXTS: dict[str, tuple[str, ...]] = {
    "UK_NINO": ("nino", "insurance", "ni"),
    "UK_DRIVING_LICENCE": ("licence", "license", "dvla"),
    "UK_NHS": ("nhs", "patient", "health"),
    "US_NPI": ("npi", "provider", "taxonomy"),
    "ABA_ROUTING_NUMBER": ("aba", "routing"),
    "US_PASSPORT": ("passport", "passports"),
    "UK_PASSPORT": ("passport", "passports", "hmpo"),
    "US_HEALTH_INSURANCE_MEMBER_ID": ("member", "subscriber"),
    "PHONE_NUMBER": ("phone", "telephone", "tel", "cell", "cellphone", "mobile", "call", "fax"),
}
