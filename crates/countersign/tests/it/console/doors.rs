//! Who gets in, and by which way nobody does.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};
use model::limits::{CONSOLE_IN_FLIGHT_MAX, CONSOLE_STREAMS_PER_PERSON_MAX};
use testkit::{HttpRequest, PostgresServer};

use super::stage::{PASSWORD, Stage};
use crate::kit::{changes, intents, until};

#[test]
fn a_stranger_sees_nothing_but_the_way_in() -> Result<()> {
    let stage = Stage::start()?;
    stage.a_morning()?;
    let call = intents(&stage.world)?.pop().context("a call")?.call;
    for path in ["/", "/trace", "/holds", "/account", &format!("/calls/{call}"), &format!("/calls/{call}/receipts/1")] {
        let seen = stage.send(&HttpRequest::get(path))?;
        ensure!(seen.status == 303, "{path}: {}", seen.status);
        ensure!(seen.header("location").is_some_and(|to| to.starts_with("/sign-in?next=%2F")), "{path}");
    }
    ensure!(stage.send(&HttpRequest::get("/live?after=0"))?.status == 401);
    // An agent's token is no person's.
    let token = stage.world.token("ana-assistant", "ana", None)?;
    let port = stage.world.console_url().rsplit(':').next().unwrap_or_default();
    for request in [
        HttpRequest::get("/").with("authorization", &format!("Bearer {token}")),
        HttpRequest::get("/").with("cookie", &format!("countersign-{port}={token}")),
        HttpRequest::get("/").with("cookie", &format!("countersign-{port}=")),
    ] {
        ensure!(stage.send(&request)?.status == 303);
    }
    // Nor is what a terminal was given.
    stage.with_accounts(&["ana"])?;
    let session = std::fs::read_to_string(stage.world.folder().join("data/login.session"))?;
    let seen = stage.send(&HttpRequest::get("/").with("cookie", &format!("countersign-{port}={session}")))?;
    ensure!(seen.status == 303, "{}", seen.status);
    Ok(())
}

#[test]
fn every_page_keeps_to_itself() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["kim"])?;
    let cookie = stage.cookie_of("kim")?;
    for path in ["/", "/trace", "/holds", "/account", "/sign-in", "/welcome?code=x", "/nowhere", "/trace?q=nonsense"] {
        let seen = stage.send(&HttpRequest::get(path).with("cookie", &cookie))?;
        let policy = seen.header("content-security-policy").with_context(|| format!("no policy on {path}"))?;
        ensure!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{policy}");
        ensure!(!policy.contains("unsafe"), "{policy}");
        ensure!(seen.header("x-frame-options") == Some("DENY"), "{path}");
        ensure!(seen.header("cache-control") == Some("no-store"), "{path}");
        for inline in ["<script>", " style=", " onclick=", "javascript:"] {
            ensure!(!seen.body.contains(inline), "{path}: {inline}");
        }
    }
    let set = stage.send(&stage.form("/sign-in", &[("name", "kim"), ("password", PASSWORD)]))?;
    let set = set.header("set-cookie").context("no cookie")?;
    ensure!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
    Ok(())
}

#[test]
fn a_name_of_somebody_else_in_host_or_origin_is_refused() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["kim"])?;
    let form = stage.form("/sign-in", &[("name", "kim"), ("password", PASSWORD)]);
    let with = |name: &str, value: &str| {
        let mut request = form.clone();
        request.headers.retain(|(known, _)| known != name);
        if value.is_empty() { request } else { request.with(name, value) }
    };
    ensure!(stage.send(&with("origin", "http://evil.example"))?.status == 403);
    ensure!(stage.send(&with("sec-fetch-site", "same-site"))?.status == 403);
    ensure!(stage.send(&with("sec-fetch-site", "cross-site"))?.status == 403);
    let mut silent = with("origin", "");
    silent.headers.retain(|(known, _)| known != "sec-fetch-site");
    ensure!(stage.send(&silent)?.status == 403, "a form that does not say where it comes from");
    ensure!(stage.send(&form)?.status == 303);
    Ok(())
}

