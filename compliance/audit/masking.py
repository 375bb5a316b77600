def mask_completely(_value: str) -> str:
    """What an audit entry shows of a masked field: nothing (the library's own mask shows half)."""
    return "***"
