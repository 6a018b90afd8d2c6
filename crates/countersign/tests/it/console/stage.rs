//! A world to look at: the demo's apps, people with accounts, calls of every kind.

use anyhow::{Context, Result, ensure};
use demo::{App, Apps};
use serde_json::json;
use testkit::{HttpRequest, World, WorldBuilder, exchange};

use crate::kit::{intents, until, world};
use crate::people::typed;

pub(super) const PASSWORD: &str = "correct horse battery";

/// The world, and what keeps the apps alive.
pub(super) struct Stage {
    pub(super) world: World,
    _apps: Apps,
    _runtime: tokio::runtime::Runtime,
}

impl Stage {
    /// Everything runs; nobody has called anything and nobody has an account.
    pub(super) fn start() -> Result<Self> {
        Self::start_with(|world| world)
    }

    /// With more in the configuration.
    pub(super) fn start_with(more: impl FnOnce(WorldBuilder) -> WorldBuilder) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let apps = {
            let _inside = runtime.enter();
            Apps::start_with(|_| None)?
        };
        let mut builder = world()
            .set(&["console"], json!({ "listen": "127.0.0.1:0" }))
            .set(&["holds"], json!({ "wait": "0s" }))
            .set(&["people"], people())
            .agent("ana-assistant", "ana")
            .set(&["agents", "ana-assistant", "name"], json!("Ana's assistant"))
            .agent("sam-helper", "sam")
            .set(&["agents", "sam-helper", "name"], json!("Sam's helper"));
        for agent in ["ana-desktop", "ben-desktop"] {
            builder = builder.set(&["agents", agent], json!(null));
        }
        builder = builder.set(&["connect"], json!(null));
        for (app, about) in [
            (
                App::Repo,
                json!({"name": "Documents", "profile": "demo-repo", "risk": "low", "data": "internal", "owners": ["ana"], "access": {"departments": ["finance"]}, "trace": {"arguments": "full"}}),
            ),
            (
                App::Crm,
                json!({"name": "Customers", "profile": "demo-crm", "risk": "high", "data": "restricted", "owners": ["bo"], "access": {"departments": ["sales"]}, "trace": {"arguments": "full"}}),
            ),
            (
                App::Mail,
                json!({"name": "Mail", "profile": "demo-mail", "risk": "medium", "data": "confidential", "owners": ["ana"], "access": {"roles": ["cfo"]}}),
            ),
            (
                App::Deploy,
                json!({"name": "Deploy", "profile": "demo-deploy", "risk": "high", "data": "confidential", "owners": ["ana"], "access": {"people": ["ana"]}, "trace": {"arguments": "full"}}),
            ),
        ] {
            let mut about = about;
            about.as_object_mut().context("an app")?.insert("url".to_owned(), json!(apps.url(app)));
            builder = builder.set(&["apps", app.as_str()], about);
        }
        let world = more(builder).start()?;
        world.run_well(&["tools", "pin", "--yes"])?;
        Ok(Self { world, _apps: apps, _runtime: runtime })
    }

    /// The calls of one morning.
    pub(super) fn a_morning(&self) -> Result<()> {
        let mut ana = self.world.client("ana-assistant", "ana")?;
        let mut sam = self.world.client("sam-helper", "sam")?;
        let (pricing, renewals) = (json!({ "path": "docs/pricing.md" }), json!({ "query": "renewals above 50k" }));
        let customer = json!({ "id": "C-1001" });
        let change = json!({ "environment": "staging", "change": "raise the memory of the search index to 8 GiB" });
        let letter = json!({ "to": "board@meridian.example", "subject": "Q3 figures", "body": "Attached." });
        for (who, tool, arguments) in [
            ("ana", "repo__read_document", &pricing),
            ("ana", "repo__search_documents", &json!({ "query": "travel policy" })),
            ("sam", "repo__read_document", &pricing),
            ("sam", "crm__search_customers", &renewals),
            ("ana", "deploy__propose_change", &change),
            ("ana", "repo__read_document", &json!({ "path": "docs/no-such-file.md" })),
            ("sam", "crm__get_customer", &customer),
            ("ana", "mail__send_message", &letter),
            ("sam", "crm__update_customer", &json!({ "id": "C-1001", "field": "owner", "value": "sam" })),
            ("ana", "repo__search_documents", &json!({ "query": "pricing 2027" })),
            ("ana", "deploy__delete_environment", &json!({ "environment": "production" })),
        ] {
            let client = if who == "ana" { &mut ana } else { &mut sam };
            let _refused_or_not = client.call(tool, arguments.clone())?;
        }
        until("every call that ran has its outcome", || {
            Ok(intents(&self.world)?
                .iter()
                .all(|entry| entry.outcome_leaf.is_some() || entry.verdict.is_some_and(|verdict| !verdict.runs())))
        })
    }

    /// What waits the longest, by its id.
    pub(super) fn hold(&self) -> Result<String> {
        let said: serde_json::Value = serde_json::from_str(&self.world.run_well(&["holds", "list", "--json"])?)?;
        let hold = said.pointer("/holds/0/hold").and_then(serde_json::Value::as_str);
        Ok(hold.context("nothing waits")?.to_owned())
    }

    /// Makes accounts for these people.
    pub(super) fn with_accounts(&self, people: &[&str]) -> Result<()> {
        for human in people {
            let link = self.invite(human)?;
            let code = link.rsplit('=').next().context("a link with a code")?;
            typed(&self.world, &["login", "--password-stdin", "--code", code], PASSWORD)?;
        }
        Ok(())
    }

    /// The link that an invited person follows.
    pub(super) fn invite(&self, human: &str) -> Result<String> {
        Ok(self.world.run_well(&["accounts", "invite", human])?.trim().to_owned())
    }

    /// A request to the console.
    pub(super) fn send(&self, request: &HttpRequest) -> Result<Seen> {
        let address = self.world.console_url().strip_prefix("http://").context("the console's address")?.parse()?;
        let mut response = exchange(address, request, std::time::Duration::from_secs(20))?;
        let headers = std::mem::take(&mut response.headers);
        let body = if headers.iter().any(|(name, value)| name == "content-type" && value == "text/event-stream") {
            String::new()
        } else {
            response.text()?
        };
        Ok(Seen { status: response.status, headers, body })
    }

    /// The cookie of a person who has just signed in.
    pub(super) fn cookie_of(&self, human: &str) -> Result<String> {
        let seen = self.send(&self.form("/sign-in", &[("name", human), ("password", PASSWORD)]))?;
        ensure!(seen.status == 303, "{} {}", seen.status, seen.body);
        let set = seen.header("set-cookie").context("no cookie")?;
        Ok(set.split(';').next().unwrap_or_default().to_owned())
    }

    /// A form as a page of the console sends it.
    pub(super) fn form(&self, path: &str, fields: &[(&str, &str)]) -> HttpRequest {
        let mut request = HttpRequest::get(path)
            .with("content-type", "application/x-www-form-urlencoded")
            .with("origin", self.world.console_url())
            .with("sec-fetch-site", "same-origin");
        "POST".clone_into(&mut request.method);
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).collect();
        request.body = pairs.join("&").into_bytes();
        request
    }
}

/// What came back.
pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn people() -> serde_json::Value {
    json!({
        "ana": {"name": "Ana Diaz", "department": "finance", "seniority": "executive", "role": "cfo"},
        "bo": {"name": "Bo Lind", "department": "sales", "seniority": "senior", "role": "head-of-sales"},
        "sam": {"name": "Sam Reed", "department": "support", "seniority": "contractor", "role": "support", "manager": "bo"},
        "kim": {"name": "Kim Sato", "department": "security", "seniority": "senior", "role": "auditor"},
    })
}
