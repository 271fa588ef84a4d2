//! What a cluster source cannot see at the moment, and when that is an alert: once it lasted, and once for all that
//! fails for one reason.

use std::{collections::BTreeMap, time::Duration};

use sundew_cluster::Reason;
use tokio::time::Instant;

/// How many things one alert names.
const NAMED: usize = 3;
/// For how long a server that is away is found to be so by one thing after another: a watch over a dead connection is
/// given up after five and a half minutes. What comes to see it later was answered meanwhile.
const SAME_OUTAGE: Duration = Duration::from_mins(6);

/// What is in trouble, by name.
#[derive(Debug, Default)]
pub(super) struct Sight {
    troubles: BTreeMap<String, Trouble>,
    /// What is in trouble and needs no alert.
    quiet: BTreeMap<String, Trouble>,
}

#[derive(Debug)]
struct Trouble {
    since: Instant,
    /// Whether the server is at fault, and not this thing alone.
    server: bool,
    /// Whether another connection could help.
    connection: bool,
    why: String,
    told: bool,
}

/// Whether nothing else can be asked of the server either.
fn is_of_server(reason: &Reason) -> bool {
    match reason {
        Reason::Refused { status, .. } => *status >= 500 || *status == 429,
        Reason::Silent { .. } => true,
        other => is_of_connection(other),
    }
}

/// Whether a connection with another credential, or other certificates, could help.
fn is_of_connection(reason: &Reason) -> bool {
    matches!(reason, Reason::Unauthorized | Reason::Credential { .. } | Reason::Unreachable { .. })
}

impl Sight {
    /// `thing` cannot be seen.
    pub(super) fn lost(&mut self, thing: &str, reason: &Reason) {
        let trouble = Trouble::new(is_of_server(reason), is_of_connection(reason), reason.to_string());
        enter(&mut self.troubles, thing, trouble);
    }

    /// `thing` cannot be done, which says nothing of anything else.
    pub(super) fn failed(&mut self, thing: &str, reason: &Reason) {
        enter(&mut self.troubles, thing, Trouble::new(false, is_of_connection(reason), reason.to_string()));
    }

    /// `thing` cannot be seen, and that is no alert.
    pub(super) fn missed(&mut self, thing: &str, reason: &Reason) {
        let trouble = Trouble::new(false, is_of_connection(reason), reason.to_string());
        enter(&mut self.quiet, thing, trouble);
    }

    /// Nothing can be seen at all, since then.
    pub(super) fn lost_all(&mut self, since: Instant, why: String) {
        enter(&mut self.troubles, "the API server", Trouble { since, ..Trouble::new(true, false, why) });
    }

    /// `thing` can be seen. True where its absence was told of.
    pub(super) fn found(&mut self, thing: &str) -> bool {
        self.quiet.remove(thing);
        self.troubles.remove(thing).is_some_and(|trouble| trouble.told)
    }

    /// The server answers.
    pub(super) fn found_all(&mut self) -> bool {
        self.found("the API server")
    }

    /// Whether anything is in trouble.
    pub(super) fn is_troubled(&self) -> bool {
        !self.troubles.is_empty() || !self.quiet.is_empty()
    }

    /// Whether anything has been in trouble for so long that another connection could end.
    pub(super) fn needs_connection(&self, lasting: Duration) -> bool {
        let all = self.troubles.values().chain(self.quiet.values());
        all.into_iter().any(|trouble| trouble.connection && trouble.since.elapsed() >= lasting)
    }

    /// What lasted for `absence` and was not told of, each as the end of a sentence; it counts as told from now on.
    pub(super) fn due(&mut self, absence: Duration) -> Vec<String> {
        let due = |trouble: &Trouble| !trouble.told && trouble.since.elapsed() >= absence;
        let mut said = Vec::new();
        for server in [true, false] {
            let of = |trouble: &Trouble| trouble.server == server;
            if !self.troubles.values().any(|trouble| of(trouble) && due(trouble)) {
                continue;
            }
            // That the server is away needs to be told once only, however many things come to see it.
            let told = self.troubles.values().filter(|trouble| server && of(trouble) && trouble.told);
            let known: Vec<Instant> = told.map(|trouble| trouble.since).collect();
            let is_known =
                |since: Instant| known.iter().any(|told| since.duration_since(*told) < SAME_OUTAGE);
            let mut names = Vec::new();
            let mut why = String::new();
            // Those that are not due yet fail for the same reason, and need no alert of their own.
            for (thing, trouble) in self.troubles.iter_mut().filter(|(_, t)| of(t) && !t.told) {
                trouble.told = true;
                if !is_known(trouble.since) {
                    names.push(thing.clone());
                    why.clone_from(&trouble.why);
                }
            }
            if !names.is_empty() {
                said.push(format!("{}: {why}", list(&names)));
            }
        }
        said
    }
}

impl Trouble {
    fn new(server: bool, connection: bool, why: String) -> Self {
        Self { since: Instant::now(), server, connection, why, told: false }
    }
}

