"""Phrases that try to steer the model, as rules with weights. Each names a technique, none is proof.

Patterns are written on folded text (lower case, no accents). A blank stands for up to four signs or
blanks or none at all, so that "ignore_all" and letters glued together by decoding still match. Beside
an open word (`\\w{1,12}`) it stands for at least one, or a long word could be cut up in endless ways.
All repetitions are bounded: a search takes time in proportion to the text.
"""

# ruff: noqa: E501  # a pattern cut into lines is harder to check than a long one

import re
from dataclasses import dataclass

_GAP = r"[\W_]{0,4}"
_FIRM_GAP = r"[\W_]{1,4}"
_OPEN_WORD = re.compile(r"( ?)\\w(\{1,\d+\})( ?)")
_CLASS_OR_BLANK = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]| ")


@dataclass(frozen=True, slots=True)
class Rule:
    """One technique. weight: 0 to 1, what a match adds; needs: one of these words is in every match."""

    name: str
    weight: float
    needs: tuple[str, ...]
    pattern: re.Pattern[str]


def rule(name: str, weight: float, needs: str, *alternatives: str) -> Rule:
    source = _OPEN_WORD.sub(_bounded_word, "|".join(f"(?:{alternative})" for alternative in alternatives))
    source = _CLASS_OR_BLANK.sub(lambda found: _GAP if found.group() == " " else found.group(), source)
    return Rule(name, weight, tuple(needs.split()), re.compile(source))


def _bounded_word(found: re.Match[str]) -> str:
    before, count, after = found.groups()
    return f"{_FIRM_GAP if before else ''}[^\\W_]{count}{_FIRM_GAP if after else ''}"


_DROP = (
    r"(?:ignore|ignoring|disregard|disregarding|forget|override|overrule|bypass|neglect|discard|dismiss"
    r"|set aside|pay no attention to|do not (?:follow|obey|heed)|don[’']?t (?:follow|obey)|dont follow"
    r"|stop (?:following|obeying)|abandon|erase|drop)"
)
_FILLER = r"(?:all|any|every|each|the|these|those|my|of|other|and|or|what|just|single|one)"
_FORMER = (
    r"(?:previous(?:ly)?|prior|preceding|above|earlier|former|existing|original|initial|past|foregoing"
    r"|aforementioned|system|your|his|her|their developer|all|current|given|safety|preceeding|previos)"
)
_ORDERS = (
    r"(?:instruct|direction|directive|prompt|command|rule|guideline|programming|training|restriction"
    r"|constraint|order|guidance|context|safeguard|guardrail|polic|filter|message|conversation|input|text)"
)
_SHOW = (
    r"(?:reveal|show|print|display|output|repeat|tell|give|share|leak|expose|disclose|recite|dump|write"
    r"|list|quote|copy|format|rewrite|rephrase|render|turn|put|reproduce|summari[sz]e|translate|encode|spell|return|send|paraphrase|echo"
    r"|provide|state|describe|convert|say|paste)"
    # A whole verb, or one glued to what follows it: "revealyoursystemprompt", but never "printer".
    r"(?:\b|(?=your|the|this|all|me|its|system))"
)
_PROMPT = (
    r"(?:(?:system|hidden|secret|internal|developer|underlying|confidential) (?:prompt|instruct|message|directive"
    r"|guideline|rule)|initiali[sz]ation (?:string|prompt|text)|pre[- ]?prompt|prompt verbatim)"
)
_OWN_PROMPT = (
    r"(?:(?:initial|original|full|exact|entire|complete|first|starting|base) )?(?:prompt|instruct|directive"
    r"|configuration|programming|system message)"
)
_LIMITS = (
    r"(?:restriction|rule|filter|limit|guideline|ethic|moral|polic|constraint|safeguard|censor|boundar"
    r"|guardrail|safety)"
)
_MODEL = (
    r"(?:ai|a\.i\.|llms?|(?:large )?language models?|chat ?bots?|gpt|copilot|(?:ai|virtual|digital) "
    r"(?:assistants?|models?|systems?|agents?)|assistants?)"
)

