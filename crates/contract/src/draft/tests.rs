use super::*;

const CASE: &str = include_str!("../../../../examples/contracts/acme-screening.md");

fn numbers(document: &str) -> Vec<String> {
    draft(document).unwrap().clauses.iter().map(|clause| clause.number.to_string()).collect()
}

#[test]
fn numbers_that_are_written_out() {
    let draft = draft(CASE).unwrap();
    let contract = include_str!("../../../../examples/contracts/acme-screening.yaml");
    let file = crate::ContractFile { name: "acme.yaml".into(), text: contract.into() };
    let contract = crate::Compiled::load(&file).unwrap().contract;
    let document = &contract.agreement().document;
    assert_eq!(draft.clauses.iter().map(|clause| clause.number.clone()).collect::<Vec<_>>(), document.clauses);
    assert_eq!(draft.sha256, document.sha256);
    assert_eq!(draft.title.as_deref(), Some("Background Screening Agreement"));
    for (drafted, written) in draft.clauses.iter().zip(&contract.agreement().clauses) {
        assert_eq!(Some(&drafted.quotation), written.text.as_ref());
        assert_eq!(Some(drafted.at), written.at);
    }
}

#[test]
fn lists_in_lists() {
    let document = "# T\n\n1. Heading\n\n    1. First thing.  More.\n\n       And more.\n    2. <b>Second.</b> Each of them does these things:\n\n        a. this;\n        b. that.\n\n2. A clause by itself.\n";
    assert_eq!(numbers(document), ["1.1", "1.2", "1.2(a)", "1.2(b)", "2"]);
    for clause in draft(document).unwrap().clauses {
        let start = usize::try_from(clause.at.offset).unwrap();
        assert_eq!(document.get(start..start + clause.quotation.len()), Some(clause.quotation.as_str()));
    }
    assert_eq!(draft(document).unwrap().clauses[0].quotation, "First thing.  More.\n\n       And more.");
}

#[test]
fn other_ways_to_number() {
    assert_eq!(
        numbers(
            "## 1. Scope\n\n**1.1** Acme may read these records:\n\n(a) one thing;\n(b) another.\n\n## 2. Term\n\n2.1. It ends.\n"
        ),
        ["1.1", "1.1(a)", "1.1(b)", "2.1"]
    );
    assert_eq!(numbers("Section 1. We agree that it is so.\nSection 2. And so on, as was said.\n"), ["1", "2"]);
    assert!(draft("no numbers here\n").is_err());
    // What stands in a block of code is no clause.
    assert_eq!(numbers("1. We agree on this:\n```\n2. not a clause at all\n```\n"), ["1"]);
}

#[test]
fn numbers_in_parentheses() {
    let of_law = "§ 3 What may be done with it\n\n(1) Acme may read this:\n\n(a) one thing;\n(b) another.\n\n(2) It may not copy it.\n\n§ 4 Term\n\n(1) It ends.\n";
    assert_eq!(numbers(of_law), ["3(1)", "3(1)(a)", "3(1)(b)", "3(2)", "4(1)"]);
    assert_eq!(numbers("(1) Acme may read.\n\n(a) This.\n\n(2) It may not copy.\n"), ["1", "1(a)", "2"]);
    assert_eq!(
        numbers("1.1 Acme may do this:\n(1) read;\n(2) list.\n1.2 And no more.\n"),
        ["1.1", "1.1(1)", "1.1(2)", "1.2"]
    );
}

#[test]
fn a_figure_that_a_line_begins_with_is_no_clause() {
    let wrapped = "6.1 Acme deletes all Candidate Data within thirty\n(30) days after the end of this Agreement.\n6.2 It ends within one\n(1) Business Day.\n6.3 Acme may:\n(1) read for a term of two\n(2) years; and\n(2) list.\n";
    let drafted = draft(wrapped).unwrap();
    assert_eq!(numbers(wrapped), ["6.1", "6.2", "6.3", "6.3(1)", "6.3(2)"]);
    let said: Vec<&str> = drafted.clauses.iter().map(|clause| clause.quotation.as_str()).collect();
    assert!(said[0].ends_with("thirty\n(30) days after the end of this Agreement."), "{said:?}");
    assert_eq!(said[3..], ["read for a term of two\n(2) years; and", "list."]);
    assert_eq!(
        drafted.doubts,
        ["lines that begin with (30), (1), (2) are taken for words of what stands before them, and for no clauses"]
    );
    // A title has no stop, one of several may be left out, and a page may end within a sentence.
    assert_eq!(
        numbers("§ 3 Access\n(1) Acme may read.\n(2) It may not copy.\n(4) It ends.\n"),
        ["3(1)", "3(2)", "3(4)"]
    );
    assert_eq!(numbers("1.1 It ends within thirty\n\n  7\n\n\u{c}(30) days.\n"), ["1.1"]);
    // Every number, and what is no number but the name of a provision.
    let counted = "(1) It begins.\n(2) It runs.\n(3) Acme answers within four\n(4) Business Days.\n(4) It ends.\n";
    let said: Vec<String> = draft(counted).unwrap().clauses.into_iter().map(|clause| clause.quotation).collect();
    assert_eq!(said[2..], ["Acme answers within four\n(4) Business Days.", "It ends."]);
    let parts = ["sub-clause", "sub\u{2011}clauses", "Subparagraph", "point", "Rule", "Schedule", "Annex", "Anlage"];
    let short = ["§ 3 Abs.", "Art.", "paras.", "No."];
    for before in ["twenty-one", "one hundred and one", "Article 28", "paragraph", "Section 1.2", "§"]
        .iter()
        .chain(&parts)
        .chain(&short)
    {
        let wrapped = format!("1.1 This is about {before}\n(1) of it. And about {before}\n(1) and more.\n");
        assert_eq!(numbers(&wrapped), ["1.1"], "{before}");
    }
    assert_eq!(numbers("1.1 Acme darf lesen,\nwas nach Abs.\n(1) Satz 2 und mehr gilt.\n"), ["1.1"]);
}

