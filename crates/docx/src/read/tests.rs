use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use proptest::prelude::*;

use super::*;

/// How parts lie in an archive of a test.
#[derive(Clone, Copy)]
pub(crate) enum Packed {
    Stored,
    Deflated,
}

pub(crate) fn pack(parts: &[(&str, &str)]) -> Vec<u8> {
    pack_as(Packed::Stored, parts)
}

/// A ZIP archive of these parts.
pub(crate) fn pack_as(packed: Packed, parts: &[(&str, &str)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in parts {
        let mut crc = Crc::new();
        crc.update(text.as_bytes());
        let (method, data) = match packed {
            Packed::Stored => (0_u16, text.as_bytes().to_vec()),
            Packed::Deflated => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(text.as_bytes()).unwrap();
                (8, encoder.finish().unwrap())
            }
        };
        let header = u32::try_from(out.len()).unwrap().to_le_bytes();
        let mut common = [&[20, 0, 0, 0][..], &method.to_le_bytes(), &[0; 4], &crc.sum().to_le_bytes()].concat();
        common.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        common.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        common.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        common.extend([0, 0]);
        out.extend([b"PK\x03\x04", common.as_slice(), name.as_bytes(), data.as_slice()].concat());
        directory.extend([b"PK\x01\x02\x14\x00", common.as_slice(), &[0; 10], &header, name.as_bytes()].concat());
    }
    let (at, count) = (out.len(), u16::try_from(parts.len()).unwrap().to_le_bytes());
    out.extend(&directory);
    out.extend([&b"PK\x05\x06\0\0\0\0"[..], &count, &count].concat());
    out.extend(u32::try_from(directory.len()).unwrap().to_le_bytes());
    out.extend(u32::try_from(at).unwrap().to_le_bytes());
    out.extend([0, 0]);
    out
}

/// A document with this body, these styles and these numbers.
pub(crate) fn document(body: &str, styles: &str, numbering: &str) -> Vec<u8> {
    let relationship = |kind: &str, target: &str| {
        format!(
            "<Relationship Id=\"{kind}\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}\" Target=\"{target}\"/>"
        )
    };
    let list = |all: &[String]| {
        format!(
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{}</Relationships>",
            all.concat()
        )
    };
    let spaces = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\" xmlns:x=\"urn:other\" xmlns:mc=\"http://schemas.openxmlformats.org/markup-compatibility/2006\" xmlns:wps=\"http://schemas.microsoft.com/office/word/2010/wordprocessingShape\" xmlns:v=\"urn:schemas-microsoft-com:vml\" xmlns:m=\"http://schemas.openxmlformats.org/officeDocument/2006/math\" xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\"";
    let part = |root: &str, inner: &str| format!("<?xml version=\"1.0\"?><w:{root} {spaces}>{inner}</w:{root}>");
    pack(&[
        ("_rels/.rels", &list(&[relationship("officeDocument", "word/document.xml")])),
        ("word/document.xml", &part("document", &format!("<w:body>{body}</w:body>"))),
        (
            "word/_rels/document.xml.rels",
            &list(&[relationship("styles", "styles.xml"), relationship("numbering", "/word/numbering.xml")]),
        ),
        ("word/styles.xml", &part("styles", styles)),
        ("word/numbering.xml", &part("numbering", numbering)),
    ])
}

fn refused(bytes: &[u8]) -> String {
    read(bytes).expect_err("it is read").to_string()
}

#[test]
fn other_things_in_an_archive() {
    assert_eq!(refused(&pack(&[("a", "b")])), "it is no document of Word: it names no main part");
    let rels = |inner: &str| format!("<Relationships>{inner}</Relationships>");
    let kind = |kind: &str| format!("{}{kind}", RELATIONS[0]);
    let main = |target: &str| format!("<Relationship Type=\"{}\" Target=\"{target}\"/>", kind("officeDocument"));
    assert!(refused(&pack(&[("_rels/.rels", &rels(&main("a")))])).contains("its main part is missing"));
    let sheet = pack(&[("_rels/.rels", &rels(&main("a"))), ("a", "<workbook/>")]);
    assert!(refused(&sheet).contains("its main part is something else"));
    assert!(refused(&pack(&[("_rels/.rels", &rels(&(main("a") + &main("b"))))])).contains("two main parts"));
    let outside = format!(
        "<Relationship Type=\"{}\" TargetMode=\"External\" Target=\"https://a.example/\"/>",
        kind("officeDocument")
    );
    assert!(refused(&pack(&[("_rels/.rels", &rels(&outside))])).contains("names no main part"));
}