OVERRIDE = (
    rule("override", 0.9, "instruct direction directive prompt command rule guideline programming training "
         "restriction constraint order guidance context safeguard guardrail polic filter message conversation input text",
         rf"\b{_DROP} (?:{_FILLER} ){{0,3}}{_FORMER} (?:\w{{1,14}} ){{0,2}}?{_ORDERS}",
         rf"\b{_DROP} (?:{_FILLER} ){{0,2}}{_ORDERS}\w{{0,5}} (?:that |which )?(?:you (?:were|have been|had)|"
         rf"above|before|given|so far|i gave|from (?:before|above)|in (?:the|your) system)"),
    rule("override", 0.9, "everything anything all what",
         rf"\b{_DROP} (?:everything|anything|all|what)(?: that)? (?:else )?(?:above|before|prior|previous|"
         rf"i (?:said|told)|you (?:were|have been|ve been|know|learned)|came before|was said|has been said|written above)"),
    rule("override", 0.8, "ask said written request given told came",
         rf"\b{_DROP} (?:what|whatever|all that|anything that|everything that) (?:(?:was|were|has been|is|i) )?(?:ask|said|written|request|given|told|came)"),
    rule("override", 0.9, "instruct rule restriction guideline directive prompt polic",
         r"\byour (?:\w{1,12} )?(?:instruct\w{0,5}|rules?|restrictions?|guidelines?|directives?|prompt|policies)"
         r" (?:(?:are|is|have been|has been|were) (?:now )?(?:void|overrid|cancel|replac|supersed|obsolete|revok"
         r"|invalid|suspend|lift|delet|disabl|changed|updated)|(?:no longer|do not|don t|don[’']t) apply)"),
    rule("override", 0.7, "longer free not",
         r"\byou (?:are|re|were) (?:now )?(?:no longer|free from|not) (?:bound|restrict|limit|constrain|require to follow|subject)"),
    rule("new_orders", 0.5, "new updated revised real actual true your following these this my",
         r"\b(?:new|updated|revised|real|actual|true) (?:system )?(?:instructions?|prompt|task|directives?|orders?|objective|goal)"
         r" ?(?::|are\b|is\b|follow|begin|for you)",
         r"\byour (?:new|only|real|actual|true|next) (?:task|goal|role|instructions?|job|purpose|objective|mission)\b",
         r"\b(?:follow|obey|execute) (?:only )?(?:these|the following|my|this) (?:new )?(?:instruct|order|command|rule)"),
    rule("new_orders", 0.5, "from", r"\bfrom (?:now|this point|here) on(?:ward)?s?,? (?:you|ignore|only|respond|answer|act|always|your|every|never)"),
    rule("instead", 0.3, "instead rather", r"\b(?:instead|rather)(?: of that| of this)?,? (?:just |only |simply |you (?:must|will|should) )?"
         r"(?:say|print|output|reply|respond|write|tell|reveal|answer|return|do|act|give)\b"),
)  # fmt: skip

