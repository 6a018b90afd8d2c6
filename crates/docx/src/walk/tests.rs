use crate::read::tests::document;
use crate::{Text, read};

const NUMBERS: &str = "<w:abstractNum w:abstractNumId=\"0\">\
    <w:lvl w:ilvl=\"0\"><w:start w:val=\"1\"/><w:numFmt w:val=\"decimal\"/><w:pStyle w:val=\"Clause\"/><w:lvlText w:val=\"%1.\"/></w:lvl>\
    <w:lvl w:ilvl=\"1\"><w:start w:val=\"1\"/><w:numFmt w:val=\"decimal\"/><w:pStyle w:val=\"Below\"/><w:lvlText w:val=\"%1.%2\"/></w:lvl>\
    </w:abstractNum><w:num w:numId=\"1\"><w:abstractNumId w:val=\"0\"/></w:num>";
const STYLES: &str = "<w:style w:type=\"paragraph\" w:default=\"1\" w:styleId=\"Normal\"><w:name w:val=\"Normal\"/></w:style>\
    <w:style w:type=\"paragraph\" w:styleId=\"T\"><w:name w:val=\"Title\"/></w:style>\
    <w:style w:type=\"paragraph\" w:styleId=\"H\"><w:name w:val=\"heading 1\"/></w:style>\
    <w:style w:type=\"paragraph\" w:styleId=\"Clause\"><w:basedOn w:val=\"H\"/><w:pPr><w:numPr><w:numId w:val=\"1\"/></w:numPr></w:pPr></w:style>\
    <w:style w:type=\"paragraph\" w:styleId=\"Below\"><w:basedOn w:val=\"Clause\"/></w:style>\
    <w:style w:type=\"paragraph\" w:styleId=\"Unseen\"><w:basedOn w:val=\"Clause\"/><w:pPr><w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"1\"/></w:numPr></w:pPr><w:rPr><w:vanish/></w:rPr></w:style>\
    <w:style w:type=\"character\" w:styleId=\"Secret\"><w:rPr><w:vanish/></w:rPr></w:style>";

const PICTURE: &str = "a picture is left out: look whether it says something";

fn text_of(body: &str) -> Text {
    read(&document(body, STYLES, NUMBERS)).unwrap()
}

/// Paragraphs as they stand in the text.
fn check(body: &str, expect: &[&str]) {
    let text = text_of(body).text;
    let expect: String = expect.iter().map(|line| format!("{line}\n\n")).collect();
    assert_eq!(text, expect);
}

/// What is said of a document with this body.
fn notes(body: &str) -> Vec<String> {
    text_of(body).notes
}

fn p(style: &str, inner: &str) -> String {
    format!("<w:p><w:pPr><w:pStyle w:val=\"{style}\"/></w:pPr>{inner}</w:p>")
}

fn r(text: &str) -> String {
    format!("<w:r><w:t xml:space=\"preserve\">{text}</w:t></w:r>")
}

#[test]
fn numbers_of_styles_headings_and_the_title() {
    let body = [
        p("T", &r("Our Agreement")),
        p("H", &r("Recitals")),
        p("H", &r("1. By hand")),
        p("Clause", &r("Scope")),
        p("Below", &r("Acme may read.")),
        p("None", &r("More.")),
    ];
    let text = text_of(&body.concat());
    let expect = "# Our Agreement\n\n# Recitals\n\n1. By hand\n\n1. Scope\n\n    1.1 Acme may read.\n\nMore.\n\n";
    assert_eq!(text.text, expect);
    assert_eq!(text.title.as_deref(), Some("Our Agreement"));
    let numbered: Vec<&str> =
        text.numbered.iter().map(|at| text.text.get(*at..).unwrap().lines().next().unwrap()).collect();
    assert_eq!(numbered, ["1. Scope", "    1.1 Acme may read."]);
    assert!(text.notes.is_empty(), "{:?}", text.notes);
}

#[test]
fn a_paragraph_may_leave_the_list_of_its_style_or_change_its_level() {
    let own = |list: &str, text: &str| {
        format!("<w:p><w:pPr><w:pStyle w:val=\"Clause\"/><w:numPr>{list}</w:numPr></w:pPr>{}</w:p>", r(text))
    };
    let body =
        own("<w:numId w:val=\"0\"/>", "Not numbered.") + &own("", "First.") + &own("<w:ilvl w:val=\"1\"/>", "Below.");
    check(&body, &["# Not numbered.", "1. First.", "    1.1 Below."]);
}

