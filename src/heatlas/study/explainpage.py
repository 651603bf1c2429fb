"""The report of an explanation: the verdict, the picture, every check with its rule, the record."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from heatlas.core.page import (
    Block,
    Definitions,
    Details,
    Listing,
    Note,
    Page,
    Paragraph,
    Section,
)
from heatlas.core.table import Column, Table
from heatlas.core.words import count, join, number
from heatlas.learn.saliency import METHODS
from heatlas.learn.trust import TrustCard, check_table, forgetting_table, ranking_table
from heatlas.study.explain import ExplainedView, ModelExplanation
from heatlas.study.explainpictures import methods_figures, view_figure
from heatlas.study.versions import versions

MOST_ROWS = 60
PACKAGES = ("numpy", "scipy", "torch")
REFERENCES = (
    "Adebayo J, Gilmer J, Muelly M, Goodfellow I, Hardt M, Kim B (2018). Sanity checks for "
    "saliency maps. Advances in Neural Information Processing Systems 31. arXiv:1810.03292",
    "Petsiuk V, Das A, Saenko K (2018). RISE: randomized input sampling for explanation of "
    "black-box models. British Machine Vision Conference. arXiv:1806.07421",
    "Zhang J, Bargal SA, Lin Z, Brandt J, Shen X, Sclaroff S (2018). Top-down neural attention by "
    "excitation backprop. International Journal of Computer Vision 126 (pointing game). "
    "doi:10.1007/s11263-017-1059-x",
    "Selvaraju RR, Cogswell M, Das A, Vedantam R, Parikh D, Batra D (2017). Grad-CAM: visual "
    "explanations from deep networks via gradient-based localization. doi:10.1109/ICCV.2017.74",
)


def explanation_page(found: ModelExplanation) -> Page:
    """Return the report of an explanation.

    Parameters
    ----------
    found : ModelExplanation
        What was found.

    Returns
    -------
    Page
        Verdict, picture, trust card, other methods and slices, what was recorded, how it was
        made, warnings.
    """
    sections = [
        Section(title="Verdict", anchor="verdict", blocks=(verdict_note(found.main.card),)),
        Section(title="Picture", anchor="picture", blocks=(view_figure(found, found.main),)),
        Section(title="Trust card", anchor="trust-card", blocks=trust_blocks(found.main.card)),
    ]
    if found.others:
        sections.append(_methods_side_by_side(found))
    if len(found.class_shares) > 1:
        sections.append(_slices(found))
    sections += [
        Section(
            title="What was recorded", anchor="record", blocks=(Definitions(items=record(found)),)
        ),
        _methods(found),
        _warnings(found.warnings),
    ]
    return Page(
        title="What the network looks at",
        lead=found.main.explanation.caption + ".",
        sections=tuple(sections),
        provenance=found.provenance,
    )


def verdict_note(card: TrustCard) -> Note:
    """Return a trust card's verdict as a note that cannot be overlooked."""
    kind = {"no evidence": "warning", "care": "limit", "holds": "info"}[card.standing]
    return Note(kind=kind, text=card.verdict)  # type: ignore[arg-type]  # one of its words


def trust_blocks(card: TrustCard) -> tuple[Block, ...]:
    """Return a trust card: the checks, and behind them the numbers.

    Parameters
    ----------
    card : TrustCard
        The card.

    Returns
    -------
    tuple of Block
        A table of checks with rule and finding; the map beside its controls; the cascade.
    """
    return (
        check_table(card),
        Paragraph(
            text="The baseline, training and randomisation checks decide: a map that fails one of "
            "them is no evidence about this network. The others call for care."
        ),
        ranking_table(card),
        Details(
            summary="While the network forgets, layer by layer", blocks=(forgetting_table(card),)
        ),
        Paragraph(
            text="Beside it, as a warning: integrated gradients of this network correlate "
            f"{number(card.gradients_input_likeness)} with the image's difference from its "
            f"baseline, and {number(card.gradients_untrained_likeness)} with those of a network "
            "that forgot everything."
        ),
    )


