use std::path::Path;

use super::expected::Expected;
use super::suite::{Checks, client_scenarios, scenario_of};
use super::{CLIENT, Comparison, Options};

fn checks(scenario: &str, list: &str) -> Checks {
    let mut checks = Checks::default();
    checks.add_text(scenario, list).unwrap();
    checks
}

#[test]
fn options() {
    let options =
        Options::parse(&["--server", "rust", "--revision", "2025-11-25", "--json", "x", "--no-build"]).unwrap();
    assert_eq!((options.subjects, options.revisions), (vec!["rust"], vec!["2025-11-25"]));
    assert_eq!(Options::parse(&["--client"]).unwrap().subjects, ["client"]);
    for wrong in [&["--server"][..], &["--server", "client"], &["--revision", "2024-11-05"], &["--fast"]] {
        assert!(Options::parse(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn the_worst_verdict_of_a_check_counts() {
    let list = r#"[
        {"id": "once", "status": "SUCCESS"},
        {"id": "twice", "status": "SUCCESS"}, {"id": "twice", "status": "FAILURE", "errorMessage": "no"},
        {"id": "noted", "status": "INFO"}, {"id": "noted", "status": "SUCCESS"},
        {"id": "warned", "status": "WARNING"}, {"id": "skipped", "status": "SKIPPED"},
        {"id": "sep-2243-server-validate-param-match", "name": "One", "status": "SUCCESS"},
        {"id": "sep-2243-server-validate-param-match", "name": "Other", "status": "FAILURE"}
    ]"#;
    let checks = checks("s", list);
    let passed: Vec<&str> = checks.passed().collect();
    assert_eq!(passed, ["s:noted", "s:once", "s:sep-2243-server-validate-param-match:One"]);
    assert_eq!(checks.said("s:twice"), "no");
}

#[test]
fn lost_is_what_passes_directly_only() {
    let direct = r#"[{"id": "both", "status": "SUCCESS"}, {"id": "gone", "status": "SUCCESS"}, {"id": "never", "status": "FAILURE"}]"#;
    let through = r#"[{"id": "both", "status": "SUCCESS"}, {"id": "never", "status": "FAILURE"}]"#;
    let lost = |subject| {
        let (direct, through) = (checks("s", direct), checks("s", through));
        let lost = Comparison { subject, revision: "2026-07-28", direct, through }.lost();
        lost.into_iter().map(|lost| lost.check).collect::<Vec<_>>()
    };
    assert_eq!(lost("rust"), ["s:gone"]);
    assert_eq!(lost(CLIENT), ["s:gone", "s:never"]);
}

#[test]
fn the_list_is_exact() {
    let list =
        "# why\n\npython,rust 2025-11-25 s:a: not yet: this\nrust 2026-07-28,2025-11-25 s:b: the suite's fault\n";
    let expected = Expected::parse(list).unwrap();
    assert_eq!(expected.reason("rust", "2025-11-25", "s:a"), Some("not yet: this"));
    assert_eq!(expected.reason("rust", "2026-07-28", "s:a"), None);
    assert_eq!(expected.not_among("rust", "2025-11-25", &["s:a"]), ["s:b"]);
    assert!(expected.not_among("typescript", "2025-11-25", &[]).is_empty());
    for wrong in ["rust 2025-11-25 s:a", "rust s:a: why", "rust 2025-11-25 s:a: x\npython,rust 2025-11-25 s:a: y"] {
        assert!(Expected::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_the_suite_wrote() {
    let file = Path::new("/out/server-tools-list-2026-11-21T13-22-44-485Z/checks.json");
    assert_eq!(scenario_of(Path::new("/out"), file), "server-tools-list");
    let list = "Client scenarios (test against a client):\n  - tools_call [2025-11-25,2026-07-28]\n  - sse-retry [2025-11-25]\n  - auth/x [2026-07-28]\n  - skills [extension]\n";
    let of = |revision| client_scenarios(list, revision);
    let strings = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    assert_eq!(of("2025-11-25"), (strings(&["tools_call", "sse-retry"]), vec![]));
    assert_eq!(of("2026-07-28"), (strings(&["tools_call"]), strings(&["auth/x", "skills"])));
}
