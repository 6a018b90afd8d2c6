//! A part as a tree of what matters of it: elements with their namespace, attributes, and the texts that are shown.

use model::limits::{DOCX_ATTRIBUTES_MAX, DOCX_DEPTH_MAX, DOCX_NODES_MAX};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, QName, ResolveResult};
use quick_xml::{NsReader, XmlVersion};

use crate::error::Unreadable;

/// Whose word an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Space {
    /// WordprocessingML, in either of its two namespaces.
    Word,
    /// Markup compatibility (ECMA-376-3): one content in several forms.
    Compatibility,
    /// Formulas.
    Math,
    /// Shapes and what is drawn.
    Drawing,
    /// Anything else.
    Other,
}

/// An element. Its attributes are those of WordprocessingML and those without a namespace, by local name.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) space: Space,
    pub(crate) name: Box<str>,
    attributes: Vec<(Box<str>, Box<str>)>,
    pub(crate) children: Vec<Element>,
    /// What stands in it, for the few elements whose text is looked at.
    pub(crate) text: String,
}

// === impl Element ===

impl Element {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.space == Space::Word && *self.name == *name
    }

    /// Whether its text is shown where it stands: Word shows no text of a namespace that it does not know.
    pub(crate) fn speaks(&self) -> bool {
        *self.name == *"t" && matches!(self.space, Space::Word | Space::Math | Space::Drawing)
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| **key == *name).map(|(_, value)| &**value)
    }

    /// The first child of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.is(name))
    }

    pub(crate) fn all<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Self> {
        self.children.iter().filter(move |child| child.is(name))
    }

    /// `w:val` of a child.
    pub(crate) fn value_of(&self, name: &str) -> Option<&str> {
        self.child(name)?.attribute("val")
    }

    /// What a property that is on or off says; none: nothing.
    pub(crate) fn switch(&self, name: &str) -> Option<bool> {
        let said = self.child(name)?.attribute("val").unwrap_or("1");
        Some(!matches!(said, "0" | "false" | "off"))
    }
}

/// A part that is read.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) root: Element,
    /// How other forms of a content begin, each of which says something else than the form that counts.
    pub(crate) other_forms: Vec<String>,
}

/// Reads a part. `part` is its name, for messages.
pub(crate) fn parse(part: &str, text: &str) -> Result<Part, Unreadable> {
    let mut tree = Tree { part, open: Vec::new(), root: None, nodes: 0, other_forms: Vec::new() };
    let mut reader = NsReader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    loop {
        let event = reader.read_event().map_err(|error| Unreadable::part(part, format!("is no XML: {error}")))?;
        match event {
            Event::Start(start) => tree.begin(&reader, &start)?,
            Event::End(_) => tree.end(),
            Event::Text(text) => tree.say(&text.xml10_content()),
            Event::CData(text) => tree.say(&text.xml10_content()),
            Event::GeneralRef(reference) => tree.refer(&reference)?,
            Event::DocType(_) => return Err(Unreadable::part(part, "has a document type, which Word never writes")),
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::Empty(_) => {}
        }
    }
    if !tree.open.is_empty() {
        return Err(Unreadable::part(part, "breaks off"));
    }
    let root = tree.root.ok_or_else(|| Unreadable::part(part, "is empty"))?;
    Ok(Part { root, other_forms: tree.other_forms })
}

struct Tree<'p> {
    part: &'p str,
    open: Vec<Element>,
    root: Option<Element>,
    nodes: usize,
    other_forms: Vec<String>,
}

// === impl Tree ===

