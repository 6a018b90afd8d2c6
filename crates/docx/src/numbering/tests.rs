use super::*;
use crate::xml::parse;

const SPACE: &str = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"";

/// What Word writes before paragraphs of these lists and levels.
fn labels(numbering: &str, styles: &str, paragraphs: &[(&str, u8)]) -> Vec<String> {
    let styles = Styles::read(&parse("styles", &format!("<w:styles {SPACE}>{styles}</w:styles>")).unwrap().root);
    let numbering = format!("<w:numbering {SPACE}>{numbering}</w:numbering>");
    let numbering = Numbering::read(&parse("numbering", &numbering).unwrap().root);
    let mut counters = Counters::default();
    let label = |(num, level): &(&str, u8)| numbering.label(num, *level, &styles, &mut counters);
    paragraphs.iter().map(label).map(|label| label.map(|label| label.text).unwrap_or_default()).collect()
}

fn level(at: u8, format: &str, text: &str, more: &str) -> String {
    format!(
        "<w:lvl w:ilvl=\"{at}\"><w:start w:val=\"1\"/><w:numFmt w:val=\"{format}\"/>{more}<w:lvlText w:val=\"{text}\"/></w:lvl>"
    )
}

fn list(num: &str, pattern: &str, overrides: &str) -> String {
    format!("<w:num w:numId=\"{num}\"><w:abstractNumId w:val=\"{pattern}\"/>{overrides}</w:num>")
}

fn agreement() -> String {
    let levels = [
        level(0, "decimal", "%1.", ""),
        level(1, "decimal", "%1.%2", ""),
        level(2, "lowerLetter", "(%3)", ""),
        level(3, "lowerRoman", "(%4)", ""),
    ];
    format!("<w:abstractNum w:abstractNumId=\"0\">{}</w:abstractNum>", levels.concat())
}

#[test]
fn levels_count_and_begin_anew() {
    let numbering = agreement() + &list("1", "0", "");
    let steps = [0, 1, 1, 2, 2, 3, 1, 2, 0, 1, 3].map(|level| ("1", level));
    let expect = ["1.", "1.1", "1.2", "(a)", "(b)", "(i)", "1.3", "(a)", "2.", "2.1", "(i)"];
    assert_eq!(labels(&numbering, "", &steps), expect);
}

#[test]
fn lists_of_one_pattern_count_together_unless_one_starts_anew() {
    let anew = "<w:lvlOverride w:ilvl=\"0\"><w:startOverride w:val=\"7\"/></w:lvlOverride>";
    let numbering = agreement() + &list("1", "0", "") + &list("2", "0", "") + &list("3", "0", anew);
    let steps = [("1", 0), ("2", 0), ("3", 0), ("3", 1), ("3", 0), ("1", 0)];
    assert_eq!(labels(&numbering, "", &steps), ["1.", "2.", "7.", "7.1", "8.", "9."]);
}

#[test]
fn a_list_may_say_a_level_itself() {
    let own = format!("<w:lvlOverride w:ilvl=\"1\">{}</w:lvlOverride>", level(1, "upperRoman", "Part %2 of %1", ""));
    let numbering = agreement() + &list("1", "0", &own);
    assert_eq!(labels(&numbering, "", &[("1", 0), ("1", 1)]), ["1.", "Part I of 1"]);
}

#[test]
fn what_restarts_and_what_is_written_in_digits() {
    let levels = [
        level(0, "upperRoman", "Article %1", ""),
        level(1, "decimalZero", "Section %1.%2", "<w:isLgl/>"),
        level(2, "decimal", "%3)", "<w:lvlRestart w:val=\"0\"/>"),
    ];
    let numbering =
        format!("<w:abstractNum w:abstractNumId=\"0\">{}</w:abstractNum>", levels.concat()) + &list("1", "0", "");
    let steps = [0, 1, 2, 0, 2, 1].map(|level| ("1", level));
    let expect = ["Article I", "Section 1.1", "1)", "Article II", "2)", "Section 2.1"];
    assert_eq!(labels(&numbering, "", &steps), expect);
}

#[test]
fn a_pattern_may_be_that_of_a_style() {
    let linked = "<w:abstractNum w:abstractNumId=\"5\"><w:numStyleLink w:val=\"Legal\"/></w:abstractNum>";
    let styles = "<w:style w:type=\"numbering\" w:styleId=\"Legal\"><w:pPr><w:numPr><w:numId w:val=\"1\"/></w:numPr></w:pPr></w:style>";
    let numbering = agreement() + linked + &list("1", "0", "") + &list("2", "5", "");
    assert_eq!(labels(&numbering, styles, &[("2", 0), ("2", 1), ("1", 0)]), ["1.", "1.1", "2."]);
    // A circle is no hang.
    let circle = "<w:abstractNum w:abstractNumId=\"5\"><w:numStyleLink w:val=\"Legal\"/></w:abstractNum>".to_owned()
        + &list("1", "5", "");
    assert_eq!(labels(&circle, styles, &[("1", 0)]), [""]);
}

#[test]
fn a_label_is_short_however_its_level_is_written() {
    let numbering = format!(
        "<w:abstractNum w:abstractNumId=\"0\">{}</w:abstractNum>",
        level(0, "lowerLetter", &"%1".repeat(60), "")
    );
    let anew = "<w:lvlOverride w:ilvl=\"0\"><w:startOverride w:val=\"4000000000\"/></w:lvlOverride>";
    let label = labels(&(numbering + &list("1", "0", anew)), "", &[("1", 0)]).remove(0);
    assert_eq!(label.len(), TEXT_CHARS_MAX);
}

#[test]
fn bullets_unknown_kinds_and_lists_that_are_not_there() {
    let levels = [level(0, "bullet", "\u{f0b7}", ""), level(1, "hebrew1", "%2.", ""), level(2, "none", "", "")];
    let numbering =
        format!("<w:abstractNum w:abstractNumId=\"0\">{}</w:abstractNum>", levels.concat()) + &list("1", "0", "");
    assert_eq!(labels(&numbering, "", &[("1", 0), ("1", 1), ("1", 2), ("9", 0), ("1", 7)]), ["•", "1.", "", "", ""]);
}
