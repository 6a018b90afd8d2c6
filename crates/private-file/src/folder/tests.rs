use super::*;

#[test]
fn a_new_folder_is_kept_out_of_git_and_a_filled_one_stays_as_it_is() {
    let outer = tempfile::tempdir().unwrap();
    keep_out_of_git(outer.path()).unwrap();
    keep_out_of_git(outer.path()).unwrap();
    assert_eq!(fs::read(outer.path().join(GITIGNORE)).unwrap(), b"*\n");

    let filled = tempfile::tempdir().unwrap();
    fs::write(filled.path().join("main.rs"), "").unwrap();
    keep_out_of_git(filled.path()).unwrap();
    assert!(!filled.path().join(GITIGNORE).exists());
    assert_eq!(keep_out_of_git(&filled.path().join("missing")).unwrap_err().kind(), ErrorKind::NotFound);
}
