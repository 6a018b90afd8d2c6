//! People sign in with an identity provider by others (oidc-provider), in a real Chromium.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{HttpRequest, workspace_root};

use super::arap::post;
use super::browser::Browser;
use super::stage::{PASSWORD, Stage};
use crate::kit::{at, changes};
use crate::people::typed;

const SECRET: &str = "what-only-the-provider-and-we-know";

/// The provider. It ends with this.
struct Provider {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    issuer: String,
}

impl Provider {
    /// It listens, and does not know us yet.
    fn start(mode: &str) -> Result<Self> {
        let mut process = Command::new("node")
            .arg(workspace_root().join("tests/node/identity.mjs"))
            .arg(mode)
            .env("IDENTITY_SECRET", SECRET)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("node cannot be started\nhint: cargo xtask setup")?;
        let input = process.stdin.take().context("no input")?;
        let output = BufReader::new(process.stdout.take().context("no output")?);
        let mut provider = Self { process, input, output, issuer: String::new() };
        let port: u16 =
            provider.line()?.parse().context("it does not say where it listens\nhint: cargo xtask setup")?;
        // Another site than the console's, so that browsers keep the two apart as they would in life.
        provider.issuer = format!("http://localhost:{port}");
        Ok(provider)
    }

    /// A world whose people sign in with it: Bo, and Sam, who is known there by another name. Bo has no password here.
    fn stage(&mut self, claim: &str, bo: &str) -> Result<Stage> {
        let oidc = json!({
            "name": "Acme SSO", "issuer": self.issuer, "client_id": "console", "client_secret": "env:ACME_SECRET", "claim": claim,
        });
        let stage = Stage::start_with(|world| {
            world
                .environment("ACME_SECRET", SECRET)
                .set(&["console", "oidc"], oidc)
                .set(&["people", "bo", "oidc"], json!(bo))
                .set(&["people", "sam", "oidc"], json!("reed.sam"))
        })?;
        self.know(&stage)?;
        Ok(stage)
    }