#[test]
fn tabs_breaks_signs_and_space() {
    let body = "<w:p><w:r><w:t>  a  </w:t><w:tab/><w:t>b&amp;c</w:t><w:br/><w:t>d</w:t><w:noBreakHyphen/><w:softHyphen/><w:t>e</w:t>\
        <w:sym w:font=\"Wingdings\" w:char=\"F0FE\"/><w:sym w:font=\"Symbol\" w:char=\"F0B7\"/><w:sym w:font=\"Arial\" w:char=\"00A7\"/></w:r></w:p>";
    check(body, &["a\tb&c\nd\u{2011}e☑•§"]);
    let list = "<w:abstractNum w:abstractNumId=\"0\"><w:lvl w:ilvl=\"0\"><w:lvlText w:val=\"&#27;%1.\"/></w:lvl></w:abstractNum><w:num w:numId=\"1\"><w:abstractNumId w:val=\"0\"/></w:num>";
    let numbered = format!("<w:p><w:pPr><w:numPr><w:numId w:val=\"1\"/></w:numPr></w:pPr>{}</w:p>", r("a"));
    assert_eq!(read(&document(&numbered, "", list)).unwrap().text, "\u{fffd}0. a\n\n");
    let unknown = "<w:p><w:r><w:sym w:font=\"Webdings\" w:char=\"F041\"/><w:t>&#27;x</w:t></w:r></w:p>";
    check(unknown, &["\u{fffd}\u{fffd}x"]);
    assert_eq!(notes(unknown), ["a sign of a font of signs stands as `\u{fffd}`"]);
}

#[test]
fn what_stands_inside_other_things() {
    let inner = [
        format!("<w:hyperlink>{}</w:hyperlink>", r("link ")),
        format!("<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent>{}</w:sdtContent></w:sdt>", r("name ")),
        format!("<w:smartTag>{}</w:smartTag>", r("tag ")),
        format!("<w:fldSimple w:instr=\" REF x \">{}</w:fldSimple>", r("3.2 ")),
        "<m:oMath><m:r><m:t>x=1</m:t></m:r></m:oMath>".to_owned(),
        format!(
            "<w:r><w:pict><v:shape><v:textbox><w:txbxContent>{}</w:txbxContent></v:textbox></v:shape></w:pict></w:r>",
            p("Normal", &r("boxed"))
        ),
        "<w:r><w:drawing><a:blip/></w:drawing><w:footnoteReference w:id=\"2\"/><w:commentReference w:id=\"1\"/></w:r>"
            .to_owned(),
    ];
    let body = format!("<w:sdt><w:sdtContent><w:p>{}</w:p></w:sdtContent></w:sdt><w:altChunk/>", inner.concat());
    check(&body, &["link name tag 3.2 x=1", "boxed"]);
    assert_eq!(
        notes(&body),
        [
            "a document is embedded in it, and left out",
            "a footnote is left out: read it",
            "a comment is left out",
            "a picture is left out: look whether it says something",
            "a place to fill in is empty",
        ]
    );
}

#[test]
fn what_shows_something_that_is_no_text_is_said() {
    let object =
        "<w:r><w:object><v:shape><v:imagedata/></v:shape><x:OLEObject ProgID=\"Excel.Sheet.12\"/></w:object></w:r>";
    let embedded =
        ["<w:subDoc/>", "<w:r><w:altChunk/></w:r>", "<w:r><w:object><w:objectEmbed/></w:object></w:r>", object];
    for inner in embedded {
        let notes = notes(&format!("<w:p>{}{inner}</w:p>", r("a")));
        assert!(notes.contains(&"a document is embedded in it, and left out".to_owned()), "{inner}: {notes:?}");
    }
    let pictures = [
        "<w:r><w:pict><v:shape><v:imagedata/></v:shape></w:pict></w:r>",
        "<w:r><w:pict><v:shape><v:textpath string=\"Void\"/></v:shape></w:pict></w:r>",
        "<w:r><w:drawing><a:graphic><a:graphicData><x:chart/></a:graphicData></a:graphic></w:drawing></w:r>",
        "<w:r><w:drawing><a:graphic><a:graphicData><x:relIds/></a:graphicData></a:graphic></w:drawing></w:r>",
        "<w:r><w:drawing><x:contentPart/></w:drawing></w:r>",
        "<w:contentPart/>",
        object,
    ];
    for inner in pictures {
        let notes = notes(&format!("<w:p>{}{inner}</w:p>", r("a")));
        assert!(notes.contains(&PICTURE.to_owned()), "{inner}: {notes:?}");
    }
}