PROMPT_LEAK = (
    rule("prompt_leak", 0.9, "prompt instruct message directive guideline rule initiali",
         rf"\b{_SHOW} (?:\w{{1,12}} ){{0,5}}?(?:your|the|this|its|all|that|me) (?:\w{{1,14}} ){{0,3}}?{_PROMPT}",
         rf"\b{_SHOW} (?:\w{{1,12}} ){{0,2}}?{_PROMPT}"),
    rule("prompt_leak", 0.5, "what", rf"\b(?:what|which)[’']?(?: is| are| was| were|s) (?:\w{{1,12}} ){{0,2}}?{_PROMPT}"),
    rule("prompt_leak", 0.7, "instruct prompt directive configuration programming system",
         rf"\b(?:what|which)[’']?(?: is| are| was| were|s) your (?:own |\w{{1,12}} )?(?:{_OWN_PROMPT}|{_PROMPT})",
         rf"\b{_SHOW} (?:\w{{1,12}} ){{0,4}}?your (?:own |\w{{1,12}} )?{_OWN_PROMPT}", rf"\byour {_OWN_PROMPT} (?:\w{{1,12}} ){{0,4}}?(?:verbatim|word for word)"),
    rule("prompt_leak", 0.8, "instruct prompt text what everything message",
         rf"\b{_SHOW} (?:\w{{1,12}} ){{0,5}}?(?:above|preceding|previous|prior|earlier) (?:instruct|prompt|system)",
         rf"\b{_SHOW} (?:\w{{1,12}} ){{0,5}}?(?:instruct\w{{0,5}}|text|messages?|everything|what|prompt|words) (?:that )?you (?:were|have been|are|got|received) (?:initially )?(?:given|told|instructed|at the)"),
    rule("prompt_leak", 0.6, "told instruct given what system",
         r"\bwhat (?:were|have|was|are) you (?:been )?(?:told|instructed|given|not (?:allowed|supposed))",
         r"\b(?:my instructions are|i was instructed to|the system prompt is|my system prompt)\b"),
    rule("prompt_leak", 0.4, "your", rf"\b{_SHOW} (?:\w{{1,12}} ){{0,3}}?your (?:own )?(?:rules|guidelines|context window|memory)"),
    rule("prompt_leak", 0.8, "above before preceding prior previous",
         r"\b(?:repeat|print|output|copy|recite|echo|return|reproduce|translate|encode) (?:back )?(?:to me )?(?:all|everything|every word|the"
         r" (?:text|words|content|sentences?|lines?|messages?|paragraphs?|conversation)|what)(?: \w{1,12}){0,3} (?:above|before|preceding|prior|previous)"),
    rule("exact_reply", 0.4, "answer reply response output message", r"\b(?:start|begin|preface|prefix|prepend|open) (?:your|the|each|every|all) (?:\w{1,10} )?(?:answer|reply|response|output|message)s? (?:with|by)\b"),
    rule("prompt_leak", 0.8, "you", r"\b(?:begin|start)\w{0,4} (?:your \w{1,10} )?with (?:the (?:words|phrase) )?[\"'“‘]?you are\b"),
    rule("prompt_leak", 0.25, "system", r"\bsystem prompt"),
    rule("verbatim", 0.3, "verbatim word", r"\bverbatim\b|\bword for word\b"),
)  # fmt: skip

ROLE_MARKERS = (
    rule("role_marker", 0.8, "<| inst sys <system </system assistant>",
         r"<\|(?:im_start|im_end|system|user|assistant|end|endoftext|eot_id|start_header_id|end_header_id|begin_of_text)\|?>",
         r"\[/?inst\]", r"<</?sys>>", r"</?(?:system|assistant|system_prompt|sys)>"),
    rule("role_marker", 0.6, "system assistant developer",
         r"[\"']role[\"'] ?: ?[\"'](?:system|assistant|developer)[\"']",
         r"(?:^|\n)[ >*]{0,3}#{1,6} ?(?:system|assistant|developer)(?: (?:prompt|message|instructions?|override))? ?(?::|\n|$)",
         r"(?:^|\n|[.!?] )[\[(*]{0,3}(?:system|developer|admin|administrator) (?:message|prompt|note|override|instructions?|alert|notice|command)[\])*]{0,3} ?:"),
    rule("role_marker", 0.45, "system assistant ai:",
         r"(?:^|\n) ?[\[(*#]{0,3} ?(?:system|assistant|ai)[\])*]{0,3} ?:"),
    rule("boundary", 0.6, "end begin start",
         r"(?:-{3}|={3}|#{2}|\[|<|\*{2}|/{2}) ?/?(?:end|begin|start)(?:ing)?(?: of)? (?:the )?(?:system |user |original |context |previous |untrusted |new |my )?"
         r"(?:prompt|instructions?|input|context|document|message|conversation|query|text|data)"),
    rule("fake_completion", 0.6, "done complete finished",
         r"(?:^|\n)\W{0,3}(?:answer|response|output|result|assistant|summary)\W{1,4}(?:done|complete|task (?:complete|done)|the task (?:is|has been) (?:done|complete))",
         r"\b(?:task|answer|summary|translation) (?:is |has been )?(?:complete|done|finished)\w{0,2}[.!\n]{1,3} ?(?:now|next|then|new|your|please|ignore)"),
)  # fmt: skip

