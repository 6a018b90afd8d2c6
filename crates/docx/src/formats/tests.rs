use super::*;

#[test]
fn counters_as_word_writes_them() {
    let check =
        |format: &str, value: u32, expect: &str| assert_eq!(Format::parse(format).unwrap().write(value), expect);
    check("decimal", 12, "12");
    check("decimalZero", 3, "03");
    check("lowerLetter", 1, "a");
    check("lowerLetter", 26, "z");
    // Not `ab`: the letter is doubled.
    check("lowerLetter", 28, "bb");
    check("upperLetter", 53, "AAA");
    check("lowerRoman", 4, "iv");
    check("upperRoman", 1994, "MCMXCIV");
    check("lowerRoman", 4_000, "4000");
    check("ordinal", 11, "11th");
    check("ordinal", 22, "22nd");
    check("cardinalText", 3, "Three");
    check("ordinalText", 21, "21");
    check("bullet", 3, "");
    check("lowerLetter", 0, "");
    assert_eq!(Format::parse("hebrew1"), None);
}