#[test]
fn a_form_that_says_something_else_is_said() {
    let box_of = |text: &str| format!("<w:txbxContent>{}</w:txbxContent>", p("Normal", &r(text)));
    let body = |fallback: &str| {
        format!(
            "<w:p><w:r><mc:AlternateContent><mc:Choice Requires=\"wps\"><w:drawing>{}</w:drawing></mc:Choice><mc:Fallback><w:pict>{}</w:pict></mc:Fallback></mc:AlternateContent></w:r></w:p>",
            box_of("Acme may read."),
            box_of(fallback)
        )
    };
    check(&body("Acme may write."), &["Acme may read."]);
    assert!(notes(&body("Acme may read.")).is_empty());
    let said = "it says something else in programs that know less than Word: “Acme may write.”; what Word shows counts";
    assert_eq!(notes(&body("Acme may write.")), [said]);
}

#[test]
fn what_stands_in_unknown_markup_is_said() {
    let said = |words: &str| {
        format!("it has text in markup that is not known here, which is left out, and which Word may show: {words}")
    };
    let clause = p("Normal", &r("2. The vendor may read everything."));
    let row = format!("<w:tr><w:tc>{}</w:tc></w:tr>", p("Normal", &r("cell")));
    let (before, after) =
        (p("Normal", &r("1. a")), p("Normal", &format!("{}<x:c>{}</x:c>", r("3. ok"), r(" not at all"))));
    for (body, shown, words) in [
        (format!("{before}<x:c>{clause}</x:c>"), "1. a", "“2. The vendor may read everything.”"),
        (
            format!("{before}<x:c><x:d>{clause}</x:d><w:tbl>{row}</w:tbl></x:c>"),
            "1. a",
            "“2. The vendor may read everything.cell”",
        ),
        (format!("{before}<w:unheard>{clause}</w:unheard>"), "1. a", "“2. The vendor may read everything.”"),
        (after.clone(), "3. ok", "“not at all”"),
        (after.replace("x:c>", "w:unheard>"), "3. ok", "“not at all”"),
        (p("Normal", &format!("{}<w:r><x:c><w:t>not</w:t></x:c></w:r>", r("3. ok"))), "3. ok", "“not”"),
        (p("Normal", &format!("{}<w:r><w:unheard><w:t>not</w:t></w:unheard></w:r>", r("3. ok"))), "3. ok", "“not”"),
        (p("Normal", "<w:r><w:t>3. ok<x:c><w:t>not</w:t></x:c></w:t></w:r>"), "3. ok", "“not”"),
        (p("Normal", &format!("{}<w:r><w:tab><x:c><w:t>not</w:t></x:c></w:tab></w:r>", r("3. ok"))), "3. ok", "“not”"),
        (format!("{before}<w:tbl><x:c>{row}</x:c></w:tbl>"), "1. a", "“cell”"),
        (
            format!("{before}<w:tbl><w:tr><x:c><w:tc>{clause}</w:tc></x:c></w:tr></w:tbl>"),
            "1. a",
            "“2. The vendor may read everything.”",
        ),
    ] {
        check(&body, &[shown]);
        assert_eq!(notes(&body), [said(words)], "{body}");
    }
    assert!(notes(&format!("<x:c><x:t>a</x:t></x:c>{before}")).is_empty(), "its own words Word never shows");
}