#[test]
fn a_form_of_another_session_does_nothing() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["kim", "bo"])?;
    let (kim, bo) = (stage.cookie_of("kim")?, stage.cookie_of("bo")?);
    let token = |cookie: &str| -> Result<String> {
        let page = stage.send(&HttpRequest::get("/account").with("cookie", cookie))?.body;
        let (_, rest) = page.split_once("name=\"form\" value=\"").context("no form")?;
        Ok(rest.split('"').next().unwrap_or_default().to_owned())
    };
    let sign_out = |form: &str| {
        let request = stage.form("/sign-out", &[("form", form)]).with("cookie", &kim);
        stage.send(&request)
    };
    for forged in ["", "x", &token(&bo)?] {
        let seen = sign_out(forged)?;
        ensure!(seen.status == 403, "{forged}: {}", seen.status);
        ensure!(stage.send(&HttpRequest::get("/account").with("cookie", &kim))?.status == 200, "still signed in");
    }
    // A GET changes nothing: previews of links follow them.
    stage.send(&HttpRequest::get("/sign-out").with("cookie", &kim))?;
    ensure!(stage.send(&HttpRequest::get("/account").with("cookie", &kim))?.status == 200);
    let done = sign_out(&token(&kim)?)?;
    ensure!(done.status == 303 && done.header("set-cookie").is_some_and(|set| set.contains("Max-Age=0")));
    ensure!(stage.send(&HttpRequest::get("/account").with("cookie", &kim))?.status == 303, "the cookie replayed");
    ensure!(stage.send(&HttpRequest::get("/account").with("cookie", &bo))?.status == 200);
    Ok(())
}

#[test]
fn only_the_right_person_with_the_password_decides() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["bo", "sam", "kim"])?;
    let mut sam = stage.world.client("sam-helper", "sam")?;
    let asked = serde_json::json!({ "id": "C-1001" });
    sam.call("crm__get_customer", asked.clone())?;
    let hold = stage.hold()?;
    let say = |who: &str, fields: &[(&str, &str)]| -> Result<u16> {
        let cookie = stage.cookie_of(who)?;
        let page = stage.send(&HttpRequest::get("/account").with("cookie", &cookie))?.body;
        let (_, rest) = page.split_once("name=\"form\" value=\"").context("no form")?;
        let form = rest.split('"').next().unwrap_or_default();
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("form", form)]).collect();
        Ok(stage.send(&stage.form(&format!("/holds/{hold}"), &fields).with("cookie", &cookie))?.status)
    };
    let approve = |password: &'static str| [("say", "approve"), ("password", password)];
    ensure!(say("bo", &[("say", "approve")])? == 401, "without the password");
    ensure!(say("bo", &approve("wrong horse battery"))? == 401);
    ensure!(say("bo", &[("password", PASSWORD)])? == 400, "neither yes nor no");
    ensure!(say("sam", &approve(PASSWORD))? >= 400, "for whom it is");
    ensure!(say("kim", &approve(PASSWORD))? >= 400, "whom no rule names");
    // Following the link, as previews do, decides nothing.
    let bo = stage.cookie_of("bo")?;
    stage.send(&HttpRequest::get(&format!("/holds/{hold}?say=approve")).with("cookie", &bo))?;
    // Nor does a page of somebody else that knows everything but the form's own word.
    let forged = stage.form(&format!("/holds/{hold}"), &approve(PASSWORD)).with("cookie", &bo);
    ensure!(stage.send(&forged)?.status == 403);
    ensure!(changes(&stage.world, "hold.approved")?.is_empty());
    // An auditor sees that it waits, and not with what.
    let seen = |who: &str| -> Result<String> {
        let cookie = stage.cookie_of(who)?;
        Ok(stage.send(&HttpRequest::get(&format!("/holds/{hold}")).with("cookie", &cookie))?.body)
    };
    ensure!(seen("bo")?.contains("C-1001") && seen("sam")?.contains("C-1001"));
    let kim = seen("kim")?;
    ensure!(kim.contains("get_customer") && !kim.contains("C-1001"));

    ensure!(say("bo", &approve(PASSWORD))? == 303);
    let approved = changes(&stage.world, "hold.approved")?.pop().context("no approval")?;
    ensure!(approved.by.as_deref() == Some("human:bo"), "{approved:?}");
    ensure!(say("bo", &approve(PASSWORD))? >= 400, "twice");
    sam.call("crm__get_customer", asked)?;
    ensure!(say("bo", &approve(PASSWORD))? >= 400, "after it ran");
    Ok(())
}