impl Tree<'_> {
    fn begin(&mut self, reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<(), Unreadable> {
        if self.open.len() >= DOCX_DEPTH_MAX {
            return Err(Unreadable::TooLarge(format!("`{}` is nested more than {DOCX_DEPTH_MAX} deep", self.part)));
        }
        if self.root.is_some() {
            return Err(Unreadable::part(self.part, "has two roots"));
        }
        let (space, name) = reader.resolver().resolve_element(start.name());
        let space = space_of(&space);
        let mut element = Element {
            space,
            name: name.as_ref().into(),
            attributes: Vec::new(),
            children: Vec::new(),
            text: String::new(),
        };
        for (place, attribute) in start.attributes().enumerate() {
            // Each is compared with all before it.
            if place >= DOCX_ATTRIBUTES_MAX {
                let said = format!("an element of `{}` has more than {DOCX_ATTRIBUTES_MAX} attributes", self.part);
                return Err(Unreadable::TooLarge(said));
            }
            let broken = |error: String| Unreadable::part(self.part, format!("is no XML: {error}"));
            let attribute = attribute.map_err(|error| broken(error.to_string()))?;
            let (space, name) = reader.resolver().resolve_attribute(attribute.key);
            let of_word = matches!(space, ResolveResult::Unbound) || space_of(&space) == Space::Word;
            if of_word || attribute.key == QName("xml:space") {
                let value =
                    attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| broken(error.to_string()))?;
                let names =
                    IDS.contains(&name.as_ref()) || (name.as_ref() == "val" && OF_IDS.contains(&&*element.name));
                if names && value.len() > ID_BYTES_MAX {
                    let said = format!("`{}` names something in more than {ID_BYTES_MAX} bytes", self.part);
                    return Err(Unreadable::TooLarge(said));
                }
                element.attributes.push((name.as_ref().into(), value.as_ref().into()));
            }
        }
        if element.space == Space::Compatibility && *element.name == *"Choice" {
            let wanted = element.attribute("Requires").unwrap_or_default().to_owned();
            let understood = wanted.split_whitespace().all(|prefix| is_understood(reader, prefix));
            element.attributes.push((UNDERSTOOD.into(), if understood { "1" } else { "0" }.into()));
        }
        self.nodes += 1 + element.attributes.len();
        if self.nodes > DOCX_NODES_MAX {
            return Err(Unreadable::TooLarge(format!("`{}` has more than {DOCX_NODES_MAX} elements", self.part)));
        }
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self) {
        let Some(mut element) = self.open.pop() else { return };
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(element);
            return;
        };
        if element.space == Space::Compatibility && *element.name == *"AlternateContent" {
            let (shown, others) = forms(element.children);
            self.other_forms.extend(others.iter().filter_map(|other| differs(other, &shown)));
            parent.children.extend(shown);
        } else {
            // Of children only those that are kept take memory.
            element.children.shrink_to_fit();
            parent.children.push(element);
        }
    }

    fn say(&mut self, text: &str) {
        if let Some(element) = self.open.last_mut().filter(|element| SPEAKING.contains(&&*element.name)) {
            element.text.push_str(text);
        }
    }

    fn refer(&mut self, reference: &BytesRef<'_>) -> Result<(), Unreadable> {
        let character = reference.resolve_char_ref();
        let character = character.map_err(|_| Unreadable::part(self.part, "names a character that there is not"))?;
        match (character, resolve_predefined_entity(reference)) {
            (Some(character), _) => self.say(character.encode_utf8(&mut [0; 4])),
            (None, Some(text)) => self.say(text),
            (None, None) => return Err(Unreadable::part(self.part, "has an entity of its own, which is not read")),
        }
        Ok(())
    }
}

/// Of several forms of one content the first that Word understands, else what is there for all others; and the rest.
fn forms(mut forms: Vec<Element>) -> (Vec<Element>, Vec<Element>) {
    let understood = |form: &Element| *form.name == *"Choice" && form.attribute(UNDERSTOOD) == Some("1");
    let chosen = forms.iter().position(understood).or_else(|| forms.iter().position(|form| *form.name == *"Fallback"));
    let shown = chosen.map(|chosen| forms.remove(chosen).children).unwrap_or_default();
    (shown, forms)
}

/// How a form begins that says something else than the one that is shown. What is very long counts as something else: each form
/// may hold others, and all of them are compared.
fn differs(other: &Element, shown: &[Element]) -> Option<String> {
    let (mut words, mut of_shown) = (String::new(), String::new());
    let cut = !gather(std::slice::from_ref(other), &mut words);
    let cut = !gather(shown, &mut of_shown) || cut;
    let letters = |words: &str| words.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
    (cut || letters(&words) != letters(&of_shown)).then(|| words.chars().take(BEGINNING_CHARS_MAX).collect())
}

/// What elements say, one behind the other. False: it is more than is compared.
fn gather(elements: &[Element], words: &mut String) -> bool {
    elements.iter().all(|element| {
        if element.speaks() {
            let left = COMPARED_BYTES_MAX - words.len();
            words.push_str(element.text.get(..element.text.floor_char_boundary(left)).unwrap_or_default());
            if element.text.len() > left {
                return false;
            }
        }
        gather(&element.children, words)
    })
}

fn space_of(space: &ResolveResult<'_>) -> Space {
    match space {
        ResolveResult::Bound(Namespace(name)) if WORD.contains(&&**name) => Space::Word,
        ResolveResult::Bound(Namespace(name)) if MATH.contains(&&**name) => Space::Math,
        ResolveResult::Bound(Namespace(name)) if DRAWING.contains(&&**name) => Space::Drawing,
        ResolveResult::Bound(Namespace(name)) if **name == *COMPATIBILITY => Space::Compatibility,
        _ => Space::Other,
    }
}

/// Whether Word knows a namespace that one form of a content asks for.
fn is_understood(reader: &NsReader<&[u8]>, prefix: &str) -> bool {
    let name = format!("{prefix}:x");
    match reader.resolver().resolve_element(QName(&name)).0 {
        ResolveResult::Bound(Namespace(name)) => KNOWN_TO_WORD.contains(&name),
        _ => false,
    }
}