#[test]
fn what_stands_beside_the_content_of_a_control_or_the_base_of_a_ruby_is_said() {
    let said = |words: &str| {
        format!("it has text in markup that is not known here, which is left out, and which Word may show: {words}")
    };
    let (shown, other) = (p("Normal", &r("1. a")), p("Normal", &r("2. b")));
    let content = |inner: &str| format!("<w:sdtContent>{inner}</w:sdtContent>");
    let control = |inner: &str| format!("<w:sdt><w:sdtPr><w:id w:val=\"1\"/></w:sdtPr><w:sdtEndPr/>{inner}</w:sdt>");
    let ruby = |inner: &str| p("Normal", &format!("<w:r><w:ruby><w:rubyPr/>{inner}</w:ruby></w:r>"));
    let base = format!("<w:rubyBase>{}</w:rubyBase>", r("1. a"));
    let cell = |text: &str| format!("<w:tc>{}</w:tc>", p("Normal", &r(text)));
    for body in [
        control(&(content(&shown) + &format!("<x:c>{}</x:c>", content(&other)))),
        control(&(content(&shown) + &content(&other))),
        control(&format!("<w:unheard>{other}</w:unheard>{}", content(&shown))),
        shown.clone() + &control(&format!("<x:c>{}</x:c>", content(&other))),
        p("Normal", &control(&(content(&r("1. a")) + &content(&r("2. b"))))),
        format!("<w:tbl><w:tr>{}</w:tr></w:tbl>", control(&(content(&cell("1. a")) + &content(&cell("2. b"))))),
        ruby(&format!("<w:rt>{}</w:rt>{base}", r("2. b"))),
        ruby(&format!("{base}<x:c><w:rubyBase>{}</w:rubyBase></x:c>", r("2. b"))),
    ] {
        check(&body, &["1. a"]);
        assert_eq!(notes(&body), [said("“2. b”")], "{body}");
    }
}

#[test]
fn texts_in_one_another_are_said_once_each() {
    let nested = (0..150).fold(String::new(), |inner, _| format!("<w:t>a{inner}</w:t>"));
    let said = "it has text in markup that is not known here, which is left out, and which Word may show: “a”, “a”, “a”, 147 more";
    assert_eq!(notes(&p("Normal", &format!("{}<x:c>{nested}</x:c>", r("ok")))), [said]);
}

/// Each of these takes minutes where what was kept before is looked at again with every run.
#[test]
fn much_that_is_not_shown_takes_no_longer_than_reading_it() {
    let blanks = " ".repeat(1 << 20);
    let field = format!(
        "<w:r><w:fldChar w:fldCharType=\"begin\"/><w:instrText>{blanks}</w:instrText><w:fldChar w:fldCharType=\"separate\"/>{}<w:fldChar w:fldCharType=\"end\"/></w:r>",
        "<w:t>a</w:t>".repeat(30_000)
    );
    let text = text_of(&p("Normal", &field)).text;
    assert_eq!(text.len(), 30_000 + 2);
    let hidden = |words: &str| format!("<w:r><w:rPr><w:vanish/></w:rPr><w:t>{words}</w:t></w:r>");
    let body = hidden(&format!("b{blanks}")) + &hidden("c").repeat(30_000);
    let said = format!("it has hidden text, which is left out: “b {}…”", "c".repeat(58));
    assert_eq!(notes(&p("Normal", &body.replace("<w:t>b", "<w:t xml:space=\"preserve\">b"))), [said]);
}

#[test]
fn names_of_styles_and_lists_are_short() {
    let (longest, long) = ("s".repeat(1_024), "s".repeat(1_025));
    assert!(text_of(&p(&longest, &r("a"))).text.starts_with('a'));
    for body in [p(&long, &r("a")), format!("<w:p><w:pPr><w:numPr><w:numId w:val=\"{long}\"/></w:numPr></w:pPr></w:p>")]
    {
        let error = read(&document(&body, STYLES, NUMBERS)).unwrap_err().to_string();
        assert_eq!(error, "it is too large: `word/document.xml` names something in more than 1024 bytes");
    }
}

#[test]
fn tables_row_by_row() {
    let cell = |inner: &str| format!("<w:tc>{inner}</w:tc>");
    let row = |cells: &[String]| format!("<w:tr>{}</w:tr>", cells.concat());
    let (one, two) = (cell(&p("Normal", &r("a"))), cell(&(p("Normal", &r("b")) + &p("Normal", &r("c")))));
    let number = cell(&p("Clause", ""));
    let table = |rows: &[String]| format!("<w:tbl>{}</w:tbl>", rows.concat());
    let gone = format!("<w:tr><w:trPr><w:del/></w:trPr>{one}</w:tr>");
    let nested = cell(&table(&[row(&[one.clone(), one.clone()])]));
    let body =
        table(&[row(&[number, one.clone(), two.clone()]), row(&[two, one.clone()]), gone, row(&[one.clone(), nested])]);
    check(&body, &["1. a\tb", "c", "b", "c", "a", "a\ta\ta"]);
    assert!(notes(&body)[0].contains("it has tracked changes"));
}

