"""What people got, held against the promise: nothing lost, one marked repeat per channel and kill, in flight only."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from tests.reliability.children import Ended
from tests.reliability.messenger import Accepted
from tests.reliability.story import CHANNELS, MARK, SENDING, tellings, told_in

__all__ = ["Case", "Figures", "in_flight"]


@dataclass
class Figures:
    """Sums over cases; all below `repeats` is against the promise unless it is 0."""

    cases: int = 0
    kills: int = 0
    while_sending: int = 0
    repeats: int = 0
    most_per_channel_and_kill: float = 0.0
    lost: int = 0
    outside: int = 0
    unmarked: int = 0
    afterwards: int = 0
    damaged: int = 0
    failed: int = 0
    broken: list[str] = field(default_factory=list)
    """Cases that are against the promise, the first ten of them."""

    def add(self, name: str, case: "Case") -> None:
        """Add a case."""
        before = self.against()
        self.cases += 1
        self.kills += case.kills
        self.while_sending += case.while_sending
        repeated = case.repeated()
        per_channel = Counter(message.channel for message in repeated)
        self.repeats += sum(per_channel.values())
        worst = max(per_channel.values(), default=0)
        self.most_per_channel_and_kill = max(self.most_per_channel_and_kill, worst / max(case.kills, 1))
        self.lost += len(case.lost())
        self.outside += case.outside(repeated)
        self.unmarked += sum(MARK not in message.text.splitlines()[0] for message in repeated)
        self.afterwards += case.afterwards
        self.damaged += len(case.faults)
        self.failed += case.failed
        if self.against() > before and len(self.broken) < 10:
            again = [(message.channel, message.text.splitlines()[0]) for message in repeated]
            self.broken.append(f"{name}: lost {sorted(case.lost())}, repeats {again}, faults {case.faults}")

    def against(self) -> int:
        """Return how often the promise was broken."""
        too_many = self.most_per_channel_and_kill > 1
        return self.lost + self.outside + self.unmarked + self.afterwards + self.damaged + self.failed + too_many

    def __str__(self) -> str:
        named = asdict(self)
        broken = "".join(f"\n  {line}" for line in named.pop("broken"))
        return ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in named.items()) + broken

    def check(self) -> None:
        """Raise unless the promise was kept."""
        assert self.cases, "nothing was tried"
        assert self.against() == 0, str(self)


@dataclass
class Case:
    """One story lived through.

    Parameters
    ----------
    owed : mapping of str to set of str
        What each channel is to be told.
    accepted : list of Accepted
        What the messenger took, in order.
    flights : list of dict
        For every kill: channel to the key of the message that was in flight.
    kills, afterwards, failed : int
        Kills that hit; messages of the run after the last that had something to do; runs that failed though nothing
        was done to them.
    faults : list of str
        What `Ledger.verify` found.
    """

    owed: Mapping[str, set[str]] = field(default_factory=lambda: {channel: told_in(channel) for channel in CHANNELS})
    accepted: Sequence[Accepted] = ()
    flights: list[dict[str, str]] = field(default_factory=list)
    kills: int = 0
    afterwards: int = 0
    failed: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def while_sending(self) -> int:
        """Kills that hit while a message was in flight."""
        return sum(bool(flight) for flight in self.flights)

    def hit(self, child: Ended) -> None:
        """Note how a child ended that was to be killed."""
        if child.was_cut_short:
            self.kills += 1
            self.flights.append(in_flight(child.log))
        else:
            self.failed += child.code != 0

    def lost(self) -> set[tuple[str, str]]:
        """Return what a channel was never told."""
        told = {(message.channel, said) for message in self.accepted for said in tellings(message.text)}
        return {(channel, said) for channel, owed in self.owed.items() for said in owed} - told

    def repeated(self) -> list[Accepted]:
        """Return the messages that say what their channel was told before, or what it was not to be told at all."""
        told: dict[str, set[str]] = {channel: set() for channel in self.owed}
        repeats = []
        for message in self.accepted:
            said = set(tellings(message.text))
            if not said or said & told[message.channel] or said - self.owed[message.channel]:
                repeats.append(message)
            told[message.channel] |= said
        return repeats

    def outside(self, repeated: Sequence[Accepted]) -> int:
        """Return how many repeats are not of a message that was in flight when a process was killed."""
        excused = Counter((channel, key) for flight in self.flights for channel, key in flight.items())
        return (Counter((message.channel, message.key) for message in repeated) - excused).total()


def in_flight(log: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return for each channel the key of a message that was to be sent and of which no outcome was noted yet."""
    flying: dict[str, str] = {}
    for thread, point in log:
        if point.startswith(SENDING):
            flying[thread] = point.removeprefix(SENDING)
        if point == "record: ended":
            flying.pop(thread, None)
    return flying
