use super::*;

#[test]
fn what_is_written_is_read_back() {
    let text =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let arguments = Arguments {
        path: text(&[("id", "c_17")]),
        query: text(&[("q", "a \"b\" \\ ü"), ("a", "")]),
        headers: text(&[("if-match", "\"7\"")]),
        body: Some(Bytes::from_static(b"{\"n\":1.50}")),
    };
    let written = arguments.write();
    assert_eq!(
        std::str::from_utf8(&written).unwrap(),
        r#"{"path":{"id":"c_17"},"query":{"a":"","q":"a \"b\" \\ ü"},"headers":{"if-match":"\"7\""},"body":{"n":1.50}}"#
    );
    assert_eq!(Arguments::read(&written), Some(arguments));
    assert_eq!(&Arguments::default().write()[..], b"{}");
    assert_eq!(Arguments::read(b"{}"), Some(Arguments::default()));
    assert_eq!(Arguments::read(br#"{"else":1}"#), None);
    assert_eq!(Arguments::read(br#"{"path":{"id":1}}"#), None);
}