const WORD: &[&str] = &[
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
];
const MATH: &[&str] =
    &["http://schemas.openxmlformats.org/officeDocument/2006/math", "http://purl.oclc.org/ooxml/officeDocument/math"];
const DRAWING: &[&str] =
    &["http://schemas.openxmlformats.org/drawingml/2006/main", "http://purl.oclc.org/ooxml/drawingml/main"];
const COMPATIBILITY: &str = "http://schemas.openxmlformats.org/markup-compatibility/2006";
/// Namespaces that Word of today understands, each by its whole name: one that nobody ever made makes Word show another form.
const KNOWN_TO_WORD: &[&str] = &[
    "http://schemas.microsoft.com/office/drawing/2010/main",
    "http://schemas.microsoft.com/office/drawing/2010/picture",
    "http://schemas.microsoft.com/office/drawing/2014/chartex",
    "http://schemas.microsoft.com/office/drawing/2015/9/8/chartex",
    "http://schemas.microsoft.com/office/drawing/2015/10/21/chartex",
    "http://schemas.microsoft.com/office/drawing/2016/5/9/chartex",
    "http://schemas.microsoft.com/office/drawing/2016/5/10/chartex",
    "http://schemas.microsoft.com/office/drawing/2016/5/11/chartex",
    "http://schemas.microsoft.com/office/drawing/2016/5/12/chartex",
    "http://schemas.microsoft.com/office/drawing/2016/5/13/chartex",
    "http://schemas.microsoft.com/office/drawing/2016/5/14/chartex",
    "http://schemas.microsoft.com/office/drawing/2016/ink",
    "http://schemas.microsoft.com/office/drawing/2017/model3d",
    "http://schemas.microsoft.com/office/word/2006/wordml",
    "http://schemas.microsoft.com/office/word/2010/wordml",
    "http://schemas.microsoft.com/office/word/2010/wordprocessingCanvas",
    "http://schemas.microsoft.com/office/word/2010/wordprocessingDrawing",
    "http://schemas.microsoft.com/office/word/2010/wordprocessingGroup",
    "http://schemas.microsoft.com/office/word/2010/wordprocessingInk",
    "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
    "http://schemas.microsoft.com/office/word/2012/wordml",
    "http://schemas.microsoft.com/office/word/2012/wordprocessingDrawing",
    "http://schemas.microsoft.com/office/word/2015/wordml/symex",
    "http://schemas.microsoft.com/office/word/2016/wordml/cid",
    "http://schemas.microsoft.com/office/word/2018/wordml",
    "http://schemas.microsoft.com/office/word/2018/wordml/cex",
    "http://schemas.openxmlformats.org/drawingml/2006/chart",
    "http://schemas.openxmlformats.org/drawingml/2006/diagram",
    "http://schemas.openxmlformats.org/drawingml/2006/lockedCanvas",
    "http://schemas.openxmlformats.org/drawingml/2006/main",
    "http://schemas.openxmlformats.org/drawingml/2006/picture",
    "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
    "http://schemas.openxmlformats.org/officeDocument/2006/math",
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/drawingml/chart",
    "http://purl.oclc.org/ooxml/drawingml/diagram",
    "http://purl.oclc.org/ooxml/drawingml/lockedCanvas",
    "http://purl.oclc.org/ooxml/drawingml/main",
    "http://purl.oclc.org/ooxml/drawingml/picture",
    "http://purl.oclc.org/ooxml/drawingml/wordprocessingDrawing",
    "http://purl.oclc.org/ooxml/officeDocument/math",
    "http://purl.oclc.org/ooxml/officeDocument/relationships",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
    "urn:schemas-microsoft-com:office:office",
    "urn:schemas-microsoft-com:office:word",
    "urn:schemas-microsoft-com:vml",
];
/// An attribute that is ours: XML has no name with a space.
const UNDERSTOOD: &str = "is understood";
/// What names a style or a list is looked up for each paragraph. Word's own names have at most 253 signs.
const ID_BYTES_MAX: usize = 1 << 10;
/// Attributes that name something.
const IDS: &[&str] = &["styleId", "numId", "abstractNumId"];
/// Elements whose value names something.
const OF_IDS: &[&str] = &["pStyle", "rStyle", "tblStyle", "basedOn", "numId", "abstractNumId", "numStyleLink"];
/// Of what two forms say.
const COMPARED_BYTES_MAX: usize = 64 << 10;
/// Of a form that says something else; what is quoted of it is shorter.
const BEGINNING_CHARS_MAX: usize = 100;
/// Elements whose text is looked at.
const SPEAKING: &[&str] = &["t", "instrText", "delText"];

#[cfg(test)]
mod tests;