#[test]
fn tracked_changes_count_as_if_they_were_accepted_and_are_said() {
    let body = format!(
        "<w:p>{}<w:ins>{}</w:ins><w:del><w:r><w:delText>fifty</w:delText></w:r></w:del><w:moveFrom>{}</w:moveFrom>{}</w:p>",
        r("At most "),
        r("a hundred"),
        r("here"),
        r(" a day.")
    );
    check(&body, &["At most a hundred a day."]);
    assert_eq!(
        notes(&body),
        [
            "it has tracked changes, so it is not what anybody signed: inserted “a hundred”; deleted “fifty”, “here”; what was inserted counts here, what was deleted does not"
        ]
    );
}

#[test]
fn a_paragraph_without_its_mark_goes_on_with_the_next() {
    let marked = |mark: &str, style: &str, text: &str| {
        format!("<w:p><w:pPr><w:pStyle w:val=\"{style}\"/><w:rPr><w:{mark}/></w:rPr></w:pPr>{}</w:p>", r(text))
    };
    check(
        &(p("Clause", &r("First.")) + &marked("del", "Clause", "Second, ") + &p("Clause", &r("joined."))),
        &["1. First.", "2. Second, joined."],
    );
    // A heading that runs into its paragraph.
    check(&(marked("vanish", "Clause", "Term. ") + &p("Normal", &r("It ends."))), &["1. Term. It ends."]);
    check(&marked("vanish", "Clause", "The last."), &["1. The last."]);
}

#[test]
fn hidden_text_is_left_out_and_said() {
    let hidden = |inner: &str, text: &str| format!("<w:r><w:rPr>{inner}</w:rPr><w:t>{text}</w:t></w:r>");
    let body = format!(
        "<w:p>{}{}{}{}</w:p>",
        r("Seen "),
        hidden("<w:vanish/>", "unseen"),
        hidden("<w:rStyle w:val=\"Secret\"/>", "by style"),
        hidden("<w:vanish w:val=\"0\"/>", "again")
    );
    check(&body, &["Seen again"]);
    assert_eq!(notes(&body), ["it has hidden text, which is left out: “unseenby style”"]);
}

#[test]
fn what_all_text_or_a_table_hides_is_hidden() {
    let read = |body: &str, styles: &str| read(&document(body, &(styles.to_owned() + STYLES), NUMBERS)).unwrap();
    let defaults = "<w:docDefaults><w:rPrDefault><w:rPr><w:vanish/></w:rPr></w:rPrDefault></w:docDefaults>";
    let shown = "<w:r><w:rPr><w:vanish w:val=\"0\"/></w:rPr><w:t>seen</w:t></w:r>";
    let text = read(&(p("Normal", &r("unseen")) + &p("Normal", shown)), defaults);
    assert_eq!((text.text.as_str(), text.notes.len()), ("seen\n\n", 1));
    let style = "<w:style w:type=\"table\" w:styleId=\"Dark\"><w:rPr><w:vanish/></w:rPr></w:style>";
    let table = format!(
        "<w:tbl><w:tblPr><w:tblStyle w:val=\"Dark\"/></w:tblPr><w:tr><w:tc>{}</w:tc></w:tr></w:tbl>",
        p("Normal", &(r("unseen") + shown))
    );
    let text = read(&(table + &p("Normal", &r("after"))), style);
    assert_eq!(text.text, "seen\n\nafter\n\n");
    assert_eq!(text.notes, ["it has hidden text, which is left out: “unseen”"]);
}

