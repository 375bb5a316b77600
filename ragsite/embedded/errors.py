"""What keeps the embedded services from starting, said to a person."""


class CannotStart(Exception):
    """The start is given up; the message is one sentence that says what is wrong and what to do."""
