use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn it_is_made_for_one_user() {
    let outer = tempfile::tempdir().unwrap();
    let path = outer.path().join("a/b");
    let dir = DataDir::open(&path).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&dir.path_of("lock"))), (0o700, 0o600));
    assert_eq!(std::fs::read(path.join(".gitignore")).unwrap(), b"*\n", "git takes no key");
    assert_eq!((dir.path(), dir.path_of("trace.db")), (path.as_path(), path.join("trace.db")));
}

#[test]
fn one_that_others_can_write_to_is_refused() {
    let outer = tempfile::tempdir().unwrap();
    for (mode, code) in
        [(0o777, Some("store.shared")), (0o1777, Some("store.shared")), (0o770, Some("store.shared")), (0o755, None)]
    {
        std::fs::set_permissions(outer.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(DataDir::open(outer.path()).err().map(|error| error.code()), code, "{mode:o}");
    }
}

#[test]
fn a_second_holder_learns_of_the_first() {
    let outer = tempfile::tempdir().unwrap();
    assert_eq!(DataDir::holder(outer.path()), None);
    let first = DataDir::open(outer.path()).unwrap();
    assert_eq!(DataDir::holder(outer.path()), Some(std::process::id()));
    match DataDir::open(outer.path()) {
        Err(StoreError::Held { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
        other => panic!("{other:?}"),
    }
    drop(first);
    assert_eq!(DataDir::holder(outer.path()), None);
    DataDir::open(outer.path()).unwrap();
}

#[test]
fn the_lock_says_which_process_and_since_when() {
    let outer = tempfile::tempdir().unwrap();
    std::fs::write(outer.path().join("lock"), "x".repeat(500)).unwrap();
    let dir = DataDir::open(outer.path()).unwrap();
    let text = std::fs::read_to_string(dir.path_of("lock")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], std::process::id().to_string());
    assert!(lines[1].parse::<u64>().unwrap() > 0);
    assert_eq!(lines.len(), 2);
}

#[test]
fn a_file_in_its_place_is_an_error() {
    let outer = tempfile::tempdir().unwrap();
    let path = outer.path().join("file");
    std::fs::write(&path, "").unwrap();
    let error = DataDir::open(&path).unwrap_err();
    assert_eq!((error.code(), error.hint().is_some()), ("store.directory", true));
}
