"""supervise/control: every letter of svc is known, and every other byte is harmless."""

import signal

from hypothesis import given
from hypothesis import strategies as st

from supervise.core.command import LETTERS, decode, unknown


def test_the_letters_are_those_of_svc_and_sv() -> None:
    assert "".join(LETTERS) == "udopchaitkx12q"


def test_signals_are_the_ones_that_daemontools_sends() -> None:
    sent = {letter.letter: letter.signal for letter in LETTERS.values() if letter.signal}
    assert sent == {
        "p": signal.SIGSTOP,
        "c": signal.SIGCONT,
        "h": signal.SIGHUP,
        "a": signal.SIGALRM,
        "i": signal.SIGINT,
        "t": signal.SIGTERM,
        "k": signal.SIGKILL,
        "1": signal.SIGUSR1,
        "2": signal.SIGUSR2,
        "q": signal.SIGQUIT,
    }


def test_one_write_holds_several_commands_in_order() -> None:
    assert [letter.name for letter in decode(b"tcu")] == ["term", "continue", "up"]


@given(st.binary())
def test_every_byte_is_either_a_command_or_reported(data: bytes) -> None:
    obeyed = "".join(letter.letter for letter in decode(data)).encode()
    assert len(obeyed) + len(unknown(data)) == len(data)
    assert all(chr(byte) in LETTERS for byte in obeyed)
    assert not any(chr(byte) in LETTERS for byte in unknown(data))