#[test]
fn a_table_has_its_default_style_and_what_a_style_says_of_some_cells_is_said() {
    let read = |body: &str, styles: &str| read(&document(body, &(styles.to_owned() + STYLES), NUMBERS)).unwrap();
    let table = |style: &str| {
        format!("<w:tbl><w:tblPr>{style}</w:tblPr><w:tr><w:tc>{}</w:tc></w:tr></w:tbl>", p("Normal", &r("row")))
    };
    let default = "<w:style w:type=\"table\" w:default=\"1\" w:styleId=\"Dark\"><w:rPr><w:vanish/></w:rPr></w:style>";
    let text = read(&(table("") + &p("Normal", &r("after"))), default);
    assert_eq!(text.text, "after\n\n");
    assert_eq!(text.notes, ["it has hidden text, which is left out: “row”"]);
    for (hides, says) in [
        ("<w:vanish/>", true),
        ("<w:vanish w:val=\"0\"/>", true),
        ("<w:strike/>", true),
        ("<w:strike w:val=\"0\"/>", true),
        ("<w:dstrike/>", true),
        ("<w:b/>", false),
    ] {
        let parts = format!("<w:tblStylePr w:type=\"firstRow\"><w:rPr>{hides}</w:rPr></w:tblStylePr>");
        let styles = format!(
            "<w:style w:type=\"table\" w:styleId=\"Base\">{parts}</w:style><w:style w:type=\"table\" w:styleId=\"Grid\"><w:basedOn w:val=\"Base\"/></w:style>"
        );
        let text = read(&table("<w:tblStyle w:val=\"Grid\"/>"), &styles);
        let said =
            "a table's style hides, shows or strikes out some of its cells, and here all count alike: look which ones";
        assert_eq!((text.text.as_str(), text.notes == [said]), ("row\n\n", says), "{hides}: {:?}", text.notes);
    }
    // Word shows the first row of a table that it hides else.
    let shows = "<w:tblStylePr w:type=\"firstRow\"><w:rPr><w:vanish w:val=\"0\"/></w:rPr></w:tblStylePr></w:style>";
    let text = read(&table(""), &default.replace("</w:style>", shows));
    assert_eq!(text.text, "");
    assert_eq!(text.notes.len(), 2, "{:?}", text.notes);
    assert!(text.notes[1].starts_with("a table's style hides, shows or strikes out"), "{:?}", text.notes);
}

#[test]
fn content_controls_around_rows_and_cells_are_looked_at() {
    let control = |properties: &str, inner: &str| {
        format!("<w:sdt><w:sdtPr>{properties}</w:sdtPr><w:sdtContent>{inner}</w:sdtContent></w:sdt>")
    };
    let cell = format!("<w:tc>{}</w:tc>", p("Normal", &r("5 %")));
    let row = format!("<w:tr>{cell}</w:tr>");
    for (properties, said) in [
        (
            "<w:dataBinding w:xpath=\"/a\"/>",
            "a place is filled from data that is not read: Word may show something else there",
        ),
        ("<w:showingPlcHdr/>", "a place to fill in is empty"),
    ] {
        for rows in [control(properties, &row), format!("<w:tr>{}</w:tr>", control(properties, &cell))] {
            let body = format!("<w:tbl>{rows}</w:tbl>");
            check(&body, &["5 %"]);
            assert_eq!(notes(&body), [said], "{body}");
        }
    }
}

#[test]
fn formulas_and_shapes_are_tracked_and_hidden_as_runs_are() {
    let of_math = |properties: &str, text: &str| format!("<m:r><w:rPr>{properties}</w:rPr><m:t>{text}</m:t></m:r>");
    let formula = [
        of_math("", "a"),
        format!("<w:del>{}</w:del>", of_math("", "b")),
        format!("<w:ins>{}</w:ins>", of_math("", "c")),
        of_math("<w:vanish/>", "d"),
        "<x:t>e</x:t><x:u><w:r><w:t>f</w:t></w:r></x:u>".to_owned(),
    ];
    let body = format!("<w:p><m:oMath>{}</m:oMath></w:p>", formula.concat());
    check(&body, &["ac"]);
    assert_eq!(
        notes(&body),
        [
            "it has tracked changes, so it is not what anybody signed: inserted “c”; deleted “b”; what was inserted counts here, what was deleted does not",
            "it has hidden text, which is left out: “d”",
            "it has text in markup that is not known here, which is left out, and which Word may show: “f”",
        ]
    );
    check("<m:oMathPara><m:oMath><m:r><m:t>x=1</m:t></m:r></m:oMath></m:oMathPara>", &["x=1"]);
    let shape = format!(
        "<w:p><w:ins><w:r><w:drawing><w:txbxContent>{}</w:txbxContent></w:drawing></w:r></w:ins></w:p>",
        p("Normal", &r("boxed"))
    );
    check(&shape, &["boxed"]);
    assert!(notes(&shape)[0].contains("inserted 1 more"), "{:?}", notes(&shape));
}

#[test]
fn what_is_struck_out_or_filled_from_elsewhere_is_said() {
    let struck = |inner: &str| format!("<w:r><w:rPr>{inner}</w:rPr><w:t>x</w:t></w:r>");
    for inner in ["<w:strike/>", "<w:dstrike/>", "<w:strike w:val=\"0\"/><w:dstrike/>"] {
        let body = format!("<w:p>{}{}</w:p>", r("a "), struck(inner));
        check(&body, &["a x"]);
        assert_eq!(notes(&body), ["it has text that is struck out, and counts here: “x”"], "{inner}");
    }
    assert!(notes(&format!("<w:p>{}</w:p>", struck("<w:strike w:val=\"0\"/>"))).is_empty());
    for bound in ["<w:dataBinding w:xpath=\"/a\"/>", "<x:dataBinding/>"] {
        let body =
            format!("<w:p><w:sdt><w:sdtPr>{bound}</w:sdtPr><w:sdtContent>{}</w:sdtContent></w:sdt></w:p>", r("a"));
        assert_eq!(notes(&body), ["a place is filled from data that is not read: Word may show something else there"]);
    }
}