#[test]
fn a_no_stands_on_its_page_with_who_said_it_and_why() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["bo"])?;
    let mut sam = stage.world.client("sam-helper", "sam")?;
    sam.call("crm__get_customer", serde_json::json!({ "id": "C-1001" }))?;
    let (hold, bo) = (stage.hold()?, stage.cookie_of("bo")?);
    let one =
        || -> Result<String> { Ok(stage.send(&HttpRequest::get(&format!("/holds/{hold}")).with("cookie", &bo))?.body) };
    let page = one()?;
    ensure!(page.contains("May approve: Bo Lind."), "{page}");
    ensure!(!page.contains("What this task did before"), "it did nothing before: {page}");
    let form = identity::people::form_token(bo.split_once('=').map_or("", |(_, token)| token));
    let no = |password: &str| {
        let fields = [("say", "deny"), ("reason", "ask for less"), ("password", password), ("form", form.as_str())];
        stage.send(&stage.form(&format!("/holds/{hold}"), &fields).with("cookie", &bo))
    };
    let wrong = no("wrong horse battery")?;
    ensure!(wrong.status == 401 && wrong.body.contains("The password is not right."), "{}", wrong.body);
    ensure!(no(PASSWORD)?.status == 303);
    let page = one()?;
    ensure!(page.contains("<b>Bo Lind</b> denied it") && page.contains("ask for less"), "{page}");
    ensure!(!page.contains("May approve"), "{page}");
    let told = stage.world.run_well(&["why", &hold.replacen("h_", "c_", 1)])?;
    ensure!(told.contains("denied by human:bo") && told.contains("why: ask for less"), "{told}");
    Ok(())
}

#[test]
fn everybody_sees_what_concerns_them() -> Result<()> {
    let stage = Stage::start()?;
    stage.a_morning()?;
    stage.with_accounts(&["kim", "sam", "bo"])?;
    let all = intents(&stage.world)?;
    let of = |app: &str, human: &str| {
        let fits = |entry: &&trace::Entry| entry.app.as_deref() == Some(app) && entry.human.as_deref() == Some(human);
        all.iter().find(fits).map(|entry| entry.call.to_string()).context("such a call")
    };
    let sees = |human: &str| -> Result<Vec<bool>> {
        let cookie = stage.cookie_of(human)?;
        let mut seen = Vec::new();
        for call in [of("deploy", "ana")?, of("crm", "sam")?, of("repo", "sam")?] {
            let story = stage.send(&HttpRequest::get(&format!("/calls/{call}")).with("cookie", &cookie))?.status;
            let list = stage.send(&HttpRequest::get("/trace").with("cookie", &cookie))?.body.contains(&call);
            let live = stage.send(&HttpRequest::get("/").with("cookie", &cookie))?.body.contains(&call);
            ensure!((story == 200) == list && list == live, "{human} {call}: {story} {list} {live}");
            seen.push(list);
        }
        Ok(seen)
    };
    ensure!(sees("kim")? == [true, true, true], "an auditor");
    ensure!(sees("sam")? == [false, true, true], "for whom it was done");
    ensure!(sees("bo")? == [false, true, false], "who owns the app");
    // What people did is for readers.
    let invited = changes(&stage.world, "accounts.invite")?.pop().context("an invitation")?.id;
    for (human, status) in [("kim", 200), ("bo", 404)] {
        let cookie = stage.cookie_of(human)?;
        let seen = stage.send(&HttpRequest::get(&format!("/calls/{invited}")).with("cookie", &cookie))?;
        ensure!(seen.status == status, "{human}: {}", seen.status);
    }
    Ok(())
}

#[test]
fn a_page_that_is_open_ends_with_its_session() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["kim"])?;
    let cookie = stage.cookie_of("kim")?;
    let address = stage.world.console_url().strip_prefix("http://").context("an address")?.parse()?;
    let request = HttpRequest::get("/live?after=0").with("cookie", &cookie);
    let mut stream = testkit::exchange(address, &request, std::time::Duration::from_secs(10))?;
    stage.a_morning()?;
    let first = stream.next_event()?.context("nothing was told")?;
    ensure!(first.contains("Documents"), "{first}");
    stage.world.run_well(&["people", "offboard", "kim"])?;
    while stream.next_event()?.is_some() {}
    ensure!(stage.send(&HttpRequest::get("/").with("cookie", &cookie))?.status == 303);
    Ok(())
}

