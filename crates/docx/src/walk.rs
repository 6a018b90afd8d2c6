//! Through the body of a document, paragraph by paragraph.

use std::collections::BTreeSet;

use crate::contents::Contents;
use crate::fields::{Fields, Shows, is_list_of_places, is_seen};
use crate::notes::Notes;
use crate::numbering::{Counters, Label, Numbering};
use crate::read::Text;
use crate::styles::{Listed, Looks, Styles};
use crate::xml::{Element, Space};

/// A walk through a document, with what it has gathered.
pub(crate) struct Walk<'d> {
    styles: &'d Styles,
    numbering: &'d Numbering,
    counters: Counters,
    fields: Fields,
    contents: Contents,
    /// Lists of places that it is in, beside fields.
    within_contents: usize,
    notes: Notes,
    /// How text looks in the table that it is in.
    of_table: Looks,
    lines: Vec<Line>,
    /// Of a paragraph whose mark is deleted or hidden: it goes on with the next one.
    before: Option<Line>,
}

/// A paragraph as it is read.
#[derive(Debug, Default)]
struct Line {
    label: Option<Label>,
    text: String,
    heading: bool,
    title: bool,
}

/// A paragraph that is being read, and the boxes of text that hang on it.
#[derive(Default)]
struct Paragraph<'e> {
    line: Line,
    /// What it says within a list of places.
    listed: String,
    /// A picture or the like is seen in it.
    drawn: bool,
    boxes: Vec<&'e Element>,
}

/// What a run stands in.
#[derive(Clone, Copy)]
struct Within {
    tracked: Option<Tracked>,
    looks: Looks,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tracked {
    Inserted,
    Deleted,
}

// === impl Walk ===

impl<'d> Walk<'d> {
    /// `other_forms`: how contents begin that say something else where Word shows another form of them.
    pub(crate) fn new(styles: &'d Styles, numbering: &'d Numbering, other_forms: &[String]) -> Self {
        let mut notes = Notes::default();
        for words in other_forms {
            notes.other_forms.whole(&harmless(words));
        }
        Self {
            styles,
            numbering,
            counters: Counters::default(),
            fields: Fields::default(),
            contents: Contents::default(),
            within_contents: 0,
            notes,
            of_table: Looks::default(),
            lines: Vec::new(),
            before: None,
        }
    }

    /// Paragraphs and tables in an element.
    pub(crate) fn blocks(&mut self, parent: &Element) {
        for block in &parent.children {
            match &*block.name {
                _ if block.space == Space::Math => self.formula(block),
                _ if block.space != Space::Word => self.leave_out(block),
                "p" => self.paragraph(block),
                "tbl" => self.table(block),
                "sdt" => {
                    if let Some(content) = self.content_of(block) {
                        self.within_contents += usize::from(is_contents(block));
                        self.blocks(content);
                        self.within_contents -= usize::from(is_contents(block));
                    }
                }
                "customXml" | "ins" | "moveTo" => self.blocks(block),
                "del" | "moveFrom" => self.notes.deleted.count(),
                name if EMBEDDED.contains(&name) => self.notes.embedded += 1,
                _ => self.leave_out(block),
            }
        }
    }

    /// Of markup that is not known here, what would be shown elsewhere is said: a document may have its content read as if it stood
    /// beside it (`mc:ProcessContent`, ECMA-376-3, 9.3).
    fn leave_out(&mut self, element: &Element) {
        self.notes.unknown_markup.begin();
        self.say_left_out(element);
    }

    /// As [`Self::leave_out`], of what an element holds that holds nothing as Word writes it.
    fn leave_out_below(&mut self, element: &Element) {
        self.notes.unknown_markup.begin();
        element.children.iter().for_each(|child| self.say_left_out(child));
    }

    fn say_left_out(&mut self, element: &Element) {
        if element.speaks() {
            self.notes.unknown_markup.say(&harmless(&element.text));
        }
        for child in &element.children {
            self.say_left_out(child);
        }
    }

