"""Agreements as Word documents, written by python-docx.

agreement.py made FILE                  an agreement with everything that Word counts, changes and hides
agreement.py of MARKDOWN FILE           a document of lists in lists, each numbered by Word within the one above: 1., 2., a., i.
agreement.py of-whole MARKDOWN FILE     the same, numbered as 1., 1.1, (a), (i)
"""

import re
import sys

import docx
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

NUM = 77


def define(document, levels, pattern=NUM):
    """A list of several levels, (format, text) each."""
    numbering = document.part.numbering_part.element
    written = "".join(
        f'<w:lvl w:ilvl="{at}"><w:start w:val="1"/><w:numFmt w:val="{kind}"/><w:lvlText w:val="{text}"/><w:lvlJc w:val="left"/></w:lvl>'
        for at, (kind, text) in enumerate(levels)
    )
    space = nsdecls("w")
    abstract = parse_xml(f'<w:abstractNum {space} w:abstractNumId="{pattern}"><w:multiLevelType w:val="multilevel"/>{written}</w:abstractNum>')
    numbering.insert(0, abstract)
    numbering.append(parse_xml(f'<w:num {space} w:numId="{pattern}"><w:abstractNumId w:val="{pattern}"/></w:num>'))


def numbered(document, level, text, style=None):
    paragraph = document.add_paragraph(text, style=style)
    list_of_it = parse_xml(f'<w:numPr {nsdecls("w")}><w:ilvl w:val="{level}"/><w:numId w:val="{NUM}"/></w:numPr>')
    paragraph._p.get_or_add_pPr().append(list_of_it)
    return paragraph


def made(file):
    document = docx.Document()
    define(document, [("decimal", "%1."), ("decimal", "%1.%2"), ("lowerLetter", "(%3)"), ("lowerRoman", "(%4)")])
    document.add_heading("Screening Agreement", level=0)
    document.add_paragraph("Between Northwind Talent and Acme Screening.")
    numbered(document, 0, "Data", style="Heading 1")
    numbered(document, 1, "Acme may read and list candidates.")
    body = numbered(document, 1, "Acme may ")
    body.add_run("not").italic = True
    body.add_run("\tsee these fields of a candidate:")
    numbered(document, 2, "compensation;")
    numbered(document, 2, "medical notes.")
    document.add_heading("Annex", level=2)
    numbered(document, 0, "Limits", style="Heading 1")
    changed = numbered(document, 1, "No more than ")
    space = nsdecls("w")
    who = 'w:id="9" w:author="Jo" w:date="2026-01-01T00:00:00Z"'
    changed._p.append(parse_xml(f'<w:ins {space} {who}><w:r><w:t xml:space="preserve">600 </w:t></w:r></w:ins>'))
    changed._p.append(parse_xml(f'<w:del {space} {who}><w:r><w:delText xml:space="preserve">60 </w:delText></w:r></w:del>'))
    changed.add_run("requests in any hour.")
    changed.add_run(" But as many as Acme likes on Sundays.").font.hidden = True
    document.add_paragraph("Also on the list:", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for row, cells in enumerate([("3.1", "Acme deletes what it read after ninety days."), ("3.2", "This runs until 2027-06-30.")]):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    document.sections[0].header.paragraphs[0].text = "99.9 Confidential"
    document.save(file)


def of(markdown, file, whole):
    document = docx.Document()
    formats = ["decimal", "decimal", "lowerLetter", "lowerRoman"]
    texts = ["%1.", "%1.%2", "(%3)", "(%4)"] if whole else ["%1.", "%2.", "%3.", "%4."]
    define(document, list(zip(formats, texts)))
    for line in open(markdown, encoding="utf-8"):
        text = re.sub(r"<[^>]*>|\*\*", "", line).rstrip()
        if not text:
            continue
        indent = len(text) - len(text.lstrip())
        item = re.match(r"(?:\d+|[a-z]+)\.\s+(.*)", text.lstrip())
        if text.startswith("#"):
            document.add_heading(text.lstrip("# "), level=0)
        elif item:
            numbered(document, indent // 4, item.group(1))
        else:
            document.add_paragraph(text.strip())
    document.save(file)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["made", file]:
            made(file)
        case ["of", markdown, file]:
            of(markdown, file, whole=False)
        case ["of-whole", markdown, file]:
            of(markdown, file, whole=True)
        case _:
            sys.exit(__doc__)
