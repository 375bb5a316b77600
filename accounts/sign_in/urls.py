"""Every address of signing in and of one's own account.

The library finds some of them by the names it gave them; where one page is two of its pages, the
address stands here twice.
"""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.webauthn import views as webauthn
from django.urls import path, re_path

from accounts.sign_in import pages, saml, views

sign_in = views.SignInView.as_view()
sign_out = views.SignOutView.as_view()

urlpatterns = [
    path("sign-in/", sign_in, name="account_login"),
    path("sign-in/", sign_in, name="sign-in"),
    path("sign-in/<slug:slug>/", views.organisation, name="sign-in-organisation"),
    path("sign-out/", sign_out, name="account_logout"),
    path("sign-out/", sign_out, name="sign-out"),
    # Before one is signed in.
    path("account/second-factor/", mfa.authenticate, name="mfa_authenticate"),
    path("account/passkey/", webauthn.login_webauthn, name="mfa_login_webauthn"),
    path("account/refused/", views.refused, name="account_inactive"),
    path("account/refused/", views.refused, name="sign-in-refused"),
    path("account/reset/", account.password_reset, name="account_reset_password"),
    path("account/reset/sent/", account.password_reset_done, name="account_reset_password_done"),
    path(
        "account/reset/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    re_path(
        r"^account/reset/(?P<uidb36>[0-9A-Za-z]{1,13})-(?P<key>[0-9A-Za-z-]{1,100})/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    # Through a tenant's own service.
    path("sso/<uuid:provider_id>/start/", views.start, name="sso-start"),
    path("sso/<uuid:provider_id>/callback/", views.oidc_callback, name="openid_connect_callback"),
    path("sso/<uuid:provider_id>/answer/", saml.answer, name="saml-answer"),
    path("sso/<uuid:provider_id>/finish/", saml.finish, name="saml-finish"),
    path("sso/<uuid:provider_id>/metadata/", saml.metadata, name="saml-metadata"),
    # One's own account.
    path("account/", pages.account, name="mfa_index"),
    path("account/", pages.account, name="mfa_list_webauthn"),
    path("account/", pages.account, name="account"),
    path("account/sessions/end/", pages.end_session, name="account-end-session"),
    path("account/sessions/end-others/", pages.end_other_sessions, name="account-end-other-sessions"),
    path("account/leave/", pages.leave_organisation, name="account-leave"),
    path("account/password/", pages.ChangePassword.as_view(), name="account_change_password"),
    path("account/confirm/", pages.confirm, name="account-confirm"),
    path("account/confirm/password/", pages.Reauthenticate.as_view(), name="account_reauthenticate"),
    path("account/confirm/code/", pages.ReauthenticateByCode.as_view(), name="mfa_reauthenticate"),
    path(
        "account/confirm/passkey/",
        pages.ReauthenticateByPasskey.as_view(),
        name="mfa_reauthenticate_webauthn",
    ),
    path("account/app/", pages.AddApp.as_view(), name="mfa_activate_totp"),
    path("account/app/remove/", pages.RemoveApp.as_view(), name="mfa_deactivate_totp"),
    path("account/passkeys/", pages.AddPasskey.as_view(), name="mfa_add_webauthn"),
    path("account/passkeys/<int:pk>/remove/", pages.RemovePasskey.as_view(), name="mfa_remove_webauthn"),
    path("account/recovery-codes/", pages.RecoveryCodes.as_view(), name="mfa_view_recovery_codes"),
    path("account/recovery-codes/new/", pages.NewRecoveryCodes.as_view(), name="mfa_generate_recovery_codes"),
]
