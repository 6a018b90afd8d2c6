//! From the bytes of a file to its text.

use std::collections::BTreeSet;

use crate::archive::Archive;
use crate::error::Unreadable;
use crate::numbering::Numbering;
use crate::styles::Styles;
use crate::walk::Walk;
use crate::xml::{Part, parse};

/// What a document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// One paragraph after another with an empty line between, a row of a table on one line with tabs. A paragraph with an
    /// automatic number begins with it, indented by four spaces for each level above; a heading without a number with `# `.
    pub text: String,
    /// What stands in the paragraphs of the style `Title`.
    pub title: Option<String>,
    /// The bytes of `text` at which lines begin whose number is an automatic one.
    pub numbered: BTreeSet<usize>,
    /// What somebody must know of it: changes that are open, what is hidden, what was left out.
    pub notes: Vec<String>,
}

/// Reads a `.docx` file.
///
/// Bounds: [`model::limits::DOCX_BYTES_MAX`] unfolded bytes, [`model::limits::DOCX_NODES_MAX`] elements and attributes and
/// [`model::limits::DOCX_DEPTH_MAX`] levels of each part. Error: why it cannot be read; nothing of it is read in half.
pub fn read(bytes: &[u8]) -> Result<Text, Unreadable> {
    let mut archive = Archive::open(bytes)?;
    let of_package = related(&mut archive, "_rels/.rels", "")?;
    let main = only(&of_package, "officeDocument", "it names two main parts")?;
    let main = main.ok_or(Unreadable::Other("it names no main part"))?;
    let Part { root, other_forms } =
        part(&mut archive, &main.name)?.ok_or(Unreadable::Other("its main part is missing"))?;
    let body = root.child("body").filter(|_| root.is("document"));
    let body = body.ok_or(Unreadable::Other("its main part is something else"))?;
    let (folder, name) = main.name.rsplit_once('/').unwrap_or(("", &main.name));
    let others = related(&mut archive, &format!("{folder}/_rels/{name}.rels"), folder)?;
    let mut named = |kind: &str, twice| match only(&others, kind, twice)? {
        Some(other) => part(&mut archive, &other.name),
        None => Ok(None),
    };
    let styles = named("styles", "it names two parts for its styles")?
        .map(|styles| Styles::read(&styles.root))
        .unwrap_or_default();
    let numbering = named("numbering", "it names two parts for its numbers")?
        .map(|numbering| Numbering::read(&numbering.root))
        .unwrap_or_default();
    let mut walk = Walk::new(&styles, &numbering, &other_forms);
    walk.blocks(body);
    Ok(walk.finish())
}

/// A part that another one names.
struct Related {
    /// The last word of the relationship's type, which is one of Word's: `styles`.
    kind: String,
    name: String,
}

/// The part of this kind. Error: there are several, and programs would disagree about which one counts.
fn only<'r>(related: &'r [Related], kind: &str, twice: &'static str) -> Result<Option<&'r Related>, Unreadable> {
    let mut all = related.iter().filter(|part| part.kind == kind);
    match (all.next(), all.next()) {
        (found, None) => Ok(found),
        (_, Some(_)) => Err(Unreadable::Other(twice)),
    }
}

/// What a list of relationships names within the package (ECMA-376-2, 6.5). `folder`: that of the part whose list it is.
fn related(archive: &mut Archive<'_>, list: &str, folder: &str) -> Result<Vec<Related>, Unreadable> {
    let Some(Part { root, .. }) = part(archive, list.trim_start_matches('/'))? else { return Ok(Vec::new()) };
    let inside = root.children.iter().filter(|one| one.attribute("TargetMode") != Some("External"));
    let named = inside.filter_map(|one| {
        let kind = one.attribute("Type")?;
        let kind = RELATIONS.iter().find_map(|relations| kind.strip_prefix(relations))?.to_owned();
        Some(Related { kind, name: resolved(folder, one.attribute("Target")?) })
    });
    Ok(named.collect())
}

fn part(archive: &mut Archive<'_>, name: &str) -> Result<Option<Part>, Unreadable> {
    archive.text(name)?.map(|text| parse(name, &text)).transpose()
}

/// The name of a part as another part in this folder writes it.
fn resolved(folder: &str, target: &str) -> String {
    let (mut steps, rest): (Vec<&str>, &str) = match target.strip_prefix('/') {
        Some(rest) => (Vec::new(), rest),
        None => (folder.split('/').filter(|step| !step.is_empty()).collect(), target),
    };
    for step in rest.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()),
            step => steps.push(step),
        }
    }
    steps.join("/")
}

/// Where the types of Word's relationships begin, in either form of the standard.
const RELATIONS: [&str; 2] = [
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships/",
    "http://purl.oclc.org/ooxml/officeDocument/relationships/",
];

#[cfg(test)]
pub(crate) mod tests;