EXFILTRATION = (
    rule("exfiltration", 0.8, "](http ](//", r"!\[[^\]\n]{0,120}\]\( ?(?:https?:)?//[^)\s]{1,200}[?={&][^)\s]{0,200}\)?"),
    rule("exfiltration", 0.85, "http www ftp webhook @",
         r"\b(?:send|post|forward|e?mail|upload|transmit|exfiltrate|submit|leak|append|pass|report|copy) (?:\w{1,14} ){0,6}?"
         r"(?:conversation|chat|history|context|prompt|secret|credential|password|api key|token|user|question|quer|answer|everything|confidential)\w{0,6}"
         r"(?: \w{1,14}){0,8} \b(?:to|at|via|into)\b (?:\w{1,14} ){0,3}(?:https?:|www\.|ftp:|webhook|[\w.+-]{1,40}@)"),
    rule("exfiltration", 0.45, "http www ftp",
         r"\b(?:send|post|forward|upload|transmit|submit|report) (?:\w{1,14} ){0,6}?(?:data|information|documents?|contents?|files?|details|results?|this|it)"
         r"(?: \w{1,14}){0,5} \b(?:to|at|via)\b (?:\w{1,14} ){0,3}(?:https?:|www\.|ftp:)"),
    rule("exfiltration", 0.8, "http", r"https?://[^\s)]{1,200}[?&/][\w-]{0,20}=? ?(?:\{\{?|\[|<|\$\{|%s)[ \w.-]{0,60}(?:data|secret|prompt|context|answer|question|history|user|token|key|conversation|summary)"),
    rule("exfiltration", 0.45, "image link url pixel img",
         r"\b(?:include|insert|append|embed|add|render|end (?:your|the) (?:answer|reply|response) with)(?: \w{1,12}){0,6} (?:markdown |tracking |invisible |hidden )(?:image|link|url|pixel|img)"),
)  # fmt: skip

PERSONA = (
    rule("persona", 0.9, "anything dan", r"\bdo anything now\b", r"\byou (?:are|re)(?: now| going to be)? (?:the )?(?:dan|stan|aim|dude)\b",
         r"\b(?:act|respond|answer|behave|pretend to be) (?:as|like)? ?dan\b"),
    rule("persona", 0.85, "unfilter uncensor unrestrict amoral evil jailbr rogue unethical unhinged unaligned",
         r"\byou (?:are|re|will be|will act as)(?: now| going to be)? (?:an? )?(?:\w{1,14} ){0,4}?(?:unfilter|uncensor|unrestrict|amoral|evil|jailbr|rogue|unethical|unhinged|unaligned)",
         r"\b(?:act|respond|answer|behave|pretend|roleplay|simulate|become)(?: \w{1,12}){0,5} (?:unfilter|uncensor|unrestrict|amoral|evil|jailbr|rogue|unethical|unhinged|unaligned)"),
    rule("persona", 0.85, "restriction rule filter limit guideline ethic moral polic constraint safeguard censor boundar guardrail safety",
         r"\b(?:act|behave|respond|answer|pretend|roleplay|role play|speak|operate|imagine|simulate|you are|you re|you have|you will)(?: \w{1,12}){0,8}"
         rf" \b(?:no|without|free of|free from|unbound by|not bound by|ignores?|have no|has no|zero)\b(?: any| all)? (?:\w{{1,14}} ){{0,3}}?{_LIMITS}"),
    rule("persona", 0.8, "mode", r"\b(?:dan|god|jailbreak|sudo|unrestricted|unfiltered|evil|opposite) mode\b",
         r"\byou (?:are|re) (?:now )?in (?:\w{1,14} )?(?:developer|debug|admin|maintenance|root|test|diagnostic) mode\b",
         r"\b(?:developer|debug|admin|root|maintenance|diagnostic) mode(?: is)?(?: now)? (?:enabled|activated|unlocked)"),
    rule("persona", 0.75, "your",
         rf"\b(?:bypass|evade|circumvent|disable|turn off|switch off|remove|get around|deactivate|suspend|lift) (?:all |any |of )?your (?:\w{{1,14}} ){{0,2}}?{_LIMITS}"),
    rule("persona", 0.45, "now", r"\byou (?:are|re) now (?:an? |the |my |called |known )"),
    rule("persona", 0.35, "pretend", r"\bpretend (?:to be|you are|you re|that you|you have)\b"),
    rule("persona", 0.4, "character", r"\b(?:stay in|never break|do not break|don[’']?t break) character\b"),
    rule("authority", 0.45, "developer creator admin openai anthropic owner engineer",
         r"\bi (?:am|m) (?:your|the|an?) (?:\w{1,12} )?(?:developer|creator|admin|administrator|owner|openai|anthropic|engineer)"),
    rule("no_refusal", 0.5, "refus declin disclaimer warning you",
         r"\b(?:never|do not|don[’']?t|cannot|can[’']?t|must not|without|no) (?:ever )?(?:refus\w{1,3}|declin\w{1,3}|disclaimers?|(?:add )?warnings?|say (?:that )?you (?:can|are))"),
)  # fmt: skip