    /// The text, once everything was walked through.
    pub(crate) fn finish(mut self) -> Text {
        self.lines.extend(self.before.take());
        self.notes.open_fields += self.fields.unended();
        let (mut text, mut numbered, mut title) = (String::new(), BTreeSet::new(), Vec::new());
        for line in &self.lines {
            if line.title {
                title.push(line.text.split_whitespace().collect::<Vec<_>>().join(" "));
            }
            if line.label.as_ref().is_some_and(|label| label.counts) {
                numbered.insert(text.len());
            }
            line.write(&mut text);
        }
        let own = self.lines.iter().map(|line| [line.label.as_ref().map_or("", |label| &*label.text), &line.text]);
        for line in self.contents.beside(own) {
            self.notes.contents.whole(line);
        }
        let title = (!title.is_empty()).then(|| title.join(" "));
        Text { text, title, numbered, notes: self.notes.sentences() }
    }

    /// What a content control holds.
    fn content_of<'e>(&mut self, control: &'e Element) -> Option<&'e Element> {
        let properties = control.child("sdtPr");
        let waits = properties.and_then(|properties| properties.switch("showingPlcHdr"));
        self.notes.to_fill_in += usize::from(waits == Some(true));
        let bound = properties.is_some_and(|all| all.children.iter().any(|one| *one.name == *"dataBinding"));
        self.notes.bound += usize::from(bound);
        self.one_of(control, "sdtContent", &["sdtPr", "sdtEndPr"])
    }

    /// The one child of this name. What stands beside it is left out, but for the ones that show nothing.
    fn one_of<'e>(&mut self, parent: &'e Element, name: &str, beside: &[&str]) -> Option<&'e Element> {
        let mut found = None;
        for child in &parent.children {
            match found {
                None if child.is(name) => found = Some(child),
                _ if beside.iter().any(|beside| child.is(beside)) => {}
                _ => self.leave_out(child),
            }
        }
        found
    }

    // --- tables

    /// A row is a line with tabs, as long as only its last cell has several paragraphs; else each paragraph is a line.
    fn table(&mut self, table: &Element) {
        let named = table.child("tblPr").and_then(|properties| properties.value_of("tblStyle"));
        let style = self.styles.of_table(named);
        self.notes.partly_hidden += usize::from(style.is_some_and(|style| self.styles.hides_parts(style)));
        let outer = std::mem::replace(&mut self.of_table, self.styles.looks(style));
        self.rows(table);
        self.of_table = outer;
    }

    fn rows(&mut self, table: &Element) {
        for row in self.inner(table, "tr") {
            let tracked = |name: &str| row.child("trPr").is_some_and(|properties| properties.child(name).is_some());
            if tracked("del") {
                self.notes.deleted.count();
                continue;
            }
            if tracked("ins") {
                self.notes.inserted.count();
            }
            let mut cells: Vec<Vec<Line>> = self.inner(row, "tc").into_iter().map(|cell| self.cell(cell)).collect();
            let last = cells.pop().unwrap_or_default();
            if cells.iter().any(|lines| lines.len() > 1) {
                self.lines.extend(cells.into_iter().flatten().chain(last));
                continue;
            }
            let mut last = last.into_iter();
            let firsts = cells.into_iter().map(|lines| lines.into_iter().next()).chain([last.next()]);
            self.lines.extend(joined(firsts.map(Option::unwrap_or_default)));
            self.lines.extend(last);
        }
    }

    fn cell(&mut self, cell: &Element) -> Vec<Line> {
        let outer = std::mem::take(&mut self.lines);
        self.blocks(cell);
        // No paragraph goes on in the next cell.
        self.lines.extend(self.before.take());
        std::mem::replace(&mut self.lines, outer)
    }

    /// Rows of a table or cells of a row, those in content controls too.
    fn inner<'e>(&mut self, parent: &'e Element, name: &str) -> Vec<&'e Element> {
        let mut found = Vec::new();
        for child in &parent.children {
            match &*child.name {
                _ if child.space != Space::Word => self.leave_out(child),
                _ if *child.name == *name => found.push(child),
                "sdt" => {
                    if let Some(content) = self.content_of(child) {
                        found.extend(self.inner(content, name));
                    }
                }
                "customXml" | "ins" | "moveTo" => found.extend(self.inner(child, name)),
                _ => self.leave_out(child),
            }
        }
        found
    }

    // --- paragraphs

    fn paragraph(&mut self, written: &Element) {
        let properties = written.child("pPr");
        let style = self.styles.of_paragraph(properties.and_then(|properties| properties.value_of("pStyle")));
        let mut paragraph = Paragraph::default();
        if let Some(style) = style {
            paragraph.line.heading = self.styles.is_heading(style);
            paragraph.line.title = self.styles.is_title(style);
        }
        let within = Within { tracked: None, looks: self.styles.looks(style).and(self.of_table) };
        self.inlines(written, &mut paragraph, within);
        let mark = properties.and_then(|properties| properties.child("rPr"));
        let (goes_on, deleted) = self.mark(mark, within.looks.hidden);
        let Paragraph { mut line, mut listed, drawn, boxes } = paragraph;
        // A paragraph of which neither words nor the mark are seen is not there, and does not count.
        let wordless = line.text.trim().is_empty() && listed.trim().is_empty();
        if !(goes_on && !drawn && boxes.is_empty() && wordless) {
            let shows = self.show();
            // Without its mark a paragraph is what follows it, and counts as that.
            let counts = !deleted && shows != Shows::Nothing;
            let label = if counts { self.label(&Listed::of(properties), style) } else { None };
            match label {
                // What is numbered there counts as any other.
                Some(label) if shows == Shows::Places => listed = format!("{} {listed}", label.text),
                label => line.label = label,
            }
            self.ends(line, goes_on);
        }
        self.contents.take(&listed);
        for text in boxes {
            self.blocks(text);
        }
    }

    /// A formula that stands among the paragraphs.
    fn formula(&mut self, formula: &Element) {
        let mut paragraph = Paragraph::default();
        self.foreign(
            formula,
            &mut paragraph,
            Within { tracked: None, looks: self.styles.looks(None).and(self.of_table) },
        );
        self.contents.take(&paragraph.listed);
        self.ends(paragraph.line, false);
    }

    /// A paragraph is read, and goes on with the next one or ends here.
    fn ends(&mut self, line: Line, goes_on: bool) {
        let mut line = match self.before.take() {
            Some(before) => before.followed_by(line),
            None => line,
        };
        if goes_on {
            self.before = Some(line);
        } else if !line.is_empty() {
            line.text = line.text.trim_end().to_owned();
            self.lines.push(line);
        }
    }

    /// Whether a paragraph goes on with the next one, and whether that is because its mark was deleted. `hidden`: its style hides it.
    fn mark(&mut self, mark: Option<&Element>, hidden: bool) -> (bool, bool) {
        let Some(mark) = mark else { return (hidden, false) };
        let deleted = mark.child("del").is_some() || mark.child("moveFrom").is_some();
        if deleted {
            self.notes.deleted.count();
        } else if mark.child("ins").is_some() || mark.child("moveTo").is_some() {
            self.notes.inserted.count();
        }
        (deleted || mark.switch("vanish").unwrap_or(hidden), deleted)
    }

    fn label(&mut self, said: &Listed, style: Option<&str>) -> Option<Label> {
        let (num, level) = self.numbering.place(said, style, self.styles)?;
        let mut label = self.numbering.label(&num, level, self.styles, &mut self.counters)?;
        label.text = harmless(&label.text);
        self.notes.unknown_numbers += usize::from(label.unknown);
        Some(label)
    }

    // --- what stands in a paragraph

    fn inlines<'e>(&mut self, parent: &'e Element, into: &mut Paragraph<'e>, within: Within) {
        for one in &parent.children {
            self.inline(one, into, within);
        }
    }

    fn inline<'e>(&mut self, one: &'e Element, into: &mut Paragraph<'e>, within: Within) {
        match &*one.name {
            _ if one.space != Space::Word => self.foreign(one, into, within),
            "r" => self.run(one, into, within),
            "hyperlink" | "smartTag" | "customXml" | "dir" | "bdo" => self.inlines(one, into, within),
            "sdt" => {
                if let Some(content) = self.content_of(one) {
                    self.inlines(content, into, within);
                }
            }
            "fldSimple" => {
                let instruction = one.attribute("instr").unwrap_or_default();
                let places = is_list_of_places(instruction);
                if one.children.is_empty() && is_seen(instruction) && self.show() == Shows::Text {
                    self.unkept(instruction, within);
                }
                self.within_contents += usize::from(places);
                self.inlines(one, into, within);
                self.within_contents -= usize::from(places);
            }
            "ins" | "moveTo" => {
                self.notes.inserted.begin();
                // What somebody inserted and somebody else deleted is deleted.
                let tracked = within.tracked.or(Some(Tracked::Inserted));
                self.inlines(one, into, Within { tracked, ..within });
            }
            "del" | "moveFrom" => {
                self.notes.deleted.begin();
                self.inlines(one, into, Within { tracked: Some(Tracked::Deleted), ..within });
            }
            _ => {
                self.draw(one, into, within);
                self.leave_out(one);
            }
        }
    }

    /// Formulas have texts of their own and runs of Word, and drawings have texts; of anything else only the boxes of text in it count,
    /// and what Word's runs in it say is left out.
    fn foreign<'e>(&mut self, element: &'e Element, into: &mut Paragraph<'e>, within: Within) {
        match (element.space, &*element.name) {
            (Space::Word, "txbxContent") => return self.text_box(element, into, within),
            (Space::Math, "r") => return self.run(element, into, within),
            (Space::Math | Space::Drawing, _) if element.speaks() => self.say(&element.text, into, within),
            // What it holds comes below.
            (Space::Word, _) if element.speaks() => {
                self.notes.unknown_markup.begin();
                self.notes.unknown_markup.say(&harmless(&element.text));
            }
            _ => {}
        }
        self.draw(element, into, within);
        for child in &element.children {
            match (element.space, child.space) {
                (Space::Math, Space::Word) => self.inline(child, into, within),
                _ => self.foreign(child, into, within),
            }
        }
    }

    fn text_box<'e>(&mut self, element: &'e Element, into: &mut Paragraph<'e>, within: Within) {
        match within.tracked {
            Some(Tracked::Deleted) => return self.notes.deleted.count(),
            _ if within.looks.hidden => return self.notes.hidden.count(),
            Some(Tracked::Inserted) => self.notes.inserted.count(),
            None => {}
        }
        into.boxes.push(element);
    }

    fn run<'e>(&mut self, run: &'e Element, into: &mut Paragraph<'e>, within: Within) {
        let properties = run.child("rPr");
        let styled = properties.and_then(|properties| properties.value_of("rStyle"));
        let by_style = styled.map_or(within.looks, |style| self.styles.looks(Some(style)).and(within.looks));
        let within = Within { looks: by_style.with(properties), ..within };
        let deleted = within.tracked == Some(Tracked::Deleted);
        for one in &run.children {
            let mut say = |words: &str| self.say(words, into, within);
            match &*one.name {
                _ if one.space != Space::Word => {
                    self.foreign(one, into, within);
                    continue;
                }
                "t" => say(&shown(one)),
                "delText" if deleted => say(&shown(one)),
                "tab" | "ptab" => say("\t"),
                "br" | "cr" => say("\n"),
                "noBreakHyphen" => say("\u{2011}"),
                "sym" => {
                    let sign = sign(one);
                    self.notes.unknown_signs += usize::from(sign == UNKNOWN_SIGN);
                    self.say(sign.encode_utf8(&mut [0; 4]), into, within);
                }
                "fldChar" => {
                    if let Some(instruction) = self.fields.mark(one.attribute("fldCharType").unwrap_or_default()) {
                        self.unkept(&instruction, within);
                    }
                }
                "instrText" => self.fields.instruct(&one.text),
                "footnoteReference" | "endnoteReference" => self.notes.footnotes += 1,
                "commentReference" => self.notes.comments += 1,
                "drawing" | "pict" | "object" => {
                    self.foreign(one, into, within);
                    continue;
                }
                "ruby" => {
                    if let Some(base) = self.one_of(one, "rubyBase", &["rubyPr"]) {
                        self.inlines(base, into, within);
                    }
                    continue;
                }
                _ => self.draw(one, into, within),
            }
            self.leave_out_below(one);
        }
    }

    /// A field is here whose result the file does not have.
    fn unkept(&mut self, instruction: &str, within: Within) {
        if !within.looks.hidden && within.tracked != Some(Tracked::Deleted) {
            self.notes.unkept.whole(&harmless(instruction));
        }
    }

    /// Counts what shows something that is no text.
    fn draw(&mut self, element: &Element, into: &mut Paragraph<'_>, within: Within) {
        let (picture, embedded) = (PICTURES.contains(&&*element.name), EMBEDDED.contains(&&*element.name));
        self.notes.pictures += usize::from(picture);
        self.notes.embedded += usize::from(embedded);
        let seen = !within.looks.hidden && within.tracked != Some(Tracked::Deleted);
        into.drawn |= seen && (picture || embedded);
    }

    /// What text is here.
    fn show(&self) -> Shows {
        match self.fields.show() {
            Shows::Text if self.within_contents > 0 => Shows::Places,
            shows => shows,
        }
    }

    fn say(&mut self, words: &str, into: &mut Paragraph<'_>, within: Within) {
        let words = &harmless(words);
        match self.show() {
            Shows::Nothing => return,
            Shows::Places if within.looks.hidden || within.tracked == Some(Tracked::Deleted) => return,
            Shows::Places => return into.listed.push_str(words),
            Shows::Text => {}
        }
        match within.tracked {
            Some(Tracked::Deleted) => return self.notes.deleted.say(words),
            Some(Tracked::Inserted) => self.notes.inserted.say(words),
            None => {}
        }
        if within.looks.hidden {
            return self.notes.hidden.say(words);
        }
        if within.looks.struck {
            self.notes.struck.say(words);
        }
        if !words.trim().is_empty() {
            self.notes.hidden.begin();
            if !within.looks.struck {
                self.notes.struck.begin();
            }
        }
        into.line.text.push_str(words);
    }
}

