use super::*;

fn check(pattern: &str, command: &str, expected: Option<bool>) {
    let pattern = CommandPattern::parse(pattern).expect("a command");
    assert_eq!(pattern.matches(command), expected, "{pattern}: {command}");
}

#[test]
fn programs_flags_and_words() {
    check("rm -rf /", "rm -rf /", Some(true));
    check("rm -rf /", "rm -fr /", Some(true));
    check("rm -rf /", "rm -r -f /", Some(true));
    check("rm -rf /", "/bin/rm / -rfv", Some(true));
    check("rm -rf /", "rm --recursive --force --no-preserve-root //", Some(true));
    check("rm -rf /", "rm -Rf '/'", Some(true));
    check("rm -rf /", "rm -rf /home /", Some(true));
    check("rm -rf /", "rm -rf /workspace", Some(false));
    check("rm -rf /", "rm -r /", Some(false));
    check("rm -rf /", "rmdir -rf /", Some(false));
    check("git push --force", "git -C /x push origin -f", Some(true));
    check("git push --force", "git push origin", Some(false));
    check("git push", "git log", Some(false));
    check("curl", "curl https://example.com", Some(true));
    check("rm -rf /", "rm -- -rf /", Some(false));
}

#[test]
fn what_cannot_be_split_is_not_judged() {
    check("rm", "rm 'x", None);
    check("rm", "", None);
    check("rm", "rm \"a b\" c\\ d", Some(true));
    assert!(CommandPattern::parse("").is_none());
    assert!(CommandPattern::parse("'").is_none());
}
