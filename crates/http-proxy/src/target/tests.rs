use super::*;

fn read(path: &str, query: Option<&str>) -> Result<Target, String> {
    Target::parse(path, query).map_err(|fault| fault.to_string())
}

#[test]
fn a_plain_address_is_read_and_written_back_as_it_was() {
    let target = read("/candidates/c_17/jobs", Some("limit=50&q=a%20b%26c&name=J%C3%BCrgen")).unwrap();
    assert_eq!(target.segments, ["candidates", "c_17", "jobs"]);
    let query: Vec<_> = target.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(query, [("limit", "50"), ("name", "Jürgen"), ("q", "a b&c")]);
    let mut written = String::new();
    encode("a b&c/ü~", &mut written);
    assert_eq!(written, "a%20b%26c%2F%C3%BC~");
    assert_eq!(read("", None).unwrap(), Target::default());
}

#[test]
fn an_encoded_letter_is_the_letter() {
    assert_eq!(read("/c%61ndidates", None).unwrap().segments, ["candidates"]);
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    let paths = [
        "/a/../b",
        "/a/./b",
        "/%2e%2e/b",
        "/a/..%2fb",
        "/a%2fb",
        "/a%5cb",
        "/a\\b",
        "/%252e%252e/b",
        "/a%2525",
        "//a",
        "/a//b",
        "/a/",
        "/a;v=1",
        "/a%3bv=1",
        "/a.",
        "/a/b.",
        "/a..",
        "/a%00",
        "/a%0d%0ab",
        "/a%20b",
        "/%zz",
        "/a%",
        "/a%4",
        "/\u{430}bc",
        "/%d0%b0bc",
        "/a%ff",
        "/a%3fb",
        "/a%23b",
        "/\u{2024}\u{2024}/b",
    ];
    for path in paths {
        assert!(read(path, None).is_err(), "{path}");
    }
    let queries = [
        "a=1&a=2",
        "a=1&%61=2",
        "a",
        "=1",
        "a=1&",
        "&",
        "a=1;b=2",
        "a=%0a",
        "a=%",
        "a=%g1",
        "a=%ff",
        "\u{e4}=1",
        "a b=1",
        "a=1&&b=2",
    ];
    for query in queries {
        assert!(read("/x", Some(query)).is_err(), "{query}");
    }
}

#[test]
fn everything_has_a_bound() {
    let long = "a".repeat(SEGMENT_BYTES_MAX);
    assert!(read(&format!("/{long}"), None).is_ok());
    assert!(read(&format!("/{long}a"), None).is_err());
    assert!(read(&"/a".repeat(SEGMENTS_MAX), None).is_ok());
    assert!(read(&"/a".repeat(SEGMENTS_MAX + 1), None).is_err());
    let many = |count: usize| (0..count).map(|number| format!("p{number}=1")).collect::<Vec<_>>().join("&");
    assert!(read("/", Some(&many(PARAMETERS_MAX))).is_ok());
    assert!(read("/", Some(&many(PARAMETERS_MAX + 1))).is_err());
    assert!(read("/", Some(&format!("a={}", "b".repeat(PARAMETER_BYTES_MAX + 1)))).is_err());
}
