use super::*;

fn tree(text: &str) -> Node {
    read(text).unwrap_or_else(|error| panic!("{error:?}"))
}

fn entries(node: &Node) -> &[Entry] {
    match &node.kind {
        Kind::Map(entries) => entries,
        other => panic!("{other:?}"),
    }
}

#[test]
fn keys_know_their_places_and_texts() {
    let text = "ä: 1\nblock:\n  one: [a,\n    b]\n  # a comment\n  two:\n  - x\n  - y\n\n  flow: {three: {a: '}'}, four: 4}\nlast: 5\n";
    let root = tree(text);
    let block = entries(&entries(&root)[1].value);
    let shown = |entry: &Entry| (entry.at.line, entry.at.column, text_of(entry.at, text).to_owned());
    assert_eq!(shown(&entries(&root)[0]), (1, 1, "ä: 1".into()));
    assert_eq!(shown(&block[0]), (3, 3, "one: [a,\n    b]".into()));
    assert_eq!(shown(&block[1]), (6, 3, "two:\n  - x\n  - y".into()));
    let flow = entries(&block[2].value);
    assert_eq!(shown(&flow[0]), (10, 10, "three: {a: '}'}".into()));
    assert_eq!(shown(&flow[1]), (10, 27, "four: 4".into()));
}

#[test]
fn numbers_keep_their_spelling_and_words_are_words() {
    let root = tree("[007, 1_000, 1.50, -3, 1e3, 0x1f, yes, no, true, ~, '12', 2026-12-20]");
    let Kind::List(members) = &root.kind else { panic!("a list") };
    let shown: Vec<String> = members.iter().map(|member| format!("{:?}", member.kind)).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn aliases_stand_where_they_are_used() {
    let text = "a: &x [one, two]\nb: *x\n";
    let root = tree(text);
    let b = &entries(&root)[1];
    assert_eq!((b.value.at.line, matches!(&b.value.kind, Kind::List(members) if members.len() == 2)), (2, true));
}

#[test]
fn any_number_of_comments_stands_anywhere() {
    let comments = "  # a\n".repeat(500);
    let root = tree(&format!("{comments}one:\n{comments}  two: [1]\n{comments}three: [\n{comments}  4]\n{comments}"));
    let keys: Vec<&str> = entries(&root).iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["one", "three"]);
}
