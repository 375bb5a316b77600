"""What credentials look like, one rule a kind, after the issuers' own documentation of their formats.

Every pattern is bounded on its left of the value: keyword and value lie within 80 characters, the value is
one token. The value is group "value" where there is one, else the whole match.
"""

import re
from dataclasses import dataclass

from retrieval.values.verdicts import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRule:
    """One kind of credential: cheap keywords first, then the pattern, then a floor on randomness."""

    name: str
    keywords: tuple[str, ...]  # lower case; one of them must occur before the pattern is tried
    pattern: re.Pattern[str]
    entropy_min: float = 0.0  # Shannon entropy of the value, in bits a character
    mixed: bool = False  # the value must hold a digit or a symbol beside letters
    action: Action = Action.MASK


def _rule(
    name: str, keywords: str, pattern: str, entropy_min: float = 3.0, mixed: bool = False
) -> SecretRule:
    return SecretRule(
        name=name,
        keywords=tuple(keywords.split()),
        pattern=re.compile(pattern),
        entropy_min=entropy_min,
        mixed=mixed,
    )


# A name of the thing, an assignment, an optional quote: what stands before a generic value.
_ASSIGNED = r"""["'`]?\s{0,3}(?:=>|:=|=|:)\s{0,3}["'`]?"""
_KEY_NAME = (
    r"(?i:api[_ -]?key|access[_ -]?key|secret[_ -]?key|client[_ -]?secret|auth[_ -]?token|access[_ -]?token"
    r"|refresh[_ -]?token|signing[_ -]?key|encryption[_ -]?key|private[_ -]?token|webhook[_ -]?secret"
    r"|shared[_ -]?secret|credential|secret|token)"
)

PRIVATE_KEY = SecretRule(
    name="private_key",
    keywords=("private key", "putty-user-key", "age-secret-key", "b3blbnnzac1rzxk"),
    # The header is enough: what follows it never needs to be seen to be the end of the answer.
    pattern=re.compile(
        r"-{2,5}\s?BEGIN[ A-Z0-9]{0,30}PRIVATE KEY(?: BLOCK)?\s?-{2,5}|PuTTY-User-Key-File-\d"
        r"|AGE-SECRET-KEY-1[A-Z0-9]{20,}|b3BlbnNzaC1rZXktdjE"
    ),
    action=Action.BLOCK,
)

