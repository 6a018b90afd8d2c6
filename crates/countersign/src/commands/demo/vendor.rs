//! The second half of the story: a vendor under contract, before the door of an HTTP API.

use demo::{Ats, Vendor};
use model::{ContractId, Digest, Fault, VendorId};
use serde_json::{Value, json};

use super::{Story, broken, text, wrapped};
use crate::operations::Operation;
use crate::terminal::{Ink, out};

/// One request of the vendor.
struct Request {
    title: &'static str,
    path: &'static str,
    /// The status of its answer.
    expect: u16,
    /// How often the system behind the door is asked.
    reaches: u64,
}

impl Story {
    /// Everything the vendor asks, and what two people sign before it gets anything.
    pub(super) async fn play_vendor(&self, ats: &Ats, sessions: &[String]) -> Result<(), Fault> {
        let issued =
            Operation::IssueVendorKey { vendor: vendor()?, contract: contract()?, purpose: None, seconds: None };
        let key = text(&self.operate(issued).await?, "key")?;
        let vendor =
            Vendor::new(&format!("{}/api/ats", self.gateway.public_url), &key).map_err(|error| broken(&error))?;
        let mut requests = requests().into_iter();
        for request in requests.by_ref().take(1) {
            self.ask(&vendor, ats, request).await?;
        }
        self.sign(sessions).await?;
        for request in requests.by_ref().take(4) {
            self.ask(&vendor, ats, request).await?;
        }
        let reason = Some("unannounced audit".to_owned());
        self.operate(Operation::SuspendContract { contract: contract()?, reason }).await?;
        for request in requests {
            self.ask(&vendor, ats, request).await?;
        }
        Ok(())
    }

    async fn sign(&self, sessions: &[String]) -> Result<(), Fault> {
        let shown = self.operate(Operation::Contract { contract: contract()? }).await?;
        let digest: Digest = text(&shown, "digest")?.parse().map_err(|error| broken(&error))?;
        out("");
        out(self.look.paint(Ink::Bold, "Ana Diaz and Bo Lind sign the agreement as the gateway understood it."));
        let short: String = digest.to_string().chars().take(15).collect();
        out(self.look.paint(Ink::Dim, format_args!("  countersign contract sign {CONTRACT} --digest {short}…")));
        let mut said = Value::Null;
        for session in sessions {
            let session = session.clone();
            said = self.operate(Operation::SignContract { contract: contract()?, digest, session }).await?;
        }
        let coverage = |key: &str| said.pointer(&format!("/coverage/{key}")).cloned().unwrap_or_default();
        out(format_args!(
            "  In force: {} clauses enforced at each request, {} looked after by a person.",
            coverage("enforced"),
            coverage("needs_human")
        ));
        Ok(())
    }

    async fn ask(&self, vendor: &Vendor, ats: &Ats, request: Request) -> Result<(), Fault> {
        let look = self.look;
        out("");
        out(look.paint(Ink::Bold, request.title));
        out(look.paint(Ink::Dim, format_args!("  acme-screening asks GET /api/ats{}", request.path)));
        let before = ats.requests();
        let heard = vendor.get(request.path).await.map_err(|error| broken(&error))?;
        let reached = ats.requests() - before;
        let times = if reached == 1 { "once".to_owned() } else { format!("{reached} times") };
        let ink = if heard.status == 200 { Ink::Green } else { Ink::Red };
        let status = look.paint(ink, format_args!("{:<7}", heard.status));
        out(format_args!("  {status} the system was asked {times}; the vendor reads:"));
        for line in in_lines(&heard.body).iter().flat_map(|line| wrapped(line, 92)) {
            out(format_args!("           {line}"));
        }
        if (heard.status, reached) != (request.expect, request.reaches) {
            let expected = json!({ "status": request.expect, "reaches": request.reaches });
            return Err(broken(&format!("{} should have been {expected}", request.path)));
        }
        Ok(())
    }
}

/// A list of records one by one; a refusal as its sentence.
fn in_lines(body: &str) -> Vec<String> {
    let Ok(said) = serde_json::from_str::<Value>(body) else { return vec![body.to_owned()] };
    if let Some(detail) = said.get("detail").and_then(Value::as_str) {
        return vec![detail.to_owned()];
    }
    match said.get("data").and_then(Value::as_array) {
        Some(rows) => {
            rows.iter().map(Value::to_string).chain(said.get("total").map(|total| format!("total: {total}"))).collect()
        }
        None => vec![said.to_string()],
    }
}

fn requests() -> [Request; 6] {
    [
        Request {
            title: "A screening vendor has a key, but nobody has signed its agreement.",
            path: "/candidates?limit=10",
            expect: 403,
            reaches: 0,
        },
        Request {
            title: "The vendor lists candidates. Its key could open every record of every client.",
            path: "/candidates?limit=10",
            expect: 200,
            reaches: 1,
        },
        Request {
            title: "It sorts by what it may not see: the order alone would tell.",
            path: "/candidates?limit=10&sort=compensation",
            expect: 403,
            reaches: 0,
        },
        Request {
            title: "It asks for a candidate of another client, by id.",
            path: "/candidates/cand-9",
            expect: 404,
            reaches: 1,
        },
        Request {
            title: "And for another client's list.",
            path: "/candidates?client_id=globex&limit=10",
            expect: 403,
            reaches: 0,
        },
        Request {
            title: "The contract is suspended: `countersign contract suspend acme-screening`. The very next request:",
            path: "/candidates/cand-1",
            expect: 403,
            reaches: 0,
        },
    ]
}

fn contract() -> Result<ContractId, Fault> {
    ContractId::parse(CONTRACT).map_err(|error| broken(&error))
}

fn vendor() -> Result<VendorId, Fault> {
    VendorId::parse(CONTRACT).map_err(|error| broken(&error))
}

const CONTRACT: &str = "acme-screening";
