"""Setting up a passkey."""

from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms

NAME_CHARS_MAX = 60


class PasskeyForm(AddWebAuthnForm):
    """A key that knows whose it is and checks that it is her: a way in by itself."""

    name = forms.CharField(max_length=NAME_CHARS_MAX, required=False)
    passwordless = forms.BooleanField(widget=forms.HiddenInput, required=True)
