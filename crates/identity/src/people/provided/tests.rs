use std::sync::atomic::Ordering;

use jsonwebtoken::Algorithm;
use model::limits::{ERRANDS_AGAIN_MAX, PROVIDER_ERRAND_LIFE, SIGN_INS_WAITING_MAX};
use serde_json::{Value, json};

use super::super::tests::{House, from, human};
use super::*;
use crate::StandingChange;
use crate::provider::staged::{CLIENT, ISSUER, Staged, settings, signed};

/// The house, and a provider that says of everybody who they are.
struct Street {
    house: House,
    provider: Provider,
    staged: Staged,
}

/// Somebody on the way.
struct Away {
    cookie: String,
    state: String,
    nonce: String,
    url: String,
}

impl Street {
    fn new() -> Self {
        let (house, staged) = (House::new(), Staged::new());
        let provider = Provider::new(settings(), Arc::new(staged.clone()), house.clock.clone());
        Self { house, provider, staged }
    }

    async fn sent(&self, who: Option<&SignedIn>, next: &str) -> Away {
        let away = self.house.people.send_away(&self.provider, who, next).await.unwrap();
        let query = away.url.split_once('?').unwrap().1.to_owned();
        let of = |name: &str| {
            let mut said = form_urlencoded::parse(query.as_bytes());
            said.find(|(known, _)| known == name).unwrap().1.into_owned()
        };
        Away { cookie: away.cookie.expose().clone(), state: of("state"), nonce: of("nonce"), url: away.url }
    }

    /// What the provider signs when this one comes back.
    fn says(&self, away: &Away, changes: &Value) {
        let now = self.house.people.now().seconds();
        let mut claims = json!({
            "iss": ISSUER, "sub": "u-ana", "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": away.nonce, "auth_time": now,
        });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        self.staged.says().token = (200, json!({ "id_token": signed(Algorithm::EdDSA, "one", &claims) }));
    }

    async fn came(&self, away: &Away) -> Result<CameBack, Fault> {
        self.came_with(Some(&away.cookie), &away.state).await
    }

    async fn came_with(&self, cookie: Option<&str>, state: &str) -> Result<CameBack, Fault> {
        let back = Back { state: state.to_owned(), code: "c".to_owned(), ..Back::default() };
        self.house.people.come_back(&self.provider, cookie, &back, from(3)).await
    }

    async fn signed_in(&self) -> Opened {
        let away = self.sent(None, "/").await;
        self.says(&away, &json!({}));
        self.came(&away).await.unwrap().opened.unwrap()
    }
}

#[tokio::test]
async fn whoever_the_provider_knows_is_signed_in_as_the_person_of_the_directory() {
    let street = Street::new();
    let away = street.sent(None, "/holds?x=1").await;
    assert!(!away.url.contains(&away.cookie), "the provider never sees the cookie");
    street.says(&away, &json!({}));
    let came = street.came(&away).await.unwrap();
    let opened = came.opened.unwrap();
    assert_eq!(
        (came.next.as_str(), opened.signed_in.human(), opened.signed_in.how()),
        ("/holds?x=1", &human("ana"), How::Oidc)
    );
    assert_eq!(opened.signed_in.approver().how(), model::SignedInBy::Oidc);
    let recognised = street.house.people.recognise(opened.token.expose(), Client::Page).await.unwrap();
    assert_eq!(recognised.human(), &human("ana"));
    assert!(street.house.people.recognise(opened.token.expose(), Client::Terminal).await.is_none());
    assert_eq!(street.house.told(), ["people.signed_in"]);
    let event = street.house.book.events.lock().unwrap().pop().unwrap();
    assert_eq!((event.subject.as_str(), &event.detail["how"]), ("human:ana", &json!("oidc")));
}

