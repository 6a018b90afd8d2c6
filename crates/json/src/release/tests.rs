use model::Scalar;

use super::*;

mod laws;

fn condition(path: &str, one_of: &[&str], clause: &str) -> Condition {
    let one_of = one_of.iter().map(|text| Scalar::Text((*text).into())).collect();
    Condition { path: path.to_owned(), one_of, clause: clause.into() }
}

fn removal(path: &str, how: How) -> Removal {
    Removal { path: path.to_owned(), how, clause: "3.2".into() }
}

fn replaced(path: &str) -> Removal {
    removal(path, How::Replace("[redacted: §3.2]".to_owned()))
}

fn compiled(plan: &ReleasePlan) -> Release {
    Release::compile(plan).unwrap()
}

/// What comes out, or `error:` with why nothing more does. The same for every way to cut the input.
fn filtered_as(plan: &ReleasePlan, form: Form, input: &str) -> String {
    let release = compiled(plan);
    let whole = pushed(&release, form, input.as_bytes(), input.len().max(1));
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(pushed(&release, form, input.as_bytes(), size).1, whole.1, "cut every {size} bytes");
    }
    whole.1
}

fn filtered(plan: &ReleasePlan, input: &str) -> String {
    filtered_as(plan, Form::Json, input)
}

/// How much got out before the end or the fault, and what.
fn pushed(release: &Release, form: Form, input: &[u8], size: usize) -> (u64, String) {
    let mut out = Vec::new();
    let mut filter = Filter::new(release, form);
    for chunk in input.chunks(size) {
        let before = out.len();
        if let Err(error) = filter.push(chunk, &mut out) {
            assert_eq!((out.len(), error.left()), (before, before as u64));
            return (error.left(), format!("error: {}", error.problem()));
        }
    }
    match filter.finish(&mut out) {
        Ok(summary) => {
            assert_eq!(summary.bytes, out.len() as u64);
            (summary.bytes, String::from_utf8(out).unwrap())
        }
        Err(error) => (error.left(), format!("error: {}", error.problem())),
    }
}

fn summary(plan: &ReleasePlan, form: Form, input: &str) -> Summary {
    compiled(plan).apply(form, input.as_bytes()).unwrap().1
}