#[test]
fn a_page_that_is_open_shows_no_more_than_the_person_may_see() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["kim"])?;
    let cookie = stage.cookie_of("kim")?;
    let address = stage.world.console_url().strip_prefix("http://").context("an address")?.parse()?;
    let request = HttpRequest::get("/live?after=0").with("cookie", &cookie);
    let mut stream = testkit::exchange(address, &request, std::time::Duration::from_secs(10))?;
    let mut sam = stage.world.client("sam-helper", "sam")?;
    let _refused_or_not = sam.call("repo__read_document", serde_json::json!({ "path": "docs/pricing.md" }))?;
    let first = stream.next_event()?.context("nothing was told")?;
    ensure!(first.contains("Documents"), "{first}");
    // Kim is no auditor any more, and answers for an agent.
    let mut config: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(stage.world.config())?)?;
    let put = |config: &mut serde_json::Value, at: &str, name: &str, value: serde_json::Value| {
        let place = config.pointer_mut(at).and_then(serde_json::Value::as_object_mut).context("no such place")?;
        place.insert(name.to_owned(), value);
        anyhow::Ok(())
    };
    put(&mut config, "/people/kim", "role", "clerk".into())?;
    put(&mut config, "/agents", "kim-helper", serde_json::json!({ "owner": "kim" }))?;
    std::fs::write(stage.world.config(), config.to_string())?;
    stage.world.run_well(&["reload"])?;
    let letter = serde_json::json!({ "to": "board@meridian.example", "subject": "Q3 figures", "body": "Attached." });
    let _refused_or_not = sam.call("mail__send_message", letter)?;
    let mut kim = stage.world.client("kim-helper", "kim")?;
    let _refused_or_not = kim.call("crm__get_customer", serde_json::json!({ "id": "C-1001" }))?;
    // What concerns Kim is told, and the call before it, which does not, is not.
    loop {
        let told = stream.next_event()?.context("the page ended")?;
        ensure!(!told.contains("Mail"), "{told}");
        if told.contains("Customers") {
            return Ok(());
        }
    }
}

#[test]
fn pages_that_are_open_share_one_session_of_a_database() -> Result<()> {
    let server = PostgresServer::start()?;
    let store = server.database("trace")?;
    let stage = Stage::start_with(|world| world.set(&["trace", "store"], serde_json::json!(store)))?;
    stage.with_accounts(&["kim", "bo"])?;
    // Calls open others as they need them, for the map of what is on record.
    let sessions = || -> Result<u32> {
        let reading = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'countersign %(reads)'";
        Ok(server.sql("trace", reading)?.trim().parse()?)
    };
    let (kim, bo) = (stage.cookie_of("kim")?, stage.cookie_of("bo")?);
    let before = sessions()?;
    let address = stage.world.console_url().strip_prefix("http://").context("an address")?.parse()?;
    let open = |cookie: &str| {
        let request = HttpRequest::get("/live?after=0").with("cookie", cookie);
        testkit::exchange(address, &request, std::time::Duration::from_secs(20))
    };
    let mut streams = Vec::new();
    for _page in 0..CONSOLE_STREAMS_PER_PERSON_MAX {
        streams.push(open(&kim)?);
    }
    let mut sam = stage.world.client("sam-helper", "sam")?;
    let _refused_or_not = sam.call("repo__read_document", serde_json::json!({ "path": "docs/pricing.md" }))?;
    for stream in &mut streams {
        let first = stream.next_event()?.context("nothing was told")?;
        ensure!(first.contains("Documents"), "{first}");
    }
    until("they look with one session", || Ok(sessions()? <= before + 1))?;
    let refused = open(&kim)?;
    ensure!(refused.status == 429, "{}", refused.status);
    ensure!(open(&bo)?.status == 200, "one person's pages keep nobody else's shut");
    drop(streams);
    until("their places are given back", || Ok(open(&kim)?.status == 200))
}

#[test]
fn a_name_at_the_provider_counts_with_the_one_for_which_it_was_written() -> Result<()> {
    let oidc = |issuer: &str| serde_json::json!({ "name": "Acme SSO", "issuer": issuer, "client_id": "console" });
    let stage = Stage::start_with(|world| {
        world.set(&["console", "oidc"], oidc("http://localhost:1")).set(&["people", "bo", "oidc"], "7".into())
    })?;
    stage.with_accounts(&["bo", "kim"])?;
    let known = |human: &str| -> Result<bool> {
        let page = stage.send(&HttpRequest::get("/account").with("cookie", &stage.cookie_of(human)?))?;
        ensure!(page.status == 200, "{}", page.body);
        Ok(page.body.contains("Acme SSO"))
    };
    ensure!(known("bo")? && !known("kim")?);
    let reload = |issuer: &str, kim: serde_json::Value| -> Result<serde_json::Value> {
        let mut config: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(stage.world.config())?)?;
        *config.pointer_mut("/console/oidc").context("no provider")? = oidc(issuer);
        config
            .pointer_mut("/people/kim")
            .and_then(|kim| kim.as_object_mut())
            .context("no Kim")?
            .insert("oidc".into(), kim);
        std::fs::write(stage.world.config(), config.to_string())?;
        let said: serde_json::Value = serde_json::from_str(&stage.world.run_well(&["reload", "--json"])?)?;
        Ok(said["needs_restart"].clone())
    };
    ensure!(reload("http://localhost:2", "8".into())? == serde_json::json!(["console"]));
    ensure!(known("bo")? && !known("kim")?, "Kim is 8 somewhere else");
    ensure!(reload("http://localhost:2", "8".into())? == serde_json::json!(["console"]), "it has not been made yet");
    ensure!(reload("http://localhost:1", "8".into())? == serde_json::json!([]), "it runs as the file says");
    ensure!(known("bo")? && known("kim")?);
    Ok(())
}

