use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use model::limits::CHALLENGE_LIFE;
use serde_json::json;

use super::*;

const NOW: UnixMicros = UnixMicros(1_800_000_000_000_000);

pub(in crate::people) fn site() -> Site {
    Site { host: "localhost".to_owned(), origins: vec!["http://localhost:4120".to_owned()] }
}

/// What a device says, with everything about it to be spoilt.
#[derive(Clone)]
pub(in crate::people) struct Said {
    pub(in crate::people) kind: &'static str,
    pub(in crate::people) challenge: String,
    pub(in crate::people) origin: &'static str,
    pub(in crate::people) crossed: bool,
    pub(in crate::people) host: &'static str,
    pub(in crate::people) flags: u8,
    pub(in crate::people) count: u32,
}

impl Said {
    pub(in crate::people) fn well(kind: &'static str, challenge: &str) -> Self {
        Self {
            kind,
            challenge: challenge.to_owned(),
            origin: "http://localhost:4120",
            crossed: false,
            host: "localhost",
            flags: USER_PRESENT | USER_VERIFIED,
            count: 7,
        }
    }

    pub(in crate::people) fn answer(&self, proof: impl Fn(&[u8]) -> Vec<u8>) -> Answer {
        let client = json!({
            "type": self.kind, "challenge": self.challenge, "origin": self.origin, "crossOrigin": self.crossed,
        });
        let client = client.to_string().into_bytes();
        let host = digest(&SHA256, self.host.as_bytes());
        let device = [host.as_ref(), &[self.flags], &self.count.to_be_bytes()].concat();
        let signed = [device.as_slice(), digest(&SHA256, &client).as_ref()].concat();
        Answer {
            id: "a2V5".to_owned(),
            client_data: URL_SAFE_NO_PAD.encode(&client),
            device_data: URL_SAFE_NO_PAD.encode(&device),
            proof: URL_SAFE_NO_PAD.encode(proof(&signed)),
        }
    }
}

pub(in crate::people) fn p256() -> (EcdsaKeyPair, Vec<u8>) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let public = [P256_HEAD, pair.public_key().as_ref()].concat();
    (pair, public)
}

pub(in crate::people) fn sign(pair: &EcdsaKeyPair, signed: &[u8]) -> Vec<u8> {
    pair.sign(&SystemRandom::new(), signed).unwrap().as_ref().to_vec()
}

fn added(challenges: &Challenges, public: &[u8]) -> Passkey {
    let challenge = challenges.make("add", NOW).unwrap();
    let answer = Said { count: 6, ..Said::well("webauthn.create", &challenge) }.answer(|_| public.to_vec());
    challenges.added(&answer, "add", &site(), "laptop", NOW).unwrap()
}

#[test]
fn a_key_proves_its_person_once_for_each_question() {
    let (challenges, (pair, public)) = (Challenges::living(CHALLENGE_LIFE).unwrap(), p256());
    let passkey = added(&challenges, &public);
    let challenge = challenges.make("hold", NOW).unwrap();
    let answer = Said::well("webauthn.get", &challenge).answer(|signed| sign(&pair, signed));
    assert_eq!(challenges.proved(&passkey, &answer, "hold", &site(), NOW), Some(7));
    assert_eq!(challenges.proved(&passkey, &answer, "hold", &site(), NOW), None, "replayed");
}

#[test]
fn an_ed25519_key_does_too() {
    let challenges = Challenges::living(CHALLENGE_LIFE).unwrap();
    let pair = Ed25519KeyPair::generate().unwrap();
    let passkey = added(&challenges, &[ED25519_HEAD, pair.public_key().as_ref()].concat());
    let challenge = challenges.make("hold", NOW).unwrap();
    let answer = Said::well("webauthn.get", &challenge).answer(|signed| pair.sign(signed).as_ref().to_vec());
    assert_eq!(challenges.proved(&passkey, &answer, "hold", &site(), NOW), Some(7));
}

fn spki(pair: &RsaKeyPair) -> Vec<u8> {
    pair.public_key().as_der().unwrap().as_ref().to_vec()
}

#[test]
fn an_rsa_key_does_too() {
    let challenges = Challenges::living(CHALLENGE_LIFE).unwrap();
    let [pair, stranger] = [KeySize::Rsa2048; 2].map(|size| RsaKeyPair::generate(size).unwrap());
    let passkey = added(&challenges, &spki(&pair));
    let challenge = challenges.make("hold", NOW).unwrap();
    let answer = |pair: &RsaKeyPair| {
        Said::well("webauthn.get", &challenge).answer(|signed| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed, &mut signature).unwrap();
            signature
        })
    };
    assert_eq!(challenges.proved(&passkey, &answer(&stranger), "hold", &site(), NOW), None, "another key");
    assert_eq!(challenges.proved(&passkey, &answer(&pair), "hold", &site(), NOW), Some(7));
    for size in [KeySize::Rsa3072, KeySize::Rsa4096] {
        added(&challenges, &spki(&RsaKeyPair::generate(size).unwrap()));
    }
}

