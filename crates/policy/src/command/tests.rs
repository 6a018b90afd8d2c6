use super::*;
use Matches::{No, Perhaps, Surely};

fn check(pattern: &str, command: &str, expected: Matches) {
    let pattern = CommandPattern::parse(pattern).expect("a command");
    assert_eq!(pattern.matches(command), expected, "{pattern}: {command}");
}

#[test]
fn programs_flags_and_words() {
    check("rm -rf /", "rm -rf /", Surely);
    check("rm -rf /", "rm -fr /", Surely);
    check("rm -rf /", "rm -r -f /", Surely);
    check("rm -rf /", "/bin/rm / -rfv", Surely);
    check("rm -rf /", "rm --recursive --force --no-preserve-root //", Surely);
    check("rm -rf /", "rm -Rf '/'", Surely);
    check("rm -rf /", "rm -rf /home /", Surely);
    check("rm -rf /", "rm -rf /workspace", No);
    check("rm -rf /", "rm -r /", No);
    check("rm -rf /", "rmdir -rf /", No);
    check("git push --force", "git -C /x push origin -f", Surely);
    check("git push --force", "git push origin", No);
    check("git push", "git log", No);
    check("curl", "curl https://example.com", Surely);
    check("rm -rf /", "rm -- -rf /", No);
}

#[test]
fn a_flag_that_is_cut_short_is_perhaps_the_flag() {
    check("rm -rf /", "rm --recurs --force /", Perhaps);
    check("rm -rf /", "rm --r --f /", Perhaps);
    check("rm -rf /", "rm --recurs /", No);
    check("rm -rf /", "rm --recurs -f /etc", No);
    check("git push --force", "git push --forc", Perhaps);
    check("git push --force", "git push --force-with-lease", No);
    check("git push --force", "git push -- --f", No);
    check("git reset --hard", "git reset --har", Perhaps);
    check("git reset --hard", "git reset --help", No);
}

#[test]
fn in_other_letters_it_is_perhaps_the_command() {
    check("rm -rf /", "RM -rf /", Perhaps);
    check("cat /Users/ana/.ssh", "/bin/cat /Users/ana/.SSH", Perhaps);
    check("rm -rf /", "RM -r /", No);
    check("rm", "RMDIR /", No);
}

#[test]
fn what_cannot_be_split_is_not_judged() {
    check("rm", "rm 'x", Perhaps);
    check("rm", "", Perhaps);
    check("rm", "rm \"a b\" c\\ d", Surely);
    assert_eq!(CommandPattern::parse("git commit -m  'a  b'").unwrap().to_string(), "git commit -m 'a  b'");
    assert!(CommandPattern::parse("").is_none());
    assert!(CommandPattern::parse("'").is_none());
}
