use std::sync::Arc;

use model::Human;

use super::*;
use crate::ContractFile;

const CASE: &str = include_str!("../../../../examples/contracts/acme-screening.yaml");

fn contract(text: &str) -> Arc<Compiled> {
    let file = ContractFile { name: "acme.yaml".into(), text: text.into() };
    Compiled::load(&file).unwrap().contract
}

fn directory() -> DirectorySnapshot {
    let human = |id: &str| Human {
        id: id.parse().unwrap(),
        name: id.into(),
        department: None,
        seniority: None,
        role: None,
        manager: None,
        active: id != "gone",
    };
    let people = ["ana", "ana.admin", "bob", "eve", "jo", "gone"];
    let mut directory = DirectorySnapshot {
        humans: people.map(|id| (id.parse().unwrap(), Arc::new(human(id)))).into(),
        ..DirectorySnapshot::default()
    };
    for id in ["ana", "ana.admin"] {
        directory.persons.insert(id.parse().unwrap(), "ana".into());
    }
    directory
}

fn who(id: &str) -> Approver {
    Approver::danger_signed_in(id.parse().unwrap(), SignedInBy::Passkey, "s".into())
}

fn sign(contract: &Compiled, before: Option<&Signatures>, id: &str) -> Result<Signatures, Refused> {
    // Within the term.
    Signatures::sign(contract, before, &who(id), &directory(), UnixMicros(1_795_167_000_000_000))
}

#[test]
fn it_takes_two_different_people_of_our_side() {
    let contract = contract(&CASE.replace("Jo Berg", "\"human:jo\""));
    let one = sign(&contract, None, "ana").unwrap();
    assert_eq!(one.standing(contract.forms()), Standing::Unsigned);
    let refused = |id: &str| sign(&contract, Some(&one), id).unwrap_err().to_string();
    assert_eq!(refused("ana"), "ana has signed it already, and a different person has to sign as well");
    assert_eq!(refused("ana.admin"), "ana.admin has signed it already, and a different person has to sign as well");
    assert_eq!(refused("jo"), "jo is of the vendor's side, which does not sign here");
    assert_eq!(refused("gone"), "gone has left");
    assert_eq!(refused("nobody"), "`nobody` is not in the directory");
    let both = sign(&contract, Some(&one), "bob").unwrap();
    assert_eq!(both.standing(contract.forms()), Standing::Active);
    assert_eq!(sign(&contract, Some(&both), "eve").unwrap_err(), Refused::Signed);
}

#[test]
fn what_changed_is_signed_anew() {
    let before = contract(CASE);
    let both = sign(&before, Some(&sign(&before, None, "ana").unwrap()), "bob").unwrap();
    let after = contract(&CASE.replace("600/hour", "6000/hour"));
    assert_eq!(both.standing(after.forms()), Standing::Changed);
    let one = sign(&after, Some(&both), "bob").unwrap();
    assert_eq!((one.signatures.len(), one.standing(after.forms())), (1, Standing::Unsigned));
    assert_eq!(one.standing(before.forms()), Standing::Changed, "and the old one is in force no more");
    // What was signed before is there to compare with, for the second one who signs as well.
    let (old, new) = (before.forms(), after.forms());
    let signed = Some(Signed { normal: old.normal.clone(), canonical: Some(old.canonical.clone()) });
    assert_eq!(both.signed_before(new), signed);
    assert_eq!(one.signed_before(new), signed);
    let again = sign(&after, Some(&one), "eve").unwrap();
    assert_eq!(again.signed_before(new), signed);
    // What one person signed and nobody else was never in force.
    let third = contract(&CASE.replace("600/hour", "7000/hour"));
    assert_eq!(one.signed_before(third.forms()), signed);
    assert_eq!(again.signed_before(third.forms()).map(|signed| signed.normal), Some(new.normal.clone()));
    assert_eq!(sign(&before, None, "ana").unwrap().signed_before(old), None);
    // Of what an earlier version of this program kept, there is the normal form.
    let mut kept = serde_json::to_value(&both).unwrap();
    kept.as_object_mut().unwrap().remove("canonical");
    let kept: Signatures = serde_json::from_value(kept).unwrap();
    assert_eq!(kept.signed_before(new), Some(Signed { normal: old.normal.clone(), canonical: None }));
}

#[test]
fn suspended_is_suspended_until_somebody_resumes_it_and_terminated_for_good() {
    let contract = contract(CASE);
    let act = || Act { by: "os-user:ana".into(), at_us: 5, reason: Some("a leak".into()) };
    let both = sign(&contract, Some(&sign(&contract, None, "ana").unwrap()), "bob").unwrap();
    assert_eq!(both.resumed().unwrap_err(), Refused::NotSuspended);
    let suspended = both.suspended(act()).unwrap();
    assert_eq!(suspended.standing(contract.forms()), Standing::Suspended);
    // Nobody signs a suspension away.
    let again = sign(&contract, Some(&Signatures { signatures: Vec::new(), ..suspended.clone() }), "ana").unwrap();
    assert_eq!(again.standing(contract.forms()), Standing::Suspended);
    assert_eq!(suspended.resumed().unwrap(), both);
    let ended = suspended.terminated(act()).unwrap();
    assert_eq!(ended.standing(contract.forms()), Standing::Terminated);
    for refused in
        [ended.resumed(), ended.suspended(act()), ended.terminated(act()), sign(&contract, Some(&ended), "eve")]
    {
        assert_eq!(refused.unwrap_err(), Refused::Terminated);
    }
    let kept = serde_json::to_string(&ended).unwrap();
    assert_eq!(serde_json::from_str::<Signatures>(&kept).unwrap(), ended);
}

#[test]
fn nobody_signs_what_is_over() {
    let contract = contract(CASE);
    let late = contract.agreement().term.ends;
    assert_eq!(Signatures::sign(&contract, None, &who("ana"), &directory(), late).unwrap_err(), Refused::Expired);
}
