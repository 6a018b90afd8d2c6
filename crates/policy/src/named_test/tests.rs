use std::collections::BTreeSet;

use super::*;

fn role(role: &str, is: Is) -> NamedTest {
    NamedTest::of_role(role, is)
}

fn command(line: &str) -> CommandPattern {
    CommandPattern::parse(line).unwrap()
}

fn texts(words: &[&str]) -> Is {
    Is::OneOf(words.iter().map(|word| Wanted::Exactly(Scalar::Text(Arc::from(*word)))).collect())
}

#[test]
fn names_say_what_is_asked() {
    let like = |glob: &str| Wanted::Like(Glob::new(glob));
    let argument = |is| NamedTest { on: On::Argument("amount".into()), is };
    let all = [
        role("repo", texts(&["production-infra"])),
        role("repo", Is::OneOf(vec![like("prod-*"), like("live-*")])),
        role("path", Is::Under(vec!["/workspace".into()])),
        role("recipient", Is::At(vec!["example.com".into()])),
        argument(Is::Number(Range { above: Some(1000.0), at_most: Some(0.5), ..Range::default() })),
        argument(Is::OneOf(vec![Wanted::Exactly(Scalar::Bool(true)), Wanted::Exactly(Scalar::Whole(7)), like("a*")])),
        role("command", Is::Command(vec![CommandPattern::parse("rm  -rf /").unwrap()])),
        role("path", Is::Given),
        argument(Is::LongerThan(3)),
    ];
    let names: Vec<String> = all.iter().map(NamedTest::name).collect();
    insta::assert_snapshot!(names.join("\n"));
}

#[test]
fn two_questions_never_have_one_name() {
    let different = [
        texts(&["a, b"]),
        texts(&["a", "b"]),
        texts(&["true"]),
        Is::OneOf(vec![Wanted::Exactly(Scalar::Bool(true))]),
        texts(&["7"]),
        Is::OneOf(vec![Wanted::Exactly(Scalar::Whole(7))]),
        texts(&["like x"]),
        Is::OneOf(vec![Wanted::Like(Glob::new("x")), Wanted::Exactly(Scalar::Text("y".into()))]),
        texts(&["the number 7"]),
        texts(&[" a"]),
        texts(&["a\nb"]),
        Is::Given,
        texts(&["given"]),
        texts(&["git push"]),
        texts(&["runs git push"]),
        Is::Command(vec![command("git push")]),
        Is::Command(vec![command("git commit -m 'a b'")]),
        Is::Command(vec![command("git commit -m a b")]),
        Is::Command(vec![command("a"), command("b")]),
        Is::Command(vec![command("a, b")]),
    ];
    let names: BTreeSet<String> = different.iter().map(|is| role("x", is.clone()).name()).collect();
    assert_eq!(names.len(), different.len(), "{names:#?}");
    let of_argument = |name: &str, word| NamedTest { on: On::Argument(Arc::from(name)), is: texts(&[word]) }.name();
    assert_ne!(of_argument("x is y", "z"), of_argument("x", "y is z"));
}

#[test]
fn paths_lie_under_folders() {
    for (path, folder, under) in [
        ("/workspace", "/workspace", Some(true)),
        ("/workspace/a", "/workspace", Some(true)),
        ("/workspaces", "/workspace", Some(false)),
        ("/workspace/../etc", "/workspace", Some(false)),
        ("/a/../workspace//./b", "/workspace", Some(true)),
        ("/../../workspace", "/workspace", Some(true)),
        ("/anything", "/", Some(true)),
        ("workspace/a", "/workspace", None),
        ("../../workspace", "/workspace", None),
        ("~root/../workspace", "/workspace", None),
        ("/workspace/$X", "/workspace", None),
        ("/workspace\\..", "/workspace", None),
        ("", "/", None),
    ] {
        assert_eq!(text::is_under(path, folder), under, "{path}");
    }
}

#[test]
fn domains_of_addresses() {
    for (address, domains) in [
        ("ana@example.com", Some("example.com")),
        ("Ana <ana@Example.com>", Some("example.com")),
        ("eve@evil.org, Ana <ana@example.com>; bob@example.org,", Some("evil.org example.com example.org")),
        ("\"x://example.com/\" <eve@evil.org>", Some("evil.org")),
        ("\"ana@example.com, b\" <eve@evil.org>", Some("evil.org")),
        ("https://evil.org:443?x=example.com", Some("evil.org")),
        ("https://evil.org./", Some("evil.org")),
        ("HTTPS://EVIL.org#example.com", Some("evil.org")),
        ("https://evil.org/a,b;c?at=52.5,13.4&x=1,-2", Some("evil.org")),
        ("http://[::ffff:127.0.0.1]/", Some("127.0.0.1")),
        ("http://[::1]:80/", Some("[::1]")),
        ("evil.org", Some("evil.org")),
        ("localhost", Some("localhost")),
        ("#general", Some("")),
        ("@ana", Some("")),
        ("", Some("")),
        ("a@b@evil.org", None),
        ("ana@example.com <eve@evil.org>", None),
        ("https://example.com@evil.org/x", None),
        ("https://evil.org\\@example.com", None),
        ("https://evil.org, https://example.com", None),
        ("https://evil.org:443?x=@example.com", None),
        ("HTTPS://EVIL.org#@example.com", None),
        ("x://example.com#<e@evil.org>", None),
        ("x://example.com#<evil.org>", None),
        ("x://example.com#\"evil.org\"", None),
        ("x://example.com/,e@evil.org", None),
        ("https://example.com/;e@evil.org", None),
        ("https://example.com/@evil.org", None),
        ("https://example.com/,https://evil.org/", None),
        ("https://example.com/;//evil.org", None),
        ("https://example.com/,evil.org:443/x", None),
        ("https://example.com/,10.0.0.1", None),
        ("https://example.com/,\u{ff45}vil.org", None),
        ("//evil.org", None),
        ("https:/evil.org", None),
        ("evil.org/x", None),
        ("mailto:eve@evil.org", None),
        ("two words.org", None),
        ("http://2130706433/", None),
        ("https://\u{ff45}vil.org/", None),
        ("eve@b\u{fc}cher.example", None),
        ("xn--bcher-kva.example", Some("xn--bcher-kva.example")),
        ("\"ana", None),
        ("\"eve\"@evil.org", None),
        ("ana@example.com, \"eve\"@evil.org", None),
        ("\"Eve Smith\" <eve@evil.org>", Some("evil.org")),
        ("\"ana\" eve@evil.org", None),
    ] {
        let found = text::domains(address).map(|domains| domains.join(" "));
        assert_eq!(found.as_deref(), domains, "{address}");
    }
}

#[test]
fn empty_ranges() {
    let range = |above, below| Range { above, below, ..Range::default() };
    assert!(range(Some(5.0), Some(5.0)).is_empty() && range(Some(6.0), Some(5.0)).is_empty());
    assert!(!range(Some(5.0), Some(6.0)).is_empty() && !range(None, Some(5.0)).is_empty());
    assert!(!Range { at_least: Some(5.0), at_most: Some(5.0), ..Range::default() }.is_empty());
}
