//! What a novelty is told with: one sentence, and the habit that it breaks in numbers.

use std::fmt::Write;

use crate::{
    Class, Seen,
    client::Version,
    entry::{Aspect, Entry},
    facets::{Facets, What},
    identity::Identity,
    judge::{Kind, New, News},
    names::{Name, Names},
    verb::Verb,
};

/// How long a text from outside may be in a sentence, in characters.
const MOST: usize = 120;

/// What is told from.
pub(crate) struct Words<'w> {
    pub(crate) identity: &'w Identity,
    pub(crate) names: &'w Names,
    pub(crate) seen: &'w Seen<'w>,
    pub(crate) facets: &'w Facets,
    pub(crate) news: &'w News,
    pub(crate) time: u32,
}

impl Words<'_> {
    /// Who did what that is new.
    pub(crate) fn title(&self) -> String {
        let who = who(&self.identity.name);
        let all = &self.news.all;
        if self.news.rule() == "habits.several" {
            let things: Vec<&str> = all.iter().filter(|n| n.weight >= 2).map(|n| thing(n.kind)).collect();
            let (client, from) = (self.client(), short(&self.seen.peer));
            let from = if from.is_empty() { String::new() } else { format!(" from {from}") };
            return format!(
                "{who} {} with {client}{from}: {} it never had before",
                self.did(),
                join(&things)
            );
        }
        match all.first().map_or(Kind::Request, |new| new.kind) {
            Kind::Client => format!("{who} used {}; it never did before", self.client()),
            Kind::Network => {
                format!("{who} came from {}; it never came from there before", short(&self.seen.peer))
            }
            Kind::Namespace => format!("{who} {}; it never did that there before", self.did()),
            Kind::Refused => format!("{who} {}; it was never refused anything before", self.did()),
            Kind::Secrets | Kind::Secret | Kind::Pod | Kind::Request => {
                format!("{who} {}; it never did that before", self.did())
            }
        }
    }

    /// The habit in numbers, what is new against it, and how sure that is.
    pub(crate) fn notes(&self, last: bool) -> Vec<String> {
        let mut notes = vec![self.habit()];
        notes.extend(self.news.all.iter().map(|new| self.against(*new)));
        notes.extend(self.version());
        notes.push(self.certainty());
        if last {
            notes.push(
                "It does more that is new than is told in an hour: what follows within the hour is counted only."
                    .to_owned(),
            );
        }
        notes
    }

    /// The request in words.
    fn did(&self) -> String {
        let seen = self.seen;
        let place =
            if seen.namespace.is_empty() { String::new() } else { format!(" in {}", short(&seen.namespace)) };
        let object = if seen.name.is_empty() { String::new() } else { format!(" {}", short(&seen.name)) };
        let (done, asked, what) = match self.facets.what {
            What::Secret => ("read", "read", format!("the Secret{object}{place}")),
            What::Secrets => {
                let place = if place.is_empty() { " of the whole cluster".to_owned() } else { place };
                let (done, asked) = match self.facets.verb {
                    Verb::WATCH => ("watched", "watch"),
                    _ => ("listed", "list"),
                };
                (done, asked, format!("the Secrets{place}"))
            }
            _ => {
                return format!(
                    "{} {} {}{object}{place}",
                    self.asked(),
                    short(&seen.verb),
                    short(&seen.resource)
                );
            }
        };
        match seen.code {
            404 => format!("tried to {asked} {}", what.replacen("the ", "the missing ", 1)),
            _ if seen.refused => format!("was refused to {asked} {what}"),
            _ => format!("{done} {what}"),
        }
    }

    fn asked(&self) -> &'static str {
        if self.seen.refused { "was refused to" } else { "asked to" }
    }

    fn client(&self) -> String {
        let client = crate::client::parse(&self.seen.client);
        format!("{}{}", short(&client.name), client.version.suffix())
    }

    /// What the identity does otherwise.
    fn habit(&self) -> String {
        let identity = self.identity;
        let days = u64::from(identity.last.saturating_sub(identity.first)) / 86_400;
        let hours = u64::from(identity.last.saturating_sub(identity.first)) / 3600;
        let span = match (days, hours) {
            (0, 0) => format!("{} minutes", identity.last.saturating_sub(identity.first) / 60 + 1),
            (0 | 1, _) => format!("{hours} hours"),
            _ => format!("{} days", number(days)),
        };
        let mut text = format!("Known from {} requests in {span}", number(u64::from(identity.requests)));
        for (aspect, word) in [(Aspect::Client, "with"), (Aspect::Range, "from"), (Aspect::Request, "")] {
            if let Some(mostly) = self.mostly(aspect, word) {
                // Writing to a String does not fail.
                let _ = write!(text, ", {mostly}");
            }
        }
        if identity.class != Class::Controller {
            text.push_str(&self.secrets());
            if identity.refused == 0 {
                text.push_str(", never refused");
            }
        }
        text.push('.');
        text
    }

    /// `always with axios`, `mostly (97%) get configmaps in shop`.
    fn mostly(&self, aspect: Aspect, word: &str) -> Option<String> {
        let old = || self.identity.of(aspect).filter(|entry| !entry.is_fresh(self.time));
        let all: u64 = old().map(Entry::times).sum();
        let top = old().max_by_key(|entry| entry.times())?;
        let share = match top.times() * 100 / all.max(1) {
            100 => "always".to_owned(),
            share => format!("mostly ({share}%)"),
        };
        let space = if word.is_empty() { "" } else { " " };
        Some(format!("{share}{space}{word} {}", shown(top, self.names)))
    }

    fn secrets(&self) -> String {
        let old = |aspect| self.identity.of(aspect).filter(|entry| !entry.is_fresh(self.time));
        let lists = old(Aspect::Request)
            .any(|entry| entry.verb.lists() && self.names.text(entry.name()) == "secrets");
        match old(Aspect::Secret).count() {
            _ if lists || self.identity.class == Class::Node => String::new(),
            0 => ", never a Secret".to_owned(),
            1 => old(Aspect::Secret)
                .map(|entry| format!(", of Secrets only {}", shown(entry, self.names)))
                .collect(),
            count => format!(", {count} different Secrets"),
        }
    }

    /// One new thing beside what is usual.
    fn against(&self, new: New) -> String {
        let (aspect, what) = match new.kind {
            Kind::Client => (Aspect::Client, format!("client {}", self.client())),
            Kind::Network => {
                let range = crate::network::Network::of(&self.seen.peer).map(|[_, far]| far.to_string());
                (Aspect::Range, format!("network {}", range.unwrap_or_default()))
            }
            Kind::Namespace => {
                (Aspect::Namespace, format!("namespace for this, {}", short(&self.seen.namespace)))
            }
            Kind::Secret => {
                (Aspect::Secret, format!("Secret {}/{}", short(&self.seen.namespace), short(&self.seen.name)))
            }
            Kind::Refused => {
                return "New: it is refused something.".to_owned();
            }
            Kind::Request | Kind::Secrets | Kind::Pod => (
                Aspect::Request,
                format!("request, {} {}", short(&self.seen.verb), short(&self.seen.resource)),
            ),
        };
        let mut old: Vec<&Entry> =
            self.identity.of(aspect).filter(|entry| !entry.is_fresh(self.time)).collect();
        old.sort_by_key(|entry| std::cmp::Reverse(entry.times()));
        let before: Vec<String> = old
            .iter()
            .take(3)
            .map(|entry| format!("{} ({})", shown(entry, self.names), number(entry.times())))
            .collect();
        let rest = old.len().saturating_sub(3);
        let more = if rest == 0 { String::new() } else { format!(" and {rest} more") };
        match before.is_empty() {
            true => format!("New {what}. Before: none."),
            false => format!("New {what}. Before: {}{more}.", before.join(", ")),
        }
    }

    /// That a known client has another version, which says little alone.
    fn version(&self) -> Option<String> {
        let key = self.facets.keys[Aspect::Client as usize]?;
        let entry = self.identity.find(&key).filter(|entry| !entry.is_fresh(self.time))?;
        let (before, now) = (Version(entry.place), self.facets.version);
        (before != now && !self.news.fresh[Aspect::Client as usize]).then(|| {
            let name = self.names.text(entry.name());
            format!(
                "The client is known, in another version: {name}{} before, now{}.",
                before.suffix(),
                now.suffix()
            )
        })
    }

    fn certainty(&self) -> String {
        let aspects = Aspect::ALL.into_iter().filter(|aspect| self.news.fresh[*aspect as usize]);
        let percent = aspects.map(|aspect| self.identity.restless(aspect, self.time)).max().unwrap_or(1);
        // While taught, each request counts like a minute.
        let unit =
            if self.identity.taught { "requests that it made" } else { "minutes in which it was active" };
        format!(
            "By what was seen of it, something new of this kind was to be expected in at most {} of 100 {unit}.",
            percent.clamp(1, 100)
        )
    }
}