#[tokio::test]
async fn nothing_but_the_own_errand_of_this_browser_comes_back_once() {
    let street = Street::new();
    let (mine, theirs) = (street.sent(None, "/").await, street.sent(None, "/").await);
    street.says(&mine, &json!({}));
    let forged = format!("{}x", mine.cookie);
    for (cookie, state) in [
        (None, mine.state.as_str()),
        (Some(""), ""),
        (Some(mine.cookie.as_str()), theirs.state.as_str()),
        (Some(theirs.cookie.as_str()), mine.state.as_str()),
        (Some(mine.cookie.as_str()), ""),
        (Some(forged.as_str()), mine.state.as_str()),
    ] {
        assert_eq!(street.came_with(cookie, state).await.map(drop).unwrap_err().code(), "people.refused");
    }
    assert_eq!(street.staged.asked_for("/token"), 0, "no code leaves");
    assert!(street.came(&mine).await.is_ok());
    // The same answer again.
    assert_eq!(street.came(&mine).await.map(drop).unwrap_err().code(), "people.refused");
    assert_eq!(street.staged.asked_for("/token"), 1);
    assert_eq!(street.house.told().iter().filter(|what| **what == "people.signed_in").count(), 1);
}

#[tokio::test]
async fn an_errand_is_over_after_ten_minutes_and_with_the_gateway() {
    let street = Street::new();
    let late = street.sent(None, "/").await;
    street.house.clock.on(PROVIDER_ERRAND_LIFE);
    street.says(&late, &json!({}));
    assert!(street.came(&late).await.is_err());
    let away = street.sent(None, "/").await;
    street.says(&away, &json!({}));
    let Street { house, provider, staged } = street;
    let street = Street { house: house.restarted(), provider, staged };
    assert!(street.came(&away).await.is_err());
}

#[tokio::test]
async fn whoever_is_nobody_here_or_has_left_is_refused_and_on_record() {
    let street = Street::new();
    let (stranger, left) = (street.sent(None, "/").await, street.sent(None, "/").await);
    street.says(&stranger, &json!({ "sub": "u-eve" }));
    let fault = street.came(&stranger).await.map(drop).unwrap_err();
    assert_eq!(fault.to_string(), "Acme SSO knows you as `u-eve`, and nobody here is known by that");
    // What the provider calls somebody is no id of ours.
    let posing = street.sent(None, "/").await;
    street.says(&posing, &json!({ "sub": "ana" }));
    assert!(street.came(&posing).await.is_err());

    let change = StandingChange::Offboard(human("ana"));
    street.house.directory.apply(&change, UnixMicros(1));
    street.says(&left, &json!({}));
    assert_eq!(street.came(&left).await.map(drop).unwrap_err().to_string(), "`ana` has left");
    assert_eq!(street.house.told(), ["people.sign_in_failed"; 3]);
    let subjects: Vec<String> =
        street.house.book.events.lock().unwrap().iter().map(|event| event.subject.clone()).collect();
    assert_eq!(subjects, ["unknown", "unknown", "human:ana"]);
}

#[tokio::test]
async fn a_token_of_another_sign_in_is_refused() {
    let street = Street::new();
    let (one, other) = (street.sent(None, "/").await, street.sent(None, "/").await);
    assert!(one.nonce != other.nonce && one.state != other.state);
    street.says(&other, &json!({}));
    let fault = street.came(&one).await.map(drop).unwrap_err();
    assert!(fault.to_string().contains("`nonce`"), "{fault}");
    assert_eq!(street.house.told(), ["people.sign_in_failed"]);
}

#[tokio::test]
async fn a_silent_provider_is_nobodys_failure() {
    let street = Street::new();
    let away = street.sent(None, "/").await;
    street.staged.says().down = true;
    assert_eq!(street.came(&away).await.map(drop).unwrap_err().blame(), Blame::Upstream);
    assert!(street.house.told().is_empty());
    street.staged.says().down = false;
    street.says(&away, &json!({}));
    street.house.clock.on(std::time::Duration::from_secs(60));
    assert!(street.came(&away).await.is_ok(), "the same errand ends well once it speaks");
}

