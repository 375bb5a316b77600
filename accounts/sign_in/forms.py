"""What people fill in to sign in and to get a new password."""

from typing import Any

from allauth.account.forms import ResetPasswordForm, UserTokenForm
from allauth.account.internal import flows
from allauth.account.models import Login
from allauth.account.utils import url_str_to_user_pk
from django import forms
from django.http import HttpRequest, HttpResponse

from accounts.events import tell
from accounts.models import User
from accounts.sign_in.adapters import MISMATCH, AccountAdapter
from accounts.sign_in.people import find_person, may_sign_in
from accounts.sign_in.sealing import fingerprint

PASSWORD_CHARS_MAX = 256  # a hash of megabytes would be a way to keep us busy


class SignInForm(forms.Form):
    """Address and password; every failure says the same, so that nobody learns who has an account."""

    username = forms.EmailField(
        label="Email address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username webauthn", "autofocus": True}),
        error_messages={"invalid": "Enter a whole email address, such as name@example.org."},
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        max_length=PASSWORD_CHARS_MAX,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        self.request = request
        self.user: User | None = None
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if self.errors:
            return values
        self.user = AccountAdapter(self.request).authenticate(
            self.request, email=values["username"], password=values["password"]
        )
        if self.user is None:
            raise forms.ValidationError(MISMATCH)
        return values

    def login(self, request: HttpRequest, redirect_url: str | None = None) -> HttpResponse:
        assert self.user is not None
        login = Login(user=self.user, redirect_url=redirect_url)
        return flows.login.perform_password_login(request, {}, login)


class OrganisationForm(forms.Form):
    """An address whose domain leads to an organisation's own service."""

    username = forms.EmailField(
        max_length=254,
        error_messages={
            "required": "Enter your email address first; its domain leads to your organisation.",
            "invalid": "Enter a whole email address, such as name@example.org.",
        },
    )


class ResetForm(ResetPasswordForm):
    """The address to which a link is sent; the answer is the same where there is no account."""

    users: list[User]

    def clean_email(self) -> str:
        email = self.cleaned_data["email"].lower()
        person = find_person(email)
        self.users = [person] if person and may_sign_in(person) else []
        return email

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        tell(
            "password.reset_asked",
            actor_id=None,
            object_pk=str(self.users[0].pk) if self.users else "",
            details={"address": fingerprint(self.cleaned_data["email"], purpose="address")},
        )
        return super().save(request, **kwargs)


class ResetTokenForm(UserTokenForm):
    def _get_user(self, uidb36: str) -> User | None:
        try:
            person = User.objects.filter(pk=url_str_to_user_pk(uidb36)).first()
        except ValueError:
            return None
        return person if person and may_sign_in(person) else None
