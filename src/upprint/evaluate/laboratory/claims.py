"""What the matrices allow to be said, in plain sentences; every one carries its intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from upprint.evaluate.laboratory.statistics import Comparison, Interval, Matrix, Steadiness


@dataclass(frozen=True)
class Claim:
    """One question, answered.

    Args:
        test: under which test.
        question: what was asked.
        verdict: the answer in a few words.
        sentence: the answer with its numbers.
    """

    test: str
    question: str
    verdict: str
    sentence: str


def text(interval: Interval | None, *, signed: bool = False) -> str:
    """ "0.641 [0.596, 0.690]", with signs for a difference; a dash for nothing."""
    if interval is None:
        return "–"
    form = "+.3f" if signed else ".3f"
    return f"{interval.value:{form}} [{interval.low:{form}}, {interval.high:{form}}]"


def claims(
    matrices: Sequence[Matrix],
    comparisons: Sequence[Comparison],
    steady: Sequence[Steadiness],
    main: str,
    control: str,
) -> list[Claim]:
    """Every question that the matrices of `main` can answer, test by test; what needs no training; losses."""
    titles = {m.variant: m.title for m in matrices}
    found: list[Claim] = [_untrained(m) for m in matrices if m.summary.get("untrained") is not None]
    for m in (m for m in matrices if m.variant == main):
        versus = [c for c in comparisons if c.test == m.test and c.what == "transfer"]
        found += _transfer(m, next((c for c in versus if c.other == control), None), titles)
        found += _families(m)
        found += _held_out(m)
        found += [_versus(c, titles) for c in versus if c.other != control]
    return found + [_steady(s, titles) for s in steady]


def _transfer(m: Matrix, control: Comparison | None, titles: dict[str, str]) -> list[Claim]:
    transfer, own = m.summary["transfer"], m.summary["diagonal"]
    if transfer is None:
        return []
    question = "Does the trace of one up-sampler find another?"
    sentence = (
        f"{m.title}, trained on one maker and tested on another: AUROC {text(transfer)}; on its own maker "
        f"{text(own)}. {m.above} of {m.pairs} pairs of makers lie above 0.5 with their "
        f"whole interval, {m.below} below."
    )
    if transfer.makers is not None:
        low, high = transfer.makers
        sentence += f" With the makers drawn anew beside the photos the interval is [{low:.3f}, {high:.3f}]."
    if control is None:
        return [Claim(m.test, question, "not judged: the control has no row in common with it", sentence)]
    name, difference = titles[control.other], control.difference
    sentence += f" Minus {name}, on the same pictures: {text(difference, signed=True)}."
    if own is not None and own.low <= 0.5:
        verdict = "not judged: not even its own maker is found; train longer"
    elif transfer.high < 0.5:
        verdict = "no: below chance"
    elif transfer.low <= 0.5:
        verdict = "not shown: the interval includes chance"
    elif difference.low > 0:
        verdict = f"generalises: above chance and above {name}"
        if transfer.makers is not None and transfer.makers[0] <= 0.5:
            verdict += ", among these makers; not shown for other makers"
    elif difference.high < 0:
        verdict = f"above chance, but below {name}"
    else:
        verdict = f"above chance, but not shown to be above {name}"
    return [Claim(m.test, question, verdict, sentence)]


def _families(m: Matrix) -> list[Claim]:
    gap = m.summary["family_gap"]
    if gap is None:
        return []
    sentence = (
        f"{m.title}: another maker of the same family {text(m.summary['same_family'])}, of another family "
        f"{text(m.summary['other_family'])}; difference {text(gap, signed=True)}."
    )
    answers = ("yes", "no: it is the other way round", "not shown: the interval includes 0")
    return [Claim(m.test, "Does it carry further within a family of makers?", _sign(gap, *answers), sentence)]


def _held_out(m: Matrix) -> list[Claim]:
    held, gain = m.summary["held_out"], m.summary["held_out_gain"]
    if held is None:
        return []
    sentence = f"{m.title}, trained on all makers but the one tested: AUROC {text(held)}"
    if gain is None:
        return [
            Claim(m.test, "Do more makers help with a new one?", "not judged: no single rows", sentence + ".")
        ]
    sentence += f"; minus networks trained on one other maker, for as many steps: {text(gain, signed=True)}."
    answers = ("yes", "no: they hurt", "not shown: the interval includes 0")
    return [Claim(m.test, "Do more makers help with a new one?", _sign(gain, *answers), sentence)]


def _versus(c: Comparison, titles: dict[str, str]) -> Claim:
    main, other = titles[c.main], titles[c.other]
    sentence = (
        f"{main} minus {other}, trained on one maker and tested on another: "
        f"{text(c.difference, signed=True)} ({len(c.rows)} rows, {len(c.seeds)} seed"
        f"{'s' if len(c.seeds) > 1 else ''})."
    )
    answers = (f"{main} is higher", f"{other} is higher", "not told apart: the interval includes 0")
    return Claim(c.test, f"Does {main} carry further than {other}?", _sign(c.difference, *answers), sentence)


def _untrained(m: Matrix) -> Claim:
    everywhere = m.summary["untrained"]
    assert everywhere is not None
    own = ", ".join(f"{column} {cell.value:.3f}" for column, cell in zip(m.columns, m.cells[0], strict=True))
    sentence = f"{m.title} as a score, nothing trained: AUROC {text(everywhere)}; by maker {own}."
    verdict = (
        "yes, larger"
        if everywhere.low > 0.5
        else "no: smaller"
        if everywhere.high < 0.5
        else "no difference shown"
    )
    return Claim(m.test, f"{m.title}: larger in generated pictures?", verdict, sentence)


def _steady(s: Steadiness, titles: dict[str, str]) -> Claim:
    main, other = titles[s.main], titles[s.other]
    sentence = (
        f"On the makers that they were trained on, {main} has AUROC {text(s.before[0])} and loses "
        f"{text(s.losses[0], signed=True)}; {other} has {text(s.before[1])} and loses "
        f"{text(s.losses[1], signed=True)}. The latter loses {text(s.difference, signed=True)} more."
    )
    if min(one.low for one in s.before) <= 0.5:
        verdict = "not judged: one of them does not find its own maker to begin with"
    else:
        verdict = _sign(s.difference, "yes", "no: the other way round", "not shown: the interval includes 0")
    return Claim(s.change, f"Is {main} steadier than {other}?", verdict, sentence)


def _sign(difference: Interval, above: str, below: str, neither: str) -> str:
    return above if difference.low > 0 else below if difference.high < 0 else neither