def record(found: ModelExplanation) -> tuple[tuple[str, str], ...]:
    """Return what has to be known to make the map again."""
    view = found.main.explanation
    layer = "the image's pixels" if view.layer == "input" else view.layer
    how = "found" if view.layer_was_found else "named"
    chosen = "the class decided for" if view.class_was_found else "named"
    seed = view.settings.seed
    tools = ", ".join(f"{name} {version}" for name, version in versions(PACKAGES).items())
    return (
        ("Network", f"{found.network.name}, from {found.network.origin}"),
        ("Digest of its parameters", found.network.digest),
        ("Its scores", found.network.scores or "unknown"),
        ("Input", found.shown.words),
        (
            "Class",
            f"{view.class_index} of {view.n_classes} ({chosen}), P = {number(view.probability)}",
        ),
        ("Method", METHODS[view.method].title),
        ("Layer", layer if view.layer == "input" else f"{layer} ({how})"),
        ("Alignment", view.alignment.words),
        ("Explained", found.main.place),
        ("Seed", str(seed)),
        ("Versions", tools),
    )


# ---------------------------------------------------------------- sections


def _methods_side_by_side(found: ModelExplanation) -> Section:
    views = [found.main, *found.others]
    return Section(
        title="Other methods",
        anchor="methods-compared",
        blocks=(*methods_figures(found), method_table(views)),
    )


def method_table(views: Sequence[ExplainedView]) -> Table:
    """Return several methods' maps of one view with their main numbers.

    Parameters
    ----------
    views : sequence of ExplainedView
        The same slice by different methods.

    Returns
    -------
    Table
        One row a method.
    """
    cards = [view.card for view in views]
    columns = [
        Column(name="method", values=tuple(METHODS[card.method].title for card in cards)),
        Column(name="standing", values=tuple(card.standing for card in cards)),
        Column(
            name="insertion less deletion", values=np.array([c.rankings[0].gain for c in cards])
        ),
        Column(
            name="when all is forgotten",
            values=np.array([c.forgetting[-1].spearman for c in cards]),
        ),
        Column(name="stability", values=np.array([card.stability for card in cards])),
        Column(name="likeness to the image", values=np.array([c.input_likeness for c in cards])),
    ]
    if cards[0].rankings[0].hits:
        words = tuple("inside" if card.rankings[0].hits[0] else "outside" for card in cards)
        columns.append(Column(name="peak in the mask", values=words))
    failed = (join(check.name for check in card.checks if not check.passed) for card in cards)
    columns.append(Column(name="fails", values=tuple(names or "none" for names in failed)))
    return Table(columns=tuple(columns), caption="The same decision by each method.")


def _slices(found: ModelExplanation) -> Section:
    """Return the probability of the class on every slice, and the other explained slices."""
    class_index = found.main.explanation.class_index
    explained = {view.number for view in found.views}
    shares = found.class_shares[:, class_index]
    order = np.argsort(-shares, kind="stable")[:MOST_ROWS]
    table = Table(
        columns=(
            Column(name="slice", values=(order + 1).astype(np.float64)),
            Column(name=f"P(class {class_index})", values=shares[order], digits=3),
            Column(
                name="explained",
                values=tuple("yes" if k + 1 in explained else "" for k in order.tolist()),
            ),
        ),
        caption=f"The network's probability of class {class_index} on "
        f"{count(len(shares), 'slice')}, the largest first.",
    )
    blocks: list[Block] = []
    for view in found.views[1:]:
        blocks += [view_figure(found, view), verdict_note(view.card), check_table(view.card)]
    blocks.append(Details(summary="Every slice", blocks=(table,)))
    return Section(title="Slices", anchor="slices", blocks=tuple(blocks))


def _methods(found: ModelExplanation) -> Section:
    view = found.main.explanation
    words = [
        found.shown.words,
        f"{METHODS[view.method].title} followed the score of class {view.class_index}; no value "
        "was clipped, scaled or set to zero.",
    ]
    if view.layer != "input":
        words.append(
            "The map was made on the units of a layer and laid onto the image through the centres "
            f"of their receptive fields, which a gradient probe found: {view.alignment.words}."
        )
    words.append(
        "Controls that know nothing of the network (chance as smooth as the map, edges, raw "
        "intensity) were ranked beside it; pixels were replaced by the neutral baseline "
        f"'{view.settings.baseline}'. Parameters were randomised from the output "
        "down to the input. A map that passes shows what this network's score rests on; it does "
        "not show that the network is right. For research, not for diagnosis."
    )
    paragraphs = tuple(Paragraph(text=text) for text in words)
    references = Details(summary="References", blocks=(Listing(items=REFERENCES),))
    return Section(title="Methods", anchor="methods", blocks=(*paragraphs, references))


def _warnings(warnings: Sequence[str]) -> Section:
    notes: tuple[Block, ...] = tuple(Note(kind="warning", text=text) for text in warnings)
    return Section(title="Warnings", anchor="warnings", blocks=notes or (Paragraph(text="None."),))