#[test]
fn only_what_is_named_gets_out() {
    let plan = ReleasePlan::only("$", ["id", "name", "employment.title", "jobs[].from"]);
    let input = r#"{"id":1,"secret":2,"name":"Ana","employment":{"salary":9,"title":"x","more":{}},"jobs":[{"from":1,"pay":2},{"pay":3}],"x":{"id":4}}"#;
    let expect = r#"{"id":1,"name":"Ana","employment":{"title":"x"},"jobs":[{"from":1},{}]}"#;
    assert_eq!(filtered(&plan, input), expect);
    assert_eq!(summary(&plan, Form::Json, input).unnamed, 6);
    // What stands where a way leads on, and is none, says too much; `null` says that nothing is there.
    assert_eq!(
        filtered(&plan, r#"{"employment":"CEO, 900k","jobs":[1,null,{"from":2}]}"#),
        r#"{"jobs":[null,{"from":2}]}"#
    );
    assert_eq!(filtered(&plan, r#"{"employment":null}"#), r#"{"employment":null}"#);
    assert_eq!(filtered(&plan, r#"{}"#), "{}");
    assert_eq!(
        filtered(&plan, " {\n\"id\" : [ ] , \"y\" : 1 ,\n\"name\":{ \"z\":1 } } \n"),
        "{\n\"id\" : [ ],\"name\":{ \"z\":1 } }"
    );
}

#[test]
fn what_is_excluded_does_not() {
    let mut plan = ReleasePlan::every("$");
    plan.removed = vec![
        removal("pay", How::Remove),
        replaced("a.b"),
        removal("..notes", How::Remove),
        removal("m.*.x", How::Remove),
    ];
    let cases = [
        (r#"{"pay":1,"id":2}"#, r#"{"id":2}"#),
        (r#"{"id":2,"pay":{"x":[{}]}}"#, r#"{"id":2}"#),
        (r#"{"a":{"b":"secret","c":1}}"#, r#"{"a":{"b":"[redacted: §3.2]","c":1}}"#),
        (
            r#"{"a":[{"b":[1]},[{"b":2,"c":3}]]}"#,
            r#"{"a":[{"b":"[redacted: §3.2]"},[{"b":"[redacted: §3.2]","c":3}]]}"#,
        ),
        (r#"{"x":[{"y":{"notes":1}},{"notes":[]}],"notes":0}"#, r#"{"x":[{"y":{}},{}]}"#),
        (r#"{"m":{"k":{"x":1,"y":2},"l":{"x":1}}}"#, r#"{"m":{"k":{"y":2},"l":{}}}"#),
        // However the key is written.
        (r#"{"p\u0061y":1,"\u0070\u0061\u0079s":2}"#, r#"{"\u0070\u0061\u0079s":2}"#),
        (r#"{"b":"pay","pay ":"pay","pay s":"pay"}"#, r#"{"b":"pay","pay s":"pay"}"#),
    ];
    for (input, expect) in cases {
        assert_eq!(filtered(&plan, input), expect);
    }
    let counted = summary(&plan, Form::Json, r#"{"pay":1,"a":[{"b":1},{"b":2}],"z":{"notes":1}}"#);
    assert_eq!(counted.removed, [1, 2, 1, 0]);
}

#[test]
fn an_exclusion_wins_and_says_so_only_where_it_is_told_to() {
    let mut plan = ReleasePlan::only("$", ["id", "pay"]);
    plan.removed = vec![replaced("pay.base"), replaced("notes"), removal("id.x", How::Remove), replaced("id.x")];
    let input = r#"{"id":{"x":1,"y":2},"pay":{"base":1,"bonus":2},"notes":"…","other":1}"#;
    let expect = r#"{"id":{"y":2},"pay":{"base":"[redacted: §3.2]","bonus":2},"notes":"[redacted: §3.2]"}"#;
    assert_eq!(filtered(&plan, input), expect);
}

/// The case that must work: records of one client, of active placements, without what the agreement excludes.
fn the_case() -> ReleasePlan {
    let mut plan = ReleasePlan::only("$.data[*]", ["id", "name", "status", "compensation", "employment.title"]);
    plan.each =
        vec![condition("client_id", &["northwind"], "2.2"), condition("status", &["active", "starting"], "4.1")];
    plan.outside = Outside::Drop;
    plan.removed = vec![removal("compensation", How::Remove), replaced("..medical_notes")];
    plan.around = vec!["$.object".to_owned()];
    plan.totals = vec![
        Total { path: "$.total".to_owned(), tell: Tell::Count },
        Total { path: "$.all".to_owned(), tell: Tell::Count },
        Total { path: "$.next".to_owned(), tell: Tell::AsIs },
    ];
    plan
}

const ANA: &str =
    r#"{"id":1,"client_id":"northwind","status":"active","name":"Ana","compensation":{"base":9},"medical_notes":"x"}"#;
const BO: &str = r#"{"id":2,"client_id":"globex","status":"active","name":"Bo"}"#;
const CY: &str =
    r#"{"id":3,"status":"starting","name":"Cy","client_id":"northwind","employment":{"title":"t","salary":8}}"#;
const DI: &str = r#"{"id":4,"client_id":"northwind","status":"ended","name":"Di"}"#;
const ANA_SHOWN: &str = r#"{"id":1,"status":"active","name":"Ana","medical_notes":"[redacted: §3.2]"}"#;
const CY_SHOWN: &str = r#"{"id":3,"status":"starting","name":"Cy","employment":{"title":"t"}}"#;

#[test]
fn records_are_judged_one_by_one() {
    let input =
        format!(r#"{{"object":"list","secret":1,"data":[{ANA}, {BO},{CY},{DI}],"total":4,"all":4,"next":"c","x":[]}}"#);
    let expect = format!(r#"{{"object":"list","data":[{ANA_SHOWN},{CY_SHOWN}],"total":2,"all":2,"next":"c"}}"#);
    assert_eq!(filtered(&the_case(), &input), expect);
    let counted = summary(&the_case(), Form::Json, &input);
    assert_eq!((counted.records, counted.dropped, counted.removed), (2, 2, vec![1, 1]));
    // Counts that come before the records wait for them.
    let input = format!(r#"{{"total":4,"all":4,"data":[{BO},{ANA}],"next":null}}"#);
    assert_eq!(filtered(&the_case(), &input), format!(r#"{{"total":1,"all":1,"data":[{ANA_SHOWN}],"next":null}}"#));
    let input = format!(r#"{{"all":[4],"total":"4","data":[{ANA}]}}"#);
    assert_eq!(filtered(&the_case(), &input), format!(r#"{{"all":1,"total":1,"data":[{ANA_SHOWN}]}}"#));
    let input = format!(r#"{{"all":1,"data":[{ANA}],"all2":1}}"#);
    assert_eq!(filtered(&the_case(), &input), format!(r#"{{"all":1,"data":[{ANA_SHOWN}]}}"#));
    assert_eq!(filtered(&the_case(), r#"{"total":9,"all":9}"#), r#"{"total":0,"all":0}"#);
    assert_eq!(filtered(&the_case(), r#"{"data":[],"total":9}"#), r#"{"data":[],"total":0}"#);
    assert_eq!(filtered(&the_case(), r#"{"data":null,"total":9}"#), r#"{"data":null,"total":0}"#);
    assert_eq!(filtered(&the_case(), r#"{"data":[7,null,"x",[]]}"#), r#"{"data":[]}"#);
}

#[test]
fn what_is_outside_can_be_refused() {
    let mut plan = the_case();
    plan.outside = Outside::Refuse;
    let said = filtered(&plan, &format!(r#"{{"data":[{ANA},{BO}]}}"#));
    assert_eq!(said, "error: a record is outside of what `2.2` lets out");
    plan = the_case();
    plan.totals[1].tell = Tell::Refuse;
    for counted in [
        format!(r#"{{"all":2,"data":[{ANA},{BO}]}}"#),
        format!(r#"{{"data":[{ANA}],"all":1}}"#),
        r#"{"data":[],"all":0}"#.to_owned(),
    ] {
        let said = filtered(&plan, &counted);
        assert_eq!(said, "error: the answer says how many records there are, and none that does may be shown");
    }
    assert_eq!(filtered(&plan, &format!(r#"{{"data":[{ANA}]}}"#)), format!(r#"{{"data":[{ANA_SHOWN}]}}"#));
}

#[test]
fn a_record_that_stands_alone_is_refused_before_a_byte_leaves() {
    for rows in ["$", "$.data"] {
        let mut plan = the_case();
        plan.rows = rows.to_owned();
        plan.around.clear();
        plan.totals.clear();
        let wrap = |record: &str| if rows == "$" { record.to_owned() } else { format!(r#"{{"data":{record},"x":1}}"#) };
        let shown = |record: &str| if rows == "$" { record.to_owned() } else { format!(r#"{{"data":{record}}}"#) };
        assert_eq!(filtered(&plan, &wrap(ANA)), shown(ANA_SHOWN));
        for outside in [BO, DI, "{}", r#"{"client_id":{"x":"northwind"},"status":"active"}"#, "null", "7"] {
            let (left, said) = pushed(&compiled(&plan), Form::Json, wrap(outside).as_bytes(), 1);
            assert!(left == 0 && said.starts_with("error: "), "{outside}: {left} {said}");
        }
        assert_eq!(filtered(&plan, &wrap("[]")), "error: where one record should be, there is a list");
    }
    assert_eq!(filtered(&the_case(), r#"{"data":{}}"#), "error: where a list of records should be, there is none");
    let plan = ReleasePlan::only("$", ["id"]);
    assert_eq!(filtered(&plan, "7"), "error: the answer is neither an object nor a list");
}

#[test]
fn a_condition_wants_each_of_a_list_and_reads_numbers_as_texts() {
    let mut plan = ReleasePlan::every("$[*]");
    plan.outside = Outside::Drop;
    plan.each = vec![Condition {
        path: "t".to_owned(),
        one_of: vec![
            Scalar::Whole(17),
            Scalar::Bool(true),
            Scalar::Text("é\"".into()),
            Scalar::Decimal("1.5".to_owned()),
        ],
        clause: "1".into(),
    }];
    for admitted in ["17", "\"17\"", "17.0", "true", r#""\u00e9\"""#, "\"é\\u0022\"", "1.50", "[17,[true]]", "\"1.5\""]
    {
        let input = format!(r#"[{{"t":{admitted}}}]"#);
        assert_eq!(filtered(&plan, &input), input);
    }
    for other in [
        "18",
        "1.7e1",
        "false",
        "null",
        "{}",
        "[]",
        "[17,18]",
        "\"true\"",
        "{\"t\":17}",
        "\"E\\u0301\\\"\"",
        "-17",
        "170",
    ] {
        assert_eq!(filtered(&plan, &format!(r#"[{{"t":{other}}}]"#)), "[]", "{other}");
    }
    let long = format!(r#"[{{"t":"{}"}},{{"t":17}}]"#, "x".repeat(40_000));
    assert_eq!(filtered(&plan, &long), r#"[{"t":17}]"#);
}

#[test]
fn what_all_of_it_depends_on_is_known_before_a_byte_leaves() {
    let mut plan = ReleasePlan::every("$.data[*]");
    plan.around = vec!["$.tenant".to_owned()];
    plan.whole = vec![condition("$.tenant", &["northwind"], "2.2")];
    let input = r#"{"data":[{"id":1}],"tenant":"northwind"}"#;
    assert_eq!(filtered(&plan, input), input);
    for outside in [r#"{"data":[{"id":1}],"tenant":"globex"}"#, r#"{"data":[{"id":1}]}"#] {
        let (left, said) = pushed(&compiled(&plan), Form::Json, outside.as_bytes(), 1);
        assert_eq!((left, said.as_str()), (0, "error: the answer is outside of what `2.2` lets out"));
    }
    plan.rows = "$".to_owned();
    plan.around.clear();
    assert_eq!(filtered(&plan, r#"{"tenant":"northwind"}"#), r#"{"tenant":"northwind"}"#);
    assert!(filtered(&plan, r#"{"tenant":"x"}"#).starts_with("error: "));
}

#[test]
fn what_is_no_json_is_refused() {
    let plan = ReleasePlan::every("$");
    let deep = |depth: usize| format!("{}{}", "{\"a\":[".repeat(depth), "]}".repeat(depth));
    assert_eq!(filtered(&plan, &deep(64)), deep(64));
    assert_eq!(filtered(&plan, &deep(65)), "error: arrays and objects are nested deeper than 128");
    let cases = [
        (r#"{"a":1,"a":2}"#, "error: the key `a` occurs twice"),
        (r#"{"a":1,"b":2,"\u0061":2}"#, "error: the key `a` occurs twice"),
        (r#"[{"a":{"x":1},"b":1},{"b":1,"a":{"y":1,"y":2}}]"#, "error: where one record should be, there is a list"),
        (r#"{"q":[{"a":{"x":1},"b":1},{"b":1,"a":{"y":1,"y":2}}]}"#, "error: the key `y` occurs twice"),
        (r#"{"q":[{"a":1,"b":1},{"b":1,"b":2}]}"#, "error: the key `b` occurs twice"),
        // In another order than the object before, with the second one where it is expected.
        (r#"{"q":[{"a":1,"b":1,"c":1},{"b":1,"a":1,"b":2}]}"#, "error: the key `b` occurs twice"),
        (r#"{"q":[{"a":1,"b":1,"c":1},{"b":[],"a":[],"b":[]}]}"#, "error: the key `b` occurs twice"),
        (r#"{"a":01}"#, "error: a number is not written as JSON wants it"),
        (r#"{"a":1.}"#, "error: a number is not written as JSON wants it"),
        (r#"{"a":-}"#, "error: a number is not written as JSON wants it"),
        (r#"{"a":"\ud800"}"#, "error: a string holds one half of a surrogate pair"),
        (r#"{"a":"\x"}"#, "error: a string holds an escape that JSON does not have"),
        ("{\"a\":\"\n\"}", "error: a string holds the control character U+000A without an escape"),
        (r#"{"a":tru}"#, "error: `t` stands where a value belongs"),
        (r#"{"a":1"#, "error: the document ends where the rest of the document belongs"),
        (r#"{"a":"x"#, "error: the document ends where the end of a string belongs"),
        (r#"{"a":1}}"#, "error: something follows the end of the document"),
        (r#"{"a":1}{}"#, "error: something follows the end of the document"),
        (r#"{"a":1,}"#, "error: `}` stands where a key belongs"),
        (r#"{,"a":1}"#, "error: `,` stands where a key belongs"),
        (r#"{"a" 1}"#, "error: `1` stands where `:` belongs"),
        (r#"{"q":[1,]}"#, "error: `]` stands where a value belongs"),
        (r#"{"q":[1 2]}"#, "error: `2` stands where `,` or `]` belongs"),
        (r#"{"q":]}"#, "error: `]` stands where a value belongs"),
        ("", "error: the document ends where a value belongs"),
        ("  ", "error: the document ends where a value belongs"),
    ];
    for (input, expect) in cases {
        assert_eq!(filtered(&plan, input), expect, "{input}");
    }
    let release = compiled(&plan);
    for bytes in [&b"{\"a\":\"\xff\"}"[..], b"{\"a\":\"\xc3\"}", b"{\"\xed\xa0\x80\":1}", b"{\"a\":1}\xe2\x82"] {
        assert_eq!(pushed(&release, Form::Json, bytes, 1).1, "error: the bytes are not UTF-8");
        assert_eq!(pushed(&release, Form::Json, bytes, 99).1, "error: the bytes are not UTF-8");
    }
    // Also where nothing of it would be let out.
    let plan = ReleasePlan::only("$", ["id"]);
    assert_eq!(filtered(&plan, r#"{"x":{"a":[1,{"b":1,"b":1}]}}"#), "error: the key `b` occurs twice");
}

#[test]
fn many_keys_are_bounded_and_still_looked_at() {
    let object = |count: usize| {
        let members: Vec<String> = (0..count).map(|number| format!(r#""k{number}":{number}"#)).collect();
        members.join(",")
    };
    let mut plan = ReleasePlan::every("$");
    plan.removed = vec![removal("k4000", How::Remove), removal("m.*.pay", How::Remove)];
    let most = format!("{{{}}}", object(4096));
    assert_eq!(filtered(&plan, &most), most.replace(r#""k4000":4000,"#, ""));
    assert_eq!(filtered(&plan, &format!("{{{}}}", object(4097))), "error: an object has more than 4096 keys");
    let twice = format!("{{{},\"k7\":1}}", object(300));
    assert_eq!(filtered(&plan, &twice), "error: the key `…` occurs twice");
    let map: Vec<String> = (0..400).map(|number| format!(r#""u{number}":{{"id":{number},"pay":1}}"#)).collect();
    let map = format!(r#"{{"m":{{{}}},"n":{{"u1":{{"pay":2}}}}}}"#, map.join(","));
    assert_eq!(filtered(&plan, &map), map.replace(r#","pay":1"#, ""));
}

#[test]
fn what_waits_is_bounded() {
    let plan = the_case();
    let large = format!(r#"{{"data":[{{"id":"{}","status":"active","client_id":"northwind"}}]}}"#, "x".repeat(1 << 20));
    let release = compiled(&plan);
    for size in [4096, 1 << 22] {
        assert_eq!(
            pushed(&release, Form::Json, large.as_bytes(), size).1,
            "error: a record is larger than 1048576 bytes"
        );
    }
    let mut free = the_case();
    free.each.clear();
    let (_, shown) = pushed(&compiled(&free), Form::Json, large.as_bytes(), 5_000);
    assert_eq!(shown.len(), large.len() - r#","client_id":"northwind""#.len());
    // A count before more than can wait.
    let record = format!(r#"{{"id":"{}","client_id":"northwind","status":"active"}}"#, "x".repeat(900_000));
    let records = vec![record; 10].join(",");
    let input = format!(r#"{{"total":10,"data":[{records}],"all":10}}"#);
    assert_eq!(
        pushed(&release, Form::Json, input.as_bytes(), 65_536).1,
        "error: the answer is larger than 8388608 bytes, and all of it depends on what stands in it"
    );
    let mut plan = the_case();
    plan.beyond = Beyond::Remove;
    let (_, shown) = pushed(&compiled(&plan), Form::Json, input.as_bytes(), 65_536);
    assert!(shown.starts_with(r#"{"total":null,"data":[{"id":"xx"#) && shown.ends_with(r#"}],"all":10}"#));
    // A key, a number and white space without end.
    for endless in [
        format!(r#"{{"{}":1}}"#, "x".repeat(40_000)),
        format!(r#"{{"a":{}}}"#, "1".repeat(40_000)),
        format!("{{{}}}", " ".repeat(40_000)),
    ] {
        let said = pushed(&release, Form::Json, endless.as_bytes(), 1_000).1;
        assert_eq!(said, "error: a key, a number or white space is longer than 8192 bytes");
    }
}

#[test]
fn limits_on_records_and_bytes_hold() {
    let mut plan = ReleasePlan::every("$[*]");
    plan.records_max = Some(2);
    assert_eq!(filtered(&plan, r#"[{"a":1},{"a":2}]"#), r#"[{"a":1},{"a":2}]"#);
    assert_eq!(filtered(&plan, r#"[{"a":1},{"a":2},{}]"#), "error: there are more than 2 records");
    plan.records_max = None;
    plan.bytes_max = Some(9);
    assert_eq!(filtered(&plan, r#"[{"a":1}]"#), r#"[{"a":1}]"#);
    assert_eq!(filtered(&plan, r#"[{"a":10}]"#), "error: there are more than 9 bytes to let out");
}

#[test]
fn lines_are_records() {
    let mut plan = the_case();
    plan.rows = "$".to_owned();
    plan.around.clear();
    plan.totals.clear();
    let input = format!("{ANA}\n{BO}\r\n\n {CY} \n{DI}");
    assert_eq!(filtered_as(&plan, Form::Lines, &input), format!("{ANA_SHOWN}\n{CY_SHOWN}\n"));
    assert_eq!(filtered_as(&plan, Form::Lines, ""), "");
    assert_eq!(
        filtered_as(&plan, Form::Lines, &format!("{ANA} {ANA}")),
        "error: something follows the end of the document"
    );
    assert_eq!(
        filtered_as(&plan, Form::Lines, "{\"id\":\n1}"),
        "error: the document ends where the rest of the record belongs"
    );
    let plain = ReleasePlan::only("$", ["id"]);
    assert_eq!(filtered_as(&plain, Form::Lines, &format!("{ANA}\n7\n{BO}\n")), "{\"id\":1}\n{\"id\":2}\n");
    assert_eq!(filtered_as(&the_case(), Form::Lines, ANA), "error: each line is a record, so the records are at `$`");
}

#[test]
fn tables_are_records_too() {
    let mut plan = the_case();
    plan.rows = "$".to_owned();
    plan.around.clear();
    plan.totals.clear();
    let table = "id,client_id,name,status,compensation.base,medical_notes,employment.title\r\n\
                 1,northwind,\"Ana, \"\"A\"\"\",active,9,x,t\r\n2,globex,Bo,active,8,y,u\n3,northwind,\"C\r\ny\",\"starting\",7,\"z\",v";
    let expect = "id,name,status,medical_notes,employment.title\r\n\
                  1,\"Ana, \"\"A\"\"\",active,\"[redacted: §3.2]\",t\r\n3,\"C\r\ny\",\"starting\",\"[redacted: §3.2]\",v\r\n";
    assert_eq!(filtered_as(&plan, Form::Csv, table), expect);
    let cases = [
        ("", "error: the table has no line that names its columns"),
        ("id,id\n", "error: two columns have one name"),
        ("id,\"id\"\n", "error: two columns have one name"),
        ("id,\n", "error: a column has no name, or the table begins with a byte order mark"),
        ("id,name\n1\n", "error: a line has not as many cells as there are columns"),
        ("id\n\"1\n", "error: a quoted cell never ends"),
        ("id\n\"1\"2\n", "error: something stands behind a quoted cell, or a line ends as none should"),
        ("id\n1\"2\n", "error: a quote stands within a cell that does not begin with one"),
        ("id\n1\r2\n", "error: something stands behind a quoted cell, or a line ends as none should"),
    ];
    for (input, expect) in cases {
        assert_eq!(filtered_as(&plan, Form::Csv, input), expect);
    }
    // A long line in crumbs.
    let long = format!("id,status,client_id\n\"{}\",active,northwind\n", "x\n,".repeat(60_000));
    let (_, whole) = pushed(&compiled(&plan), Form::Csv, long.as_bytes(), long.len());
    assert_eq!(pushed(&compiled(&plan), Form::Csv, long.as_bytes(), 3).1, whole);
    assert_eq!(whole.len(), long.len() - ",client_id,northwind".len() + 2);
    // A column that a condition looks at and that is not there.
    assert_eq!(filtered_as(&plan, Form::Csv, "id,status\n1,active\n"), "id,status\r\n");
}

// INVARIANT: no exclusion is evaded by a list, however a table lays it out.
#[test]
fn what_is_excluded_of_a_list_is_excluded_of_each_item_in_a_table() {
    let excluding = |mut plan: ReleasePlan| {
        plan.removed = vec![removal("jobs.salary", How::Remove), removal("bonus", How::Remove)];
        plan
    };
    let (some, every) = (excluding(ReleasePlan::only("$", ["id", "jobs"])), excluding(ReleasePlan::every("$")));
    for hidden in [
        "jobs.salary",
        "jobs.0.salary",
        "jobs.10.salary.base",
        "jobs[0].salary",
        "jobs[].salary",
        "jobs[*].salary",
        "jobs[0][1].salary",
        "jobs.[0].salary",
        "jobs.0.1.salary[2]",
        "bonus[0]",
        "bonus.0",
        "bonus[0].base",
        "0.bonus",
        "jobs[0][salary]",
        "jobs[][salary][base]",
        "jobs[salary]",
        "jobs[0]['salary']",
        "jobs/0/salary",
        "jobs[1]/salary",
        "bonus[base]",
        "[bonus]",
        " bonus",
        "\u{a0}bonus\t",
        "bonus [base]",
        " jobs/0/salary",
        "jobs . salary",
    ] {
        for plan in [&some, &every] {
            let shown = filtered_as(plan, Form::Csv, &format!("id,{hidden}\n1,secret\n"));
            assert_eq!(shown, "id\r\n1\r\n", "{hidden}");
        }
        // The same export as objects.
        let record = format!("{{\"id\":1,{}:\"secret\"}}", serde_json::json!(hidden));
        for form in [Form::Json, Form::Lines] {
            let shown = filtered_as(&every, form, &record);
            assert_eq!(shown.trim_end(), r#"{"id":1}"#, "{hidden}");
        }
    }
    for named in ["jobs.0.title", "jobs.salaries", "jobs"] {
        let shown = filtered_as(&some, Form::Csv, &format!("id,{named}\n1,x\n"));
        assert_eq!(shown, format!("id,{named}\r\n1,x\r\n"));
    }
    // What is let out is named as it stands.
    let only = ReleasePlan::only("$", ["id", "jobs.title"]);
    assert_eq!(filtered_as(&only, Form::Csv, "id,jobs.0.title\n1,x\n"), "id\r\n1\r\n");
    assert_eq!(filtered_as(&only, Form::Csv, "id, jobs.title\n1,x\n"), "id\r\n1\r\n");
    assert_eq!(filtered(&only, r#"{"id":1,"jobs.title":2," id":3}"#), r#"{"id":1}"#);
}

// INVARIANT: nor by an object whose keys lay out what is in it.
#[test]
fn what_is_excluded_is_excluded_of_an_object_that_is_laid_out_flat() {
    let mut plan = ReleasePlan::every("$.data[*]");
    plan.removed = vec![removal("jobs.salary.base", How::Remove), replaced("..pay")];
    let cases = [
        // In part, where what is in it is not.
        (r#"{"jobs.0":{"salary":{"base":1}}}"#, "{}"),
        (r#"{"jobs":{"salary.base":1,"title":2}}"#, r#"{"jobs":{"title":2}}"#),
        (r#"{"jobs.title":1,"jobs.salary":{"base":2}}"#, r#"{"jobs.title":1}"#),
        // At any depth.
        (r#"{"a":{"b":[{"c.pay[0]":1}]}}"#, r#"{"a":{"b":[{"c.pay[0]":"[redacted: §3.2]"}]}}"#),
        (r#"{"pay/base":{"x":1}}"#, r#"{"pay/base":"[redacted: §3.2]"}"#),
        // Escaped or not.
        (r#"{"a":1,"jobs\u002esalary\u002fbase":2}"#, r#"{"a":1}"#),
        // Another name is another name.
        (r#"{"payment.base":1,"jobs.salaries":2,"e.g.":3}"#, r#"{"payment.base":1,"jobs.salaries":2,"e.g.":3}"#),
    ];
    for (record, left) in cases {
        let input = format!(r#"{{"data":[{record},{record}]}}"#);
        assert_eq!(filtered(&plan, &input), format!(r#"{{"data":[{left},{left}]}}"#), "{record}");
    }
    // More keys than are remembered.
    let many: String = (0..200).map(|place| format!(r#""k{place}.x":1,"#)).collect();
    let left = filtered(&plan, &format!(r#"{{"data":[{{{many}"jobs.salary.base":2}}]}}"#));
    assert!(!left.contains("salary") && left.contains("k199.x"), "{left}");
    // No condition is met by what is laid out.
    plan.each = vec![condition("owner.client", &["northwind"], "2.2")];
    plan.outside = Outside::Drop;
    assert_eq!(filtered(&plan, r#"{"data":[{"owner.client":"northwind"}]}"#), r#"{"data":[]}"#);
}

#[test]
fn a_plan_that_makes_no_sense_is_none() {
    let error = |plan: ReleasePlan| Release::compile(&plan).unwrap_err().to_string();
    let only = |path: &str| error(ReleasePlan::only("$", [path]));
    assert_eq!(only(""), "a path names something");
    assert_eq!(only("$.id"), "the path `$.id`: a path of a record begins with a name: `employment.salary`");
    assert_eq!(only("a..b"), "the path `a..b`: only what is removed is looked for at any depth");
    assert_eq!(
        only("a[0]"),
        "the path `a[0]`: a bracket holds nothing, `*` or a name in quotes; indexes and filters are not understood"
    );
    assert_eq!(only("a b"), "the path `a b`: here `.`, `[]` or `['name']` is wanted");
    assert_eq!(
        only("a."),
        "the path `a.`: here a name or `*` is wanted; a name with other characters is written `['so']`"
    );
    assert_eq!(only(".a"), "the path `.a`: a path of a record begins with a name, without a dot");
    assert_eq!(error(ReleasePlan::every("data")), "the path `data`: a path of the answer begins with `$`");
    assert_eq!(error(ReleasePlan::every("$.*[*]")), "the path `$.*[*]`: where the records are is said by names alone");
    let mut plan = ReleasePlan::every("$");
    plan.around = vec!["$.x".to_owned()];
    assert_eq!(error(plan), "the path `$.x`: the records are the whole answer, so nothing is around them");
    let mut plan = ReleasePlan::every("$");
    plan.each = vec![condition("a", &["x"], "1"); 65];
    assert_eq!(error(plan), "there are more than 64 conditions");
    let odd = ReleasePlan::only("$", ["['a b'].c", "[\"it\"\"s\"]", "x['y']"]);
    let input = r#"{"a b":{"c":1},"it\"s":2,"x":{"y":3,"z":4}}"#;
    assert_eq!(filtered(&odd, input), r#"{"a b":{"c":1},"it\"s":2,"x":{"y":3}}"#);
}

#[test]
fn a_filter_that_stopped_stays_so() {
    let mut filter = Filter::new(&compiled(&ReleasePlan::every("$")), Form::Json);
    let mut out = b"before".to_vec();
    filter.push(b"{\"a\":1,", &mut out).unwrap();
    assert_eq!(out, b"before{\"a\":1");
    let error = filter.push(b"\"b\":2,\"a\":3,\"c\":4}", &mut out).unwrap_err();
    assert_eq!((error.at(), error.left(), error.problem().to_string().as_str()), (13, 6, "the key `a` occurs twice"));
    assert_eq!(error.to_string(), "byte 13: the key `a` occurs twice");
    assert_eq!(filter.push(b"}", &mut out).unwrap_err().problem(), &FilterProblem::Stopped);
    assert_eq!(out, b"before{\"a\":1");
}