#[test]
fn parts_are_those_of_the_relationships_that_word_follows() {
    let space = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"";
    let numbers = |text: &str| {
        format!(
            "<w:numbering {space}><w:abstractNum w:abstractNumId=\"0\"><w:lvl w:ilvl=\"0\"><w:start w:val=\"1\"/><w:lvlText w:val=\"{text}\"/></w:lvl></w:abstractNum><w:num w:numId=\"1\"><w:abstractNumId w:val=\"0\"/></w:num></w:numbering>"
        )
    };
    let body = format!(
        "<w:document {space}><w:body><w:p><w:pPr><w:numPr><w:numId w:val=\"1\"/></w:numPr></w:pPr><w:r><w:t>a</w:t></w:r></w:p></w:body></w:document>"
    );
    let document = |of_package: &str, of_main: &[(&str, &str)]| {
        let named: String = of_main
            .iter()
            .map(|(kind, target)| format!("<Relationship Type=\"{kind}\" Target=\"{target}\"/>"))
            .collect();
        pack(&[
            ("_rels/.rels", &format!("<r><Relationship Type=\"{of_package}\" Target=\"w/d.xml\"/></r>")),
            ("w/d.xml", &body),
            ("w/_rels/d.xml.rels", &format!("<r>{named}</r>")),
            ("w/false.xml", &numbers("%1 of others")),
            ("w/true.xml", &numbers("%1.")),
        ])
    };
    for relations in RELATIONS {
        let (main, numbering) = (format!("{relations}officeDocument"), format!("{relations}numbering"));
        let named = [("urn:other/numbering", "false.xml"), (numbering.as_str(), "true.xml")];
        assert_eq!(read(&document(&main, &named)).unwrap().text, "1. a\n\n");
        let twice = [(numbering.as_str(), "false.xml"), (numbering.as_str(), "true.xml")];
        assert!(refused(&document(&main, &twice)).ends_with("it names two parts for its numbers"));
    }
    assert!(refused(&document("urn:other/officeDocument", &[])).ends_with("it names no main part"));
}

#[test]
fn names_of_parts_stay_in_the_package() {
    assert_eq!(resolved("word", "styles.xml"), "word/styles.xml");
    assert_eq!(resolved("word", "/word/./styles.xml"), "word/styles.xml");
    assert_eq!(resolved("word", "../../../etc/passwd"), "etc/passwd");
}

#[test]
fn any_bytes_give_a_text_or_an_error() {
    let config = ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() };
    let piece = prop_oneof![
        Just("<w:p>"),
        Just("</w:p>"),
        Just("<w:r>"),
        Just("</w:r>"),
        Just("<w:t>a b"),
        Just("</w:t>"),
        Just("<w:tbl>"),
        Just("</w:tbl>"),
        Just("<w:tr>"),
        Just("</w:tr>"),
        Just("<w:tc>"),
        Just("</w:tc>"),
        Just("<w:ins>"),
        Just("</w:ins>"),
        Just("<w:del>"),
        Just("</w:del>"),
        Just("<w:sdt>"),
        Just("<w:sdtContent>"),
        Just("</w:sdtContent>"),
        Just("</w:sdt>"),
        Just("<w:fldChar w:fldCharType=\"begin\"/>"),
        Just("<w:fldChar w:fldCharType=\"end\"/>"),
        Just("<w:pPr><w:numPr><w:numId w:val=\"1\"/></w:numPr></w:pPr>"),
        Just("&amp;"),
        Just("&x;"),
    ];
    let numbers = "<w:abstractNum w:abstractNumId=\"1\"><w:lvl w:ilvl=\"0\"><w:start w:val=\"4294967295\"/><w:lvlText w:val=\"%1%9%\"/></w:lvl></w:abstractNum><w:num w:numId=\"1\"><w:abstractNumId w:val=\"1\"/></w:num>";
    proptest!(config, |(pieces in proptest::collection::vec(piece, 0..24), at in any::<prop::sample::Index>(), byte in any::<u8>())| {
        let whole = document(&pieces.concat(), "", numbers);
        if let Ok(text) = read(&whole) {
            prop_assert_eq!(read(&whole).unwrap(), text.clone());
            for line in &text.numbered {
                prop_assert!(*line == 0 || text.text.as_bytes()[line - 1] == b'\n');
            }
        }
        let mut broken = whole;
        let at = at.index(broken.len());
        broken[at] = byte;
        let _either = read(&broken);
        broken.truncate(at);
        prop_assert!(read(&broken).is_err());
    });
    proptest!(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() }, |(bytes in proptest::collection::vec(any::<u8>(), 0..400))| {
        let _either = read(&bytes);
        let _either = read(&[b"PK".as_slice(), &bytes, b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x10\0\0\0\x02\0\0\0\0\0"].concat());
    });
}