/// A habit in words.
pub(crate) fn shown(entry: &Entry, names: &Names) -> String {
    let name = || names.text(entry.name());
    match entry.aspect() {
        Aspect::Client => format!("{}{}", name(), Version(entry.place).suffix()),
        Aspect::Network | Aspect::Range => entry.network().map(|n| n.to_string()).unwrap_or_default(),
        Aspect::Namespace => name().to_owned(),
        Aspect::Secret => format!("{}/{}", names.text(entry.namespace()), name()),
        Aspect::Request => {
            let place = match entry.namespace() {
                _ if entry.variant() => String::new(),
                Name::MANY => " in several namespaces".to_owned(),
                place => format!(" in {}", names.text(place)),
            };
            format!("{} {}{place}", entry.verb.as_str(), name())
        }
    }
}

/// An identity as people speak of it.
fn who(user: &str) -> String {
    let account = user.strip_prefix("system:serviceaccount:").and_then(|name| name.split_once(':'));
    if let Some((namespace, name)) = account {
        return format!("ServiceAccount {}/{}", short(namespace), short(name));
    }
    match user.strip_prefix("system:node:") {
        Some(node) => format!("The node {}", short(node)),
        None => short(user),
    }
}

fn thing(kind: Kind) -> &'static str {
    match kind {
        Kind::Client => "a client",
        Kind::Network => "a network",
        Kind::Namespace => "a namespace",
        Kind::Secret => "a Secret",
        Kind::Secrets => "a list of Secrets",
        Kind::Pod => "a pod of its own making",
        Kind::Request => "a request",
        Kind::Refused => "a refusal",
    }
}

/// `a`, `a and b`, `a, b and c`.
fn join(things: &[&str]) -> String {
    match things {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A number with its thousands apart.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The beginning of a text from outside.
fn short(text: &str) -> String {
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_thousands_apart() {
        assert_eq!(
            [0, 999, 1000, 12_331, 1_000_000].map(number),
            ["0", "999", "1,000", "12,331", "1,000,000"]
        );
    }

    #[test]
    fn things_are_joined_as_people_do() {
        assert_eq!(join(&["a"]), "a");
        assert_eq!(join(&["a", "b", "c"]), "a, b and c");
    }

    #[test]
    fn an_identity_is_called_by_what_it_is() {
        assert_eq!(who("system:serviceaccount:shop:web"), "ServiceAccount shop/web");
        assert_eq!(who("system:node:worker-1"), "The node worker-1");
        assert_eq!(who("bob"), "bob");
    }
}
