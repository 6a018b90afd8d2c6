use http::HeaderValue;

use super::*;

fn token(cookie: &Cookie, lines: &[&'static str]) -> Option<String> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(header::COOKIE, HeaderValue::from_static(line));
    }
    cookie.token(&headers).map(|token| token.expose().clone())
}

#[test]
fn the_one_cookie_is_found_and_two_are_none() {
    let cookie = Cookie::of_session(false, 4120);
    assert_eq!(token(&cookie, &["a=b; countersign-4120=x; c=d"]).as_deref(), Some("x"));
    assert_eq!(token(&cookie, &["countersign-4121=x"]), None);
    assert_eq!(token(&cookie, &["countersign-4120=x; countersign-4120=y"]), None);
    assert_eq!(token(&cookie, &["countersign-4120=x", "countersign-4120=y"]), None);
    assert_eq!(token(&cookie, &[]), None);
}

#[test]
fn it_is_set_for_this_site_only_and_out_of_reach_of_scripts() {
    let plain = Cookie::of_session(false, 4120).set(&Secret::new("x".to_owned()));
    assert_eq!(plain, "countersign-4120=x; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200");
    let secure = Cookie::of_session(true, 4120).set(&Secret::new("x".to_owned()));
    assert_eq!(secure, "__Host-countersign=x; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200; Secure");
    assert!(Cookie::of_session(true, 4120).end().starts_with("__Host-countersign=; Path=/;"));
}

#[test]
fn whoever_comes_back_from_a_provider_shows_another_one_for_some_minutes() {
    let (plain, secure) = (Cookie::of_errand(false, 4120), Cookie::of_errand(true, 4120));
    let set = plain.set(&Secret::new("x".to_owned()));
    assert_eq!(set, "countersign-oidc-4120=x; Path=/; HttpOnly; SameSite=Lax; Max-Age=600");
    assert!(secure.end().starts_with("__Host-countersign-oidc=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure"));
    let known = Cookie::of_browser(true, 4120).set(&Secret::new("x".to_owned()));
    assert_eq!(known, "__Host-countersign-known=x; Path=/; HttpOnly; SameSite=Strict; Max-Age=15552000; Secure");
    // Neither is taken for the other.
    assert_eq!(token(&Cookie::of_session(false, 4120), &["countersign-oidc-4120=x"]), None);
    assert_eq!(token(&plain, &["countersign-4120=x"]), None);
    assert_eq!(token(&Cookie::of_session(false, 4120), &["countersign-known-4120=x"]), None);
}
