//! What a style says of a paragraph or a run, through the styles it is based on.

use std::collections::BTreeMap;

use crate::xml::Element;

/// The styles of a document, by id.
#[derive(Debug, Default)]
pub(crate) struct Styles {
    by_id: BTreeMap<String, usize>,
    /// In their order.
    all: Vec<Style>,
    /// Of paragraphs that name none.
    of_paragraphs: Option<String>,
    /// Of tables that name none.
    of_tables: Option<String>,
    /// Of all text.
    of_all: Looks,
}

/// How text looks, as far as that matters here.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Looks {
    /// Word does not show it.
    pub(crate) hidden: bool,
    /// It is shown, and struck out.
    pub(crate) struck: bool,
}

#[derive(Debug, Default)]
struct Style {
    id: String,
    /// Where it stands among all.
    based_on: Option<usize>,
    name: String,
    list: Listed,
    hidden: Option<bool>,
    struck: Option<bool>,
    outlined: Option<bool>,
    /// Whether it hides, shows or strikes out some rows, columns or cells of a table otherwise than the rest.
    hides_parts: bool,
}

/// What is said of a paragraph's place in a list, as far as it is said there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listed {
    /// `w:numId`; `0` takes a paragraph out of every list.
    pub(crate) num: Option<String>,
    /// `w:ilvl`
    pub(crate) level: Option<u8>,
}

// === impl Looks ===

impl Looks {
    /// As this and the other one say it. Whoever hides it hides it.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { hidden: self.hidden || other.hidden, struck: self.struck || other.struck }
    }

    /// As properties of its own say it, where they do.
    pub(crate) fn with(self, properties: Option<&Element>) -> Self {
        let Some(properties) = properties else { return self };
        Self {
            hidden: properties.switch("vanish").unwrap_or(self.hidden),
            struck: struck(properties).unwrap_or(self.struck),
        }
    }
}

/// Whether it is struck out, with one line or two.
fn struck(properties: &Element) -> Option<bool> {
    let (once, twice) = (properties.switch("strike"), properties.switch("dstrike"));
    if once == Some(true) { once } else { twice.or(once) }
}

// === impl Listed ===

impl Listed {
    /// Of `w:pPr`.
    pub(crate) fn of(properties: Option<&Element>) -> Self {
        let Some(list) = properties.and_then(|properties| properties.child("numPr")) else { return Self::default() };
        Self {
            num: list.value_of("numId").map(str::to_owned),
            level: list.value_of("ilvl").and_then(|level| level.parse().ok()),
        }
    }
}

// === impl Styles ===

impl Styles {
    pub(crate) fn read(root: &Element) -> Self {
        let all = root.child("docDefaults").and_then(|defaults| defaults.child("rPrDefault"));
        let of_all = Looks::default().with(all.and_then(|defaults| defaults.child("rPr")));
        let mut styles = Self { of_all, ..Self::default() };
        let mut bases = Vec::new();
        for written in root.all("style") {
            let Some(id) = written.attribute("styleId") else { continue };
            let (properties, of_runs) = (written.child("pPr"), written.child("rPr"));
            let style = Style {
                id: id.to_owned(),
                based_on: None,
                name: written.value_of("name").unwrap_or_default().to_ascii_lowercase(),
                list: Listed::of(properties),
                hidden: of_runs.and_then(|run| run.switch("vanish")),
                struck: of_runs.and_then(struck),
                outlined: properties.and_then(|properties| properties.value_of("outlineLvl")).map(|level| level != "9"),
                hides_parts: written.all("tblStylePr").any(|part| {
                    let said = part.child("rPr").map(|run| (run.switch("vanish"), struck(run)));
                    said.is_some_and(|said| said != (None, None))
                }),
            };
            let default = written.attribute("default").is_some_and(|on| matches!(on, "1" | "true" | "on"));
            match written.attribute("type").filter(|_| default) {
                Some("paragraph") => styles.of_paragraphs = Some(id.to_owned()),
                Some("table") => styles.of_tables = Some(id.to_owned()),
                _ => {}
            }
            styles.by_id.insert(id.to_owned(), styles.all.len());
            styles.all.push(style);
            bases.push(written.value_of("basedOn"));
        }
        // Once for each style, and not for each paragraph of one.
        for (style, base) in styles.all.iter_mut().zip(bases) {
            style.based_on = base.and_then(|base| styles.by_id.get(base).copied());
        }
        styles
    }

    /// The style that a paragraph has, which may be the one of paragraphs that name none.
    pub(crate) fn of_paragraph<'s>(&'s self, named: Option<&'s str>) -> Option<&'s str> {
        named.filter(|named| self.by_id.contains_key(*named)).or(self.of_paragraphs.as_deref())
    }

    /// The style that a table has, which may be the one of tables that name none.
    pub(crate) fn of_table<'s>(&'s self, named: Option<&'s str>) -> Option<&'s str> {
        named.filter(|named| self.by_id.contains_key(*named)).or(self.of_tables.as_deref())
    }

    /// Whether a table's style hides, shows or strikes out some of its rows, columns or cells; which ones, the table says.
    pub(crate) fn hides_parts(&self, style: &str) -> bool {
        self.chain(style).any(|(_, style)| style.hides_parts)
    }

    /// The list that a style puts paragraphs in, as it and those that it is based on say, and the styles among them down to
    /// the one that names the list.
    pub(crate) fn list(&self, style: &str) -> Option<(Listed, Vec<&str>)> {
        let (mut level, mut styles) = (None, Vec::new());
        for (id, style) in self.chain(style) {
            styles.push(id);
            level = level.or(style.list.level);
            if let Some(num) = &style.list.num {
                return Some((Listed { num: Some(num.clone()), level }, styles));
            }
        }
        None
    }

    /// How text of this style looks, where it says nothing itself.
    pub(crate) fn looks(&self, style: Option<&str>) -> Looks {
        let chain = || style.into_iter().flat_map(|style| self.chain(style));
        let hidden = chain().find_map(|(_, style)| style.hidden).unwrap_or_default();
        let struck = chain().find_map(|(_, style)| style.struck).unwrap_or_default();
        self.of_all.and(Looks { hidden, struck })
    }

    /// Whether it is a heading.
    pub(crate) fn is_heading(&self, style: &str) -> bool {
        self.chain(style).any(|(_, style)| style.outlined == Some(true) || style.name.starts_with("heading "))
    }

    /// Whether it is the title of the document.
    pub(crate) fn is_title(&self, style: &str) -> bool {
        self.chain(style).any(|(_, style)| style.name == "title")
    }

    /// A style and what it is based on, from it upwards.
    fn chain<'s>(&'s self, style: &str) -> impl Iterator<Item = (&'s str, &'s Style)> + use<'s> {
        let first = self.by_id.get(style).and_then(|place| self.all.get(*place));
        let styles = std::iter::successors(first, |style| self.all.get(style.based_on?));
        styles.take(CHAIN_MAX).map(|style| (style.id.as_str(), style))
    }
}

/// Styles that one is based on, one on another: longer chains are circles.
const CHAIN_MAX: usize = 64;