// === impl Line ===

impl Line {
    fn is_empty(&self) -> bool {
        self.label.is_none() && self.text.trim().is_empty()
    }

    /// This one, and the one that its mark no longer parts from it.
    fn followed_by(self, next: Self) -> Self {
        let label = self.label.or(next.label);
        let (heading, title) = (self.heading && next.heading, self.title && next.title);
        Self { label, text: self.text + &next.text, heading, title }
    }

    /// Writes it with its number, and an empty line behind it.
    fn write(&self, out: &mut String) {
        let indent = "    ".repeat(self.label.as_ref().map_or(0, |label| usize::from(label.level)));
        let text = self.text.trim();
        out.push_str(&indent);
        if let Some(label) = &self.label {
            out.push_str(&label.text);
            out.push(' ');
        } else if (self.heading || self.title) && !is_numbered_by_hand(text) {
            out.push_str("# ");
        }
        out.push_str(&text.replace('\n', &format!("\n{indent}")));
        let kept = out.trim_end_matches(' ').len();
        out.truncate(kept);
        out.push_str("\n\n");
    }
}

/// The first paragraphs of a row's cells as one line. None: all are empty.
fn joined(cells: impl Iterator<Item = Line>) -> Option<Line> {
    let mut row = Line::default();
    for (place, cell) in cells.enumerate() {
        if place == 0 {
            row.label = cell.label;
        } else {
            row.text.push('\t');
            row.text.extend(cell.label.iter().flat_map(|label| [label.text.as_str(), " "]));
        }
        row.text.push_str(cell.text.trim());
    }
    (!row.is_empty()).then_some(row)
}