SECRET_RULES: tuple[SecretRule, ...] = (
    PRIVATE_KEY,
    _rule("aws_access_key", "akia asia abia acca", r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16,}"),
    _rule(
        "aws_secret_key",
        "aws secretaccesskey secret_access_key",
        r"(?i:aws|secret_?access_?key)[^\n]{0,40}?[=:]\s{0,3}[\"']?(?P<value>[A-Za-z0-9/+]{40,})",
        4.0,
    ),
    _rule(
        "github_token",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{40,}",
    ),
    _rule(
        "gitlab_token",
        "glpat- gldt- glrt- glptt- glcbt- glsoat-",
        r"gl(?:pat|dt|rt|ptt|cbt|soat)-[\w-]{18,}",
    ),
    _rule("slack_token", "xox xapp-", r"xox[abeoprs](?:\.xox[abp])?-[\w-]{10,}|xapp-\d-[\w-]{20,}"),
    _rule("slack_webhook", "hooks.slack.com", r"hooks\.slack\.com/(?:services|workflows)/[\w/+-]{20,}"),
    _rule(
        "stripe_key",
        "sk_live sk_test rk_live rk_test whsec_",
        r"(?:[sr]k_(?:live|test)|whsec)_[A-Za-z0-9+/]{16,}",
    ),
    _rule("anthropic_key", "sk-ant-", r"sk-ant-[\w-]{20,}"),
    _rule("openai_key", "sk-", r"(?<![A-Za-z0-9])sk-(?!ant-)(?:[a-z]{3,9}-)?[\w-]{20,}", 3.5, mixed=True),
    _rule("google_api_key", "aiza", r"AIza[\w-]{35,}"),
    _rule("google_oauth", "ya29. gocspx-", r"ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}"),
    _rule(
        "gcp_service_account",
        "private_key_id",
        r"private_key_id" + _ASSIGNED + r"(?P<value>[0-9a-f]{32,})",
    ),
    _rule("jwt", "eyj", r"eyJ[\w-]{8,400}\.eyJ[\w-]{8,}(?:\.[\w-]*)?"),
    _rule(
        "azure_storage_key",
        "accountkey sharedaccesskey",
        r"(?i:AccountKey|SharedAccessKey)\s?=\s?(?P<value>[A-Za-z0-9+/]{40,}={0,2})",
        4.0,
    ),
    _rule("azure_client_secret", "q~", r"(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{30,}"),
    _rule("azure_sas", "sig=", r"[?&;]sig=(?P<value>[A-Za-z0-9%/+]{40,}={0,2})"),
    _rule("sendgrid_key", "sg.", r"(?<!\w)SG\.[\w-]{16,}\.[\w-]{30,}"),
    _rule("mailgun_key", "key-", r"(?<!\w)key-[0-9a-f]{32,}"),
    _rule("twilio_key", "sk ac", r"(?<![A-Za-z0-9])(?:SK|AC)[0-9a-f]{32,}"),
    _rule("npm_token", "npm_", r"npm_[A-Za-z0-9]{36,}"),
    _rule("pypi_token", "pypi-", r"pypi-[A-Za-z0-9_-]{50,}"),
    _rule("huggingface_token", "hf_", r"(?<!\w)hf_[A-Za-z0-9]{30,}"),
    _rule("digitalocean_token", "dop_v1 doo_v1 dor_v1", r"do[opr]_v1_[0-9a-f]{40,}"),
    _rule("shopify_token", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32,}"),
    _rule("telegram_token", ":aa", r"(?<!\d)\d{8,10}:AA[\w-]{32,}"),
    _rule("discord_webhook", "/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/\d{8,}/[\w-]{40,}"),
    _rule("databricks_token", "dapi", r"(?<!\w)dapi[0-9a-f]{32,}"),
    _rule("grafana_token", "glc_ glsa_", r"gl(?:c|sa)_[\w+/]{30,}={0,2}"),
    _rule("vault_token", "hvs. hvb.", r"(?<!\w)hv[sb]\.[\w-]{24,}"),
    _rule("atlassian_token", "atatt3 atctt3", r"AT[AC]TT3[\w=-]{40,}"),
    _rule("docker_token", "dckr_pat_ dckr_oat_", r"dckr_[op]at_[\w-]{20,}"),
    _rule("linear_key", "lin_api_", r"lin_api_[A-Za-z0-9]{32,}"),
    _rule(
        "url_password",
        "://",
        r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@\"'<>]{0,64}:(?P<value>[^\s/@\"']{3,128})@",
        0.0,
    ),
    _rule(
        "authorization_header",
        "bearer basic",
        r"(?i:authorization" + _ASSIGNED + r"(?:bearer|basic)|bearer)\s{1,3}(?P<value>[\w.~+/=-]{16,})",
        3.0,
        mixed=True,
    ),
    _rule(
        "password",
        "password passwd passphrase passcode pwd",
        r"(?i:pass(?:word|wd|phrase|code)|pwd)(?:"
        + _ASSIGNED
        + r"|\s{1,3}(?i:is|was|are)(?:\s{1,3}(?i:now|set to))?:?\s{1,3}[\"'`]?)(?P<value>[^\s\"'`<>]{6,128})",
        2.0,
        mixed=True,
    ),
    # "password=correcthorse" has neither digit nor symbol, but nobody writes prose without blanks.
    _rule(
        "password_setting",
        "password= passwd= pwd= passphrase=",
        r"(?i:pass(?:word|wd|phrase)|pwd)=[\"'`]?(?P<value>[^\s\"'`<>&;,)]{6,128})",
        2.0,
    ),
    _rule(
        "generic_key",
        "key secret token credential",
        _KEY_NAME + _ASSIGNED + r"(?P<value>[\w.~+/=-]{16,})",
        3.3,
        mixed=True,
    ),
)
