use super::*;
use crate::read::tests::{Packed, pack, pack_as};

fn opened(bytes: &[u8]) -> Result<Option<String>, Unreadable> {
    Archive::open(bytes)?.text("word/document.xml")
}

fn refused(bytes: &[u8]) -> String {
    opened(bytes).expect_err("it is read").to_string()
}

#[test]
fn parts_are_found_by_name_in_any_case() {
    let text = "<a>\u{e4}</a>";
    for packed in [Packed::Stored, Packed::Deflated] {
        let bytes = pack_as(packed, &[("x", "y"), ("Word/Document.xml", text)]);
        assert_eq!(opened(&bytes).unwrap().as_deref(), Some(text));
    }
    assert_eq!(opened(&pack(&[("x", "y")])).unwrap(), None);
    assert_eq!(opened(&pack(&[("word/document.xml", "\u{feff}z")])).unwrap().as_deref(), Some("z"));
}

#[test]
fn a_part_that_is_there_twice_is_refused() {
    for second in ["word/document.xml", "WORD/document.XML", "word\\document.xml"] {
        let bytes = pack(&[("word/document.xml", "one"), (second, "two")]);
        assert!(refused(&bytes).contains("a part twice"), "{second}");
    }
}

#[test]
fn a_bomb_does_not_go_off() {
    let large = "a".repeat(usize::try_from(UNFOLDED_FREE_BYTES).unwrap() + 1);
    let bytes = pack_as(Packed::Deflated, &[("word/document.xml", &large)]);
    assert!(bytes.len() < 64 << 10);
    assert_eq!(
        refused(&bytes),
        format!("it is too large: `word/document.xml` unfolds to more than {UNFOLDED_FREE_BYTES} bytes")
    );
    // What does not claim to be smaller than it is counts against all parts together.
    let stored = pack(&[("a", &large), ("word/document.xml", "z")]);
    let mut archive = Archive::open(&stored).unwrap();
    archive.left = 3;
    assert!(matches!(archive.text("a"), Err(Unreadable::TooLarge(_))));
}

#[test]
fn what_word_does_not_write_is_refused() {
    let good = pack(&[("word/document.xml", "text")]);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let directory = good.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    assert!(matches!(opened(&with(directory + 8, 1)), Err(Unreadable::Compound)));
    assert!(refused(&with(directory + 10, 99)).contains("packed in a way"));
    assert!(refused(&with(directory + 16, 99)).contains("check sum"));
    // Its own header names it in another way than the directory does.
    assert!(refused(&with(30, b'v')).contains("not where its directory says"));
    assert!(refused(&with(good.len() - 22 + 4, 1)).contains("several volumes"));
    assert!(refused(&good[..good.len() - 1]).contains("its end is missing"));
    assert!(refused(b"{\\rtf1 }").contains("does not begin as one"));
    assert_eq!(refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more"), Unreadable::Compound.to_string());
    assert!(Unreadable::Compound.hint().contains("save it as .docx without a password, or as PDF"));
    assert!(refused(&pack(&vec![("a", ""); DOCX_PARTS_MAX + 1])).contains("parts, and 8192 are read"));
}
