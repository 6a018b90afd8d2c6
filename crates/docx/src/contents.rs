//! Tables of contents and other lists of places. They say a second time what the document says, so they are left out; what one of
//! them says alone is told.

use std::collections::BTreeSet;

/// What lists of places say, line by line.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    lines: Vec<String>,
}

// === impl Contents ===

impl Contents {
    pub(crate) fn take(&mut self, line: &str) {
        if !line.trim().is_empty() {
            self.lines.push(line.to_owned());
        }
    }

    /// Lines that repeat none of these, which are the document's own.
    pub(crate) fn beside<'l>(&self, own: impl Iterator<Item = [&'l str; 2]>) -> Vec<&str> {
        if self.lines.is_empty() {
            return Vec::new();
        }
        let own: BTreeSet<String> = own.flat_map(|[label, text]| [letters([text]), letters([label, text])]).collect();
        let repeats = |line: &String| {
            let line = letters([line.as_str()]);
            TITLES.contains(&line.to_lowercase().as_str()) || without_page(&line).any(|line| own.contains(line))
        };
        self.lines.iter().filter(|line| !repeats(line)).map(String::as_str).collect()
    }
}

/// A line as it is, and without what may be the number of a page at its end.
fn without_page(line: &str) -> impl Iterator<Item = &str> {
    let digits = line.bytes().rev().take(PAGE_DIGITS_MAX).take_while(u8::is_ascii_digit).count();
    let roman = line.trim_end_matches(['i', 'v', 'x', 'l']);
    (0..=digits).filter_map(|digits| line.get(..line.len() - digits)).chain([roman])
}

/// Words without the space between them.
fn letters<const N: usize>(words: [&str; N]) -> String {
    words.iter().flat_map(|words| words.split_whitespace()).collect()
}

const PAGE_DIGITS_MAX: usize = 5;
/// What stands above a table of contents, without space.
const TITLES: &[&str] = &[
    "contents",
    "tableofcontents",
    "index",
    "inhalt",
    "inhaltsverzeichnis",
    "sommaire",
    "tabledesmatières",
    "contenido",
    "índice",
    "indice",
    "sommario",
    "inhoud",
    "inhoudsopgave",
];
