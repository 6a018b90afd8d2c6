use super::*;

fn jwk(text: &str) -> String {
    serde_json::to_string(&PublicKey::read(text).unwrap()).unwrap()
}

#[test]
fn keys_of_three_kinds_are_taken_in_pem_and_as_a_jwk() {
    for (pem, kind) in [
        (include_str!("p256.pem"), "ES256"),
        (include_str!("ed25519.pem"), "EdDSA"),
        (include_str!("rsa2048.pem"), "RS256 or PS256"),
    ] {
        let key = PublicKey::read(pem).unwrap();
        assert_eq!(key.to_string(), kind);
        let mut jwk: serde_json::Value = serde_json::from_str(&jwk(pem)).unwrap();
        for (kty, crv) in [("EC", "P-256"), ("OKP", "Ed25519")] {
            if jwk["kty"] == kty {
                jwk["crv"] = crv.into();
            }
        }
        let again = PublicKey::read(&jwk.to_string()).unwrap();
        assert_eq!((again.digest(), &again), (key.digest(), &key), "{jwk}");
    }
}

#[test]
fn short_private_and_other_keys_are_refused() {
    let private_jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#;
    let secret =
        r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;
    let short = r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#;
    let two = [include_str!("ed25519.pem"), include_str!("p256.pem")].concat();
    for text in [
        "",
        "x",
        "{}",
        include_str!("rsa1024.pem"),
        include_str!("p384.pem"),
        include_str!("../certificate/p256.pem"),
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----",
        private_jwk,
        secret,
        short,
        &two,
    ] {
        let refused = PublicKey::read(text).expect_err(text);
        assert!(!refused.to_string().contains("nWGxne"), "{refused}");
    }
}

#[test]
fn a_key_signs_with_what_is_of_its_kind() {
    let rsa = PublicKey::read(include_str!("rsa2048.pem")).unwrap();
    let ed = PublicKey::read(include_str!("ed25519.pem")).unwrap();
    for (algorithm, by_rsa, by_ed) in [
        (Algorithm::RS256, true, false),
        (Algorithm::PS256, true, false),
        (Algorithm::EdDSA, false, true),
        (Algorithm::HS256, false, false),
        (Algorithm::ES256, false, false),
        (Algorithm::RS384, false, false),
    ] {
        assert_eq!((rsa.signs_with(algorithm), ed.signs_with(algorithm)), (by_rsa, by_ed), "{algorithm:?}");
    }
}
