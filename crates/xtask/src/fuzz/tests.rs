use super::*;

#[test]
fn targets_and_seconds_are_read_or_refused() {
    assert_eq!(Options::parse(&[]), Ok(Options::in_ci()));
    assert_eq!(Options::parse(&["json", "--seconds", "5"]), Ok(Options { seconds: 5, targets: vec!["json"] }));
    for wrong in [&["cows"][..], &["--seconds"], &["--seconds", "0"], &["--seconds", "x"]] {
        assert!(Options::parse(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn what_libfuzzer_says_is_understood() {
    let said = "INFO: Loaded 1 PC tables (1234 PCs)\n#2 INITED cov: 10 ft: 3\n#9 NEW cov: 99 ft: 4\nDone 9 runs\n\
                stat::number_of_executed_units: 9\n";
    let outcome = Outcome::read("json", said.to_owned(), true);
    assert_eq!((outcome.executions, outcome.reached, outcome.all), (9, 99, 1234));
    assert!(outcome.broke.is_none());
}

#[test]
fn a_target_that_breaks_or_does_nothing_is_no_success() {
    let said = "#2 INITED cov: 10 ft: 3\nthread '<unnamed>' panicked at src/bin/json.rs:9:5:\nno\n\
                Test unit written to target/fuzz/broken/json-crash-1\nstat::number_of_executed_units: 3\n";
    let broke = Outcome::read("json", said.to_owned(), false).broke.unwrap();
    assert!(broke.starts_with("panicked at") && broke.contains("json-crash-1"), "{broke}");
    assert!(Outcome::read("json", String::new(), true).broke.is_some());
}

#[test]
fn other_versions_are_found() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("fuzz")).unwrap();
    let lock = |names: &[(&str, &str)]| {
        names
            .iter()
            .map(|(name, version)| format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n"))
            .collect::<String>()
    };
    std::fs::write(root.path().join("Cargo.lock"), lock(&[("a", "1.0.0"), ("a", "2.0.0")])).unwrap();
    let fuzz = root.path().join("fuzz/Cargo.lock");
    std::fs::write(&fuzz, lock(&[("a", "2.0.0"), ("libfuzzer-sys", "1.0.0")])).unwrap();
    same_versions(root.path()).unwrap();
    std::fs::write(&fuzz, lock(&[("a", "2.0.1")])).unwrap();
    assert!(same_versions(root.path()).unwrap_err().to_string().contains("a 2.0.1"));
}
