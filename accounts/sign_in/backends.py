"""Address and password, checked."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from accounts.models import User
from accounts.sign_in.people import find_person, may_sign_in


class PersonBackend(AuthenticationBackend):
    """People in force, never services. Whether or not there is an account, one hash is computed."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        email, password = credentials.get("email"), credentials.get("password")
        if not email or not password:
            return None
        person = find_person(email)
        if person is None:
            make_password(password)
            return None
        return person if person.check_password(password) and may_sign_in(person) else None

    def user_can_authenticate(self, user: Any) -> bool:
        return may_sign_in(user)
