//! The way to the cluster: found at the start, and anew where the kubeconfig was changed or the credential is refused.

use std::time::Duration;

use sundew_cluster::{ClusterError, ConnectOptions, Connection, Stamp};
use tokio::time::Instant;

use super::Shared;
use crate::config::ClusterSource;

/// How long a credential plugin may take: nobody sits at a terminal.
const PLUGIN: Duration = Duration::from_secs(20);
/// The first and the longest wait before a server that was not there is asked again.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait before another connection is tried beside one that has trouble, in times of the first.
const RARELY: u32 = 10;

/// The way.
pub(super) struct Way<'s> {
    shared: &'s Shared,
    options: ConnectOptions,
    /// How the kubeconfig looked when it was read last.
    stamp: Stamp,
    /// Whether it was changed since the connection in use was made.
    changed: bool,
    looked: Instant,
    /// When another connection may be tried, and how long to wait after that.
    next: Instant,
    wait: Duration,
}

impl<'s> Way<'s> {
    pub(super) fn new(shared: &'s Shared, source: &ClusterSource) -> Self {
        let options = ConnectOptions {
            kubeconfig: source.kubeconfig.clone(),
            context: source.context.clone(),
            unattended: Some(PLUGIN),
            ..ConnectOptions::default()
        };
        let (stamp, now) = (options.stamp(), Instant::now());
        let wait = shared.patience.absence;
        Self { shared, options, stamp, changed: false, looked: now, next: now, wait }
    }

    /// Tries until the server answers.
    pub(super) async fn first(&mut self) -> Connection {
        let (shared, began) = (self.shared, Instant::now());
        let slow = async {
            tokio::time::sleep(shared.patience.answer).await;
            let why = "it has not answered yet; see whether it can be reached from here, and whether the kubeconfig's credential plugin ends by itself";
            if !shared.sight().is_troubled() {
                shared.sight().lost_all(began, why.to_owned());
            }
            std::future::pending::<Connection>().await
        };
        let connection = tokio::select! {
            connection = self.until_it_answers(began) => connection,
            never = slow => never,
        };
        if shared.sight().found_all() {
            tracing::info!(source = shared.origin.source, "the cluster can be seen again");
        }
        tracing::info!(source = shared.origin.source, place = %connection.place(), "watching the cluster");
        // Whoever makes another context the current one does not mean the sensor.
        self.options.context = connection.place().context.clone();
        connection
    }

    async fn until_it_answers(&mut self, began: Instant) -> Connection {
        let source = &self.shared.origin.source;
        let mut wait = FIRST_WAIT;
        loop {
            match self.open().await {
                Ok(connection) => return connection,
                Err(error) => {
                    tracing::warn!(source, "the cluster cannot be watched yet: {error}");
                    self.shared.sight().lost_all(began, error.to_string());
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Waits until there is a reason for another connection, and until there is one. The one in use is used meanwhile.
    pub(super) async fn anew(&mut self) -> Connection {
        let absence = self.shared.patience.absence;
        let mut looks = tokio::time::interval((absence / 3).max(Duration::from_millis(1)));
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let (troubled, refused) = {
                let sight = self.shared.sight();
                (sight.is_troubled(), sight.needs_connection(absence))
            };
            if !troubled {
                self.wait = absence;
            }
            if troubled || self.looked.elapsed() >= absence * 2 {
                self.look();
            }
            if !(self.changed || refused) || self.next > Instant::now() {
                continue;
            }
            let source = &self.shared.origin.source;
            match self.open().await {
                Ok(connection) => {
                    tracing::info!(source, place = %connection.place(), "the cluster is watched over another connection");
                    self.put_off();
                    return connection;
                }
                Err(error) => {
                    tracing::warn!(source, "no other connection to the cluster can be had: {error}");
                    self.put_off();
                }
            }
        }
    }

    /// Looks whether the kubeconfig was changed.
    fn look(&mut self) {
        self.looked = Instant::now();
        let stamp = self.options.stamp();
        if stamp == self.stamp {
            return;
        }
        tracing::info!(source = self.shared.origin.source, "the kubeconfig was changed");
        (self.stamp, self.changed, self.next) = (stamp, true, Instant::now());
    }

    async fn open(&mut self) -> Result<Connection, ClusterError> {
        // Looked at before it is read: what is changed in between is seen as a change.
        self.stamp = self.options.stamp();
        let opened = Connection::open(self.options.clone()).await;
        self.changed &= opened.is_err();
        opened
    }

    fn put_off(&mut self) {
        self.next = Instant::now() + self.wait;
        self.wait = (self.wait * 2).min(self.shared.patience.absence * RARELY);
    }
}
