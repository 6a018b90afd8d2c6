//! The words a tool's purpose is read from, and how names are cut into words.

use model::Class;

/// How much a word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Dangerous wherever it stands in a name: `get_and_delete`.
    Hard,
    /// A verb.
    Verb,
    /// A verb or a thing: `post_message`, `get_post`. Counts only when no verb is there.
    Either,
}

/// The class and weight of a word, if it is known.
pub(crate) fn meaning(word: &str) -> Option<(Class, Weight)> {
    TABLE.iter().find(|(.., words)| among(words, word)).map(|(class, weight, _)| (*class, *weight))
}

/// As [`meaning`], for a word in running text: `Deletes`, `fetching` and `modified` count as their stem.
pub(crate) fn meaning_of_form(word: &str) -> Option<(Class, Weight)> {
    if let Some(found) = meaning(word) {
        return Some(found);
    }
    let stems = [("ies", "y"), ("es", ""), ("s", ""), ("ing", ""), ("ing", "e"), ("ied", "y"), ("ed", ""), ("ed", "e")];
    stems.iter().find_map(|(ending, put)| {
        let stem = word.strip_suffix(ending).filter(|stem| stem.len() > 1)?;
        let doubled =
            stem.chars().next_back().and_then(|last| stem.strip_suffix(last)?.strip_suffix(last).map(|_| last));
        let single = doubled.and_then(|last| stem.strip_suffix(last)).and_then(meaning);
        meaning(&format!("{stem}{put}")).or(single)
    })
}

/// Whether an unbroken name hides a dangerous word: `deletefile`.
pub(crate) fn hidden_danger(name: &str) -> Option<&'static str> {
    let dangerous = TABLE.iter().filter(|(class, weight, _)| (*class, *weight) == (Class::Destructive, Weight::Hard));
    dangerous.flat_map(|(.., words)| words.split(' ')).find(|word| word.len() > 3 && name.contains(word))
}

/// Whether a word stands in a list of words between spaces.
pub(crate) fn among(list: &str, word: &str) -> bool {
    list.split(' ').any(|listed| listed == word)
}

/// Cuts a name in any style of writing: `getUserByID`, `get-user`, `users.get`, `APIDelete`.
pub(crate) fn cut(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let letters: Vec<char> = name.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(at + 1);
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_numeric()
                    || (before.is_uppercase() && after.is_some_and(|after| after.is_lowercase()))
            });
        if (begins || !letter.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// A class, a weight, and the words between spaces.
type Row = (Class, Weight, &'static str);

/// Where a word could stand twice, the more dangerous row is above.
const TABLE: &[Row] = &[
    (
        Class::Destructive,
        Weight::Hard,
        "delete drop remove destroy purge wipe erase truncate kill terminate exec execute eval overwrite \
         shutdown uninstall revoke nuke obliterate shred rm rmdir del unlink decommission deprovision \
         impersonate sudo",
    ),
    (
        Class::Destructive,
        Weight::Verb,
        "stop restart reboot reset clear flush prune empty cancel abort suspend disable deactivate detach \
         disconnect grant authorize run evaluate invoke deploy undeploy redeploy rollback revert restore \
         merge rebase force migrate apply replace scale rotate expire invalidate install upgrade promote \
         demote evict drain cordon ban kick clean cleanup discard expunge bypass escalate swap failover \
         launch spawn pause halt hibernate sync synchronize synchronise click press tap drag",
    ),
    (
        Class::External,
        Weight::Verb,
        "send publish pay fetch navigate goto visit crawl scrape share invite notify broadcast tweet dial \
         refund purchase buy submit reply respond forward dispatch deliver unsubscribe charge donate withdraw \
         payout push type hover fill finalize remit",
    ),
    (
        Class::Write,
        Weight::Verb,
        "create add update set write move insert upsert append edit modify put patch rename copy duplicate \
         clone save store upload import register enable activate assign unassign attach associate archive \
         unarchive complete close reopen open mark toggle lock unlock subscribe start begin schedule draft \
         generate make build configure init initialize provision allocate change adjust increment decrement \
         resolve approve reject accept decline commit checkout mkdir touch annotate extend refresh \
         remember persist populate ingest export download transform resize trash untrash snooze follow \
         unfollow star unstar transition manage upvote vote book reserve enqueue requeue redrive",
    ),
    (
        Class::Read,
        Weight::Verb,
        "get list search read describe find show view lookup count check retrieve summarize explain analyze \
         analyse validate verify compare diff inspect preview estimate calculate compute convert browse ping \
         echo suggest recommend peek discover detect audit whoami scan tail head cat ls grep glob wait \
         geocode think parse extract translate tokenize return display enumerate identify determine examine \
         locate measure monitor watch classify simulate filter sort fuzzy aggregate exists poll observe \
         reverse rank rerank print obtain screenshot",
    ),
    (
        Class::Destructive,
        Weight::Either,
        "shell command script sql bash terminal cmd powershell cypher permission permissions deployment call \
         trigger process block request",
    ),
    (
        Class::External,
        Weight::Either,
        "email mail sms post message webhook payment url transfer notification http fax curl release",
    ),
    (Class::Write, Weight::Either, "comment label tag fork link pin record note review"),
    (Class::Read, Weight::Either, "query status info help stats version history health tree"),
];

/// Changing one of these changes who has access.
pub(crate) const ACCESS: &str = "permission permissions role roles access acl acls policy policies grant grants member members \
     collaborator collaborators credential credentials secret secrets token tokens password passwords \
     key keys admin admins user users mfa sso owner owners delegate delegates privilege privileges \
     visibility ip ips cidr allowlist whitelist blocklist denylist";

/// Changing one of these puts something in the place of all it held, or of what its kind could hold.
pub(crate) const WHOLE: &str = "file files document documents blob content contents block markdown property column columns \
     schema";

/// Changing one of these changes how something that runs behaves.
pub(crate) const SETTINGS: &str =
    "attribute attributes config configuration setting settings env variable variables parameter parameters";

/// Pushing one of these changes a branch.
pub(crate) const SOURCE: &str = "file files branch branches commit commits code tag tags";

/// Making one of these reaches people or systems outside.
pub(crate) const OUTGOING: &str = "email emails mail sms message messages payment payments refund refunds charge payout transfer \
     webhook webhooks invitation invitations invite call notification notifications tweet release \
     forwarding dm";

/// Making or changing one of these replaces what runs.
pub(crate) const RUNNING: &str = "deployment deployments traffic firewall";

/// Joins two deeds in one name.
pub(crate) const JOINING: &str = "and or then";

#[cfg(test)]
mod tests;
