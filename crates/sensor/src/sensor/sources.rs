//! The sources of a running sensor: started, changed while it runs, and stopped.

use std::{collections::HashMap, sync::Arc};

use super::{Sensor, SensorError, drills::Way};
use crate::{
    config::{Config, SourceConfig},
    intake::{Expected, Input, Origin},
    source::{
        cluster::{Means, Watcher, watched},
        follow::Follower,
        stdin,
        webhook::Receiver,
    },
};

const FILE_ADVICE: &str = "See whether the API server still writes there (its flag --audit-log-path), and what its audit policy logs (--audit-policy-file); where so much quiet is usual, set `silence` of the source";
const WEBHOOK_ADVICE: &str = "See whether the API server still sends there (its flag --audit-webhook-config-file) and can reach it, and what its audit policy logs (--audit-policy-file); where so much quiet is usual, set `silence` of the source";

/// A source that runs.
pub(super) enum Running {
    File(Follower),
    Webhook(Receiver),
    Stdin,
    Cluster(Watcher),
}

impl Sensor {
    /// Stops sources that are gone or changed, and starts those that are new. One that cannot be opened keeps no other
    /// from being.
    pub(super) async fn set_sources(&mut self, config: &Config) -> Result<(), SensorError> {
        self.tell(Input::Sources(expected(config))).await;
        let wanted = |source: &SourceConfig, cluster: &str| {
            config.sources.iter().any(|s| s == source && config.cluster_of(s) == cluster)
        };
        let old = std::mem::take(&mut self.sources);
        for (source, running) in old {
            if wanted(&source, self.config.cluster_of(&source)) {
                self.sources.push((source, running));
            } else {
                stop_source(running).await;
            }
        }
        let mut first = Ok(());
        for source in &config.sources {
            if let Some((_, running)) = self.sources.iter().find(|(s, _)| s == source) {
                if let Running::Cluster(watcher) = running {
                    watcher.set_decoys(watched(&self.inventory, config.cluster_of(source)));
                }
                continue;
            }
            match self.start_source(config, source).await {
                Ok(running) => self.sources.push((source.clone(), running)),
                Err(error) => first = first.and(Err(error)),
            }
        }
        first
    }

    /// Lets the cluster sources know which decoys there are.
    pub(super) fn set_decoys(&self) {
        for (source, running) in &self.sources {
            if let Running::Cluster(watcher) = running {
                watcher.set_decoys(watched(&self.inventory, self.config.cluster_of(source)));
            }
        }
    }

    /// The ways to the clusters whose decoys' Secrets are watched.
    pub(super) fn ways(&self, config: &Config) -> HashMap<String, Way> {
        let way = |(source, running): &(SourceConfig, Running)| match running {
            Running::Cluster(watcher) if source.sees_decoys() => {
                Some((config.cluster_of(source).to_owned(), watcher.connection()))
            }
            _ => None,
        };
        self.sources.iter().filter_map(way).collect()
    }

    async fn position(&self, origin: &Origin) -> Result<Option<serde_json::Value>, SensorError> {
        let Origin { cluster, source } = origin.clone();
        Ok(self.office.ledger.with(move |store| store.position(&cluster, &source)).await?)
    }

    async fn start_source(&self, config: &Config, source: &SourceConfig) -> Result<Running, SensorError> {
        let name = source.name().to_owned();
        let origin = Origin { cluster: config.cluster_of(source).to_owned(), source: name.clone() };
        let intake = self.intake.clone();
        match source {
            SourceConfig::File(file) => {
                let position = self.position(&origin).await?;
                Follower::start(file, origin, position, intake, self.patience.absence)
                    .map(Running::File)
                    .map_err(|source| SensorError::Tail { name, source })
            }
            SourceConfig::Webhook(webhook) => Receiver::start(webhook, origin, intake, self.patience)
                .await
                .map(Running::Webhook)
                .map_err(|source| SensorError::Listen { name, source: Box::new(source) }),
            SourceConfig::Stdin(_) => {
                stdin::start(origin, intake);
                Ok(Running::Stdin)
            }
            SourceConfig::Cluster(cluster) => {
                let position = self.position(&origin).await?;
                let decoys = watched(&self.inventory, &origin.cluster);
                let means = Means {
                    intake,
                    ledger: self.office.ledger.clone(),
                    clock: Arc::clone(&self.office.clock),
                    patience: self.patience,
                };
                Ok(Running::Cluster(Watcher::start(cluster.clone(), origin, position, decoys, means)))
            }
        }
    }
}

pub(super) async fn stop_source(running: Running) {
    match running {
        Running::File(follower) => {
            // Stopping waits for a thread that may be waiting for the pipeline.
            let _ = tokio::task::spawn_blocking(move || follower.stop()).await;
        }
        Running::Webhook(receiver) => receiver.stop().await,
        Running::Stdin => {}
        Running::Cluster(watcher) => watcher.stop().await,
    }
}

/// What is expected of the sources of `config`.
fn expected(config: &Config) -> Vec<Expected> {
    let of = |source: &SourceConfig| {
        let origin =
            Origin { cluster: config.cluster_of(source).to_owned(), source: source.name().to_owned() };
        let (place, advice) = match source {
            SourceConfig::File(file) => (file.path.display().to_string(), FILE_ADVICE),
            SourceConfig::Webhook(webhook) => (format!("listening on {}", webhook.listen), WEBHOOK_ADVICE),
            SourceConfig::Stdin(_) => ("standard input".to_owned(), ""),
            SourceConfig::Cluster(_) => ("the Kubernetes API".to_owned(), ""),
        };
        let silence = source.silence().longest();
        Expected { origin, audit: source.is_audit(), silence, place, advice }
    };
    config.sources.iter().map(of).collect()
}