/// Whether a content control holds a table of contents, which says the headings a second time.
fn is_contents(control: &Element) -> bool {
    let part = control.child("sdtPr").and_then(|properties| properties.child("docPartObj"));
    part.and_then(|part| part.value_of("docPartGallery")).is_some_and(|gallery| gallery == "Table of Contents")
}

/// A text as it is shown: space at its edges counts only where that is said, and a line break in the file is a space.
fn shown(element: &Element) -> String {
    let text = element.text.replace(['\n', '\r'], " ");
    let kept = element.attribute("space") == Some("preserve");
    if kept { text } else { text.trim_matches([' ', '\t']).to_owned() }
}

/// A text without what a terminal obeys.
fn harmless(words: &str) -> String {
    let obeyed = |letter: char| letter.is_control() && !matches!(letter, '\t' | '\n');
    words.chars().map(|letter| if obeyed(letter) { UNKNOWN_SIGN } else { letter }).collect()
}

/// Whether a paragraph's own words begin with a number: `1.`, `(a)`, `§ 3`, `Section 4`.
fn is_numbered_by_hand(text: &str) -> bool {
    let word = text.split_whitespace().next().unwrap_or_default();
    let named = ["section", "clause", "article"].iter().any(|name| word.eq_ignore_ascii_case(name));
    named || word.starts_with('§') || word.ends_with(['.', ')']) || word.bytes().any(|byte| byte.is_ascii_digit())
}

