use proptest::prelude::*;

use super::*;
use crate::key::{SIGNATURE_BYTES, SigningKey};
use crate::limits::KEY_NAME_BYTES_MAX;

fn key(name: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(name.parse().unwrap(), Algorithm::Ed25519, &[seed; 32]).unwrap()
}

fn public(key: &SigningKey) -> Vec<VerifierKey> {
    vec![key.verifier_key().clone()]
}

fn signed(text: &str, keys: &[&SigningKey]) -> Note {
    let mut note = Note::new(text.to_owned()).unwrap();
    for key in keys {
        note.sign(*key).unwrap();
    }
    note
}

#[test]
fn a_note_prints_to_what_it_was_read_from() {
    let (ours, theirs) = (key("ours", 1), key("theirs", 2));
    for text in ["\n", "a\n", "a\n\nb\n", "a\n\n\n", "\n\n", "— a line like a signature\n", "ключ\u{7f}\n"] {
        let note = signed(text, &[&ours, &theirs]);
        let printed = note.to_string();
        let read = Note::parse(printed.as_bytes()).unwrap();
        assert_eq!((read.text(), read.to_string()), (text, printed));
        assert_eq!(read, note);
        assert_eq!(read.verify(&public(&theirs)).unwrap()[0].key.name().as_str(), "theirs");
    }
}

#[test]
fn unknown_signatures_are_ignored_and_known_ones_must_be_right() {
    let (ours, theirs, stranger) = (key("ours", 1), key("theirs", 2), key("stranger", 3));
    let note = signed("text\n", &[&stranger, &ours]);
    let known = [public(&ours), public(&theirs)].concat();
    assert_eq!(note.verify(&known).unwrap(), [Verified { key: &known[0], at: None }]);
    assert_eq!(note.verify(&public(&theirs)), Err(NoteError::Unsigned));
    assert_eq!(note.verify(&[]), Err(NoteError::Unsigned));
    // The name of ours with another key is a stranger; the right id with wrong bytes is a lie.
    let namesake = key("ours", 4);
    assert_eq!(signed("text\n", &[&namesake]).verify(&known), Err(NoteError::Unsigned));
    let mut lie = note.clone();
    lie.signatures[1].bytes[63] ^= 1;
    assert_eq!(lie.verify(&known), Err(NoteError::Wrong("ours".parse().unwrap())));
    lie.signatures[1].bytes.truncate(63);
    assert_eq!(lie.verify(&known).unwrap_err().to_string(), "the signature of `ours` is wrong");
    // A right one beside the wrong one does not mend it.
    let mut both = note.clone();
    both.signatures.push(lie.signatures[1].clone());
    assert_eq!(both.verify(&known), Err(NoteError::Wrong("ours".parse().unwrap())));
}

#[test]
fn a_key_counts_once() {
    let ours = key("ours", 1);
    let note = signed("text\n", &[&ours, &ours]);
    assert_eq!(note.signatures().len(), 1);
    let twice = format!("{note}{}\n", note.signatures()[0]);
    let twice: Note = twice.parse().unwrap();
    assert_eq!((twice.signatures().len(), twice.verify(&public(&ours)).unwrap().len()), (2, 1));
}

#[test]
fn what_is_no_note_is_refused_with_its_reason() {
    let right = signed("text\n", &[&key("ours", 1)]).to_string();
    let line = right.strip_prefix("text\n\n").unwrap();
    let check =
        |note: &str, expect: &str| assert_eq!(note.parse::<Note>().unwrap_err().to_string(), expect, "{note:?}");
    let format = NoteError::Format.to_string();
    for note in ["", "\n", "text\n", &format!("text\n{line}"), right.trim_end_matches('\n'), "text\n\n"] {
        check(note, &format);
    }
    for bad in [
        "\n",
        "x\n",
        "— \n",
        "— ours\n",
        "— ours \n",
        "— ours AAAA\n",
        "— ours AAAAAA==\n",
        "— ours AAAAAAB=\n",
        "- ours AAAAAAA=\n",
        "—  AAAAAAA=\n",
        "— ou+rs AAAAAAA=\n",
        "— ours  AAAAAAA=\n",
        "— ours AAAAAAA= \n",
        "— ours AAAAAAA\n",
    ] {
        let second = if bad == "\n" { &format } else { "line 2 of the signatures is not `— NAME SIGNATURE`" };
        check(&format!("{right}{bad}"), second);
    }
    check(&format!("text\n\n{line}\n{line}x\n"), "line 2 of the signatures is not `— NAME SIGNATURE`");
    let characters = "a signed note is UTF-8 without control characters but newlines";
    check(&right.replace("text", "te\txt"), characters);
    check(&right.replace('\n', "\r\n"), characters);
    assert_eq!(Note::parse(&[right.as_bytes(), &[0xff, b'\n']].concat()), Err(NoteError::Characters));
    assert_eq!(Note::new("text".to_owned()), Err(NoteError::Unfinished));
    assert_eq!(Note::new("a\u{0}\n".to_owned()), Err(NoteError::Characters));
}

