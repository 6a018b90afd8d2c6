use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use model::{Blame, Fault};

use super::{Changes, result_into, unwritable, write_whole};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn files_are_replaced_whole_with_their_mode() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    fs::write(&path, "before").unwrap();
    write_whole(&path, b"after", 0o640).unwrap();
    assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"after".to_vec(), 0o640));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft stays behind");
}

#[test]
fn everything_is_undone_in_reverse() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    fs::write(&old, "1").unwrap();
    fs::set_permissions(&old, fs::Permissions::from_mode(0o604)).unwrap();
    let mut changes = Changes::default();
    changes.create(&new, b"x", 0o600).unwrap();
    changes.replace(&old, b"1", b"2", 0o604).unwrap();
    changes.replace(&old, b"2", b"3", 0o604).unwrap();
    assert_eq!(fs::read(&old).unwrap(), b"3");
    assert_eq!(changes.undo(), Vec::<String>::new());
    assert_eq!((fs::read(&old).unwrap(), mode(&old)), (b"1".to_vec(), 0o604));
    assert!(!new.exists());
}

#[test]
fn what_others_wrote_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, "theirs").unwrap();
    let mut changes = Changes::default();
    assert!(changes.create(&path, b"ours", 0o600).is_err());
    let error = changes.replace(&path, b"what we read", b"ours", 0o600).unwrap_err();
    assert_eq!(error.code(), "operator.file_changed");
    assert_eq!(changes.undo(), Vec::<String>::new());
    assert_eq!(fs::read(&path).unwrap(), b"theirs");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_file_behind_a_link_is_there_whole_or_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("keep/there.jsonl"), folder.path().join("link"));
    fs::create_dir(folder.path().join("keep")).unwrap();
    fs::write(&file, "before").unwrap();
    std::os::unix::fs::symlink("keep/there.jsonl", &link).unwrap();
    let half = |file: &mut fs::File| -> Result<(), Fault> {
        file.write_all(b"half").unwrap();
        Err(Fault::new(Blame::Operator, "operator.file", "the disk is full"))
    };
    for path in [&link, &file] {
        assert_eq!(result_into(path, half).unwrap_err().to_string(), "the disk is full");
        assert_eq!(fs::read(&file).unwrap(), b"before", "{}", path.display());
    }
    result_into(&link, |file| file.write_all(b"after").map_err(|error| unwritable(&link, error))).unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"after");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_dir(folder.path().join("keep")).unwrap().count(), 1, "no draft stays behind");
    fs::remove_file(&file).unwrap();
    let fault = result_into(&link, |_| Ok(())).unwrap_err();
    assert!(fault.to_string().ends_with("cannot be written: No such file or directory (os error 2)"), "{fault}");
}