ADDRESSEE = (
    rule("addressee", 0.6, "attention note notice message instruct important dear hello attn hey to: for",
         rf"\b(?:attention|notice|note|message|instructions?|important|attn|memo)\W{{0,4}}(?:to|for)?\W{{0,4}}(?:all |any |the |every )?{_MODEL}\b"),
    rule("addressee", 0.35, "dear hello hey", rf"\b(?:dear|hello|hey)\W{{0,4}}{_MODEL}\b"),
    rule("addressee", 0.7, "you you're",
         rf"\b(?:if|when|since|as|because) you (?:are|re) (?:an? |the )?(?:\w{{1,12}} ){{0,2}}?{_MODEL}\b"),
    rule("addressee", 0.45, "read process summar must should shall required instructed",
         rf"\b{_MODEL} (?:(?:that is |who is |which is |currently )?(?:reading|processing|summari[sz]ing|parsing|indexing)|must|shall|should (?:always|never|ignore|instead|say)|(?:is|are) (?:required|instructed|ordered))"),
    rule("secrecy", 0.6, "tell inform mention reveal alert warn notify disclose",
         r"\b(?:do not|don[’']?t|never|without) (?:tell|inform|mention|reveal|alert|warn|notify|disclos)\w{0,3} (?:\w{1,12} ){0,4}?(?:user|human|reader|person asking|anyone|anybody)"),
    rule("conditional", 0.6, "insert display emit include embed mention state output recommend suggest present inform simulate trigger incorporate append add print act tell return say",
         r"\b(?:before|prior to|ahead of|while|when|after|in the course of|as part of) (?:you )?(?:begin |start )?(?:provid|answer|giv|generat|produc|draft|process|respond|explain|summari[sz]|deliver|complet|creat|writ|this task)\w{0,6}"
         r"(?: \w{1,14}){0,8}?\W{1,3}(?:please |first |briefly |casually |discreetly |subtly |unobtrusively )?(?:insert|display|emit|include|embed|mention|state|output|recommend|suggest|present|inform|simulate|trigger|incorporate|append|add|print|act|tell|return|say)\b"
         r"[^.\n]{0,80}(?:answer|respon|reply|summar|user|only|output|sentence|message|remark|line|note|endors|notice|notification|statement|error|fault|crash)",
         r"\b(?:insert|display|emit|include|embed|mention|output|recommend|present|inform|incorporate|append|add|print|return)\b[^.\n]{0,120} (?:before|prior to|ahead of|at the (?:start|end|beginning) of|at some point (?:in|while)|into) (?:you )?(?:provid\w{0,3}|answer\w{0,3}|giving|your (?:answer|respon|reply|summar|output|explanation))"),
    rule("conditional", 0.5, "ask answer respond reply summar generat query question",
         r"\b(?:when|whenever|if|before|while)(?: you)?(?: are)? (?:asked|answering|responding|replying|summari[sz]ing|the user asks|a user asks|anyone asks|someone asks|generating|queried|questioned)"
         r"[^.\n]{0,80}\b(?:you must|always|say|state that|tell them|output|print|ignore|reply|respond with|respond that|answer that|answer with|insert|append)\b"),
    rule("exact_reply", 0.35, "respond reply answer output say print",
         r"\b(?:respond|reply|answer|output|say|print)(?: only| just| simply)? (?:with )?(?:only |exactly |nothing but |the (?:word|phrase|text|string|following))"),
)  # fmt: skip

