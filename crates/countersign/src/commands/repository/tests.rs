use std::fs;
use std::process::Command;

use super::would_take;

#[test]
fn what_git_is_told_to_ignore_it_does_not_take() {
    let outer = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(outer.path()).unwrap();
    let data = root.join("tools/gateway/data");
    fs::create_dir_all(&data).unwrap();
    assert_eq!(would_take(&data), None, "there is no repository");
    assert!(Command::new("git").args(["init", "--quiet"]).arg(&root).status().unwrap().success());
    fs::create_dir_all(root.join(".git/info")).unwrap();
    assert_eq!(would_take(&data), Some(root.clone()));
    assert_eq!(would_take(&root.join("tools/missing.checkpoint")), Some(root.clone()), "it may not be there yet");
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
        assert_eq!(would_take(&data).is_none(), ignored, "{file}: {patterns}");
        fs::remove_file(root.join(file)).unwrap();
    }
}