#[test]
fn whatever_is_spoilt_proves_nothing() {
    let (challenges, (pair, public)) = (Challenges::living(CHALLENGE_LIFE).unwrap(), p256());
    let passkey = added(&challenges, &public);
    let well = || Said::well("webauthn.get", &challenges.make("hold", NOW).unwrap());
    let spoilt = [
        ("another question", Said { challenge: challenges.make("other", NOW).unwrap(), ..well() }),
        (
            "somebody else's challenge",
            Said { challenge: Challenges::living(CHALLENGE_LIFE).unwrap().make("hold", NOW).unwrap(), ..well() },
        ),
        ("no challenge", Said { challenge: String::new(), ..well() }),
        ("a new key", Said { kind: "webauthn.create", ..well() }),
        ("another page", Said { origin: "http://evil.example", ..well() }),
        ("another port", Said { origin: "http://localhost:4121", ..well() }),
        ("in a frame", Said { crossed: true, ..well() }),
        ("for another host", Said { host: "evil.example", ..well() }),
        ("nobody there", Said { flags: USER_VERIFIED, ..well() }),
        ("nobody made sure of", Said { flags: USER_PRESENT, ..well() }),
        ("a count that does not grow", Said { count: 6, ..well() }),
        ("a count that is gone", Said { count: 0, ..well() }),
    ];
    for (what, said) in spoilt {
        let answer = said.answer(|signed| sign(&pair, signed));
        assert_eq!(challenges.proved(&passkey, &answer, "hold", &site(), NOW), None, "{what}");
    }
    let (stranger, _) = p256();
    let answer = well().answer(|signed| sign(&stranger, signed));
    assert_eq!(challenges.proved(&passkey, &answer, "hold", &site(), NOW), None, "another key");
    let answer = Answer {
        device_data: well().answer(|_| Vec::new()).device_data + "AA",
        ..well().answer(|signed| sign(&pair, signed))
    };
    assert_eq!(challenges.proved(&passkey, &answer, "hold", &site(), NOW), None, "other data than were signed");
    let late = UnixMicros(NOW.0 + i64::try_from(CHALLENGE_LIFE.as_micros()).unwrap());
    let answer = well().answer(|signed| sign(&pair, signed));
    assert_eq!(challenges.proved(&passkey, &answer, "hold", &site(), late), None, "late");
    let answer = well().answer(|signed| sign(&pair, signed));
    assert_eq!(challenges.proved(&passkey, &answer, "hold", &site(), NOW), Some(7), "and well");
}

#[test]
fn a_device_that_does_not_count_is_taken() {
    let (challenges, (pair, public)) = (Challenges::living(CHALLENGE_LIFE).unwrap(), p256());
    let passkey = Passkey { count: 0, ..added(&challenges, &public) };
    let said = Said { count: 0, ..Said::well("webauthn.get", &challenges.make("hold", NOW).unwrap()) };
    let answer = said.answer(|signed| sign(&pair, signed));
    assert_eq!(challenges.proved(&passkey, &answer, "hold", &site(), NOW), Some(0));
    assert_eq!(challenges.proved(&passkey, &answer, "hold", &site(), NOW), None, "replayed");
}

#[test]
fn an_answer_that_is_not_right_uses_up_no_question() {
    let (challenges, (pair, public)) = (Challenges::living(CHALLENGE_LIFE).unwrap(), p256());
    let passkey = added(&challenges, &public);
    let said = Said::well("webauthn.get", &challenges.make("hold", NOW).unwrap());
    let (stranger, _) = p256();
    let forged = said.answer(|signed| sign(&stranger, signed));
    assert_eq!(challenges.proved(&passkey, &forged, "hold", &site(), NOW), None);
    let answer = said.answer(|signed| sign(&pair, signed));
    assert_eq!(challenges.proved(&passkey, &answer, "hold", &site(), NOW), Some(7));
}

#[test]
fn only_keys_of_three_kinds_are_taken() {
    let challenges = Challenges::living(CHALLENGE_LIFE).unwrap();
    let rsa = spki(&RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
    let spoilt = |at: usize, byte: u8| {
        let mut spoilt = rsa.clone();
        spoilt[at] = byte;
        spoilt
    };
    for public in [
        Vec::new(),
        vec![4; 91],
        [P256_HEAD, &[2; 65]].concat(),
        [ED25519_HEAD, &[1; 31]].concat(),
        [&rsa[..], &[0]].concat(),
        rsa[..rsa.len() - 1].to_vec(),
        // Another length than it has, a modulus that is shorter than it says, another exponent, another kind.
        spoilt(3, 0x21),
        spoilt(33, 0x01),
        spoilt(rsa.len() - 1, 0x03),
        spoilt(16, 0x0a),
    ] {
        let challenge = challenges.make("add", NOW).unwrap();
        let answer = Said::well("webauthn.create", &challenge).answer(|_| public.clone());
        let refused = challenges.added(&answer, "add", &site(), "laptop", NOW);
        assert_eq!(refused.unwrap_err().code(), "people.passkey");
    }
}

#[test]
fn a_challenge_of_a_time_that_has_not_come_is_none() {
    let challenges = Challenges::living(CHALLENGE_LIFE).unwrap();
    let on = |seconds: i64| UnixMicros(NOW.0 + seconds * 1_000_000);
    let day = 24 * 60 * 60;
    let (used, left) = (challenges.make("hold", on(day)).unwrap(), challenges.make("hold", on(day)).unwrap());
    assert!(challenges.take(&used, "hold", on(day)).is_some());
    // The clock is put right.
    assert!(challenges.look(&left, "hold", NOW).is_none() && challenges.take(&left, "hold", NOW).is_none());
    let close = challenges.make("hold", on(30)).unwrap();
    assert!(challenges.look(&close, "hold", NOW).is_some(), "clocks differ a little");
    // Nor does what was used keep the rest from being forgotten.
    for now in 0..4 {
        let of_now = challenges.make("hold", on(now)).unwrap();
        assert!(challenges.take(&of_now, "hold", on(now)).is_some());
    }
    let later = on(i64::try_from(CHALLENGE_LIFE.as_secs()).unwrap() + 10);
    let of_later = challenges.make("hold", later).unwrap();
    assert!(challenges.take(&of_later, "hold", later).is_some());
    assert_eq!(challenges.used.lock().unwrap().len(), 2);
    assert!(challenges.take(&used, "hold", on(day)).is_none(), "not twice, when its time comes");
}
