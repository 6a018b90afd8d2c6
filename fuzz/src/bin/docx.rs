//! Any Word document: a text within bounds or an error, the same each time.
//!
//! An input is `z` and the bytes of a file, or `x` and three parts (body, styles, numbers) with the byte 255 between, around which a
//! package is made.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let file = match bytes.split_first() {
        Some((b'z', file)) => file.to_vec(),
        Some((b'x', parts)) => package(parts),
        _ => return,
    };
    let read = docx::read(&file);
    assert_eq!(docx::read(&file).ok(), read.clone().ok(), "it reads otherwise a second time");
    let Ok(read) = read else { return };
    for line in &read.numbered {
        assert!(*line == 0 || read.text.as_bytes().get(line - 1) == Some(&b'\n'), "a number stands within a line");
        assert!(read.text.get(*line..).is_some_and(|rest| !rest.trim_start_matches(' ').starts_with('\n')));
    }
    let shown = |letter: char| !letter.is_control() || matches!(letter, '\n' | '\t');
    assert!(read.notes.iter().all(|note| !note.contains('\n')));
    assert!(read.title.iter().all(|title| !title.contains('\n')));
    // What Word shows of a label is the author's, but nothing in a text moves a cursor.
    assert!(read.text.chars().all(shown), "{:?}", read.text);
});

/// A file of these parts.
fn package(parts: &[u8]) -> Vec<u8> {
    let mut inner = parts.splitn(3, |byte| *byte == 0xff).chain(std::iter::repeat(&b""[..]));
    let mut part = |root: &str, around: &str| {
        let open = if around.is_empty() { String::new() } else { format!("<w:{around}>") };
        let close = if around.is_empty() { String::new() } else { format!("</w:{around}>") };
        let inside = inner.next().unwrap_or_default();
        let head = format!(
            "<w:{root} xmlns:w=\"{WORD}\" xmlns:mc=\"{COMPATIBILITY}\" xmlns:v=\"urn:schemas-microsoft-com:vml\">{open}"
        );
        [head.as_bytes(), inside, format!("{close}</w:{root}>").as_bytes()].concat()
    };
    let (document, styles, numbering) = (part("document", "body"), part("styles", ""), part("numbering", ""));
    let rel = |kind: &str, target: &str| format!("<Relationship Type=\"{RELATIONS}/{kind}\" Target=\"{target}\"/>");
    let rels = |all: String| format!("<Relationships>{all}</Relationships>").into_bytes();
    archive(&[
        ("_rels/.rels", rels(rel("officeDocument", "d"))),
        ("_rels/d.rels", rels(rel("styles", "s") + &rel("numbering", "n"))),
        ("d", document),
        ("s", styles),
        ("n", numbering),
    ])
}

/// A ZIP archive in which nothing is packed.
fn archive(parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let four = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in parts {
        let mut crc = flate2::Crc::new();
        crc.update(data);
        let size = four(data.len());
        let length = [u8::try_from(name.len()).unwrap_or(u8::MAX), 0, 0, 0];
        let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0], &crc.sum().to_le_bytes()[..], &size, &size, &length].concat();
        let at = four(out.len());
        out.extend([b"PK\x03\x04", common.as_slice(), name.as_bytes(), data.as_slice()].concat());
        directory.extend([b"PK\x01\x02\x14\x00", common.as_slice(), &[0; 10], &at, name.as_bytes()].concat());
    }
    let count = [u8::try_from(parts.len()).unwrap_or(u8::MAX), 0];
    let end = [&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &four(directory.len()), &four(out.len()), &[0, 0]].concat();
    [out, directory, end].concat()
}

const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const WORD: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const COMPATIBILITY: &str = "http://schemas.openxmlformats.org/markup-compatibility/2006";
