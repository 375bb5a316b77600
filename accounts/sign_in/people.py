"""Who may sign in at all."""

from django.db.models.functions import Lower

from accounts.models import User


def may_sign_in(user: User) -> bool:
    """Whether any way in is open to the account: it is in force, and a person's."""
    return bool(user.is_active and not user.is_service)


def find_person(email: str) -> User | None:
    """The account with this address, in any case; None for services' too."""
    if "\0" in email:
        return None
    found = User.objects.annotate(lower_email=Lower("email")).filter(lower_email=email.strip().lower())
    return found.filter(is_service=False).first()