#[test]
fn what_a_field_shows_and_the_file_does_not_have_is_told() {
    let mark = |kind: &str| format!("<w:r><w:fldChar w:fldCharType=\"{kind}\"/></w:r>");
    let bare = |instruction: &str| {
        format!("{}<w:r><w:instrText>{instruction}</w:instrText></w:r>{}", mark("begin"), mark("end"))
    };
    let said = |inner: &str| notes(&p("Normal", &(r("Acme may read") + inner)));
    let told = |shown: &str| {
        vec![format!(
            "it has fields that show what is not kept in the file, like numbers that Word counts in a line, which is left out: {shown}"
        )]
    };
    assert_eq!(said(&bare(" LISTNUM \\l 2 ")), told("“LISTNUM \\l 2”"));
    let button = "MACROBUTTON NoMacro and compensation data";
    assert_eq!(said(&bare(button)), told("“MACROBUTTON NoMacro and compensation data”"));
    assert_eq!(said(&format!("<w:fldSimple w:instr=\" {button} \"/>")).len(), 1);
    assert_eq!(said(&(bare("AUTONUMLGL") + &bare("EQ \\f(1,2)"))), told("“AUTONUMLGL”, “EQ \\f(1,2)”"));
    // A mark of an index shows nothing, nor does what is hidden, or stands in the instruction of another field.
    for nothing in [bare(" XE \"pay\" "), bare(""), "<w:fldSimple w:instr=\"TC x\"/>".to_owned()] {
        assert_eq!(said(&nothing), Vec::<String>::new(), "{nothing}");
    }
    let hidden = bare("LISTNUM").replace("<w:r>", "<w:r><w:rPr><w:vanish/></w:rPr>");
    assert!(!said(&hidden).iter().any(|note| note.contains("LISTNUM")));
    let within = format!(
        "{}<w:r><w:instrText> IF </w:instrText></w:r>{}{}{}{}",
        mark("begin"),
        bare("LISTNUM"),
        mark("separate"),
        r(" it"),
        mark("end")
    );
    assert_eq!(said(&within), Vec::<String>::new());
}

#[test]
fn fields_show_what_they_came_to_and_contents_are_left_out() {
    let mark = |kind: &str| format!("<w:r><w:fldChar w:fldCharType=\"{kind}\"/></w:r>");
    let field = |instruction: &str, result: &str| {
        format!(
            "{}<w:r><w:instrText>{instruction}</w:instrText></w:r>{}{result}{}",
            mark("begin"),
            mark("separate"),
            mark("end")
        )
    };
    let contents = p("Normal", &field(" TOC \\o ", &(r("1. Scope 2") + &field("PAGEREF", &r("2")))));
    let block = format!(
        "<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val=\"Table of Contents\"/></w:docPartObj></w:sdtPr><w:sdtContent>{}</w:sdtContent></w:sdt>",
        p("Normal", &r("1. Scope"))
    );
    check(&(contents + &block + &p("Normal", &(r("See ") + &field(" REF _1 ", &r("3.2")) + &r(".")))), &["See 3.2."]);
    let open = p("Normal", &(r("a") + &mark("begin") + &r("b")));
    check(&open, &["a"]);
    assert!(notes(&open)[0].starts_with("a field never ends"));
}

