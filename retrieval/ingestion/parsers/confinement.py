"""Takes away from a process what reading a stranger's file does not need; nothing gives it back."""

import ctypes
import os
import platform
import resource
import sys

OPEN_FILES_MAX = 32
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # classic BPF, seccomp(2)
_ALLOW, _REFUSE_WITH_EPERM = 0x7FFF0000, 0x00050001
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16  # offsets in struct seccomp_data
_NOT_THERE = 0x00050026  # ENOSYS, on which the C library falls back to the older call
_CLONE_THREAD = 0x10000
_CLONE3 = 435
_OTHER_ABI = 0x40000000  # x32 calls on x86_64 have numbers of their own
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

# Numbers from the kernel's tables, of calls that reach the network, other processes or the names of files.
# fmt: off
_X86_64_NETWORK = (
    41, 42, 43, 49, 50, 53, 288,  # socket, connect, accept, bind, listen, socketpair, accept4
    425, 101, 310, 311,  # io_uring_setup, and others' hands: ptrace, process_vm_readv and _writev
)
_X86_64 = (
    *_X86_64_NETWORK,
    57, 58, 59, 322,  # fork, vfork, execve, execveat
    62, 129, 200, 234, 297, 424,  # kill, rt_sigqueueinfo, tkill, tgkill, rt_tgsigqueueinfo, pidfd_send
    76, 82, 83, 84, 85, 86, 87, 88,  # truncate, rename, mkdir, rmdir, creat, link, unlink, symlink
    90, 92, 94, 133, 155, 161, 165, 166,  # chmod, chown, lchown, mknod, pivot_root, chroot, mount, umount
    258, 259, 260, 263, 264, 265, 266, 268, 316,  # the same at a folder
    188, 189, 246, 320, 321, 298, 437,  # setxattr, lsetxattr, kexec, bpf, perf, openat2
)
_AARCH64_NETWORK = (
    198, 199, 200, 201, 202, 203, 242,  # socket, socketpair, bind, listen, accept, connect, accept4
    425, 117, 270, 271,  # io_uring_setup, ptrace, process_vm_readv and _writev
)
_AARCH64 = (
    *_AARCH64_NETWORK,
    221, 281,  # execve, execveat
    129, 130, 131, 138, 240, 424,  # kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_send
    45, 33, 34, 35, 36, 37, 38, 276, 53, 54,  # truncate and what changes names and modes at a folder
    39, 40, 41, 51, 5, 6, 104, 280, 241, 437,  # umount, mount, chroot, setxattr, kexec, bpf, perf, openat2
)
# fmt: on
# Machine -> its number in an audit record, calls to the network, calls refused to a parser.
_MACHINES = {
    "x86_64": (0xC000003E, _X86_64_NETWORK, _X86_64),
    "aarch64": (0xC00000B7, _AARCH64_NETWORK, _AARCH64),
}
# Machine -> open calls with the place of their flags, and clone.
_JUDGED_BY_FLAGS = {"x86_64": (((2, 1), (257, 2)), 56), "aarch64": (((56, 2),), 220)}
_REFUSED_EVENTS = ("socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.fork", "os.system", "os.kill")
_CHANGING_EVENTS = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod")
_CHANNEL_EVENTS = ("socket.sendto", "socket.sendmsg")  # on the one that is open


# Operation, how many steps to skip if it is true and if not, operand.
_Step = tuple[int, int, int, int]


class _Instruction(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_ushort),
        ("if_true", ctypes.c_ubyte),
        ("if_false", ctypes.c_ubyte),
        ("operand", ctypes.c_uint32),
    ]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.POINTER(_Instruction))]


def bound(memory_bytes_max: int, open_files_max: int = OPEN_FILES_MAX) -> None:
    """Limit memory, written files, open files and processes, and give up gaining privileges."""
    for kind, amount in (
        (resource.RLIMIT_AS, memory_bytes_max),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, open_files_max),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        allowed = within(kind, amount)
        resource.setrlimit(kind, (allowed, allowed))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # Refused where containers forbid it. Besides the network it takes sight of the parent's memory.
    libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def seal() -> None:
    """Refuse network, other programs and processes, and writing, in this process and for good.

    The kernel refuses it where seccomp is to be had (Linux on x86_64 and aarch64), whatever code asks;
    everywhere an audit hook refuses it to Python code.
    """
    if _filterable():
        architecture, _, refused = _MACHINES[platform.machine()]
        _install(_steps(architecture, refused, _flag_steps(*_JUDGED_BY_FLAGS[platform.machine()])))
    sys.addaudithook(_refuse)


def isolate() -> None:
    """Refuse the network and others' memory in this process and what it becomes, where seccomp is to be had."""
    if _filterable():
        architecture, network, _ = _MACHINES[platform.machine()]
        _install(_steps(architecture, network, []))


def _filterable() -> bool:
    return sys.platform == "linux" and platform.machine() in _MACHINES


def within(kind: int, amount: int) -> int:
    """The amount, or the ceiling that this process was started under when that is lower."""
    _, ceiling = resource.getrlimit(kind)
    return amount if ceiling == resource.RLIM_INFINITY else min(amount, ceiling)


def _install(steps: list[_Step]) -> None:
    """Have the kernel judge each call by these steps; one without seccomp leaves the process as it is."""
    instructions = (_Instruction * len(steps))(*(_Instruction(*step) for step in steps))
    program = _Program(len(steps), instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)


def _steps(architecture: int, refused: tuple[int, ...], more: list[_Step]) -> list[_Step]:
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _REFUSE_WITH_EPERM),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_AT_LEAST, 0, 1, _OTHER_ABI),
        (_RETURN, 0, 0, _REFUSE_WITH_EPERM),
    ]
    for number in refused:
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE_WITH_EPERM)]
    return [*steps, *more, (_RETURN, 0, 0, _ALLOW)]


def _flag_steps(opening: tuple[tuple[int, int], ...], clone: int) -> list[_Step]:
    """Files may be opened to be read, and threads started, but no processes."""
    steps: list[_Step] = []
    for number, argument in opening:
        steps += [
            (_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument),
            (_ANY_BIT, 0, 1, _WRITING),
            (_RETURN, 0, 0, _REFUSE_WITH_EPERM),
            (_RETURN, 0, 0, _ALLOW),
        ]
    return [
        *steps,
        (_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, _NOT_THERE),
        (_EQUAL, 0, 3, clone),
        (_LOAD, 0, 0, _ARGUMENTS_AT),
        (_ANY_BIT, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, _REFUSE_WITH_EPERM),
    ]


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open":
        path, _, flags = arguments
        if isinstance(flags, int) and flags & _WRITING:
            raise PermissionError(f"a parser may not write {path!r}")
        if isinstance(path, str) and path.startswith("/proc/"):
            raise PermissionError(f"a parser may not read {path!r}")
    elif event in _CHANNEL_EVENTS:
        return
    elif event.startswith(_REFUSED_EVENTS) or event in _CHANGING_EVENTS:
        raise PermissionError(f"a parser may not call {event}")