OTHER_LANGUAGES = (
    rule("override", 0.9, "ignorier vergiss vergessen missacht",
         r"\b(?:ignorier\w{0,3}|vergiss|vergessen sie|missacht\w{0,3})(?: bitte| sie)? (?:alle|samtliche|alles|die|deine|ihre|meine|was|jede)"
         r"(?: \w{1,16}){0,3} (?:anweisung|instruktion|regel|vorgabe|befehl|prompt|richtlinie|zuvor|vorher|bisher|davor|oben|hinweis)"),
    rule("override", 0.9, "ignor oubli compte",
         r"\b(?:ignor(?:e|ez|er)|oubli(?:e|ez|er)|ne (?:tiens|tenez|tenir)(?: \w{1,6})? compte) (?:\w{1,8} ){0,4}(?:instruction|consigne|regle|directive|ordre|indication)\w{0,2}"
         r"(?: \w{1,14}){0,3} (?:precedent|anterieur|ci[ -]?dessus|initial|donne|systeme|avant|recu)",
         r"\b(?:ignor(?:e|ez|er)|oubli(?:e|ez|er)) (?:toutes? |tous )?(?:tes|vos) (?:instruction|consigne|regle|directive)"),
    rule("override", 0.9, "ignor olvid descart omiso",
         r"\b(?:ignor(?:a|e|ar|en)|olvid(?:a|e|ar)|descart(?:a|e|ar)|haz caso omiso de) (?:\w{1,8} ){0,3}(?:instruccion|regla|indicacion|orden|directri)\w{0,3}"
         r"(?: \w{1,14}){0,2} (?:anterior|previ|precedent|del sistema|inicial|de arriba|dad)",
         r"\b(?:ignor(?:a|e|ar)|olvid(?:a|e|ar)) (?:todas? )?(?:tus|sus) (?:instruccion|regla|directri)"),
    rule("override", 0.9, "ignor dimentic seguire",
         r"\b(?:ignor(?:a|i|are|ate)|dimentic(?:a|hi|are|ate)|non seguire) (?:\w{1,8} ){0,4}(?:istruzion|regol|indicazion|direttiv|comand)\w{0,2}"
         r"(?: \w{1,14}){0,2} (?:precedent|anterior|di sistema|inizial|sopra|ricevut|dat)",
         r"\b(?:ignor(?:a|i|are)|dimentic(?:a|hi|are)) (?:tutte )?(?:le )?tue (?:istruzion|regol|direttiv)"),
    rule("override", 0.9, "ignor esquec desconsider negeer vergeet",
         r"\b(?:ignor(?:e|a|ar)|esquec(?:a|er)|desconsider(?:e|ar)) (?:\w{1,8} ){0,3}(?:instruc|regra|diretriz|orden)\w{0,5}(?: \w{1,14}){0,2} (?:anterior|previa|acima|do sistema)",
         r"\b(?:negeer|vergeet) (?:\w{1,8} ){0,3}(?:vorige|voorgaande|eerdere|bovenstaande|systeem) ?(?:instructie|opdracht|regel)"),
    rule("override", 0.9, "игнорир забуд 忽略 忘记 無視",
         r"(?:игнорир\w{0,5}|забуд\w{0,3}) (?:\w{1,8} ){0,3}(?:предыдущ|прошл|выше|прежн)\w{0,4}(?: \w{1,12}){0,1} (?:инструкц|указан|команд|правил)",
         r"(?:忽略|忘记)\w{0,10}(?:指令|指示|提示|说明|规则)", r"(?:指示|命令|指令)\w{0,8}無視"),
    rule("prompt_leak", 0.7, "systemprompt system sistema systeme anweisung prompt",
         r"\b(?:zeig|nenn|verrat|gib|wiederhol|schreib|druck)\w{0,4}(?: \w{1,12}){0,4} (?:system ?prompt|systemanweisung|systemnachricht|deine anweisung|ihre anweisung)",
         r"\b(?:montre|affiche|revele|donne|repete|ecri|muestra|revela|repite|imprime|mostra|rivela|ripeti|stampa|dime|dimmi)\w{0,4}(?:[ -]\w{1,12}){0,4}"
         r" (?:prompt (?:systeme|de sistema|del sistema|di sistema|initial|inicial|iniziale)|system prompt|instructions systeme|instrucciones del sistema|istruzioni di sistema)"),
)  # fmt: skip

RULES: tuple[Rule, ...] = (
    *OVERRIDE,
    *PROMPT_LEAK,
    *ROLE_MARKERS,
    *EXFILTRATION,
    *PERSONA,
    *ADDRESSEE,
    *OTHER_LANGUAGES,
)
