"""What is replaced in Python's module `socket` during a run, so that a program's own sockets are simulated.

While an internet runs, code in its loop that makes a `socket.socket` gets a `SimSocket` of the current host,
and functions about names, interfaces and the host itself answer from the internet. Other threads, and code
outside the run, get the real thing as usual.

Rules:

* The class `socket.socket` stays the same class; what is replaced is how it makes an instance. So it does not
  matter which modules imported the class before, or derived from it.
* What Python has on Linux and lacks here is added during a run: constants
  (`p2plib.sim.sockets.constants.LINUX`), and IPv6 (`p2plib.sim.sockets.ipv6`).
* The functions are replaced where Python's own socket module looks for them, so that
  `from socket import getaddrinfo` before the run is covered, too.
* No real socket escapes: whatever still reaches for the machine's network from within a simulated loop, in
  any way that Python has, is refused, and so is starting another process; a thread that such code starts is
  refused the same, for as long as it lives. This is an audit hook (PEP 578), installed at the first run and
  cheap; it cannot be removed again. To send and receive on a real socket from before the run raises no audit
  event, so the socket's methods refuse it. Code in C that bypasses Python is beyond all this.
* Waiting for sockets with `select`, or with a program's own selector, is refused: it would stop every host.
  Asking which are ready now is fine.
* Making another event loop is refused. A run has one, and all its hosts share it.
* A script may not use the real network outside of a run either: see `refusing_real_network`.
"""

from __future__ import annotations

import _socket
import asyncio
import select
import selectors
import socket
import sys
import threading
from asyncio import _get_running_loop
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn

from p2plib.sim.clock.by_name import ImportedByName
from p2plib.sim.clock.loop import in_a_run
from p2plib.sim.clock.stand_ins import StandIns
from p2plib.sim.clock.threads import INSTEAD, belongs_to_a_run, is_of_a_run
from p2plib.sim.current import CURRENT, current_host
from p2plib.sim.sockets import control, interfaces, ipv6, polling
from p2plib.sim.sockets.constants import AF_UNIX, LINUX
from p2plib.sim.sockets.opened import current_incarnation, descriptor, is_simulated
from p2plib.sim.sockets.opened_pairs import pair
from p2plib.sim.sockets.refused import PROCESSES, refuse
from p2plib.sim.sockets.sockets import SimSocket

ESCAPES = (
    "it would use the real network; make the socket with socket.socket on a host, or use asyncio's calls"
)

OUTSIDE = (
    "only what runs in asyncio.run is on a simulated host; move the call there, into a coroutine, and use an "
    "asynchronous library in place of a blocking one"
)
ONE_LOOP = (
    "all hosts share the loop of the run; use asyncio.get_running_loop(), and run nothing in a loop of its "
    "own, nor in a thread with one"
)
OTHER_LOOPS = f"{polling.WAITING}; a library with its own event loop, such as trio or curio, cannot run here"

_real_new: Any = _socket.socket.__new__
_real_init: Any = socket.socket.__init__
_own_classes: dict[type, type] = {}


# The class


def _new(cls: type, *args: Any, **named: Any) -> Any:
    """Make an instance of `socket.socket` or of a subclass: within a run, a simulated one."""
    if issubclass(cls, SimSocket) or not in_a_run():
        return _real_new(cls, *args, **named)
    if cls is socket.socket:
        return _real_new(SimSocket)
    if cls.__module__ == "ssl":
        refuse("ssl.SSLContext.wrap_socket", "use the argument ssl= of asyncio's calls")
    if cls not in _own_classes:
        _own_classes[cls] = type(cls.__name__, (cls, SimSocket), {"__module__": cls.__module__})
    return _real_new(_own_classes[cls])


def _init(self: Any, *args: Any, **named: Any) -> None:
    """Initialise it likewise, for a subclass that calls `socket.socket.__init__` by name."""
    (SimSocket.__init__ if isinstance(self, SimSocket) else _real_init)(self, *args, **named)


# The functions


def _getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:
    return current_host().net.names.getaddrinfo_now(host, port, family, type, proto, flags)


def _gethostbyname_ex(name: str) -> tuple[str, list[str], list[str]]:
    found = _getaddrinfo(name, 0, socket.AF_INET, socket.SOCK_STREAM)
    return name, [], [str(answer[4][0]) for answer in found]


def _gethostbyname(name: str) -> str:
    return current_host().net.names.resolve((name, 0), socket.AF_INET)[0]  # "" is 0.0.0.0


def _gethostbyaddr(address: str) -> tuple[str, list[str], list[str]]:
    names = current_host().net.names
    ip = names.lookup(address)[0]
    name = names.name_of(ip)
    if name is None:
        raise socket.herror(1, "Unknown host")
    return name, [], [ip]


def _getnameinfo(sockaddr: Any, flags: int) -> tuple[str, str]:
    found: tuple[str, str] = current_host().net.names.getnameinfo_now(sockaddr, flags)
    return found


