use super::*;
use crate::samples::{Log, about};

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_full_file_makes_way_and_the_oldest_goes() {
    let log = Log::with_calls(0..2);
    let items = log.items();
    let path = log.folder.path().join("out/trace.jsonl");
    let mut file = Rolling::new(path.clone(), TextFormat::Jsonl, 1, 2);
    for item in &items {
        file.append(std::slice::from_ref(item), &about()).unwrap();
    }
    let first = |path: PathBuf| lines(&path).pop().unwrap();
    assert!(first(path.clone()).contains("\"sequence\":4"));
    assert!(first(numbered(&path, 1)).contains("\"sequence\":3"));
    assert!(first(numbered(&path, 2)).contains("\"sequence\":2"));
    assert!(!numbered(&path, 3).exists());
}

#[test]
fn a_line_that_was_cut_short_goes() {
    let log = Log::with_calls(0..1);
    let path = log.folder.path().join("trace.cef");
    let mut file = Rolling::new(path.clone(), TextFormat::Cef, u64::MAX, 2);
    file.append(&log.items(), &about()).unwrap();
    let whole = lines(&path);
    for rest in ["half a li".to_owned(), "x".repeat(200_000)] {
        OpenOptions::new().append(true).open(&path).unwrap().write_all(rest.as_bytes()).unwrap();
        let mut file = Rolling::new(path.clone(), TextFormat::Cef, u64::MAX, 2);
        file.append(&[], &about()).unwrap();
        assert_eq!(lines(&path), whole);
    }
    fs::write(&path, "no end of a line").unwrap();
    Rolling::new(path.clone(), TextFormat::Cef, u64::MAX, 2).append(&log.items(), &about()).unwrap();
    assert_eq!(lines(&path), whole);
}

#[test]
fn whoever_moves_the_file_away_gets_a_new_one() {
    let log = Log::with_calls(0..1);
    let path = log.folder.path().join("trace.jsonl");
    let mut file = Rolling::new(path.clone(), TextFormat::Jsonl, u64::MAX, 2);
    file.append(&log.items(), &about()).unwrap();
    fs::rename(&path, log.folder.path().join("elsewhere")).unwrap();
    file.append(&log.items(), &about()).unwrap();
    assert_eq!(lines(&path).len(), 2);
}

#[test]
fn whoever_moves_the_file_away_and_makes_a_new_one_gets_the_rest_there() {
    let log = Log::with_calls(0..1);
    let (path, elsewhere) = (log.folder.path().join("trace.jsonl"), log.folder.path().join("elsewhere"));
    let mut file = Rolling::new(path.clone(), TextFormat::Jsonl, u64::MAX, 2);
    file.append(&log.items(), &about()).unwrap();
    fs::rename(&path, &elsewhere).unwrap();
    File::create(&path).unwrap();
    file.append(&log.items(), &about()).unwrap();
    assert_eq!((lines(&path).len(), lines(&elsewhere).len()), (2, 2));
}
