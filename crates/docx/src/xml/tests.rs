use super::*;

const HEAD: &str = "<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\" xmlns:mc=\"http://schemas.openxmlformats.org/markup-compatibility/2006\" xmlns:wps=\"http://schemas.microsoft.com/office/word/2010/wordprocessingShape\" xmlns:x=\"urn:other\" xmlns:made=\"http://schemas.microsoft.com/office/none/2099\">";

fn read(inner: &str) -> Result<Element, Unreadable> {
    parse("part", &format!("{HEAD}{inner}</w:document>")).map(|part| part.root)
}

fn refused(text: &str) -> String {
    parse("part", text).expect_err("it is read").to_string()
}

#[test]
fn texts_and_attributes() {
    let root =
        read("<w:t xml:space=\"preserve\" w:val=\"a&amp;b\" x:val=\"no\"> a &lt;&#x42;<![CDATA[<c>]]> </w:t><x:t/>")
            .unwrap();
    let text = root.child("t").unwrap();
    assert_eq!(text.text, " a <B<c> ");
    assert_eq!((text.attribute("space"), text.attribute("val")), (Some("preserve"), Some("a&b")));
    assert_eq!(root.children[1].space, Space::Other);
    assert_eq!(read("<w:b w:val=\"0\"/><w:i/>").unwrap().switch("b"), Some(false));
    assert_eq!(read("<w:b w:val=\"0\"/><w:i/>").unwrap().switch("i"), Some(true));
}

#[test]
fn of_several_forms_one_counts() {
    let forms = |wanted: &str| {
        let text = format!(
            "<mc:AlternateContent><mc:Choice Requires=\"{wanted}\"><w:a/></mc:Choice><mc:Fallback><w:b/><w:c/></mc:Fallback></mc:AlternateContent>"
        );
        read(&text).unwrap().children.iter().map(|child| child.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(forms("wps"), ["a"]);
    assert_eq!(forms("x"), ["b", "c"]);
    assert_eq!(forms("wps missing"), ["b", "c"]);
    // Below an authority, and nobody has ever made it.
    assert_eq!(forms("made"), ["b", "c"]);
    assert_eq!(forms("wps made"), ["b", "c"]);
}

#[test]
fn forms_that_say_different_things_are_told() {
    let others = |choice: &str, fallback: &str| {
        let inner = format!(
            "<mc:AlternateContent><mc:Choice Requires=\"wps\">{choice}</mc:Choice><mc:Fallback>{fallback}</mc:Fallback></mc:AlternateContent>"
        );
        parse("part", &format!("{HEAD}{inner}</w:document>")).unwrap().other_forms
    };
    assert!(others("<w:r><w:t>a </w:t><w:t>b</w:t></w:r>", "<w:t>ab</w:t>").is_empty());
    assert_eq!(others("<w:t>all data</w:t>", "<w:t>no data</w:t>"), ["no data"]);
    assert_eq!(others("<w:t>all data</w:t>", ""), [""]);
    assert_eq!(others("", "<w:t>all data</w:t>"), ["all data"]);
    let long = format!("<w:t>{}</w:t>", "a".repeat(COMPARED_BYTES_MAX + 1));
    assert_eq!(others(&long, &long), ["a".repeat(BEGINNING_CHARS_MAX)], "nobody has compared it to its end");
}

#[test]
fn nothing_outside_is_read() {
    let outside = "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a>&e;</a>";
    assert!(refused(outside).contains("has a document type"));
    assert!(refused("<t>&e;</t>").contains("an entity of its own"));
    assert!(refused("<a b=\"&e;\"/>").contains("is no XML"));
    assert!(refused("<t>&#0;</t>").contains("a character that there is not"));
}

#[test]
fn bounds_and_broken_parts() {
    let deep = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(parse("part", &deep(DOCX_DEPTH_MAX)).is_ok());
    assert!(refused(&deep(DOCX_DEPTH_MAX + 1)).contains("nested more than 200 deep"));
    let wide = format!("<a>{}</a>", "<b/>".repeat(DOCX_NODES_MAX));
    assert!(refused(&wide).contains("has more than 1048576 elements"));
    let attributes = |count: usize| format!("<a {}/>", (0..count).map(|n| format!("x{n}=\"\" ")).collect::<String>());
    assert!(parse("part", &attributes(DOCX_ATTRIBUTES_MAX)).is_ok());
    // As many as fit into a part: this must not take longer than reading it.
    assert!(refused(&attributes(1 << 18)).contains("more than 256 attributes"));
    assert!(refused("<a><b></a>").contains("is no XML"));
    assert!(refused("<a>").contains("breaks off"));
    assert!(refused("<a/><a/>").contains("two roots"));
    assert!(refused("plain").contains("is empty"));
}
