//! Who is turned away at the webhook, said without letting them fill the log: the first time of each peer, and then
//! one line a minute with how often.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

/// How often what was not said is summed up.
const MINUTE: Duration = Duration::from_secs(60);
/// How many peers are named at most in a minute; of others only the count is told.
const MAX_NAMED: usize = 64;

/// Why somebody is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Why {
    /// The TLS handshake failed or took too long.
    Handshake,
    /// The bearer token is missing or wrong.
    Token,
    /// Others wanted the place, and no right to it was shown yet.
    Crowd,
}

/// Those who were turned away at one source.
#[derive(Debug)]
pub(super) struct Strangers {
    source: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Who was named for what, and whether they came since the last sum.
    named: HashMap<(IpAddr, Why), bool>,
    unsaid: HashMap<Why, u64>,
}

impl Strangers {
    pub(super) fn new(source: &str) -> Self {
        Self { source: source.to_owned(), state: Mutex::default() }
    }

    /// Tells that `peer` was turned away, or counts it where that was told before.
    pub(super) fn turn_away(&self, peer: IpAddr, why: Why, what: &str) {
        let peer = peer.to_canonical();
        let mut state = self.lock();
        let full = state.named.len() >= MAX_NAMED;
        match state.named.get_mut(&(peer, why)) {
            Some(came) => *came = true,
            None if !full => {
                state.named.insert((peer, why), true);
                tracing::warn!(source = self.source, %peer, "{what}; further ones of this peer are only counted");
                return;
            }
            None => {}
        }
        *state.unsaid.entry(why).or_default() += 1;
    }

    /// Tells how many were counted since the last time. Peers that stayed away since then are named again.
    pub(super) fn sum_up(&self) {
        let mut state = self.lock();
        state.named.retain(|_, came| std::mem::take(came));
        let unsaid = std::mem::take(&mut state.unsaid);
        if unsaid.is_empty() {
            return;
        }
        let count = |why| unsaid.get(&why).copied().unwrap_or_default();
        tracing::warn!(
            source = self.source,
            handshakes = count(Why::Handshake),
            tokens = count(Why::Token),
            crowded_out = count(Why::Crowd),
            "turned away {} more within a minute",
            unsaid.values().sum::<u64>()
        );
    }

    /// Sums up once a minute until `stop`, and then what is left.
    pub(super) async fn sum_up_each_minute(&self, stop: CancellationToken) {
        while tokio::time::timeout(MINUTE, stop.cancelled()).await.is_err() {
            self.sum_up();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Arc};

    use tempfile::NamedTempFile;
    use tracing::subscriber::DefaultGuard;

    use super::*;

    /// Strangers whose sums are told, and the log that they are told in.
    struct Door {
        strangers: Arc<Strangers>,
        log: NamedTempFile,
        _guard: DefaultGuard,
    }

    impl Door {
        fn open() -> Self {
            let log = NamedTempFile::new().unwrap();
            let writer = Arc::new(log.reopen().unwrap());
            let subscriber = tracing_subscriber::fmt().with_writer(writer).with_ansi(false).finish();
            let guard = tracing::subscriber::set_default(subscriber);
            let strangers = Arc::new(Strangers::new("hook"));
            let summing = Arc::clone(&strangers);
            tokio::spawn(async move { summing.sum_up_each_minute(CancellationToken::new()).await });
            Self { strangers, log, _guard: guard }
        }

        fn failed(&self, peer: u16) {
            let peer = IpAddr::from([10, 0, (peer >> 8) as u8, peer as u8]);
            self.strangers.turn_away(peer, Why::Handshake, "a TLS handshake failed");
        }

        fn lines(&self) -> Vec<String> {
            fs::read_to_string(self.log.path()).unwrap().lines().map(str::to_owned).collect()
        }
    }

    /// A little more than `minutes`, which pass at once.
    async fn pass(minutes: u32) {
        tokio::time::sleep(MINUTE * minutes + Duration::from_secs(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_failure_of_a_peer_is_told_and_the_others_are_one_line_a_minute() {
        let door = Door::open();
        (0..1000).for_each(|_| door.failed(7));
        door.strangers.turn_away([10, 0, 0, 7].into(), Why::Token, "the bearer token is missing or wrong");
        door.strangers.turn_away([10, 0, 0, 7].into(), Why::Token, "the bearer token is missing or wrong");
        let lines = door.lines();
        assert_eq!(lines.len(), 2, "{lines:#?}");
        assert!(
            lines[0].contains("a TLS handshake failed") && lines[0].contains("peer=10.0.0.7"),
            "{lines:#?}"
        );
        assert!(lines[1].contains("the bearer token is missing or wrong"), "{lines:#?}");
        pass(1).await;
        let lines = door.lines();
        assert_eq!(lines.len(), 3, "{lines:#?}");
        assert!(lines[2].contains("turned away 1000 more"), "{lines:#?}");
        assert!(lines[2].contains("handshakes=999 tokens=1 crowded_out=0"), "{lines:#?}");
        pass(10).await;
        assert_eq!(door.lines().len(), 3, "where nobody came there is nothing to sum up");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_keeps_coming_is_named_once_and_one_that_stayed_away_is_named_again() {
        let door = Door::open();
        door.failed(1);
        for _ in 0..5 {
            door.failed(2);
            pass(1).await;
        }
        let named =
            |peer| door.lines().iter().filter(|line| line.contains(&format!("peer=10.0.0.{peer}"))).count();
        door.failed(1);
        assert_eq!((named(1), named(2)), (2, 1), "{:#?}", door.lines());
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_peers_there_are_only_so_many_are_named() {
        let door = Door::open();
        (0..1000).for_each(|peer| door.failed(peer));
        assert_eq!(door.lines().len(), MAX_NAMED);
        pass(1).await;
        let lines = door.lines();
        assert_eq!(lines.len(), MAX_NAMED + 1);
        assert!(lines[MAX_NAMED].contains("turned away 936 more"), "{}", lines[MAX_NAMED]);
    }
}
