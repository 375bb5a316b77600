"""Programs, known by their first bytes, and the names of files that a double click runs."""

from pathlib import PurePosixPath

HEAD_BYTES = 4_096
_SHEBANG = b"#!"
_OTHER = (b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xcf\xfa\xed\xfe")
# What Windows, macOS and Office run; macro-bearing documents are among them.
# fmt: off
_RUN = {
    ".exe", ".dll", ".com", ".scr", ".pif", ".cpl", ".msi", ".msp", ".msc", ".bat", ".cmd", ".ps1", ".vbs",
    ".vbe", ".js", ".jse", ".wsf", ".wsh", ".hta", ".lnk", ".reg", ".jar", ".app", ".command", ".sh", ".chm",
    ".iso", ".img", ".vhd", ".xll", ".xlam", ".xlsm", ".xltm", ".docm", ".dotm", ".pptm", ".ppam", ".potm",
    ".ppsm", ".settingcontent-ms", ".url", ".one",
}
# fmt: on


def is_program(head: bytes) -> bool:
    """Whether a file begins as a program does: for Windows, Linux, macOS, Java, or a shell."""
    if head.startswith(b"MZ"):
        place = int.from_bytes(head[0x3C:0x40], "little")
        return head[place : place + 4] == b"PE\0\0" or place >= len(head) or place == 0
    return head.startswith((*_OTHER, _SHEBANG))


def runs_by_name(name: str) -> bool:
    """Whether a file of this name is run, and not shown, when somebody opens it."""
    return PurePosixPath(name.lower().rstrip(". ")).suffix in _RUN
