use std::fs::File;

use super::*;

/// Writes a file, changed at that second.
fn write(file: &Path, text: &str, second: u64) {
    std::fs::write(file, text).unwrap();
    let changed = std::time::UNIX_EPOCH + Duration::from_secs(second);
    File::options().write(true).open(file).unwrap().set_modified(changed).unwrap();
}

#[test]
fn only_what_is_not_in_force_is_news() {
    let folder = tempfile::tempdir().unwrap();
    let (file, one, other) =
        (folder.path().join("countersign.yaml"), folder.path().join("one.cedar"), folder.path().join("other.cedar"));
    let load = || Config::load(&file, &|_| None).unwrap();
    write(&file, "rules: [one.cedar]", 1);
    write(&one, "", 1);
    let mut watch = Watch::default();
    let first = load();
    assert!(!watch.has_news(&first));
    write(&one, "// Another one.", 2);
    assert!(watch.has_news(&first));
    assert!(!watch.has_news(&first), "it is told once");
    assert!(!watch.has_news(&load()), "what was put in force is no news");
    // Both between two looks: another text, and another file.
    write(&one, "// One more.", 3);
    assert!(!watch.has_news(&load()));
    write(&other, "", 4);
    write(&file, "rules: [one.cedar, other.cedar]", 4);
    let last = load();
    assert!(!watch.has_news(&last));
    std::fs::remove_file(&other).unwrap();
    assert!(watch.has_news(&last));
}