#[test]
fn what_only_a_table_of_contents_says_is_said() {
    let mark = |kind: &str| format!("<w:r><w:fldChar w:fldCharType=\"{kind}\"/></w:r>");
    let instruction = |text: &str| format!("<w:r><w:instrText>{text}</w:instrText></w:r>");
    let control = |lines: &[&str]| {
        let lines: String = lines.iter().map(|line| p("Normal", &r(line))).collect();
        format!(
            "<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val=\"Table of Contents\"/></w:docPartObj></w:sdtPr><w:sdtContent>{lines}</w:sdtContent></w:sdt>"
        )
    };
    let field = |lines: &[&str]| {
        let (first, last) = (mark("begin") + &instruction(" TOC \\o ") + &mark("separate"), mark("end"));
        let lines: String = lines.iter().map(|line| p("Normal", &r(line))).collect();
        p("Normal", &first) + &lines + &p("Normal", &last)
    };
    let simple = |lines: &[&str]| {
        let lines =
            lines.iter().map(|line| p("Normal", &format!("<w:fldSimple w:instr=\"TOA\">{}</w:fldSimple>", r(line))));
        lines.collect::<String>()
    };
    let text = p("Clause", &r("Scope")) + &p("H", &r("Annex 1")) + &p("Below", &r("Acme may read."));
    let shown = ["1. Scope", "# Annex 1", "    1.1 Acme may read."];
    for form in 0..3 {
        let contents = |lines: &[&str]| match form {
            0 => control(lines),
            1 => field(lines),
            _ => simple(lines),
        };
        let repeats = contents(&["Table of Contents", "1. Scope\t2", "Scope iv", "Annex 1 12"]) + &text;
        check(&repeats, &shown);
        assert!(notes(&repeats).is_empty(), "{:?}", notes(&repeats));
        let more = contents(&["1. Scope 2", "9. Acme may keep all data forever."]) + &text;
        check(&more, &shown);
        let said = "it has a table of contents, which is left out, and says there what stands nowhere else: “9. Acme may keep all data forever.”";
        assert_eq!(notes(&more), [said]);
    }
}

#[test]
fn what_is_numbered_in_a_table_of_contents_counts() {
    let control = format!(
        "<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val=\"Table of Contents\"/></w:docPartObj></w:sdtPr><w:sdtContent>{}{}</w:sdtContent></w:sdt>",
        p("Clause", &r("Contents")),
        p("Normal", &r("2. Fees\t1"))
    );
    let body = control + &p("Clause", &r("Fees")) + &p("Clause", &r("Liability"));
    check(&body, &["2. Fees", "3. Liability"]);
    let said = "it has a table of contents, which is left out, and says there what stands nowhere else: “1. Contents”";
    assert_eq!(notes(&body), [said]);
}

#[test]
fn a_paragraph_that_nobody_sees_does_not_count() {
    let hidden = |style: &str, run: &str, mark: &str| {
        format!(
            "<w:p><w:pPr><w:pStyle w:val=\"{style}\"/><w:rPr>{mark}</w:rPr></w:pPr><w:r><w:rPr>{run}</w:rPr><w:t>B</w:t></w:r></w:p>"
        )
    };
    let vanish = "<w:vanish/>";
    for (unseen, label) in [
        (hidden("Clause", vanish, vanish), ""),
        (hidden("Unseen", "", ""), ""),
        (hidden("Unseen", "", vanish), ""),
        // Its mark is seen, and so is its number.
        (hidden("Clause", vanish, ""), "2."),
        (hidden("Unseen", "", "<w:vanish w:val=\"0\"/>"), "2."),
    ] {
        let body = p("Clause", &r("A")) + &unseen + &p("Clause", &r("C")) + &p("H", &r("D"));
        let seen: &[&str] = if label.is_empty() { &["1. A", "2. C", "# D"] } else { &["1. A", "2.", "3. C", "# D"] };
        check(&body, seen);
        assert_eq!(notes(&body), ["it has hidden text, which is left out: “B”"]);
    }
    // What is drawn in it is seen, and counts with what follows.
    let drawn = "<w:p><w:pPr><w:pStyle w:val=\"Clause\"/><w:rPr><w:vanish/></w:rPr></w:pPr><w:r><w:drawing><a:blip/></w:drawing></w:r></w:p>";
    check(&(p("Clause", &r("A")) + drawn + &p("Normal", &r("B"))), &["1. A", "2. B"]);
}

#[test]
fn tables_in_tables_to_the_bound_of_depth() {
    // Three elements for each table; the document has two, and a run has three.
    let tables = (model::limits::DOCX_DEPTH_MAX - 2 - 3) / 3;
    let body = |tables: usize| {
        let (open, close) = ("<w:tbl><w:tr><w:tc>".repeat(tables), "</w:tc></w:tr></w:tbl>".repeat(tables));
        format!("{open}<w:p>{}</w:p>{close}", r("deep"))
    };
    check(&body(tables), &["deep"]);
    assert!(read(&document(&body(tables + 1), STYLES, NUMBERS)).is_err());
}
