use std::fs;
use std::process::Command;

use super::{Taken, taken};

#[test]
fn what_git_is_told_to_ignore_it_does_not_take() {
    let outer = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(outer.path()).unwrap();
    let data = root.join("tools/gateway/data");
    fs::create_dir_all(&data).unwrap();
    assert_eq!(taken(&data), None, "there is no repository");
    assert!(Command::new("git").args(["init", "--quiet"]).arg(&root).status().unwrap().success());
    fs::create_dir_all(root.join(".git/info")).unwrap();
    let takes = || Some(Taken { by: root.clone(), already: false });
    assert_eq!(taken(&data), takes());
    assert_eq!(taken(&root.join("tools/missing.checkpoint")), takes(), "it may not be there yet");
    for (file, patterns, ignored) in [
        (".gitignore", "data", true),
        (".gitignore", "/target\n\ndata/\n", true),
        (".gitignore", "/data", false),
        (".gitignore", "/tools/gateway/data", true),
        (".gitignore", "tools/gateway/\n", true),
        (".gitignore", "tools/gateway/data2\n# data\n!data\n/\n", false),
        (".gitignore", "*-x\nda?a\n", true),
        (".gitignore", "data\n!data\n", false),
        (".git/info/exclude", "/tools", true),
        ("tools/.gitignore", "/gateway/data", true),
        ("tools/.gitignore", "/tools/gateway/data", false),
        ("tools/gateway/data/.gitignore", "*\n", true),
        ("tools/gateway/data/.gitignore", "*.key\n", false),
    ] {
        fs::write(root.join(file), patterns).unwrap();
        assert_eq!(taken(&data).is_none(), ignored, "{file}: {patterns}");
        fs::remove_file(root.join(file)).unwrap();
    }
}

#[test]
fn what_git_has_already_no_pattern_takes_out() {
    let root = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(root.path()).unwrap();
    let git =
        |words: &[&str]| assert!(Command::new("git").arg("-C").arg(&root).args(words).status().unwrap().success());
    git(&["init", "--quiet"]);
    let data = root.join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("vault.key"), "x").unwrap();
    git(&["add", "--all"]);
    fs::write(root.join(".gitignore"), "data\n").unwrap();
    assert_eq!(taken(&data), Some(Taken { by: root.clone(), already: true }));
    assert_eq!(taken(&root.join("dat?")), Some(Taken { by: root.clone(), already: false }), "a name is no pattern");
    git(&["rm", "-r", "--quiet", "--cached", "data"]);
    assert_eq!(taken(&data), None);
}
