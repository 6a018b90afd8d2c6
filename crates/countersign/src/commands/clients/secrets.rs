//! What looks like a secret: by its name, or by the form that well-known issuers give theirs.

/// Whether the value of this variable or header looks like a secret. Names that speak of something beside the secret
/// (a file, a limit, a kind) are believed.
pub fn looks_secret(name: &str, value: &str) -> bool {
    if value.trim().is_empty() || plain(value) {
        return false;
    }
    known_form(value) || secret_name(name) || random_like(value)
}

/// Whether this name says that a secret stands behind it.
pub fn secret_name(name: &str) -> bool {
    let words = words(name);
    if name.eq_ignore_ascii_case("PWD") || name.eq_ignore_ascii_case("OLDPWD") {
        return false;
    }
    if words.last().is_some_and(|last| BESIDE.contains(&last.as_str())) {
        return false;
    }
    words.iter().any(|word| SECRET_WORDS.contains(&word.as_str()))
        || JOINED.iter().any(|joined| words.concat().contains(joined))
}

/// Whether the value has the form of a token some issuer hands out, or carries a password in an address.
pub fn known_form(value: &str) -> bool {
    let value = value.trim();
    let token = value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer ")).unwrap_or(value);
    let long_enough = token.len() >= 16 && !token.contains(char::is_whitespace);
    (long_enough && PREFIXES.iter().any(|prefix| token.starts_with(prefix)))
        || token.contains("-----BEGIN")
        || (token.starts_with("eyJ") && token.split('.').count() == 3)
        || password_in_address(token)
}

/// An argument of a command line that looks like a secret.
pub struct SecretArgument<'a> {
    /// Which argument, from 0.
    pub place: usize,
    /// How people name it.
    pub label: String,
    /// The secret itself.
    pub secret: &'a str,
}

/// Which argument of a command line looks like a secret, by its flag, its name or its position.
pub fn secret_argument(arguments: &[String]) -> Option<String> {
    secret_arguments(arguments).next().map(|found| found.label)
}

/// All arguments of a command line that look like secrets.
pub fn secret_arguments(arguments: &[String]) -> impl Iterator<Item = SecretArgument<'_>> {
    let flag_before = |place: usize| {
        let before = arguments.get(place.checked_sub(1)?)?;
        before.strip_prefix('-').filter(|rest| !rest.contains('=')).map(|_| before.as_str())
    };
    let secret = move |(place, argument): (usize, &'_ String)| -> Option<(String, usize)> {
        let numbered = || format!("argument {}", place + 1);
        let flagged = argument.starts_with('-');
        if let Some((name, value)) = assigned(argument) {
            let label = if flagged && argument.split('=').count() == 2 { name.to_owned() } else { numbered() };
            return Some((label, argument.len() - value.len()));
        }
        if let Some(name) = flag_before(place).filter(|_| !flagged)
            && looks_by_flag(name.trim_start_matches('-'), argument)
        {
            return Some((name.to_owned(), 0));
        }
        let header = argument.split_once(':').filter(|(name, _)| secret_name(name) && !name.contains('/'));
        (known_form(argument) || header.is_some_and(|(_, value)| !plain(value.trim()))).then(|| (numbered(), 0))
    };
    arguments.iter().enumerate().filter_map(move |(place, argument)| {
        let (label, begins) = secret((place, argument))?;
        Some(SecretArgument { place, label, secret: argument.get(begins..)? })
    })
}

/// `--token=…`, `GITHUB_TOKEN=…`, `--env=GITHUB_TOKEN=…`: the name, with its hyphens, and what looks like a secret.
fn assigned(argument: &str) -> Option<(&str, &str)> {
    // What is assigned may be an assignment itself: the innermost is looked at first.
    let body = argument.trim_end_matches('=');
    let behind = (body.len() < argument.len()).then_some(body.len());
    let signs = behind.into_iter().chain(body.rmatch_indices('=').map(|(sign, _)| sign));
    for (number, sign) in signs.enumerate() {
        // Nobody writes so many: whatever stands behind them is covered.
        if number >= ASSIGNMENTS_MAX {
            return argument.split_once('=');
        }
        let (before, value) = (argument.get(..sign)?, argument.get(sign + 1..)?);
        let name = before.rsplit_once('=').map_or(before, |(_, name)| name);
        if looks_secret(name.trim_start_matches('-'), value) {
            return Some((name, value));
        }
    }
    None
}

