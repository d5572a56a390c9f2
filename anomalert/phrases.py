"""What messages say, in every language there is: data, and how numbers and times are put into words.

Messages call this; it calls `charts` for the words that are drawn.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from anomalert import charts

__all__ = ["LANGUAGES", "NAMED_IN_HEADLINE", "TOLD_IN_FULL", "Language", "Phrases", "listed", "number"]

Language = Literal["en", "ru"]

SMALLEST_WITH_TWO_DECIMALS = 0.1

NAMED_IN_HEADLINE = 3

TOLD_IN_FULL = 12
"""What one message of a messenger has room for; nobody reads on where hundreds follow."""


def number(value: float) -> str:
    """Return a number as every message says it: two decimals, or three significant digits where those would say 0.

    Examples
    --------
    >>> [number(value) for value in (812, 0.2134, 0.0, 0.0123456, 0.00012, -math.inf)]
    ['812.00', '0.21', '0.00', '0.0123', '0.00012', '−∞']
    """
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    # `or 0.0` takes the sign from a negative zero.
    return f"{value or 0.0:.2f}" if abs(value) >= SMALLEST_WITH_TWO_DECIMALS or value == 0 else f"{value:.3g}"


@dataclass(frozen=True)
class Phrases:
    """What is said in one language; the placeholders are filled with numbers and names of our own only."""

    opened: str
    worsened: str
    joined: str
    reminder: str
    resolved: str
    settled: str
    turned: str
    unwatched: str
    no_data: str
    source_failed: str
    data_back: str
    no_values: str
    values_back: str
    digest: str
    one_message: str
    many_messages: str
    gravest: str
    all_over: str
    over: str
    may_repeat: str
    unsure: str
    all_unsure: str
    refused: str
    memory_lost: str
    ledger_lost: str
    known_until: str
    known_until_when: str
    told_again: str
    moved_aside: str
    gone: str
    heading: str
    value: str
    unknown: str
    deviation: str
    expected: str
    usual: str
    level: str
    before: str
    unseen: str
    lasted: str
    depth: str
    since: str
    not_watched: str
    nothing_seen: str
    lacking: str
    more: str
    date: str
    hours: str
    words: charts.ChartWords

    def change(self, value: float, expected: float, deviation: float) -> str:
        """Return a change in a form that is read at a glance: −61% for a drop, ×2.4 for a rise."""
        if deviation <= 0:
            return f"−{abs(deviation):.0%}"
        # Only of a positive number is a multiple a rise.
        return f"×{value / expected:.1f}" if expected > 0 else f"{number(expected)} → {number(value)}"

    def instant(self, at: pd.Timestamp, zone: str) -> str:
        """Return when something was, in local time."""
        return f"{at.tz_convert(zone):{self.date} %H:%M}, {zone}"

    def span(self, start: pd.Timestamp, end: pd.Timestamp, zone: str) -> str:
        """Return from when to when, in local time."""
        first, until = self.edges(start, end, zone)
        return f"{first}–{until}, {zone}"

    def edges(self, start: pd.Timestamp, end: pd.Timestamp, zone: str) -> tuple[str, str]:
        """Return both ends of a span in local time, the day of the second only if it is another."""
        first, last = start.tz_convert(zone), end.tz_convert(zone)
        until = f"{last:%H:%M}" if last.date() == first.date() else f"{last:{self.date} %H:%M}"
        return f"{first:{self.date} %H:%M}", until

    def duration(self, length: pd.Timedelta) -> str:
        """Return how long something lasted, in hours and minutes."""
        minutes = int(length.total_seconds() // 60)
        return self.hours.format(hours=minutes // 60, minutes=minutes % 60)

    def messages(self, count: int) -> str:
        """Return how many messages, in words that fit the number."""
        return (self.one_message if count == 1 else self.many_messages).format(count=count)


def listed(names: Sequence[str], phrases: Phrases, most: int = TOLD_IN_FULL) -> str:
    """Return names in one line: the first `most`, and how many follow."""
    rest = len(names) - most
    shown = ", ".join(names[:most])
    return f"{shown} {phrases.more.format(count=rest)}" if rest > 0 else shown


LANGUAGES: Mapping[Language, Phrases] = {
    "en": Phrases(
        opened="{metrics}",
        worsened="Getting worse: {metrics}",
        joined="Now also: {metrics}",
        reminder="Still going on: {metrics}",
        resolved="Back to usual: {metrics}",
        settled="Stays at a new level: {metrics}",
        turned="On the other side now: {metrics}",
        unwatched="Not watched any more: {metrics}",
        no_data="✖ No data from {source}",
        source_failed="✖ Cannot read {source}",
        data_back="✔ Data again from {source}",
        no_values="✖ No values of {metrics}",
        values_back="✔ Values again of {metrics}",
        digest="While nothing could be told: {messages}",
        one_message="{count} message",
        many_messages="{count} messages",
        gravest="{sentence}, first of all {gravest}",
        all_over="{sentence}, all over by now: {gravest}",
        over="Over by now:",
        may_repeat="{headline} (may be a repeat)",
        unsure="May not have reached you: {headline}",
        all_unsure="May not have reached you: {messages}",
        refused="You are told because {notifier} refused it: {reason}",
        memory_lost="The ledger cannot be used, so this may be a repeat: {reason}",
        ledger_lost="✖ The ledger was damaged or lost: what was told before is forgotten",
        known_until="The newest slot that is known to have been judged is that of {until}. Messages that had not "
        "arrived are lost; slots after it and before that of {now} are not judged.",
        known_until_when="It is not known which slots were judged. Messages that had not arrived are lost; slots "
        "before that of {now} that were not judged stay so.",
        told_again="Incidents that are still going on may be told again.",
        moved_aside="The last damaged ledger of this place was moved to {place}",
        gone="The file of the ledger is gone, or another one took its place",
        heading="Metric {metric}:",
        value="current value = {value}",
        unknown="current value is unknown",
        deviation="deviation from usual {size:.2%}",
        expected="expected {expected}",
        usual="expected {expected}, usually {lower} to {upper}",
        level="now: expected {expected}, usually {lower} to {upper}",
        before="before: expected {expected}, usually {lower} to {upper}",
        unseen="not watched any more: how it went on is not known",
        lasted="incident: {span} ({duration})",
        depth="at its worst {change}",
        since="since {start}",
        not_watched="not watched meanwhile: {metrics}",
        nothing_seen="nothing was seen from {start} to {end} ({duration}), {zone}",
        lacking="no values from {start} to {end} ({duration}), {zone}",
        more="and {count} more",
        date="%Y-%m-%d",
        hours="{hours} h {minutes:02d} min",
        words=charts.ENGLISH,
    ),
    "ru": Phrases(
        opened="{metrics}",
        worsened="Стало хуже: {metrics}",
        joined="Теперь ещё: {metrics}",
        reminder="Всё ещё продолжается: {metrics}",
        resolved="Снова как обычно: {metrics}",
        settled="Держится на новом уровне: {metrics}",
        turned="Теперь в другую сторону: {metrics}",
        unwatched="Больше не отслеживается: {metrics}",
        no_data="✖ Нет данных: {source}",
        source_failed="✖ Не читается источник: {source}",
        data_back="✔ Данные снова есть: {source}",
        no_values="✖ Нет значений: {metrics}",
        values_back="✔ Значения снова есть: {metrics}",
        digest="Пока нельзя было сообщить, накопилось {messages}",
        one_message="сообщений: {count}",
        many_messages="сообщений: {count}",
        gravest="{sentence}, прежде всего {gravest}",
        all_over="{sentence}, всё уже закончилось: {gravest}",
        over="Уже закончилось:",
        may_repeat="{headline} (возможно, повтор)",
        unsure="Могло не дойти: {headline}",
        all_unsure="Могло не дойти {messages}",
        refused="Пришло сюда, потому что {notifier} не принимает: {reason}",
        memory_lost="Журнал недоступен, это может быть повтор: {reason}",
        ledger_lost="✖ Журнал повреждён или утерян: что уже сообщалось, неизвестно",
        known_until="Последний слот, о котором известно, что он проверен: {until}. Сообщения, которые ещё не "
        "дошли, потеряны; слоты после него и до {now} не проверяются.",
        known_until_when="Неизвестно, какие слоты были проверены. Сообщения, которые ещё не дошли, потеряны; "
        "непроверенные слоты до {now} такими и останутся.",
        told_again="О продолжающихся инцидентах может быть сообщено ещё раз.",
        moved_aside="Последний повреждённый журнал перемещён: {place}",
        gone="Файл журнала исчез или заменён другим",
        heading="Метрика {metric}:",
        value="текущее значение = {value}",
        unknown="текущее значение неизвестно",
        deviation="отклонение от вчера {size:.2%}",
        expected="ожидалось {expected}",
        usual="ожидалось {expected}, обычно от {lower} до {upper}",
        level="теперь: ожидается {expected}, обычно от {lower} до {upper}",
        before="прежде: ожидалось {expected}, обычно от {lower} до {upper}",
        unseen="больше не отслеживается: что было дальше, неизвестно",
        lasted="инцидент: {span} ({duration})",
        depth="в худший момент {change}",
        since="с {start}",
        not_watched="пока не отслеживаются: {metrics}",
        nothing_seen="ничего не было видно с {start} до {end} ({duration}), {zone}",
        lacking="значений не было с {start} до {end} ({duration}), {zone}",
        more="и ещё {count}",
        date="%d.%m.%Y",
        hours="{hours} ч {minutes:02d} мин",
        words=charts.RUSSIAN,
    ),
}