/// `w:sym`: a sign of a font of signs, by its place in the font.
fn sign(element: &Element) -> char {
    let place = element.attribute("char").and_then(|place| u32::from_str_radix(place, 16).ok()).unwrap_or_default();
    let (font, private) = (element.attribute("font").unwrap_or_default(), (0xf000..=0xf0ff).contains(&place));
    let known = SIGNS.iter().find(|(fonts, at, _)| font.starts_with(fonts) && *at == place & 0xff);
    match known {
        Some((_, _, sign)) => *sign,
        None if private || SIGNS.iter().any(|(fonts, ..)| font.starts_with(fonts)) => UNKNOWN_SIGN,
        None => char::from_u32(place).filter(|sign| !sign.is_control()).unwrap_or(UNKNOWN_SIGN),
    }
}

/// What shows something that is no text here: pictures, charts, diagrams, ink, words drawn as a shape.
const PICTURES: &[&str] = &["blip", "imagedata", "chart", "relIds", "contentPart", "textpath"];
/// What holds a document of its own.
const EMBEDDED: &[&str] = &["OLEObject", "objectEmbed", "objectLink", "control", "subDoc", "altChunk"];
/// Stands where nobody knows the sign.
const UNKNOWN_SIGN: char = '\u{fffd}';
/// Signs that stand in agreements: boxes to tick, bullets, a section.
const SIGNS: &[(&str, u32, char)] = &[
    ("Wingdings 2", 0x52, '☑'),
    ("Wingdings 2", 0xa3, '☐'),
    ("Wingdings", 0xfe, '☑'),
    ("Wingdings", 0xfd, '☒'),
    ("Wingdings", 0xa8, '☐'),
    ("Wingdings", 0x6f, '☐'),
    ("Wingdings", 0xfc, '✓'),
    ("Wingdings", 0xfb, '✗'),
    ("Wingdings", 0xa7, '▪'),
    ("Wingdings", 0xe0, '→'),
    ("Symbol", 0xb7, '•'),
    ("Symbol", 0xb0, '°'),
    ("Symbol", 0xa3, '≤'),
    ("Symbol", 0xb3, '≥'),
    ("Symbol", 0xae, '→'),
];

#[cfg(test)]
mod tests;