#[test]
fn a_clause_that_may_be_words_of_the_line_before_is_told() {
    let doubts = |document: &str| draft(document).unwrap().doubts;
    assert_eq!(
        doubts("5.1 Acme may read what is named in Limb\n(1) of the order.\n"),
        [
            "lines that begin with (1) are taken for clauses, though the lines before them do not end: they may be words of those"
        ]
    );
    let ends = ["may:", "may read,", "may —", "may read and", "may read (“it”)."];
    for end in ends {
        assert_eq!(doubts(&format!("5.1 Acme {end}\n(1) list it;\n(2) keep it.\n")), [""; 0], "{end}");
    }
    assert_eq!(doubts("5.1 Acme may read\n\n(1) what is named;\n\n(2) and more.\n"), [""; 0]);
}

#[test]
fn a_list_needs_no_stop_before_it() {
    for stem in
        ["shall not", "shall —", "may use Candidate Data for", "shall not do as follows", "may read, in each case –"]
    {
        let listed = format!("6.3 Acme {stem}\n(1) copy Candidate Data;\n(2) sell it.\n6.4 It ends.\n");
        assert_eq!(numbers(&listed), ["6.3", "6.3(1)", "6.3(2)", "6.4"], "{stem}");
    }
    // A title on a line of its own, and a number without one.
    let german = "§ 3\nZugriff\n(1) Acme darf lesen.\n(2) Acme darf nicht kopieren.\n§ 4\n(1) Er endet.\n";
    assert_eq!(numbers(german), ["3(1)", "3(2)", "4(1)"]);
    assert_eq!(draft(german).unwrap().clauses[0].quotation, "Acme darf lesen.");
    assert_eq!(numbers("6.3\n(1) copy, which is not allowed;\n(2) sell.\n"), ["6.3(1)", "6.3(2)"]);
}

#[test]
fn numbers_in_parentheses_below_letters() {
    let american =
        "3. Acme may do this:\n(a) in these cases:\n(1) one;\n(2) another;\n(b) and in these:\n(1) a third.\n";
    assert_eq!(numbers(american), ["3", "3(a)", "3(a)(1)", "3(a)(2)", "3(b)", "3(b)(1)"]);
    let american = american.replace("\n(1)", "\n    (1)").replace("\n(2)", "\n    (2)");
    assert_eq!(numbers(&american), ["3", "3(a)", "3(a)(1)", "3(a)(2)", "3(b)", "3(b)(1)"]);
    // `(1)` stands in the line of its section.
    let of_law = "§ 3 (1) Acme may read this:\n(a) one thing;\n(b) another.\n(2) It may not copy it.\n";
    assert_eq!(numbers(of_law), ["3", "3(a)", "3(b)", "3(2)"]);
}

#[test]
fn a_stem_is_a_clause_and_a_title_is_told() {
    let document = "3 Access\n\n3. Access\n\n3.1 Acme shall not:\n\n(a) access compensation data;\n\n(b) copy.\n\n3.2 Acme may not read these\n\n(a) medical notes.\n\n## 4. Acme may access candidates\n\n## 5. What Acme may see\n\n5.1 It may list.\n\n## 6. It ends with the year 2030.\n\n## 7. Law\n";
    assert_eq!(numbers(document), ["3.1", "3.1(a)", "3.1(b)", "3.2", "3.2(a)", "4", "5.1", "6"]);
    let doubts = draft(document).unwrap().doubts;
    assert_eq!(
        doubts[1..],
        ["these are taken for titles, and for no clauses: 3 “Access”, 5 “What Acme may see”, 7 “Law”"],
        "{doubts:?}"
    );
}

