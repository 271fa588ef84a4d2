//! Where events come from: the sources of a configuration.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::{entries::Kind, times::Silence};

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum SourceKind {
    File,
    Webhook,
    Stdin,
    Cluster,
}

impl Kind for SourceKind {
    type Entry = SourceConfig;

    fn read<'de, D: Deserializer<'de>>(self, entry: D) -> Result<SourceConfig, D::Error> {
        match self {
            Self::File => FileSource::deserialize(entry).map(SourceConfig::File),
            Self::Webhook => WebhookSource::deserialize(entry).map(SourceConfig::Webhook),
            Self::Stdin => StdinSource::deserialize(entry).map(SourceConfig::Stdin),
            Self::Cluster => ClusterSource::deserialize(entry).map(SourceConfig::Cluster),
        }
    }
}

/// Where events come from, told apart by `type`.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(tag = "type", rename_all = "camelCase")]
pub enum SourceConfig {
    /// Follows the API server's log file through its rotations.
    File(FileSource),
    /// Takes what the API server's audit webhook posts.
    Webhook(WebhookSource),
    /// Reads standard input to its end.
    Stdin(StdinSource),
    /// Watches the decoys' Secrets, and which pod has which address, through the Kubernetes API.
    Cluster(ClusterSource),
}

/// Follows a log file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FileSource {
    /// Names the source; unique. The position is kept under it.
    pub name: String,
    /// The cluster, where it is not the configuration's.
    #[serde(default)]
    pub cluster: Option<String>,
    /// The log.
    pub path: PathBuf,
    /// Where to begin the first time.
    #[serde(default)]
    pub start: Start,
    /// How long it may bring nothing before that is an alert, such as `30m`; or `never`.
    #[serde(default)]
    pub silence: Silence,
}

/// Where to begin with a log that was never read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Start {
    /// With its first line.
    #[default]
    Beginning,
    /// After its last line.
    End,
    /// With the oldest rotated file beside it.
    OldestBackup,
}

/// Takes what the API server's audit webhook posts, over TLS. Closed until a token or a client authority is given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WebhookSource {
    /// Names the source; unique.
    pub name: String,
    /// The cluster, where it is not the configuration's.
    #[serde(default)]
    pub cluster: Option<String>,
    /// Address and port to listen on, such as `0.0.0.0:9443`.
    pub listen: std::net::SocketAddr,
    /// The certificate chain to show, PEM.
    pub cert_file: PathBuf,
    /// Its private key, PEM.
    pub key_file: PathBuf,
    /// A file with the bearer token that clients must show.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// The authorities whose client certificates are taken, PEM. Given both, a client needs both.
    #[serde(default)]
    pub client_ca_file: Option<PathBuf>,
    /// The largest body taken, in bytes.
    #[serde(default = "default_max_body")]
    pub max_body: usize,
    /// How long it may bring nothing before that is an alert, such as `30m`; or `never`.
    #[serde(default)]
    pub silence: Silence,
}

fn default_max_body() -> usize {
    32 << 20
}

/// Reads standard input.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StdinSource {
    /// Names the source; unique.
    pub name: String,
    /// The cluster, where it is not the configuration's.
    #[serde(default)]
    pub cluster: Option<String>,
}

/// Watches a cluster through its API: with no audit log at all, the use of a decoy's token is noticed by the label that
/// the API server sets on its Secret. Needs get, watch and patch on those Secrets by name, and list and watch on pods.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ClusterSource {
    /// Names the source; unique. What was seen is kept under it.
    pub name: String,
    /// The cluster, where it is not the configuration's.
    #[serde(default)]
    pub cluster: Option<String>,
    /// The kubeconfig. Else that of `KUBECONFIG`, else `~/.kube/config`, else the cluster of the pod that this runs in.
    #[serde(default)]
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context. Else its current one.
    #[serde(default)]
    pub context: Option<String>,
    /// Whether pods are watched, so that alerts name the pod behind an address.
    #[serde(default = "yes")]
    pub pods: bool,
    /// Whether the decoys' Secrets are watched.
    #[serde(default = "yes")]
    pub secrets: bool,
}

fn yes() -> bool {
    true
}

impl SourceConfig {
    /// The name that it was given.
    pub fn name(&self) -> &str {
        match self {
            Self::File(s) => &s.name,
            Self::Webhook(s) => &s.name,
            Self::Stdin(s) => &s.name,
            Self::Cluster(s) => &s.name,
        }
    }

    /// The cluster that it was given.
    pub fn cluster(&self) -> Option<&str> {
        match self {
            Self::File(s) => s.cluster.as_deref(),
            Self::Webhook(s) => s.cluster.as_deref(),
            Self::Stdin(s) => s.cluster.as_deref(),
            Self::Cluster(s) => s.cluster.as_deref(),
        }
    }

    /// Whether it brings audit events.
    pub fn is_audit(&self) -> bool {
        !matches!(self, Self::Cluster(_))
    }

    /// Whether it can tell of a decoy's use.
    pub fn sees_decoys(&self) -> bool {
        match self {
            Self::Cluster(s) => s.secrets,
            _ => true,
        }
    }

    /// How long it may bring nothing before that is an alert; none for ever.
    pub fn silence(&self) -> Silence {
        match self {
            Self::File(s) => s.silence,
            Self::Webhook(s) => s.silence,
            Self::Stdin(_) | Self::Cluster(_) => Silence::NEVER,
        }
    }

    /// Makes relative paths start at `folder`.
    pub(super) fn resolve(&mut self, folder: &Path) {
        let at = |path: &mut PathBuf| *path = folder.join(&*path);
        let maybe = |path: &mut Option<PathBuf>| path.iter_mut().for_each(at);
        match self {
            Self::File(s) => at(&mut s.path),
            Self::Webhook(s) => {
                at(&mut s.cert_file);
                at(&mut s.key_file);
                maybe(&mut s.token_file);
                maybe(&mut s.client_ca_file);
            }
            Self::Stdin(_) => {}
            Self::Cluster(s) => maybe(&mut s.kubeconfig),
        }
    }
}
