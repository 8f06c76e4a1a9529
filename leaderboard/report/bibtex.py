"""BibTeX of what a run used; a title is given only where it is known for sure, otherwise the reader gets the number."""

import re
from dataclasses import dataclass

from ...benchmark.results import Results
from ..escape import file_names, latex

PAPERS = {
    "1311.2901": ("Zeiler, Matthew D. and Fergus, Rob", 2013, "Visualizing and Understanding Convolutional Networks"),
    "1312.6034": (
        "Simonyan, Karen and Vedaldi, Andrea and Zisserman, Andrew",
        2013,
        "Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency Maps",
    ),
    "1412.6806": (
        "Springenberg, Jost Tobias and Dosovitskiy, Alexey and Brox, Thomas and Riedmiller, Martin",
        2014,
        "Striving for Simplicity: The All Convolutional Net",
    ),
    "1602.04938": (
        "Ribeiro, Marco Tulio and Singh, Sameer and Guestrin, Carlos",
        2016,
        "“Why Should I Trust You?”: Explaining the Predictions of Any Classifier",
    ),
    "1605.01713": (
        "Shrikumar, Avanti and Greenside, Peyton and Shcherbina, Anna and Kundaje, Anshul",
        2016,
        "Not Just a Black Box: Learning Important Features Through Propagating Activation Differences",
    ),
    "1608.00507": (
        "Zhang, Jianming and Lin, Zhe and Brandt, Jonathan and Shen, Xiaohui and Sclaroff, Stan",
        2016,
        "Top-down Neural Attention by Excitation Backprop",
    ),
    "1610.02391": (
        "Selvaraju, Ramprasaath R. and Cogswell, Michael and Das, Abhishek and Vedantam, Ramakrishna and Parikh, Devi "
        "and Batra, Dhruv",
        2016,
        "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
    ),
    "1703.01365": (
        "Sundararajan, Mukund and Taly, Ankur and Yan, Qiqi",
        2017,
        "Axiomatic Attribution for Deep Networks",
    ),
    "1704.02685": (
        "Shrikumar, Avanti and Greenside, Peyton and Kundaje, Anshul",
        2017,
        "Learning Important Features Through Propagating Activation Differences",
    ),
    "1705.07874": (
        "Lundberg, Scott M. and Lee, Su-In",
        2017,
        "A Unified Approach to Interpreting Model Predictions",
    ),
    "1706.03825": (
        "Smilkov, Daniel and Thorat, Nikhil and Kim, Been and Viégas, Fernanda and Wattenberg, Martin",
        2017,
        "SmoothGrad: removing noise by adding noise",
    ),
    "1806.07421": (
        "Petsiuk, Vitali and Das, Abir and Saenko, Kate",
        2018,
        "RISE: Randomized Input Sampling for Explanation of Black-box Models",
    ),
    "1810.03292": (
        "Adebayo, Julius and Gilmer, Justin and Muelly, Michael and Goodfellow, Ian and Hardt, Moritz and Kim, Been",
        2018,
        "Sanity Checks for Saliency Maps",
    ),
    "1901.09392": (
        "Yeh, Chih-Kuan and Hsieh, Cheng-Yu and Suggala, Arun Sai and Inouye, David I. and Ravikumar, Pradeep",
        2019,
        "On the (In)fidelity and Sensitivity of Explanations",
    ),
    "2308.06248": (
        "Hesse, Robin and Schaub-Meyer, Simone and Roth, Stefan",
        2023,
        "FunnyBirds: A Synthetic Vision Dataset for a Part-Based Analysis of Explainable AI Methods",
    ),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One reference: its key, its BibTeX, and the methods and metrics that it stands behind."""

    key: str
    text: str
    parts: tuple[str, ...]


def references(results: Results) -> tuple[Entry, ...]:
    """The references of a run's methods and metrics, each paper once, by key."""
    behind: dict[str, list[str]] = {}
    for kind in ("methods", "metrics"):
        for name, card in results.manifest[kind].items():
            if card["paper"]:
                behind.setdefault(card["paper"], []).append(name)
    entries = [Entry(key_of(paper), entry(paper), tuple(parts)) for paper, parts in behind.items()]
    return tuple(sorted(entries, key=lambda item: item.key))


def citation(results: Results) -> str:
    """The reference of the run itself: the suite with its version, and what computed it."""
    suite, made = results.manifest["suite"], results.manifest["provenance"]
    version = made.get("versions", {}).get("heatproof", "")
    fields = {
        "title": f"{{{latex(results.title)}: attribution methods, put to the proof}}",
        "author": "{Heatproof contributors}",
        "year": made["time"][:4],
        "version": latex(suite["version"]),
        "note": latex(f"Heatproof {version}, {file_names(made['command'])}"),
    }
    return _bibtex(_plain(f"heatproof-{suite['name']}-{suite['version']}"), fields)


def key_of(paper: str) -> str:
    """The key of a paper: first author and year where they are known, otherwise its number."""
    known = PAPERS.get(paper.removeprefix("arXiv:"))
    if known is None:
        return _plain(paper)
    authors, year, title = known
    first = re.findall(r"[A-Za-z]{4,}", title)[0]
    return f"{_plain(authors.partition(',')[0])}{year}{first}".lower()


def entry(paper: str) -> str:
    """The BibTeX of a paper, given as arXiv:…, doi:… or an address."""
    kind, _, number = paper.partition(":")
    fields: dict[str, str] = {}
    if known := PAPERS.get(number):
        authors, year, title = known
        fields = {"author": authors, "title": f"{{{latex(title)}}}", "year": str(year)}
    plain = re.fullmatch(r"[\w./;()-]+", number, flags=re.ASCII)
    if kind == "arXiv" and plain:
        fields |= {"eprint": number, "archivePrefix": "arXiv"}
    elif kind == "doi" and plain:
        fields |= {"doi": number}
    else:
        fields |= {"howpublished": latex(paper)}
    return _bibtex(key_of(paper), fields)


def link(paper: str) -> str:
    """The address of a paper; empty where it is not clear."""
    kind, _, number = paper.partition(":")
    known = {"arXiv": f"https://arxiv.org/abs/{number}", "doi": f"https://doi.org/{number}"}
    return known.get(kind, paper if paper.startswith("https://") else "")


def _bibtex(key: str, fields: dict[str, str]) -> str:
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@misc{{{key},\n{lines}\n}}\n"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-") or "reference"