#[test]
fn a_number_counts_without_a_stop_where_the_format_counts_it() {
    let document = "1 Scope\n\n    1.1 Acme may read.\n\n2 The vendor shall not copy anything.\n";
    let counted = [0, document.find("    1.1").unwrap(), document.find("2 The").unwrap()].into();
    let extracted = |numbered| Extracted {
        text: document,
        sha256: sha256(b"the file"),
        title: None,
        numbered,
        doubts: Vec::new(),
        repeatable: true,
    };
    let drafted = draft_extracted(extracted(Some(&counted))).unwrap();
    let numbers: Vec<&str> = drafted.clauses.iter().map(|clause| clause.number.as_str()).collect();
    assert_eq!(numbers, ["1.1", "2"]);
    assert_eq!(drafted.clauses[0].quotation, "Acme may read.");
    assert_eq!(drafted.doubts, ["these are taken for titles, and for no clauses: 1 “Scope”"]);
}

#[test]
fn numbers_that_the_format_counts() {
    let document = "A. Not counted: an initial.\n\nI. Scope\n\n    A. Acme may read.\n\n    B. Acme may list.\n\nSECTION II. Fees\n\n```\n\nFirst. They are due.\n";
    let counted: BTreeSet<usize> = document
        .split_inclusive('\n')
        .scan(0, |at, line| Some(std::mem::replace(at, *at + line.len())))
        .filter(|at| {
            let line = document.get(*at..).unwrap().lines().next().unwrap().trim_start();
            !line.is_empty() && !line.starts_with("A. Not") && !line.starts_with("```")
        })
        .collect();
    let extracted = |numbered| Extracted {
        text: document,
        sha256: sha256(b"the file"),
        title: Some("Said by the format"),
        numbered,
        doubts: vec!["it has a footnote".to_owned()],
        repeatable: numbered.is_some(),
    };
    let with = draft_extracted(extracted(Some(&counted))).unwrap();
    let numbers: Vec<&str> = with.clauses.iter().map(|clause| clause.number.as_str()).collect();
    assert_eq!(numbers, ["I(A)", "I(B)", "II"]);
    assert_eq!((with.title.as_deref(), with.sha256), (Some("Said by the format"), sha256(b"the file")));
    assert_eq!(
        with.doubts,
        [
            "it has a footnote",
            "`First.` is no number that a clause can have",
            "1 lines before the first clause have no number: parties, recitals or a preamble",
            "these are taken for titles, and for no clauses: I “Scope”"
        ]
    );
    assert!(in_yaml(&with, "a.docx", None).contains("    at: {offset: "));
    // What nobody counts may be an initial.
    let without = draft_extracted(extracted(None));
    assert!(without.is_err(), "{without:?}");
    let text = "1. We agree that Acme may read this.\n";
    let once = draft_extracted(Extracted { text, ..extracted(None) }).unwrap();
    assert!(!in_yaml(&once, "a.pdf", None).contains("offset"), "nobody can look it up again");
}

#[test]
fn what_is_proposed_goes_by_words() {
    let proposed: Vec<String> = draft(CASE)
        .unwrap()
        .clauses
        .iter()
        .map(|clause| {
            let Proposal { kind, cue, doubts, .. } = &clause.proposal;
            format!("{:<4} {kind:<11} {:<16} {}", clause.number.as_str(), cue.unwrap_or("-"), doubts.join("; "))
        })
        .collect();
    insta::assert_snapshot!(proposed.join("\n"));
}

#[test]
fn a_draft_is_a_contract_but_for_its_questions() {
    let yaml = in_yaml(&draft(CASE).unwrap(), "acme-screening.md", None);
    assert!(yaml_tree::read(&yaml).is_ok(), "{yaml}");
    // A clause says that there are purposes, so the head asks for them; another document's says nothing of them.
    assert!(yaml.contains("\npurposes: [\"?\"]  # ? "), "{yaml}");
    let other = in_yaml(&draft("1. We agree that Acme may read this.\n").unwrap(), "a.md", None);
    assert!(!other.contains("purposes:"), "{other}");
    let file = crate::ContractFile { name: "draft.yaml".into(), text: yaml };
    let errors = crate::Compiled::load(&file).unwrap_err();
    assert!(errors.len() == 1 && errors[0].said().starts_with("`?` stands in "), "{errors:?}");
    // Once something stands there, what is left is what its clauses say of the same thing.
    let mut text = file.text;
    for (from, to) in [
        ("dated: \"?\"", "dated: 2026-06-01"),
        ("from: \"?\", until: \"?\"", "from: 2026-07-01, until: 2027-06-30"),
        ("requests: \"?\"", "requests: 1/hour"),
        ("\"?\"", "decided"),
    ] {
        text = text.replace(from, to);
    }
    let errors = crate::Compiled::load(&crate::ContractFile { text, ..file }).unwrap_err();
    let said: Vec<&str> = errors.iter().map(crate::ContractError::said).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn any_document_gives_a_draft_or_none_and_exact_quotations() {
    use proptest::prelude::*;
    proptest!(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() }, |(document in "([#*§(]{0,2}[0-9a-c]{0,2}[.)]{0,2} ?[a-zé<`]{0,8}\n? {0,4}){0,24}")| {
        for clause in draft(&document).map(|draft| draft.clauses).unwrap_or_default() {
            let start = usize::try_from(clause.at.offset).unwrap();
            prop_assert_eq!(document.get(start..start + clause.quotation.len()), Some(clause.quotation.as_str()));
        }
    });
}
