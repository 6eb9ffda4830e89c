import json
import os
import re
import subprocess
from base64 import b64decode
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin

import pytest

from audio_emotion.core.errors import StorageError
from audio_emotion.corpora.base import Utterance
from audio_emotion.evaluation import html_report
from audio_emotion.evaluation.evaluate import summarise
from audio_emotion.evaluation.report import Report
from tests.evaluations import TRAINED_ON_OTHERS, config, evaluation
from tests.web.browser import CHROMIUM

HISTORY = {"run": [{"number": n, "loss": 2 / n, "validation_uar": n / 10} for n in range(1, 6)]}


def report(folder: Path, source: str = "clips", **training: object) -> Report:
    return Report.of(source, config(**(TRAINED_ON_OTHERS | training)), evaluation(folder, problems=("x: broken",)), 0)


class Page(HTMLParser):
    """Every element's attributes by tag; and whether what is opened is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: dict[str, list[dict[str, str]]] = {}
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.setdefault(tag, []).append({name: value or "" for name, value in attrs})
        if tag not in ("meta", "img", "source"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def page(tmp_path: Path) -> str:
    return html_report.render([report(tmp_path / "clips")], tmp_path / "reports", histories=HISTORY)


def test_the_page_is_whole_and_needs_nothing_from_elsewhere(page):
    found = Page(page)
    assert not found.open
    assert not {"script", "link", "iframe", "object", "audio"} & found.elements.keys()
    addresses = [a["src"] for a in found.elements["img"]] + [a["srcset"] for a in found.elements["source"]]
    assert all(address.startswith("data:image/svg+xml;base64,") for address in addresses)
    assert "http" not in re.sub(r"base64,[^\"]+", "", page)
    assert "url(" not in page
    assert "@import" not in page


def test_every_plot_comes_in_light_and_dark_with_a_description(page):
    found = Page(page)
    assert len(found.elements["img"]) == len(found.elements["source"]) == 3
    for light, dark in zip(found.elements["img"], found.elements["source"], strict=True):
        assert dark["media"] == "(prefers-color-scheme: dark)"
        drawings = [b64decode(address.partition(",")[2]) for address in (light["src"], dark["srcset"])]
        assert drawings[0] != drawings[1]
        assert all(b"</svg>" in drawing for drawing in drawings)
    descriptions = [image["alt"] for image in found.elements["img"]]
    assert "Recall: sad 75.0 %, calm 50.0 %, angry 50.0 %." in descriptions[0]
    assert "70.0 % in 7 answers of which 71.4 % are right" in descriptions[1]
    assert "5 epochs, loss 2.000 to 0.400" in descriptions[2]


def test_no_history_no_curves(tmp_path):
    assert len(Page(html_report.render([report(tmp_path)], tmp_path)).elements["img"]) == 2
    assert len(Page(html_report.render([report(tmp_path)], tmp_path, histories={"run": []})).elements["img"]) == 2


def test_figures_and_tables(page):
    for words in ("62.5 %", "95 % interval 25.0 to 100.0", "chance is 33.3 %", "By emotion", "By speaker", "By sex"):
        assert words in page
    assert "By intensity" not in page
    assert '<td class="bar" style="--share:85.7%">85.7</td>' in page
    assert "sad taken for calm: 1 utterance, 25.0 % of sad" in page
    assert "Recordings that could not be decoded: 1" in page


def test_an_interval_without_width_says_why(tmp_path):
    said = evaluation(tmp_path, answers=("sad",) * 8)
    page = html_report.render([Report.of("clips", config(**TRAINED_ON_OTHERS), said, 0)], tmp_path)
    assert "95 % interval 33.3 to 33.3 (no width: every answer is sad); chance is 33.3 %" in page


def test_cautions_stand_before_any_figure(tmp_path):
    leaking = report(tmp_path, speakers={"train": ["own/1"], "validation": []})
    page = html_report.render([leaking], tmp_path)
    assert 0 < page.index("trained on 1 of the 2 speakers tested here (own/1)") < page.index("<main>")
    assert "not speaker-independent" in page
    both = html_report.render([leaking, report(tmp_path, "others")], tmp_path)
    assert both.count("clips: The model was trained") == 1


def test_several_sets_and_a_summary(tmp_path):
    reports = [report(tmp_path, "first"), report(tmp_path, "second")]
    page = html_report.render(reports, tmp_path, summarise([r.evaluation for r in reports]))
    assert page.index("Test sets") < page.index("Over all runs") < page.index("<h2>first") < page.index("<h2>second")


def test_links_lead_from_the_report_to_the_recordings(tmp_path):
    clips = tmp_path / "clips, äß #1?"
    page = html_report.render([report(clips)], tmp_path / "reports" / "old")
    links = [a["href"] for a in Page(page).elements["a"]]
    assert links
    assert all(not link.startswith("file:") for link in links)
    where = (tmp_path / "reports" / "old" / "r.html").as_uri()
    reached = {unquote(urljoin(where, link)).removeprefix("file://") for link in links}
    assert reached == {str(clips / "3.wav"), str(clips / "5.wav")}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such file names")
def test_hostile_names_do_no_harm(tmp_path):
    name = '<script>alert("1")&\'.wav'
    broken = os.fsdecode(b"\xff.wav")
    utterances = evaluation().utterances
    renamed = [Utterance(Path(name if i % 2 else broken), u.label, f"<b>{i}") for i, u in enumerate(utterances)]
    told = Report.of("<i>clips", config(**TRAINED_ON_OTHERS), evaluation(utterances=tuple(renamed)), 0)
    target = tmp_path / "r.html"
    html_report.write(target, [told])
    found = Page(target.read_text("utf-8"))
    assert not {"script", "b", "i"} & found.elements.keys()
    assert name in unescape(target.read_text("utf-8"))


def test_write_leaves_the_old_report_where_it_fails(tmp_path, monkeypatch):
    target = tmp_path / "r.html"
    target.write_text("old")
    monkeypatch.setattr(html_report, "render", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        html_report.write(target, [])
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]
    assert target.read_text() == "old"


def test_write_to_a_folder(tmp_path):
    with pytest.raises(StorageError, match="is a folder, expected the name of a file"):
        html_report.write(tmp_path, [report(tmp_path)])


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, to see that a browser draws the report")
@pytest.mark.parametrize("width", [1200, 390])
def test_a_browser_draws_every_plot(page, tmp_path, width):
    """A script, added to a copy, writes down what the browser made of every plot, and how wide the page is."""
    measure = """<pre id="measured"></pre><script>onload = () => {
        const plots = [...document.images].map(i => [i.naturalWidth, i.naturalHeight, i.clientWidth, i.clientHeight]);
        const page = [document.documentElement.scrollWidth, innerWidth];
        document.getElementById("measured").textContent = JSON.stringify({plots, page});
    }</script></body>"""
    copy = tmp_path / "copy.html"
    copy.write_text(page.replace("</body>", measure), "utf-8")
    assert CHROMIUM is not None
    drawn = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
         f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},2000", "--dump-dom", copy.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    measured = json.loads(unescape(re.findall(r'<pre id="measured">(.+?)</pre>', drawn.stdout)[0]))
    assert len(measured["plots"]) == 3
    assert all(min(sizes) > 100 for sizes in measured["plots"])
    assert measured["page"][0] <= measured["page"][1]  # nothing sticks out to the side