#[test]
fn a_note_has_bounds() {
    let line = "— n AAAAAAA=\n";
    let most = format!("text\n\n{}", line.repeat(NOTE_SIGNATURES_MAX));
    let mut note: Note = most.parse().unwrap();
    assert_eq!(format!("{most}{line}").parse::<Note>(), Err(NoteError::TooManySignatures));
    assert_eq!(note.sign(&key("ours", 1)), Err(NoteError::TooManySignatures));
    let fill = NOTE_BYTES_MAX - "\n\n".len() - line.len();
    let longest = format!("{}\n\n{line}", "x".repeat(fill));
    assert!(Note::parse(longest.as_bytes()).is_ok());
    assert_eq!(Note::parse(format!("x{longest}").as_bytes()), Err(NoteError::TooLong));
    assert_eq!(format!("x{longest}").parse::<Note>(), Err(NoteError::TooLong));
    assert_eq!(Note::new(format!("{}\n", "x".repeat(NOTE_BYTES_MAX))), Err(NoteError::TooLong));
    let name = "n".repeat(KEY_NAME_BYTES_MAX + 1);
    assert_eq!(format!("text\n\n— {name} AAAAAAA=\n").parse::<Note>(), Err(NoteError::Signature(1)));
}

#[test]
fn keys_sign_only_what_they_are_for() {
    let witness = SigningKey::from_seed("witness".parse().unwrap(), Algorithm::Cosignature, &[2; 32]).unwrap();
    let mut note = Note::new("text\n".to_owned()).unwrap();
    assert_eq!(note.sign(&witness), Err(NoteError::Kind("witness".parse().unwrap())));
    assert_eq!(note.cosign(&key("ours", 1), 5), Err(NoteError::Kind("ours".parse().unwrap())));
    assert_eq!(note.cosign(&witness, POSIX_SECONDS_MAX + 1), Err(NoteError::Time));
    assert_eq!(note.signatures(), []);
}

#[test]
fn a_cosignature_is_of_its_time() {
    let witness = SigningKey::from_seed("witness".parse().unwrap(), Algorithm::Cosignature, &[2; 32]).unwrap();
    let keys = [witness.verifier_key().clone()];
    let mut note = Note::new("text\n".to_owned()).unwrap();
    for at in [7, 9, 8] {
        note.cosign(&witness, at).unwrap();
    }
    assert_eq!(note.verify(&keys).unwrap(), [Verified { key: &keys[0], at: Some(9) }]);
    assert_eq!(note.signatures()[0].bytes.len(), 8 + SIGNATURE_BYTES);
    for place in 0..8 {
        let mut other = note.clone();
        other.signatures[1].bytes[place] ^= 1;
        assert_eq!(other.verify(&keys), Err(NoteError::Wrong("witness".parse().unwrap())));
    }
    let mut short = note.clone();
    short.signatures[0].bytes.truncate(7);
    assert_eq!(short.verify(&keys), Err(NoteError::Wrong("witness".parse().unwrap())));
}

proptest! {
    #[test]
    fn a_flipped_bit_is_never_accepted(text in "[a-z\n]{0,40}", place in any::<prop::sample::Index>(), bit in 0..8) {
        let ours = key("ours", 1);
        let right = signed(&format!("{text}\n"), &[&ours]);
        let mut bytes = right.to_string().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= 1_u8 << bit;
        if let Ok(other) = Note::parse(&bytes) {
            prop_assert!(other.verify(&public(&ours)).is_err());
        }
    }

    #[test]
    fn any_text_is_read_or_refused(note in "(a|\n|— |n|b |AAAAAAA=|\u{1}){0,30}") {
        if let Ok(read) = note.parse::<Note>() {
            prop_assert_eq!(read.to_string(), note);
        }
    }
}
