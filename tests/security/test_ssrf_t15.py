"""T-15: no address that somebody types in, in whatever notation, leads into our own network."""

import ipaddress
import socket

import pytest

from accounts.outbound import Allowed, Dialler
from accounts.sign_in.fetching import Unreachable, careful_session, check_address
from retrieval.fetching import Fetcher, FetchRefused
from tests.support.page_server import Page, page_server

HTML = ("text/html",)
# Ways to write the loopback address, each with the server's own port in place of PORT.
NOTATIONS = [
    "http://127.0.0.1:PORT/",
    "http://127.1:PORT/",
    "http://127.0.1:PORT/",
    "http://2130706433:PORT/",
    "http://0x7f000001:PORT/",
    "http://0x7f.0.0.1:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://017700000001:PORT/",
    "http://00000177.0.0.1:PORT/",
    "http://127.0.0.1.:PORT/",
    "http://127.0.0.1..:PORT/",
    "http://0:PORT/",
    "http://0.0.0.0:PORT/",
    "http://localhost:PORT/",
    "http://LOCALHOST.:PORT/",
    "http://[::1]:PORT/",
    "http://[::]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[::ffff:7f00:1]:PORT/",
    "http://[::127.0.0.1]:PORT/",
    "http://[0:0:0:0:0:ffff:7f00:0001]:PORT/",
    "http://[64:ff9b::127.0.0.1]:PORT/",
    "http://[2002:7f00:1::]:PORT/",
    "http://[::1%25lo]:PORT/",
    "http://[::1%lo]:PORT/",
    "http://１２７.０.０.１:PORT/",
    "http://①②⑦.⓪.⓪.①:PORT/",
    "http://127。0。0。1:PORT/",
    "http://ⓛocalhost:PORT/",
    "http://www.example.org@127.0.0.1:PORT/",
    "http://user:word@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT@www.example.org/",
    "http://127.0.0.1:PORT\\@www.example.org/",
    "http://www.example.org\\@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT#@www.example.org/",
    "http://127.0.0.1:PORT?@www.example.org/",
    "http:\\\\127.0.0.1:PORT/",
    "http:/127.0.0.1:PORT/",
    "http:127.0.0.1:PORT/",
    "//127.0.0.1:PORT/",
    "http:///127.0.0.1:PORT/",
    "http://127.0.0.1:PORT\t/",
    "http://127.0.0.1\n:PORT/",
    "ht\ttp://127.0.0.1:PORT/",
    " http://127.0.0.1:PORT/",
    "http://127.0.0.1\x00:PORT/",
    "http://%31%32%37.0.0.1:PORT/",
    "http://127%2e0%2e0%2e1:PORT/",
    "http://[127.0.0.1]:PORT/",
    "http://127.0.0.1:PORT:80/",
    "http://127.0.0.1:0PORT/",
    "gopher://127.0.0.1:PORT/_x",
    "file:///etc/passwd",
    "file://127.0.0.1:PORT/etc/passwd",
    "ftp://127.0.0.1:PORT/",
    "dict://127.0.0.1:PORT/",
    "jar:http://127.0.0.1:PORT/!/",
    "data:text/html,words",
    "javascript:alert(1)",
    "",
]
INSIDE = [
    "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "0.0.0.0", "168.63.129.16", "::",
    "::1", "::ffff:10.0.0.1", "::ffff:93.184.215.14", "::10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::a00:1",
    "64:ff9b::a9fe:a9fe", "100::1", "2001:db8::1", "2001::1", "2001:0:5ef5:79fb:0:0:f5ff:fffe", "2002:a00:1::1",
    "2002:5db8:d70e::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
]  # fmt: skip
OUTSIDE = ["93.184.215.14", "1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808"]


def answering(*answers):
    """A resolver that gives each list of addresses in turn, and the last one from then on."""
    left = list(answers)

    def resolve(host, port, **kind):
        found = left.pop(0) if len(left) > 1 else left[0]
        families = {address: (socket.AF_INET6 if ":" in address else socket.AF_INET) for address in found}
        return [(families[a], socket.SOCK_STREAM, 6, "", (a, port)) for a in found]

    return resolve


def a_fetcher(port: int, *allow: str, resolve=socket.getaddrinfo) -> Fetcher:
    return Fetcher(Dialler(Allowed.parsed(allow, [80, 443, port]), resolve))


@pytest.mark.parametrize("notation", range(len(NOTATIONS)))
def test_t15_no_notation_of_an_inner_address_is_connected_to(notation):
    with page_server({"/": Page()}) as server, pytest.raises(FetchRefused):
        a_fetcher(server.port).fetch(NOTATIONS[notation].replace("PORT", str(server.port)), HTML)
    assert server.connections == 0


@pytest.mark.parametrize("address", INSIDE)
def test_t15_an_address_that_is_not_public_is_not_allowed(address):
    assert not Allowed().address("www.example.org", ipaddress.ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_t15_a_public_address_is_allowed(address):
    assert Allowed().address("www.example.org", ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "168.63.129.16"]
)
def test_t15_what_an_operator_allows_never_covers_a_clouds_own_keys(address):
    everything = Allowed.parsed(["0.0.0.0/0", "::/0", "cloud.example"])

    assert not everything.address("cloud.example", ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host", ["inner.example", "ｉnner.example", "bücher.example", "x.nip.io", "a.b.c.example."]
)
def test_t15_a_name_is_judged_by_what_it_resolves_to(host):
    with page_server({"/": Page()}) as server, pytest.raises(FetchRefused):
        a_fetcher(server.port, resolve=answering(["127.0.0.1"])).fetch(server.url(host=host), HTML)
    assert server.connections == 0