    /// It takes people back to these pages, and has other keys than before.
    fn know(&mut self, stage: &Stage) -> Result<()> {
        writeln!(self.input, "{}/sign-in/oidc", stage.world.console_url())?;
        ensure!(self.line()? == "ready");
        Ok(())
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

/// Gives a name and any password on the provider's own page.
fn sign_in_there(browser: &mut Browser, name: &str) -> Result<()> {
    browser.reads("Sign-in")?;
    browser.act("type", json!({ "text": name }))?;
    browser.press(&["Tab"])?;
    browser.act("type", json!({ "text": "any" }))?;
    browser.click("button", "Sign-in")
}

/// What was loaded at the provider is no page of ours.
fn nothing_of_ours(browser: &mut Browser) -> Result<()> {
    browser.act("noise", json!({})).map(drop)
}

#[test]
fn a_person_signs_in_with_a_provider_and_approves() -> Result<()> {
    let mut provider = Provider::start("")?;
    let stage = provider.stage("sub", "u-4711")?;
    let mut sam = stage.world.client("sam-helper", "sam")?;
    sam.call("crm__get_customer", json!({ "id": "C-1001" }))?;
    let hold = stage.hold()?;
    let console = stage.world.console_url().to_owned();
    let mut browser = Browser::start()?;
    browser.act("open", json!({ "width": 1280, "height": 800 }))?;
    browser.go(&format!("{console}/holds/{hold}"))?;
    browser.is_in_order("the door, with a provider")?;
    browser.click("link", "Sign in with Acme SSO")?;
    sign_in_there(&mut browser, "u-4711")?;
    browser.click("button", "Continue")?;
    browser.is_at(&format!("/holds/{hold}"))?;
    browser.reads("Bo Lind")?;
    nothing_of_ours(&mut browser)?;
    browser.is_in_order("a hold, for somebody of a provider")?;
    let signed_in = changes(&stage.world, "people.signed_in")?.pop().context("nobody signed in")?;
    ensure!(signed_in.subject.as_deref() == Some("human:bo"), "{signed_in:?}");
    ensure!(signed_in.detail.as_ref().and_then(|detail| detail.get("how")) == Some(&json!("oidc")), "{signed_in:?}");

    // A session that was left open decides nothing.
    let page = browser.act("text", json!({}))?;
    ensure!(
        page.as_str().is_some_and(|page| !page.contains("Approve this call") && !page.contains("password")),
        "{page}"
    );
    browser.click("link", "Prove with Acme SSO that it is you")?;
    sign_in_there(&mut browser, "u-4711")?;
    browser.is_at(&format!("/holds/{hold}"))?;
    browser.reads("You have just proved to Acme SSO that it is you.")?;
    nothing_of_ours(&mut browser)?;
    browser.is_in_order("a hold to decide, for somebody of a provider")?;
    browser.click("button", "Approve this call, once")?;
    browser.reads("Approved, and waits for its agent to come back")?;
    let approved = changes(&stage.world, "hold.approved")?.pop().context("no approval")?;
    let of = |pointer: &str| approved.detail.as_ref().and_then(|detail| detail.pointer(pointer).cloned());
    ensure!(of("/approvals/0/how") == Some(json!("oidc")), "{approved:?}");
    let answer = sam.call("crm__get_customer", json!({ "id": "C-1001" }))?;
    ensure!(answer.get("isError") != Some(&json!(true)), "{answer}");
    browser.go(&format!("{console}/holds/{hold}"))?;
    browser.reads("with the identity provider")?;

    at_a_terminal(&stage, &mut browser, &mut sam)
}

/// A code of the account page signs in the command line, which approves.
fn at_a_terminal(stage: &Stage, browser: &mut Browser, sam: &mut testkit::McpClient) -> Result<()> {
    sam.call("crm__get_customer", json!({ "id": "C-1002" }))?;
    let hold = stage.hold()?;
    browser.go(&format!("{}/account", stage.world.console_url()))?;
    browser.reads("At a terminal")?;
    browser.is_in_order("an account of somebody of a provider")?;
    let code = lent(browser)?;
    browser.is_in_order("a code for the command line")?;
    let refused = typed(&stage.world, &["login", "bo"], PASSWORD).err().context("bo has a password")?;
    ensure!(refused.to_string().contains("countersign login --from-page CODE"), "{refused}");
    stage.world.run_well(&["login", "--from-page", &code])?;
    let who: Value = serde_json::from_str(&stage.world.run_well(&["whoami", "--json"])?)?;
    ensure!((who.get("human"), who.get("how")) == (Some(&json!("bo")), Some(&json!("oidc"))), "{who}");
    ensure!(stage.world.run_well(&["whoami"])?.contains("with the identity provider since"));
    stage.world.run_well(&["holds", "approve", &hold])?;
    ensure!(stage.world.run(&["login", "--from-page", &code])?.code != 0, "it is good once");

    // As good for a program, which opens its session over HTTP.
    browser.go(&format!("{}/account", stage.world.console_url()))?;
    let opened = stage.send(&post("/arap/v1/session", &json!({ "code": lent(browser)? })))?;
    ensure!(opened.status == 201, "{}: {}", opened.status, opened.body);
    let opened: Value = serde_json::from_str(&opened.body)?;
    let bearer = format!("Bearer {}", at(&opened, "/token"));
    let read = stage.send(&HttpRequest::get("/v1/trace?q=app:crm").with("authorization", &bearer))?;
    ensure!(at(&opened, "/human") == "bo" && read.status == 200 && read.body.contains("get_customer"), "{}", read.body);
    ensure!(stage.send(&post("/arap/v1/session", &json!({ "code": code })))?.status == 400, "it is good once");
    Ok(())
}

/// A code that the account page, which is open, makes for whoever proves once more who they are.
fn lent(browser: &mut Browser) -> Result<String> {
    browser.click("link", "Prove with Acme SSO that it is you")?;
    sign_in_there(browser, "u-4711")?;
    browser.is_at("/account")?;
    nothing_of_ours(browser)?;
    browser.click("button", "Make a code for the command line")?;
    browser.reads("countersign login --from-page")?;
    let text = browser.act("text", json!({}))?;
    let code = text.as_str().and_then(|text| text.split("--from-page ").nth(1)?.split_whitespace().next());
    Ok(code.context("no code")?.to_owned())
}

#[test]
fn a_provider_lets_in_nobody_whom_the_directory_does_not_know() -> Result<()> {
    let mut provider = Provider::start("claims")?;
    let stage = provider.stage("email", "lind@acme.example")?;
    let console = stage.world.console_url().to_owned();
    let mut browser = Browser::start()?;
    let as_whom = |browser: &mut Browser, name: &str, script: bool| -> Result<()> {
        browser.act("open", json!({ "width": 390, "height": 844, "script": script }))?;
        browser.go(&format!("{console}/trace"))?;
        browser.click("link", "Sign in with Acme SSO")?;
        sign_in_there(browser, name)?;
        browser.click("button", "Continue")
    };
    as_whom(&mut browser, "eve", true)?;
    browser.reads("Acme SSO knows you as `eve@acme.example`, and nobody here is known by that.")?;
    as_whom(&mut browser, "new-lind", true)?;
    browser.reads("`email` counts with `email_verified: true` only")?;
    // Of ours it has that of the errand alone, which may come back once more and opens nothing.
    let cookies = browser.act("cookies", json!({}))?;
    let opens = |name: &str| name.starts_with("countersign-") && !name.starts_with("countersign-oidc-");
    let ours = cookies.as_array().into_iter().flatten().filter_map(|cookie| cookie.get("name")?.as_str()).any(opens);
    ensure!(!ours, "{cookies}");
    ensure!(changes(&stage.world, "people.signed_in")?.is_empty());

    // Without script, too.
    as_whom(&mut browser, "lind", false)?;
    browser.is_at("/trace")?;
    // The answer of before, again: it is of no errand any more.
    browser.go(&format!("{console}/sign-in/oidc?code=x&state=y"))?;
    browser.reads("This sign-in did not begin in this browser, was used already, or took too long.")?;
    // Who has left is known to the provider, still.
    stage.world.run_well(&["people", "offboard", "bo"])?;
    browser.go(&format!("{console}/trace"))?;
    browser.click("link", "Sign in with Acme SSO")?;
    browser.reads("`bo` has left.")?;
    let failed = changes(&stage.world, "people.sign_in_failed")?;
    // Whoever comes back without having gone leaves no mark.
    ensure!(failed.len() == 3, "{failed:?}");
    ensure!(changes(&stage.world, "people.signed_in")?.len() == 1);
    ensure!(!stage.world.log().contains(SECRET));
    Ok(())
}

#[test]
fn a_way_to_the_provider_begins_on_our_own_pages_only() -> Result<()> {
    let mut provider = Provider::start("")?;
    let stage = provider.stage("sub", "u-4711")?;
    let begin = HttpRequest::get("/sign-in/oidc/begin?next=%2Ftrace");
    let seen = stage.send(&begin.clone().with("sec-fetch-site", "same-origin"))?;
    ensure!(seen.status == 303, "{} {}", seen.status, seen.body);
    let to = seen.header("location").context("no way")?;
    ensure!(
        to.starts_with(&provider.issuer) && to.contains("code_challenge_method=S256") && to.contains("nonce="),
        "{to}"
    );
    let set = seen.header("set-cookie").context("no cookie")?;
    ensure!(set.contains("HttpOnly; SameSite=Lax; Max-Age=600"), "{set}");
    ensure!(seen.header("content-security-policy").is_some_and(|policy| policy.contains("form-action 'self';")));

    let elsewhere = begin.with("sec-fetch-site", "cross-site").with("sec-fetch-mode", "navigate");
    let seen = stage.send(&elsewhere)?;
    ensure!(seen.status == 200 && seen.header("set-cookie").is_none() && seen.body.contains("Sign in with Acme SSO"));
    // To prove something, one is signed in.
    let prove = HttpRequest::get("/sign-in/oidc/begin?prove=1&next=%2Faccount").with("sec-fetch-site", "same-origin");
    ensure!(stage.send(&prove)?.header("location").is_some_and(|to| to.starts_with("/sign-in?next=")));
    // The password is still a way in, and no cookie of an errand is a session.
    let errand = set.split(';').next().unwrap_or_default().replacen("-oidc-", "-", 1);
    ensure!(stage.send(&HttpRequest::get("/").with("cookie", &errand))?.status == 303);
    stage.with_accounts(&["kim"])?;
    let cookie = stage.cookie_of("kim")?;
    // Whom the provider has no name for is not sent there.
    ensure!(!stage.send(&HttpRequest::get("/account").with("cookie", &cookie))?.body.contains("Acme SSO"));
    let lend = |proof: &str| stage.form("/account/terminal", &[("form", proof)]).with("cookie", &cookie);
    ensure!(stage.send(&lend(&form_token(&cookie)))?.status == 401, "nothing was proved just now");
    let typed = stage.form("/sign-in", &[("name", "bo"), ("password", PASSWORD)]);
    ensure!(stage.send(&typed)?.status == 401, "who has no password has none");
    Ok(())
}

fn form_token(cookie: &str) -> String {
    identity::people::form_token(cookie.split_once('=').map_or("", |(_, token)| token))
}

#[test]
fn a_provider_that_is_down_is_said_to_be_and_changes_nothing() -> Result<()> {
    let provider = Provider::start("")?;
    let oidc = json!({ "name": "Acme SSO", "issuer": provider.issuer, "client_id": "console" });
    let stage = Stage::start_with(|world| world.set(&["console", "oidc"], oidc))?;
    let begin = HttpRequest::get("/sign-in/oidc/begin").with("sec-fetch-site", "same-origin");
    let seen = stage.send(&begin)?;
    ensure!(seen.status == 502 && seen.body.contains("Acme SSO did not answer as a provider does"), "{}", seen.body);
    ensure!(seen.header("set-cookie").is_none());
    drop(provider);
    stage.with_accounts(&["kim"])?;
    stage.cookie_of("kim")?;
    ensure!(changes(&stage.world, "people.sign_in_failed")?.is_empty());
    Ok(())
}
