//! What a cluster source cannot see at the moment, and when that is an alert: once it lasted, and once for all that
//! fails for one reason.

use std::{collections::BTreeMap, time::Duration};

use sundew_cluster::Reason;
use tokio::time::Instant;

/// How many things one alert names.
const NAMED: usize = 3;

/// What is in trouble, by name.
#[derive(Debug, Default)]
pub(super) struct Sight {
    troubles: BTreeMap<String, Trouble>,
}

#[derive(Debug)]
struct Trouble {
    since: Instant,
    /// Whether the server is at fault, and not this thing alone.
    server: bool,
    why: String,
    told: bool,
}

/// Whether nothing else can be asked of the server either.
fn is_of_server(reason: &Reason) -> bool {
    match reason {
        Reason::Unauthorized | Reason::Silent { .. } | Reason::Unreachable { .. } => true,
        Reason::Credential { .. } => true,
        Reason::Refused { status, .. } => *status >= 500 || *status == 429,
        _ => false,
    }
}

impl Sight {
    /// `thing` cannot be seen.
    pub(super) fn lost(&mut self, thing: &str, reason: &Reason) {
        self.lose(thing, is_of_server(reason), reason.to_string());
    }

    /// Nothing can be seen at all.
    pub(super) fn lost_all(&mut self, why: String) {
        self.lose("the API server", true, why);
    }

    fn lose(&mut self, thing: &str, server: bool, why: String) {
        let known = self.troubles.get(thing);
        let (since, told) = known.map_or((Instant::now(), false), |known| (known.since, known.told));
        self.troubles.insert(thing.to_owned(), Trouble { since, server, why, told });
    }

    /// `thing` can be seen. True where its absence was told of.
    pub(super) fn found(&mut self, thing: &str) -> bool {
        self.troubles.remove(thing).is_some_and(|trouble| trouble.told)
    }

    /// The server answers.
    pub(super) fn found_all(&mut self) -> bool {
        self.found("the API server")
    }

    /// What lasted for `absence` and was not told of, each as the end of a sentence; it counts as told from now on.
    pub(super) fn due(&mut self, absence: Duration) -> Vec<String> {
        let due = |trouble: &Trouble| !trouble.told && trouble.since.elapsed() >= absence;
        let mut said = Vec::new();
        for server in [true, false] {
            let known = self.troubles.values().any(|trouble| trouble.server && trouble.told);
            let any = self.troubles.values().any(|trouble| trouble.server == server && due(trouble));
            if !any {
                continue;
            }
            let mut names = Vec::new();
            let mut why = String::new();
            // Those that are not due yet fail for the same reason, and need no alert of their own.
            for (thing, trouble) in self.troubles.iter_mut().filter(|(_, t)| t.server == server && !t.told) {
                trouble.told = true;
                names.push(thing.clone());
                why.clone_from(&trouble.why);
            }
            // That the server is away needs to be told once only, however many things come to see it.
            if !(server && known) {
                said.push(format!("{}: {why}", list(&names)));
            }
        }
        said
    }
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
}
