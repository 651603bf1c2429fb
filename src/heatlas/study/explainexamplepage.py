"""The page of the example: what was planted, how well it was found, and which maps to believe."""

from __future__ import annotations

from heatlas.core.page import Block, Definitions, Details, Note, Page, Paragraph, Section
from heatlas.core.words import count, join
from heatlas.learn.saliency import METHODS
from heatlas.learn.trust import check_table
from heatlas.study.explainexample import Example, ExampleCase
from heatlas.study.explainpage import method_table, record, trust_blocks, verdict_note
from heatlas.study.explainpictures import methods_figures
from heatlas.study.networkinput import box_words

SYNTHETIC = (
    "Synthetic but for the head: soft bright lesions of known place were planted into CT slices of "
    "one person, and the network is judged on other parts of the same head. It shows whether a "
    "map and its checks find what is there. It says nothing about patients."
)


def example_page(example: Example) -> Page:
    """Return the page of the example.

    Parameters
    ----------
    example : Example
        What was found.

    Returns
    -------
    Page
        Skill, pointing, and each shown slice with the maps of the network and of its twin that
        forgot everything, with their trust cards.
    """
    cases = [_case_section(case, number=k + 1) for k, case in enumerate(example.cases)]
    return Page(
        title="Explaining a network whose truth is known",
        lead="A small network learnt to find lesions that were planted where we know, so its maps "
        "can be held against the truth.",
        sections=(
            Section(title="What this is", anchor="what", blocks=_what(example)),
            Section(title="Does the network find them?", anchor="skill", blocks=(example.skill,)),
            Section(
                title="Do the maps point at them?", anchor="pointing", blocks=_pointing(example)
            ),
            *cases,
            Section(title="Explain it yourself", anchor="yourself", blocks=_yourself(example)),
        ),
        provenance=example.provenance,
    )


def _what(example: Example) -> tuple[Block, ...]:
    split, settings = example.split, example.settings
    taught = (
        f"Network '{settings.architecture}' learnt from {count(settings.n_pairs, 'pair')} of "
        "images, without and with a lesion, made of slices "
        f"{_slices(split.train.tolist())}, seeing each {count(settings.n_epochs, 'time')}. Slices "
        f"{_slices(split.test.tolist())} were held out, and their neighbours left out."
    )
    return Note(kind="limit", text=SYNTHETIC), Paragraph(text=taught)


def _pointing(example: Example) -> tuple[Block, ...]:
    text = (
        "The peak of a map should lie in the lesion. Aligned maps lie where the centres of "
        "receptive fields are; stretched ones are resized over the image, as is usual elsewhere. "
        "Both come from the same numbers."
    )
    return Paragraph(text=text), example.pointing


def _case_section(case: ExampleCase, *, number: int) -> Section:
    """Return one slice: the truth, the network's maps, its twin's, and both cards."""
    trained, twin = case.trained, case.untrained
    return Section(
        title=f"A held-out slice: number {case.place} of the head",
        anchor=f"case-{number}",
        blocks=(
            Paragraph(text=f"Slice {case.number} of case-{number}.nii.gz, {_height(case)}."),
            *methods_figures(trained, truth=case.lesion, name=f"case-{number}-trained"),
            verdict_note(trained.main.card),
            method_table([trained.main, *trained.others]),
            Details(
                summary=f"Every check of {METHODS[trained.main.card.method].title}",
                blocks=trust_blocks(trained.main.card),
            ),
            Paragraph(
                text="The same slice by the same network after all of its parameters were drawn "
                "anew: what the maps look like that rest on nothing learnt."
            ),
            *methods_figures(twin, truth=case.lesion, name=f"case-{number}-untrained"),
            verdict_note(twin.main.card),
            Details(
                summary="Every check of the untrained twin",
                blocks=(check_table(twin.main.card),),
            ),
        ),
    )


def _yourself(example: Example) -> tuple[Block, ...]:
    words = "The network and the first slice's scan and lesion lie beside this page:"
    return (
        Paragraph(text=words),
        Paragraph(text=explain_command(example)),
        Details(
            summary="What was recorded",
            blocks=(Definitions(items=record(example.cases[0].trained)),),
        ),
    )


def explain_command(example: Example) -> str:
    """Return the command that explains the first case from the files of the example."""
    look = example.look
    size = "x".join(map(str, look.size or ()))
    return (
        "heatlas explain network.pt case-1.nii.gz "
        f"--architecture {example.settings.architecture} --window {look.window} --size {size} "
        f"--crop {box_words(look.crop)} --slices {example.cases[0].number} --class 1 "
        "--mask case-1-lesion.nii.gz -o explained"
    )


def _height(case: ExampleCase) -> str:
    z = float(case.scan.slices.centres_mm()[case.number - 1, 2])
    return f"z = {z:.1f} mm".replace("-", "−")


def _slices(places: list[int]) -> str:
    """Return places from 0 as numbers from 1, runs joined: ``1 to 5 and 11 to 17``."""
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    named = [f"{run[0] + 1} to {run[-1] + 1}" if len(run) > 1 else f"{run[0] + 1}" for run in runs]
    return join(named)
