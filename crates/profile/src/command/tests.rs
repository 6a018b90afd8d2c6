use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    line: String,
    #[serde(default)]
    commands: Vec<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    unclear: Unclear,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Unclear {
    #[default]
    Nothing,
    One(String),
    Several(Vec<String>),
}

impl Unclear {
    fn has(&self, what: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::One(one) => one == what || one == "all",
            Self::Several(several) => several.iter().any(|one| one == what),
        }
    }
}

#[test]
fn every_line_is_read_as_its_case_says() {
    let cases: Vec<Case> = serde_saphyr::from_str(include_str!("../../cases/commands.yaml")).unwrap();
    assert!(cases.len() > 100);
    for case in cases {
        let mut read = Commands::default();
        read.line(&case.line);
        let expect = Commands {
            commands: case.commands,
            paths: case.paths,
            hosts: case.hosts,
            commands_unclear: case.unclear.has("command"),
            paths_unclear: case.unclear.has("path"),
            hosts_unclear: case.unclear.has("url"),
        };
        assert_eq!(read, expect, "{:?}", case.line);
    }
}

#[test]
fn a_command_of_a_rule_is_written_as_the_facts_write_it() {
    let check = |line: &str, expect: Option<&str>| assert_eq!(normal(line).as_deref(), expect, "{line}");
    check("rm -rf /", Some("rm -rf /"));
    check("  rm  -rf '//' ", Some("rm -rf /"));
    check("/bin/rm", Some("rm"));
    check("", None);
    check("rm *", None);
    check("ls; rm", None);
    check("ls > /x", None);
    check("X=1 ls", None);
}

#[test]
fn bounds_make_a_line_unclear() {
    let unclear = |line: &str| {
        let mut read = Commands::default();
        read.line(line);
        read.commands_unclear && read.paths_unclear
    };
    assert!(!unclear(&"x ".repeat(1_000)));
    assert!(unclear(&"x ".repeat(1_100)));
    assert!(unclear(&"x;".repeat(1_100)));
    assert!(!unclear(&"x".repeat(16_000)));
    assert!(unclear(&"x".repeat(17_000)));
}

#[test]
fn words_past_a_shell_are_taken_as_they_are() {
    let words = |words: &[&str]| {
        let mut read = Commands::default();
        read.words(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        read
    };
    let read = words(&["git", "commit", "-m", "a $b (c) *"]);
    assert_eq!((read.commands, read.commands_unclear), (vec!["git commit -m 'a $b (c) *'".to_owned()], false));
    let read = words(&["sh", "-c", "rm -rf /"]);
    assert_eq!((read.commands.last().unwrap().as_str(), read.paths.as_slice()), ("rm -rf /", &["/".to_owned()][..]));
    assert!(words(&["ls", "a\0b"]).commands_unclear);
    assert!(words(&["", "x"]).commands_unclear);
}

fn any_line() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "rm", "-rf", "/", " ", " ", "'", "\"", "\\", ";", "&", "|", "<", ">", "\n", "$x", "`", "~", "*", "a b", "/etc",
        "..", "sh", "-c", "sudo", "env", "find", "-exec", "X=1", "=", "#", "!", "é", "0", "2", "{}", "(", "\0", "://",
        "xargs", "-",
    ]);
    prop_oneof![prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat()), ".{0,60}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    /// Whatever was split and quoted is split the same way again.
    #[test]
    fn splitting_is_stable_under_quoting(line in any_line()) {
        let mut read = Commands::default();
        read.line(&line);
        prop_assert!(!read.commands.is_empty() || read.commands_unclear || !read.paths.is_empty() || read.paths_unclear
            || split(&line).unwrap().iter().all(|simple| simple.words.is_empty()));
        for Simple { words, .. } in split(&line).unwrap_or_default().into_iter().filter(|simple| !simple.words.is_empty()) {
            let again = split(&quoted(&words)).unwrap();
            prop_assert_eq!(again, vec![Simple { words, ..Simple::default() }]);
        }
    }

    /// Any plain words survive being quoted, and what came as words reads like what came as their line.
    #[test]
    fn quoting_gives_back_any_words(
        program in "[^\\x00-\\x1f\\x7f-\\x9f=]{1,12}",
        arguments in prop::collection::vec("[^\\x00-\\x1f\\x7f-\\x9f]{0,12}", 0..5),
    ) {
        prop_assume!(!super::split::is_reserved(&program));
        let words: Vec<String> = std::iter::once(program).chain(arguments).collect();
        prop_assert_eq!(split(&quoted(&words)).unwrap(), vec![Simple { words: words.clone(), ..Simple::default() }]);
        let (mut as_line, mut as_words) = (Commands::default(), Commands::default());
        as_line.line(&quoted(&words));
        as_words.words(&words);
        prop_assert_eq!(as_line, as_words);
    }

    /// One more command never makes what was there go away.
    #[test]
    fn nothing_hides_behind_another_command(line in any_line()) {
        let (mut alone, mut joined) = (Commands::default(), Commands::default());
        alone.line("rm -rf /");
        joined.line(&format!("rm -rf / \n{line}"));
        prop_assert!(joined.commands_unclear || joined.commands.contains(&alone.commands[0]));
        prop_assert!(joined.paths_unclear || joined.paths.contains(&alone.paths[0]));
    }
}