@pytest.mark.parametrize("order", [("93.184.215.14", "127.0.0.1"), ("127.0.0.1", "93.184.215.14")])
def test_t15_a_name_with_an_inner_answer_beside_a_public_one_is_refused(order):
    with page_server({"/": Page()}) as server, pytest.raises(FetchRefused):
        a_fetcher(server.port, resolve=answering(order)).fetch(server.url(host="both.example"), HTML)
    assert server.connections == 0


def test_t15_a_name_that_changes_its_answer_is_connected_to_where_it_was_judged():
    """DNS rebinding: the second answer is never asked for."""
    with page_server({"/": Page(body=b"judged")}, host="::1") as judged:
        resolve = answering(["::1"], ["127.0.0.1"])
        fetcher = a_fetcher(judged.port, "::1/128", resolve=resolve)
        with fetcher.fetch(f"http://rebinding.example:{judged.port}/", HTML).body as body:
            assert body.read() == b"judged"
        with pytest.raises(FetchRefused):
            fetcher.fetch(f"http://rebinding.example:{judged.port}/", HTML)
    assert judged.connections == 1
    assert judged.requests[0][1]["host"] == f"rebinding.example:{judged.port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/latest/",
        "http://127.0.0.1:PORT/",
        "//127.0.0.1:PORT/",
        "http://2130706433:PORT/",
        "http://user@127.0.0.1:PORT/",
        "\\\\127.0.0.1:PORT/",
        "gopher://127.0.0.1:PORT/",
        "file:///etc/passwd",
    ],
)
def test_t15_a_redirect_is_judged_like_the_first_address(status, target):
    with page_server({"/": Page()}) as inner:
        moved = Page(status=status, headers={"Location": target.replace("PORT", str(inner.port))})
        with page_server({"/": moved}, host="::1") as outer:
            allowed = Allowed.parsed(["::1/128"], [80, 443, outer.port, inner.port])
            with pytest.raises(FetchRefused):
                Fetcher(Dialler(allowed)).fetch(f"http://[::1]:{outer.port}/", HTML)
            assert outer.connections == 1
    assert inner.connections == 0


def test_t15_a_port_that_is_not_among_those_allowed_is_not_connected_to():
    with page_server({"/": Page()}) as server, pytest.raises(FetchRefused, match="port"):
        Fetcher(Dialler(Allowed.parsed(["127.0.0.0/8"]))).fetch(server.url(), HTML)
    assert server.connections == 0


def test_t15_a_proxy_of_the_environment_is_not_asked(monkeypatch):
    with page_server({"/": Page()}) as proxy, page_server({"/": Page(body=b"itself")}) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url())
        with a_fetcher(server.port, "127.0.0.0/8").fetch(server.url(), HTML).body as body:
            assert body.read() == b"itself"
    assert proxy.connections == 0


def test_t15_a_refusal_does_not_tell_what_is_in_our_network():
    """An address with a server, one without, a name that is inside and one that is nowhere: one sentence."""

    def nowhere(*asked, **kind):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    said = set()
    with page_server({"/": Page()}) as server:
        closed = socket.create_server(("127.0.0.1", 0))
        free = closed.getsockname()[1]
        closed.close()
        tries = [
            (a_fetcher(server.port), server.url()),
            (a_fetcher(free), f"http://127.0.0.1:{free}/"),
            (a_fetcher(free, "127.0.0.0/8"), f"http://127.0.0.1:{free}/"),
            (a_fetcher(80, resolve=answering(["10.0.0.7"])), "http://db.internal/"),
            (a_fetcher(80, resolve=nowhere), "http://nothing.internal/"),
        ]
        for fetcher, url in tries:
            with pytest.raises(FetchRefused) as refused:
                fetcher.fetch(url, HTML)
            said.add((str(refused.value), refused.value.status))
    assert len(said) == 1


# --- Sign-in through identity providers, whose addresses a tenant's administrator types in ---------


@pytest.mark.parametrize("notation", range(len(NOTATIONS)))
def test_t15_an_identity_provider_inside_our_network_is_not_called(settings, notation):
    settings.RAGSITE_IDENTITY_PRIVATE_NETWORKS = False
    with page_server({"/": Page()}) as server, careful_session() as session, pytest.raises(Unreachable):
        session.get(NOTATIONS[notation].replace("PORT", str(server.port)).replace("http://", "https://"))
    assert server.connections == 0


def test_t15_an_identity_provider_that_changes_its_answer_is_not_followed_inside(settings):
    """Judged and connected to are one: a name that was public a moment ago is judged where the socket is made."""
    settings.RAGSITE_IDENTITY_PRIVATE_NETWORKS = False
    with page_server({"/": Page()}) as server, careful_session() as session:
        resolve = answering(["93.184.215.14"], ["127.0.0.1"])
        for adapter in session.adapters.values():
            for pool in adapter.poolmanager.pool_classes_by_scheme.values():
                pool.ConnectionCls.dialler.resolve = resolve
        resolve("provider.example", 443)
        with pytest.raises(Unreachable):
            session.get(f"https://provider.example:{server.port}/")
    assert server.connections == 0


def test_t15_a_clouds_keys_are_not_given_to_a_provider_in_ones_own_network_either(settings):
    settings.RAGSITE_IDENTITY_PRIVATE_NETWORKS = True
    with pytest.raises(Unreachable):
        check_address("http://169.254.169.254/latest/meta-data/")