def _socketpair(family: Any = None, type: int = socket.SOCK_STREAM, proto: int = 0) -> Any:
    family = AF_UNIX if family is None else family
    return tuple(SimSocket.of(end) for end in pair(current_incarnation(), int(family), int(type)))


def _dup(fd: int) -> int:
    return descriptor(fd).new_descriptor()


def _close(fd: int) -> None:
    descriptor(fd).close_descriptor(fd)


def _sethostname(name: str) -> NoReturn:
    refuse("socket.sethostname", "a host keeps the name that Internet.host gave it")


_simulated: dict[str, Callable[..., Any]] = {
    "getaddrinfo": _getaddrinfo,
    "gethostbyname": _gethostbyname,
    "gethostbyname_ex": _gethostbyname_ex,
    "gethostbyaddr": _gethostbyaddr,
    "getnameinfo": _getnameinfo,
    "gethostname": lambda: current_host().name,
    "sethostname": _sethostname,
    "socketpair": _socketpair,
    "dup": _dup,
    "close": _close,
    "if_nameindex": lambda: interfaces.name_index(current_host()),
    "if_nametoindex": lambda name: interfaces.index_of(current_host(), name),
    "if_indextoname": lambda index: interfaces.name_of(current_host(), index),
}
_with_descriptors = ("dup", "close")  # these may be about a real one, of a pipe for example


