use super::*;

const START: &str = "\
# callgrind format
positions: line
events: Ir

ob=/here/countersign
fl=???
fn=_ZN5parseE
0 700
cob=/lib/libc.so.6
cfn=malloc
calls=3 0
0 9000
fn=_ZN4bothE
0 5

ob=/lib/libc.so.6
fn=malloc
0 9000
";

const WORK: &str = "\
ob=/here/countersign
fn=_ZN4bothE
0 10
fn=_ZN3hotE'2
0 20
0 20
fn=_ZN3hotE
0 30
";

#[test]
fn what_works_comes_before_what_only_starts_and_the_busiest_first() {
    let mut seen = Seen::new("/here/countersign".to_owned());
    seen.read(START, true);
    seen.read(WORK, false);
    assert_eq!(seen.order(), ["_ZN3hotE", "_ZN4bothE", "_ZN5parseE"]);
}
