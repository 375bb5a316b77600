"""What a person fills in to sign in."""

from django import forms
from django.contrib.auth.forms import AuthenticationForm


class SignInForm(AuthenticationForm):
    """Address and password; every failure says the same, so that nobody learns who has an account."""

    error_messages = {
        "invalid_login": "This address and password do not go together. Check both and try again.",
        "inactive": "This address and password do not go together. Check both and try again.",
    }
    username = forms.EmailField(
        label="Email address",
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
        error_messages={"invalid": "Enter a whole email address, such as name@example.org."},
    )