def _instead(name: str, real: Callable[..., Any], simulated: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls *simulated* within a run, and *real* otherwise."""

    def function(*args: Any, **named: Any) -> Any:
        if not in_a_run() or (name in _with_descriptors and not is_simulated(*args)):
            return real(*args, **named)
        return simulated(*args, **named)

    function.__name__ = function.__qualname__ = name
    return function


# Waiting


def _select(rlist: Any, wlist: Any, xlist: Any, timeout: float | None = None) -> Any:
    return polling.look(_real_select, rlist, wlist, xlist, timeout)


def _poll() -> Any:
    return polling.Poll(_real_poll())


def _fileobj_to_fd(fileobj: Any) -> int:
    fd: int = _real_fileobj_to_fd(fileobj)
    if in_a_run() and is_simulated(fd):
        refuse("a selector of your own", OTHER_LOOPS)
    return fd


def _epoll(*args: Any, **named: Any) -> Any:
    return refuse("select.epoll", OTHER_LOOPS) if in_a_run() else _real_epoll(*args, **named)


def _new_loop(cls: type, *args: Any, **named: Any) -> Any:
    """Make an asyncio event loop, unless a run has one already, which all have to share."""
    if in_a_run():
        refuse("an event loop of your own", ONE_LOOP)
    return object.__new__(cls)


def _starting_a_thread(real: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return a method that starts a thread as *real* does, and first notes whether it belongs to a run."""

    def start(self: threading.Thread) -> None:
        if in_a_run() or is_of_a_run():
            belongs_to_a_run(self)
        real(self)

    return start


def _starting_a_process(real: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return a method that starts a process as *real* does, and refuses to for a run."""

    def start(self: BaseProcess) -> None:
        if in_a_run() or is_of_a_run():  # not every way to start one raises an audit event
            refuse("multiprocessing", PROCESSES)
        real(self)

    return start


def _get_adapters(include_unconfigured: bool = False) -> Any:
    return interfaces.adapters(current_host(), include_unconfigured=include_unconfigured)


def _fcntl(fd: Any, command: int, argument: Any = 0) -> Any:
    if in_a_run() and is_simulated(number := polling.number_of(fd)):
        return control.control(number, command, argument)
    return _real_fcntl(fd, command, argument)


_real_fcntl: Any = getattr(sys.modules.get("fcntl"), "fcntl", None)  # there is none on Windows
_by_name = ImportedByName({_real_fcntl: _fcntl} if _real_fcntl is not None else {})
_real_select: Any = select.select
_real_poll: Any = getattr(select, "poll", None)
_real_epoll: Any = getattr(select, "epoll", None)
_real_fileobj_to_fd: Any = selectors._fileobj_to_fd  # type: ignore[attr-defined]

# Putting in and taking out


def _lacking() -> dict[str, Any]:
    """Return what the module lacks here and has on Linux."""
    constants = {name: number for name, number in LINUX.items() if not hasattr(socket, name)}
    if socket.has_ipv6:
        return constants
    return {**constants, "has_ipv6": True, "inet_pton": ipv6.inet_pton, "inet_ntop": ipv6.inet_ntop}


def _put_in(stand_ins: StandIns) -> None:
    _guard_once()
    for name, simulated in _simulated.items():
        if hasattr(_socket, name):
            function = _instead(name, getattr(_socket, name), simulated)
            if getattr(socket, name, None) is getattr(_socket, name):
                stand_ins.put_in(socket, name, function)
            stand_ins.put_in(_socket, name, function)
    stand_ins.put_in(socket, "socketpair", _instead("socketpair", socket.socketpair, _socketpair))
    stand_ins.put_in(select, "select", _instead("select", _real_select, _select))
    if _real_poll is not None:
        stand_ins.put_in(select, "poll", _instead("poll", _real_poll, _poll))
    if _real_epoll is not None:
        stand_ins.put_in(select, "epoll", _epoll)
    stand_ins.put_in(selectors, "_fileobj_to_fd", _fileobj_to_fd)
    if _real_fcntl is not None:
        stand_ins.put_in(sys.modules["fcntl"], "fcntl", _fcntl)
    _by_name.put_in(stand_ins)
    ifaddr: Any = sys.modules.get("ifaddr")
    if ifaddr is not None:
        stand_ins.put_in(ifaddr, "get_adapters", _instead("get_adapters", ifaddr.get_adapters, _get_adapters))
    for name, value in _lacking().items():
        for module in (socket, _socket):  # the first looks in the second for what there is
            stand_ins.put_in(module, name, value)
    stand_ins.put_in(socket.socket, "__new__", _new)
    stand_ins.put_in(socket.socket, "__init__", _init)
    for name in _UNHEARD:
        stand_ins.put_in(socket.socket, name, _of_no_real_network(name, getattr(_socket.socket, name)))
    stand_ins.put_in(asyncio.BaseEventLoop, "__new__", _new_loop)
    stand_ins.put_in(threading.Thread, "start", _starting_a_thread(threading.Thread.start))
    stand_ins.put_in(BaseProcess, "start", _starting_a_process(BaseProcess.start))


_stand_ins = StandIns(_put_in)


def simulated_sockets() -> AbstractContextManager[None]:
    """Give code in a simulated loop simulated sockets, for as long as the block lasts."""
    return _stand_ins.in_place()


# The safety net

_EVENTS = frozenset(
    f"socket.{call}"
    for call in (
        "__new__", "bind", "connect", "sendto", "sendmsg", "getaddrinfo", "gethostbyname", "gethostbyaddr",
        "getnameinfo", "gethostname", "sethostname",
    )
)  # fmt: skip
_PROGRAMS = frozenset(
    ("subprocess.Popen", "os.system", "os.posix_spawn", "os.spawn", "os.exec", "os.fork", "os.forkpty")
)
_WATCHED = _EVENTS | _PROGRAMS
_SPEAKING = frozenset(
    f"socket.{call}" for call in ("connect", "sendto", "sendmsg", "getaddrinfo", "gethostbyname")
)
_REACHING = _SPEAKING | {"socket.bind"}
_INTERNET = (socket.AF_INET, socket.AF_INET6)
_guarded = False
_scripts: set[int] = set()  # the threads that load one


@contextmanager
def refusing_real_network() -> Iterator[None]:
    """Keep a script from using the real network for as long as the block lasts, even outside of a run."""
    _guard_once()
    me = threading.get_ident()
    _scripts.add(me)
    try:
        yield
    finally:
        _scripts.discard(me)


# The calls of a socket that raise no audit event. (Without AF_UNIX, the real loop outside a run wakes itself
# by a pair of internet sockets, so they stay as they are.)
_UNHEARD = tuple(
    name
    for name in (
        "send", "sendall", "recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "recvmsg_into"
    )
    if hasattr(socket, "AF_UNIX") and hasattr(_socket.socket, name)
)  # fmt: skip


def _of_no_real_network(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of `socket.socket` that refuses to use the real network for a run."""

    def method(self: Any, *args: Any, **named: Any) -> Any:
        if self.family in _INTERNET and (in_a_run() or is_of_a_run()):
            _refuse(f"socket.{name}")
        return real(self, *args, **named)

    method.__name__ = method.__qualname__ = name
    return method


def _guard_once() -> None:
    global _guarded
    if not _guarded:
        _guarded = True
        sys.addaudithook(_guard)


def _guard(
    event: str, args: Any, watched: frozenset[str] = _WATCHED, running: Any = _get_running_loop
) -> None:
    """Refuse a call that would use the real network, by code in a simulated loop or in a thread of its own.

    What it needs first is passed as arguments, for it is still called after the interpreter has cleared this
    module.
    """
    if event not in watched:
        return
    loop = running()
    if loop is not None and in_a_run():
        if event in _PROGRAMS:
            refuse(event, PROCESSES)
        _refuse("_socket.socket" if event == "socket.__new__" else event)
    elif is_of_a_run():
        if event in _PROGRAMS:
            refuse(event, PROCESSES)
        if event in _REACHING and _is_internet(args[0]):
            _refuse(event)
    elif loop is None and event in _SPEAKING and threading.get_ident() in _scripts and _is_internet(args[0]):
        refuse(f"a real {event}, called by a script outside asyncio.run,", OUTSIDE)


def _refuse(call: str) -> NoReturn:
    if not in_a_run():
        thread = threading.current_thread().name
        refuse(f"a real {call}, called by the thread {thread!r} that a program has started,", INSTEAD)
    incarnation = CURRENT.get()
    where = "the main program" if incarnation is None else incarnation.host.name
    refuse(f"a real {call}, called on {where},", ESCAPES)


def _is_internet(what: Any) -> bool:
    """Whether a socket, or a name to be looked up, belongs to the internet, not just to this machine."""
    return not isinstance(what, socket.socket) or what.family in _INTERNET