/// Notes the trouble of `thing`. The same trouble goes on with its present reason; what becomes the thing's own trouble,
/// or the server's, begins then.
fn enter(troubles: &mut BTreeMap<String, Trouble>, thing: &str, mut trouble: Trouble) {
    if let Some(known) = troubles.get(thing).filter(|known| known.server == trouble.server) {
        (trouble.since, trouble.told) = (known.since, known.told);
    }
    troubles.insert(thing.to_owned(), trouble);
}

fn list(names: &[String]) -> String {
    let shown = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABSENCE: Duration = Duration::from_secs(30);

    fn away() -> Reason {
        Reason::Unreachable { why: "refused".into() }
    }

    fn forbidden(name: &str) -> Reason {
        Reason::Forbidden { message: format!("may not watch {name}") }
    }

    #[tokio::test(start_paused = true)]
    async fn trouble_is_told_once_after_it_lasted_and_again_after_it_was_over() {
        let mut sight = Sight::default();
        sight.lost("Secret a/b", &away());
        tokio::time::advance(ABSENCE - Duration::from_secs(1)).await;
        assert!(sight.due(ABSENCE).is_empty());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(sight.due(ABSENCE).len(), 1);
        assert!(sight.due(ABSENCE).is_empty());
        sight.lost("Secret a/b", &away());
        assert!(sight.due(ABSENCE).is_empty(), "it is the same trouble");
        assert!(sight.found("Secret a/b"));
        sight.lost("Secret a/b", &away());
        tokio::time::advance(ABSENCE).await;
        assert_eq!(sight.due(ABSENCE).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_moment_of_trouble_is_not_told() {
        let mut sight = Sight::default();
        sight.lost("Secret a/b", &away());
        tokio::time::advance(ABSENCE / 2).await;
        assert!(!sight.found("Secret a/b"));
        tokio::time::advance(ABSENCE).await;
        assert!(sight.due(ABSENCE).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_away_is_told_once_for_all_and_what_may_not_be_seen_by_name() {
        let mut sight = Sight::default();
        for name in ["a/1", "a/2", "a/3", "a/4", "a/5"] {
            sight.lost(name, &away());
        }
        sight.lost("a/6", &forbidden("a/6"));
        tokio::time::advance(ABSENCE).await;
        sight.lost("a/7", &away());
        let said = sight.due(ABSENCE);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("a/1, a/2, a/3 and 3 more: the connection failed"), "{said:?}");
        assert!(said[1].starts_with("a/6: the account may not"), "{said:?}");
        sight.lost("a/8", &away());
        sight.lost("a/9", &forbidden("a/9"));
        tokio::time::advance(ABSENCE).await;
        let said = sight.due(ABSENCE);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("a/9"), "{said:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_told_is_the_present_reason() {
        let mut sight = Sight::default();
        sight.lost("Secret a/b", &away());
        tokio::time::advance(ABSENCE / 2).await;
        sight.lost("Secret a/b", &Reason::Unauthorized);
        tokio::time::advance(ABSENCE / 2).await;
        let said = sight.due(ABSENCE);
        assert!(said.len() == 1 && said[0].contains("401"), "{said:?}");
        sight.lost("Secret a/b", &forbidden("a/b"));
        assert!(sight.due(ABSENCE).is_empty(), "the server answers now, so this begins anew");
        tokio::time::advance(ABSENCE).await;
        let said = sight.due(ABSENCE);
        assert!(said.len() == 1 && said[0].contains("may not watch a/b"), "{said:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_trouble_of_one_thing_does_not_hide_a_later_outage() {
        let broken = Reason::Refused { status: 500, message: "cannot be decrypted".into() };
        let mut sight = Sight::default();
        sight.lost("Secret a/1", &broken);
        sight.failed("the label of Secret a/2", &broken);
        tokio::time::advance(ABSENCE).await;
        assert_eq!(sight.due(ABSENCE).len(), 2);
        // The others could be seen all the while.
        tokio::time::advance(SAME_OUTAGE).await;
        for name in ["Secret a/2", "Secret a/3"] {
            sight.lost(name, &away());
        }
        tokio::time::advance(ABSENCE).await;
        let said = sight.due(ABSENCE);
        assert!(said.len() == 1 && said[0].starts_with("Secret a/2, Secret a/3: "), "{said:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn another_connection_is_for_what_one_could_mend_and_only_once_it_lasts() {
        let mut sight = Sight::default();
        assert!(!sight.is_troubled());
        sight.lost("Secret a/1", &forbidden("a/1"));
        tokio::time::advance(ABSENCE).await;
        assert!(sight.is_troubled() && !sight.needs_connection(ABSENCE));
        sight.missed("pods", &Reason::Unauthorized);
        assert!(!sight.needs_connection(ABSENCE));
        tokio::time::advance(ABSENCE).await;
        assert!(sight.needs_connection(ABSENCE));
        assert_eq!(sight.due(ABSENCE).len(), 1, "pods are no alert");
        sight.found("pods");
        assert!(!sight.needs_connection(ABSENCE));
    }
}