#[tokio::test]
async fn an_errand_comes_back_so_often_and_no_more() {
    let street = Street::new();
    let away = street.sent(None, "/").await;
    street.says(&away, &json!({ "nonce": "another" }));
    for _time in 0..2 {
        assert!(street.came(&away).await.is_err());
    }
    assert_eq!(street.staged.asked_for("/token"), 2);
    street.says(&away, &json!({}));
    for _time in 0..3 {
        assert_eq!(street.came(&away).await.map(drop).unwrap_err().code(), "people.refused");
    }
    assert_eq!(street.staged.asked_for("/token"), 2, "the provider is not asked again");
    // Nor do those who come back once more take every place.
    let (again, first) = (street.sent(None, "/").await, street.sent(None, "/").await);
    street.says(&again, &json!({ "nonce": "another" }));
    assert!(street.came(&again).await.is_err());
    let places: Vec<_> =
        (0..ERRANDS_AGAIN_MAX).map(|_| street.house.people.again_at_provider.try_acquire().unwrap()).collect();
    street.says(&again, &json!({}));
    assert_eq!(street.came(&again).await.map(drop).unwrap_err().code(), "people.busy");
    drop(places);
    assert!(street.came(&again).await.is_ok(), "whoever is told to try again has not tried");
    street.says(&first, &json!({}));
    assert!(street.came(&first).await.is_ok());
}

#[tokio::test]
async fn only_so_many_wait_for_the_provider_to_be_sent_there() {
    let street = Street::new();
    let places: Vec<_> =
        (0..SIGN_INS_WAITING_MAX).map(|_| street.house.people.at_provider.try_acquire().unwrap()).collect();
    let refused = street.house.people.send_away(&street.provider, None, "/").await.map(drop).unwrap_err();
    assert_eq!((refused.code(), street.staged.says().asked.len()), ("people.busy", 0));
    drop(places);
    street.sent(None, "/").await;
}

#[tokio::test]
async fn what_was_proved_or_lent_in_a_time_that_has_not_come_is_over() {
    let street = Street::new();
    let ahead = std::time::Duration::from_secs(20 * 60);
    let who = street.signed_in().await.signed_in;
    street.house.clock.on(ahead);
    let code = street.house.people.lend_code(&who).unwrap();
    let away = street.sent(Some(&who), "/account").await;
    street.says(&away, &json!({}));
    street.came(&away).await.unwrap();
    assert!(street.house.people.is_confirmed(&who, "/account"));
    street.house.clock.back(ahead);
    assert!(!street.house.people.is_confirmed(&who, "/account"));
    assert!(street.house.people.confirm_with_provider(&who, "/account").is_err());
    assert_eq!(
        street.house.people.sign_in_with_code(code.expose(), from(1)).await.err().unwrap().code(),
        "people.code"
    );
}

// Any page can make the browser of anybody ask for this address, as often as it likes.
#[tokio::test]
async fn whoever_comes_without_an_errand_leaves_no_mark() {
    let street = Street::new();
    let away = street.sent(None, "/").await;
    street.says(&away, &json!({}));
    for cookie in [None, Some("x"), Some("")].into_iter().cycle().take(60) {
        assert_eq!(street.came_with(cookie, "x").await.map(drop).unwrap_err().code(), "people.refused");
    }
    assert!(street.house.told().is_empty());
    assert!(street.came(&away).await.is_ok());
    let house = street.house.with_account("ana").await;
    house.sign_in("ana").await;
}

#[tokio::test]
async fn strangers_who_begin_errands_use_up_nothing_and_do_not_fill_the_trace() {
    let street = Street::new();
    let mine = street.sent(None, "/").await;
    street.says(&mine, &json!({ "nonce": "of somebody else" }));
    for _stranger in 0..30 {
        let away = street.sent(None, "/").await;
        assert_eq!(street.came(&away).await.map(drop).unwrap_err().code(), "people.refused");
    }
    assert_eq!(street.house.told().len(), 21);
    street.says(&mine, &json!({}));
    assert!(street.came(&mine).await.is_ok());
}

#[tokio::test]
async fn nobody_is_signed_in_where_it_cannot_be_recorded() {
    let street = Street::new();
    let away = street.sent(None, "/").await;
    street.says(&away, &json!({}));
    street.house.book.fails.store(true, Ordering::Relaxed);
    assert_eq!(street.came(&away).await.map(drop).unwrap_err().code(), "trace.not_recorded");
}