/// Which parameter of an address looks like a secret.
pub fn secret_in_address(url: &str) -> Option<String> {
    if password_in_address(url) {
        return Some("the user in its address".to_owned());
    }
    let (_, query) = url.split_once('?')?;
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, value)| looks_secret(name, value))
        .map(|(name, _)| format!("`{name}` in its address"))
}

fn looks_by_flag(name: &str, value: &str) -> bool {
    secret_name(name) && !plain(value) && !value.trim().is_empty()
}

/// Numbers, truth values and paths are not secrets, whatever they are called.
fn plain(value: &str) -> bool {
    let value = value.trim();
    value.parse::<f64>().is_ok_and(|_| value.len() < 12)
        || matches!(value.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "none")
        || ["/", "./", "../", "~/"].iter().any(|start| value.starts_with(start))
}

fn password_in_address(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, _)) => user.split_once(':').is_some_and(|(_, password)| !password.is_empty()),
        // A password may have a slash in it. What is no port begins one.
        None => {
            let behind_six = authority.rsplit(']').next().unwrap_or_default();
            let port = behind_six.split_once(':').map_or("", |(_, port)| port);
            rest.contains('@') && !port.bytes().all(|byte| byte.is_ascii_digit())
        }
    }
}

/// Long, without breaks, letters and digits mixed: nobody chose it. Ids with hyphens in fixed places are no secret.
fn random_like(value: &str) -> bool {
    let body = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-+=".contains(&byte));
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    let uuid = value.len() == 36 && value.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    body && !uuid && value.len() >= 32 && digits >= 4 && letters >= 4
}

/// `githubToken`, `GITHUB_TOKEN` and `github-token` are the words `GITHUB` and `TOKEN`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small_before = false;
    for letter in name.chars() {
        let starts = letter.is_ascii_uppercase() && small_before;
        if !letter.is_ascii_alphanumeric() || starts {
            words.push(String::new());
        }
        if let (true, Some(word)) = (letter.is_ascii_alphanumeric(), words.last_mut()) {
            word.push(letter.to_ascii_uppercase());
        }
        small_before = letter.is_ascii_lowercase() || letter.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Assignments in one argument that are told apart.
const ASSIGNMENTS_MAX: usize = 64;
const SECRET_WORDS: [&str; 17] = [
    "TOKEN",
    "TOKENS",
    "KEY",
    "KEYS",
    "SECRET",
    "SECRETS",
    "PASSWORD",
    "PASSWD",
    "PASS",
    "PASSPHRASE",
    "PWD",
    "AUTH",
    "AUTHORIZATION",
    "CREDENTIAL",
    "CREDENTIALS",
    "PAT",
    "COOKIE",
];
const JOINED: [&str; 4] = ["APIKEY", "ACCESSTOKEN", "AUTHTOKEN", "CLIENTSECRET"];
const BESIDE: [&str; 24] = [
    "FILE",
    "PATH",
    "DIR",
    "DIRECTORY",
    "SOCK",
    "SOCKET",
    "URL",
    "URI",
    "HOST",
    "PORT",
    "TYPE",
    "MODE",
    "METHOD",
    "LIMIT",
    "MAX",
    "MIN",
    "TTL",
    "EXPIRY",
    "ID",
    "NAME",
    "HEADER",
    "ENABLED",
    "PROVIDER",
    "REGION",
];
const PREFIXES: [&str; 43] = [
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "sk-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "rk_test_",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xoxr-",
    "xoxs-",
    "xapp-",
    "AIza",
    "ya29.",
    "npm_",
    "pypi-",
    "hf_",
    "SG.",
    "dop_v1_",
    "shpat_",
    "lin_api_",
    "secret_",
    "ntn_",
    "figd_",
    "AGE-SECRET-KEY-",
    "tvly-",
    "gsk_",
    "xai-",
    "r8_",
    "sntryu_",
    "sntrys_",
    "atlasv1.",
    "ATATT3",
    "PMAK-",
    "whsec_",
    "fc-",
    "apify_api_",
];

#[cfg(test)]
mod tests;