#[test]
fn guessing_at_the_door_is_slow_and_on_record() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["kim"])?;
    let mut statuses = Vec::new();
    for guess in 0..8 {
        let guess = format!("wrong horse battery {guess}");
        statuses.push(stage.send(&stage.form("/sign-in", &[("name", "kim"), ("password", &guess)]))?.status);
    }
    ensure!(statuses.starts_with(&[401, 401, 401, 401, 401]) && statuses.contains(&429), "{statuses:?}");
    let refused = statuses.iter().filter(|status| **status == 401).count();
    until("each is on record", || Ok(changes(&stage.world, "people.sign_in_failed")?.len() == refused))?;
    until("the right password is let in after a wait", || {
        let seen = stage.send(&stage.form("/sign-in", &[("name", "kim"), ("password", PASSWORD)]))?;
        if seen.status == 429 {
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        Ok(seen.status == 303)
    })
}

#[test]
fn whoever_guesses_keeps_no_browser_out_in_which_the_person_has_signed_in() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["kim"])?;
    let sign_in = |password: &str| stage.form("/sign-in", &[("name", "kim"), ("password", password)]);
    let seen = stage.send(&sign_in(PASSWORD))?;
    let set = |line: &&(String, String)| line.0 == "set-cookie" && line.1.starts_with("countersign-known-");
    let (_, mark) = seen.headers.iter().find(set).context("no mark")?;
    ensure!(mark.contains("HttpOnly") && mark.contains("SameSite=Strict"), "{mark}");
    let mark = mark.split(';').next().unwrap_or_default();
    until("everybody else waits", || {
        let guessed = stage.send(&sign_in("wrong horse battery"))?.status;
        Ok(guessed == 429 && stage.send(&sign_in(PASSWORD))?.status == 429)
    })?;
    let seen = stage.send(&sign_in(PASSWORD).with("cookie", mark))?;
    ensure!(seen.status == 303, "{} {}", seen.status, seen.body);
    // The mark itself opens nothing.
    ensure!(stage.send(&HttpRequest::get("/account").with("cookie", mark))?.status == 303);
    Ok(())
}

#[test]
fn a_link_on_another_site_leads_in_all_the_same() -> Result<()> {
    let stage = Stage::start()?;
    let followed = HttpRequest::get("/trace?q=verdict%3Adeny")
        .with("sec-fetch-site", "cross-site")
        .with("sec-fetch-mode", "navigate");
    let seen = stage.send(&followed)?;
    ensure!(
        seen.status == 200 && seen.header("refresh") == Some("0; url=/trace?q=verdict%3Adeny"),
        "{:?}",
        seen.headers
    );
    Ok(())
}

#[test]
fn whoever_sends_slowly_keeps_nobody_out() -> Result<()> {
    let stage = Stage::start()?;
    stage.with_accounts(&["kim"])?;
    let cookie = stage.cookie_of("kim")?;
    let url = stage.world.console_url().to_owned();
    let address = url.trim_start_matches("http://");
    let begin = |path: &str| -> Result<TcpStream> {
        let mut stream = TcpStream::connect(address)?;
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nhost: {address}\r\norigin: {url}\r\nsec-fetch-site: same-origin\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: 10\r\n\r\n"
        )?;
        Ok(stream)
    };
    let places = CONSOLE_IN_FLIGHT_MAX + 10;
    let _nowhere: Vec<TcpStream> = (0..places).map(|_| begin("/emergency")).collect::<Result<_>>()?;
    let mut way_in: Vec<TcpStream> = (0..places).map(|_| begin("/sign-in")).collect::<Result<_>>()?;
    for path in ["/", "/holds", "/account", "/sign-in"] {
        let seen = stage.send(&HttpRequest::get(path).with("cookie", &cookie))?;
        ensure!(seen.status == 200, "{path}: {}", seen.status);
    }
    // They have every place by now: of more than there are the first has given its own away.
    let mut said = [0; 12];
    way_in.first_mut().context("nobody")?.read_exact(&mut said)?;
    ensure!(&said == b"HTTP/1.1 408", "{}", String::from_utf8_lossy(&said));
    stage.cookie_of("kim").context("whoever signs in as everybody does")?;
    Ok(())
}