#[tokio::test]
async fn what_was_proved_anew_counts_once_for_one_place_and_session() {
    let street = Street::new();
    let people = &street.house.people;
    let (opened, other) = (street.signed_in().await, street.signed_in().await);
    let who = &opened.signed_in;
    assert!(!people.is_confirmed(who, "/holds/h_1"), "signing in is no answer to a question");
    let prove = async |changes: Value| {
        let away = street.sent(Some(who), "/holds/h_1").await;
        assert!(away.url.contains("prompt=login") && away.url.contains("max_age=0"));
        street.says(&away, &changes);
        street.came(&away).await
    };
    let before = street.house.people.now().seconds() - 3_600;
    for changes in [json!({ "auth_time": before }), json!({ "auth_time": null }), json!({ "sub": "u-sam" })] {
        assert!(prove(changes.clone()).await.is_err(), "{changes}");
        assert!(!people.is_confirmed(who, "/holds/h_1"));
    }
    let came = prove(json!({})).await.unwrap();
    assert!(came.opened.is_none() && came.next == "/holds/h_1");
    assert!(people.is_confirmed(who, "/holds/h_1"));
    assert!(!people.is_confirmed(&other.signed_in, "/holds/h_1") && !people.is_confirmed(who, "/holds/h_2"));
    assert!(people.confirm_with_provider(&other.signed_in, "/holds/h_1").is_err());
    assert_eq!(people.confirm_with_provider(who, "/holds/h_1").unwrap().how(), How::Oidc);
    assert!(people.confirm_with_provider(who, "/holds/h_1").is_err(), "once");
    // For another place it is used up, too.
    prove(json!({})).await.unwrap();
    assert!(people.confirm_with_provider(who, "/holds/h_2").is_err());
    assert!(people.confirm_with_provider(who, "/holds/h_1").is_err());
    prove(json!({})).await.unwrap();
    street.house.clock.on(CHALLENGE_LIFE);
    assert!(people.confirm_with_provider(who, "/holds/h_1").is_err());
}

#[tokio::test]
async fn a_code_leads_from_the_page_to_the_terminal_once() {
    let street = Street::new();
    let people = &street.house.people;
    let opened = street.signed_in().await;
    let code = people.lend_code(&opened.signed_in).unwrap();
    assert_eq!(people.sign_in_with_code("wrong", None).await.map(drop).unwrap_err().code(), "people.code");
    let at_terminal = people.sign_in_with_code(code.expose(), None).await.unwrap();
    assert_eq!((at_terminal.signed_in.human(), at_terminal.signed_in.how()), (&human("ana"), How::Oidc));
    assert!(people.recognise(at_terminal.token.expose(), Client::Terminal).await.is_some());
    assert!(people.recognise(at_terminal.token.expose(), Client::Page).await.is_none());
    assert!(people.sign_in_with_code(code.expose(), None).await.is_err(), "once");
    let late = people.lend_code(&opened.signed_in).unwrap();
    street.house.clock.on(LENT_CODE_LIFE);
    assert!(people.sign_in_with_code(late.expose(), None).await.is_err());
    let (first, second) = (people.lend_code(&opened.signed_in).unwrap(), people.lend_code(&opened.signed_in).unwrap());
    assert!(people.sign_in_with_code(first.expose(), None).await.is_err(), "another took its place");
    // Another password takes it along, and so does whoever leaves.
    let invitation = people.invite(&human("ana"), "os-user:root").await.unwrap();
    let password = Secret::new("correct horse battery".to_owned());
    let fresh = people.accept(invitation.code.expose(), password, Client::Page, from(3)).await.unwrap();
    assert!(people.sign_in_with_code(second.expose(), None).await.is_err());
    assert_eq!(people.lend_code(&opened.signed_in).map(drop).unwrap_err().code(), "people.signed_out");
    let third = people.lend_code(&fresh.signed_in).unwrap();
    people.forget(&human("ana"), false);
    assert!(people.sign_in_with_code(third.expose(), None).await.is_err());
}

#[tokio::test]
async fn a_place_too_long_for_a_cookie_is_forgotten() {
    let street = Street::new();
    let away = street.sent(None, &format!("/{}", "x".repeat(model::limits::PROVIDER_NEXT_BYTES_MAX))).await;
    assert!(away.cookie.len() < 512);
    street.says(&away, &json!({}));
    assert_eq!(street.came(&away).await.unwrap().next, "/");
}
