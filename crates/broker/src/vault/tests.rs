use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use model::{Blame, Secret};
use serde_json::Value;
use tempfile::TempDir;

use super::Vault;
use crate::VaultKey;

struct Place {
    _folder: TempDir,
    path: PathBuf,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    Place { path: folder.path().join("vault.json"), _folder: folder }
}

fn open(path: &Path) -> Vault {
    Vault::open(path, VaultKey::from_bytes([7; 32])).ok().unwrap()
}

fn set(vault: &Vault, name: &str, value: &str) {
    vault.set(name, Secret::new(value.to_owned())).unwrap();
}

fn get(vault: &Vault, name: &str) -> Result<String, &'static str> {
    vault.get(name).map(|value| value.expose().clone()).map_err(|fault| fault.code())
}

#[test]
fn round_trip() {
    let place = place();
    let vault = open(&place.path);
    assert_eq!(vault.list().unwrap(), []);
    assert_eq!(get(&vault, "crm"), Err("vault.unknown"));
    for value in ["x", "päss\nwörd\"\\", &"k".repeat(model::limits::SECRET_BYTES_MAX)] {
        set(&vault, "crm", value);
        assert_eq!(get(&vault, "crm").as_deref(), Ok(value));
        assert_eq!(get(&open(&place.path), "crm").as_deref(), Ok(value));
    }
    set(&vault, "mail", "other");
    let entries = vault.list().unwrap();
    let names: Vec<(&str, u64)> = entries.iter().map(|entry| (entry.name.as_str(), entry.version)).collect();
    assert_eq!(names, [("crm", 3), ("mail", 1)]);
    assert!(entries.iter().all(|entry| entry.set_at.seconds() > 1_500_000_000));
    assert!(vault.remove("crm").unwrap());
    assert!(!vault.remove("crm").unwrap());
    assert_eq!(get(&vault, "crm"), Err("vault.unknown"));
    assert_eq!(get(&vault, "mail").as_deref(), Ok("other"));
    assert_eq!(fs::metadata(&place.path).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn neither_the_file_nor_its_folder_show_a_value() {
    let place = place();
    let vault = open(&place.path);
    set(&vault, "crm", "canary-value-1");
    set(&vault, "crm", "canary-value-2");
    for entry in fs::read_dir(place.path.parent().unwrap()).unwrap() {
        let text = fs::read(entry.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains("canary"));
    }
    assert_eq!(fs::read_dir(place.path.parent().unwrap()).unwrap().count(), 2, "the vault and its lock");
}

#[test]
fn a_change_by_another_process_is_seen_at_once() {
    let place = place();
    let (one, other) = (open(&place.path), open(&place.path));
    for number in 0..50 {
        set(&one, "crm", &format!("value-{number:02}"));
        assert_eq!(get(&other, "crm"), Ok(format!("value-{number:02}")));
    }
    one.remove("crm").unwrap();
    assert_eq!(get(&other, "crm"), Err("vault.unknown"));
    fs::remove_file(&place.path).unwrap();
    assert_eq!(other.list().unwrap(), []);
}

#[test]
fn of_many_changes_at_once_none_is_lost() {
    let place = place();
    let shared = open(&place.path);
    std::thread::scope(|scope| {
        for part in 0..4 {
            let (place, shared) = (&place, &shared);
            scope.spawn(move || {
                let own = open(&place.path);
                for number in 0..5 {
                    set(&own, &format!("own-{part}-{number}"), "value");
                    set(shared, &format!("shared-{part}-{number}"), "value");
                }
            });
        }
    });
    assert_eq!(open(&place.path).list().unwrap().len(), 40);
}

#[test]
fn another_key_opens_nothing_and_changes_nothing() {
    let place = place();
    let vault = open(&place.path);
    set(&vault, "crm", "value");
    let fault = Vault::open(&place.path, VaultKey::from_bytes([8; 32])).err().unwrap();
    assert_eq!((fault.blame(), fault.code()), (Blame::Operator, "vault.wrong_key"));

    let mut file: Value = serde_json::from_slice(&fs::read(&place.path).unwrap()).unwrap();
    let other_place = self::place();
    let other = Vault::open(&other_place.path, VaultKey::from_bytes([8; 32])).ok().unwrap();
    set(&other, "x", "y");
    let other_file: Value = serde_json::from_slice(&fs::read(&other_place.path).unwrap()).unwrap();
    file["key_id"] = other_file["key_id"].clone();
    fs::write(&place.path, file.to_string()).unwrap();
    let forged = Vault::open(&place.path, VaultKey::from_bytes([8; 32])).ok().unwrap();
    assert_eq!(get(&forged, "crm"), Err("vault.damaged"));
}

#[test]
fn with_any_bit_changed_it_is_an_error() {
    let place = place();
    let vault = open(&place.path);
    set(&vault, "crm", "the value");
    let good = fs::read(&place.path).unwrap();
    let seen = |text: &[u8]| {
        let file = vault.parse(text).map_err(|fault| fault.code())?;
        let sealed = file.secrets.get("crm").ok_or("vault.unknown")?;
        sealed.open("crm", &vault.wrapping).map(|value| value.expose().clone()).ok_or("vault.damaged")
    };
    for byte in 0..good.len() {
        for bit in 0..8 {
            let mut changed = good.clone();
            changed[byte] ^= 1 << bit;
            assert!(seen(&changed).is_err(), "bit {bit} of byte {byte}");
        }
    }
    for cut in 0..good.len() - 1 {
        assert!(seen(&good[..cut]).is_err(), "cut at {cut}");
    }
    assert_eq!(seen(&good).as_deref(), Ok("the value"));
}

#[test]
fn entries_cannot_change_places() {
    let place = place();
    let vault = open(&place.path);
    set(&vault, "crm", "of crm");
    set(&vault, "mail", "of mail");
    set(&vault, "mail", "of mail, again");
    let good: Value = serde_json::from_slice(&fs::read(&place.path).unwrap()).unwrap();
    let check = |what: &str, change: &dyn Fn(&mut Value)| {
        let mut file = good.clone();
        change(&mut file["secrets"]);
        fs::write(&place.path, file.to_string()).unwrap();
        fs::set_permissions(&place.path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(get(&open(&place.path), "crm"), Err("vault.damaged"), "{what}");
    };
    check("the whole entry", &|secrets| secrets["crm"] = secrets["mail"].clone());
    check("the value", &|secrets| secrets["crm"]["value"] = secrets["mail"]["value"].clone());
    check("the key", &|secrets| secrets["crm"]["key"] = secrets["mail"]["key"].clone());
    check("key and value", &|secrets| {
        for part in ["key", "value"] {
            secrets["crm"][part] = secrets["mail"][part].clone();
        }
    });
    check("the version", &|secrets| secrets["crm"]["version"] = 2.into());
    check("the time", &|secrets| secrets["crm"]["set_at"] = 0.into());
    check("key for value", &|secrets| secrets["crm"]["value"] = secrets["crm"]["key"].clone());
    check("empty", &|secrets| secrets["crm"]["value"] = "".into());
}

#[test]
fn names_and_values_that_are_refused() {
    let place = place();
    let vault = open(&place.path);
    for name in ["", "a b", "a|b", "ä", "x\n", &"n".repeat(129)] {
        let fault = vault.set(name, Secret::new("value".to_owned())).unwrap_err();
        assert_eq!((fault.blame(), fault.code()), (Blame::Caller, "vault.name"), "{name:?}");
    }
    for value in [String::new(), "v".repeat(model::limits::SECRET_BYTES_MAX + 1)] {
        assert_eq!(vault.set("x", Secret::new(value)).unwrap_err().code(), "vault.value");
    }
    assert!(!place.path.exists());
}

#[test]
fn files_that_are_refused() {
    let place = place();
    set(&open(&place.path), "crm", "value");
    let good = fs::read_to_string(&place.path).unwrap();
    let code = |text: &str| {
        fs::write(&place.path, text).unwrap();
        Vault::open(&place.path, VaultKey::from_bytes([7; 32])).err().map(|fault| fault.code())
    };
    assert_eq!(code(""), Some("vault.damaged"));
    assert_eq!(code("{}"), Some("vault.damaged"));
    assert_eq!(code(&good.replace("vault-1", "vault-2")), Some("vault.format"));
    assert_eq!(code(&good.replacen('{', "{\"more\": 1,", 1)), Some("vault.damaged"));
    assert_eq!(code(&good), None);
    let vault = open(&place.path);
    fs::set_permissions(&place.path, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(get(&vault, "crm"), Err("file.mode"), "an open vault notices as well");
    assert_eq!(vault.set("x", Secret::new("value".to_owned())).unwrap_err().code(), "file.mode");
}
