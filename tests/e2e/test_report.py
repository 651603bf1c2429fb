"""What every report keeps to: its size, its silence, its words, and nobody's secrets."""

from __future__ import annotations

import getpass
import gzip
import html
import platform
import re
from pathlib import Path

import pytest

from heatlas.cli import main
from tests.tiny import IDS, ILL_WELL, MEAN, analysis, outputs, people, tiny_study, write_tsv

REQUEST = re.compile(
    r"""(?:src|href|action|data|poster|srcset)\s*=\s*["']?\s*(?!data:|#)[^"'\s>]"""
    r"""|url\(\s*["']?(?!data:|#)|@import|<link\b|<iframe\b|<object\b|<embed\b|fetch\(|XMLHttp""",
    re.IGNORECASE,
)
NEVER = ("biomarker of", "abnormal brain", "patient", "healthy", "disease", "normal control")
SECRET = "kowalczyk-clinic"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results in a folder with a telling name, from a table with hostile words."""
    folder = tmp_path_factory.mktemp(SECRET)
    study = tiny_study(
        folder,
        name="tiny study",
        analyses=[
            *analysis("C(group) + age", ILL_WELL["test"], "age"),
            {**analysis("C(group)", "group", kind="F")[0], "name": "any"},
            MEAN,
        ],
        regions=[{"name": "middle", "x": 0, "y": 0, "z": 0, "radius_mm": 6}],
        cohort={
            "tables": ["people.tsv"],
            "maps": "maps/{participant_id}.nii.gz",
            "measure": "volume <script>alert(1)</script>",
            "exclude": {IDS[11]: "moved <b>a lot</b> & left"},
        },
    )
    assert main(["run", str(study), "-o", str(folder / "out"), "--quiet", "--workers", "1"]) == 0
    return folder / "out"


@pytest.fixture(scope="module")
def page(results: Path) -> str:
    return (results / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def small_analyses(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of groups called otherwise, too small for an overlap."""
    folder = tmp_path_factory.mktemp("small")
    study = tiny_study(
        folder, analyses=analysis("C(arm)", "arm[Ünter 1] - arm[2 & more]"),
    )  # fmt: skip
    write_tsv(folder / "people.tsv", people(arm=["Ünter 1"] * 4 + ["2 & more"] * 8))
    assert main(["run", str(study), "-o", str(folder / "out"), "--quiet", "--workers", "1"]) == 0
    return (folder / "out" / "report.html").read_text(encoding="utf-8")


def body_of(page: str) -> str:
    """The page without the content of its images."""
    return re.sub(r"data:[a-z]+/[a-z+.-]+;base64,[A-Za-z0-9+/=]+", "data:", page)


def text_of(page: str) -> str:
    """The words that a reader sees."""
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", body_of(page), flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


def test_the_report_is_one_file_of_at_most_5_mb(results: Path) -> None:
    assert (results / "report.html").stat().st_size <= 5_000_000


def test_nothing_in_the_report_asks_for_another_file(page: str) -> None:
    assert [found.group() for found in REQUEST.finditer(body_of(page))] == []


def test_a_browser_makes_no_request_for_the_report(results: Path, chromium: str) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    requests: list[str] = []
    faults: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        view = browser.new_page()
        view.on("request", lambda request: requests.append(request.url))
        view.on("pageerror", lambda error: faults.append(str(error)))
        view.on("dialog", lambda dialog: faults.append(dialog.message))
        view.goto((results / "report.html").as_uri())
        view.wait_for_load_state("networkidle")
        size = view.evaluate("[document.images.length, document.body.scrollHeight]")
        broken = view.evaluate("[...document.images].filter(i => !i.naturalWidth).length")
        browser.close()
    foreign = [url for url in requests if not url.startswith(("file:", "data:"))]
    others = [url for url in requests if url.startswith("file:")]
    assert foreign == []
    assert len(others) == 1
    assert faults == []
    assert size[0] >= 3
    assert size[1] > 500
    assert broken == 0


def test_words_from_the_study_are_never_markup(page: str) -> None:
    assert "<script>alert" not in page
    assert "<b>a lot" not in page
    assert "moved <b>a lot</b> & left" in html.unescape(page)


def test_the_report_never_claims_what_a_group_study_cannot(page: str) -> None:
    words = text_of(page).lower()
    assert [claim for claim in NEVER if claim in words] == []


def test_group_names_come_from_the_table_alone(small_analyses: str) -> None:
    words = text_of(small_analyses)
    assert "Ünter 1" in words
    assert "2 & more" in words
    for invented in ("ill", "well", "depr", "control", "patients", "group a"):
        assert not re.search(rf"\b{invented}\b", words.replace("as well", ""), re.IGNORECASE), (
            invented
        )


def test_the_report_says_who_is_in_who_is_out_and_why(page: str) -> None:
    words = text_of(page)
    assert IDS[11] in words
    assert "moved <b>a lot</b> & left" in html.unescape(page)
    assert "n = 11 (6 ill, 5 well)" in words


def test_no_result_names_this_machine_or_its_user(results: Path) -> None:
    """Folders, the user's name and the host's name occur in no file, unpacked or not."""
    user = getpass.getuser()
    names = {SECRET, str(results.parent), str(Path.home()), "/tmp/", f"/{user}/", f"={user}"}
    names |= {word for word in (user, platform.node()) if len(word) > 5}  # others occur by chance
    for name, content in outputs(results).items():
        plain = gzip.decompress(content) if name.endswith(".gz") else content
        found = [word for word in names if word and word.encode() in plain]
        assert found == [], f"{name}: {found}"


def test_the_page_fits_a_phone(results: Path, chromium: str) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        view = browser.new_page(viewport={"width": 390, "height": 844})
        view.goto((results / "report.html").as_uri())
        width = view.evaluate("document.documentElement.scrollWidth")
        browser.close()
    assert width <= 390
