//! The configuration of `sundew watch`.

mod entries;

use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use sundew_decoy::yaml::{self, YamlError};
use sundew_detect::Grouping;
use sundew_notify::{FileConfig, SinkConfig, SinkError, SlackConfig, TerminalConfig, WebhookConfig};
use thiserror::Error;

use self::entries::{Kind, Tagged};

/// The value of `version` in the files that this program reads.
pub const VERSION: u32 = 1;

/// What is watched, with which decoys, and who is told. Relative paths start at the folder of the file.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// The version of this format: 1.
    pub version: u32,
    /// The cluster that sources are from where they name none.
    #[schemars(default = "default_cluster")]
    pub cluster: String,
    /// The inventory of decoys.
    #[schemars(default)]
    pub inventory: Option<PathBuf>,
    /// The report of `sundew scan --save`, so that alerts say what the identity could do.
    #[schemars(default)]
    pub posture: Option<PathBuf>,
    /// The file that keeps what must survive a crash.
    #[schemars(default = "default_store")]
    pub store: PathBuf,
    /// Where events come from.
    pub sources: Vec<SourceConfig>,
    /// Where alerts go.
    #[schemars(default)]
    pub sinks: Vec<SinkConfig>,
    /// How findings are grouped and told.
    #[schemars(default)]
    pub incidents: IncidentsConfig,
}

/// The version alone: another one may have other keys.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// The file at a first look: of sources and sinks the types alone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Head {
    version: u32,
    #[serde(default = "default_cluster")]
    cluster: String,
    #[serde(default)]
    inventory: Option<PathBuf>,
    #[serde(default)]
    posture: Option<PathBuf>,
    #[serde(default = "default_store")]
    store: PathBuf,
    sources: Vec<Tagged<SourceKind>>,
    #[serde(default)]
    sinks: Vec<Tagged<SinkKind>>,
    #[serde(default)]
    incidents: IncidentsConfig,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum SourceKind {
    File,
    Webhook,
    Stdin,
}

impl Kind for SourceKind {
    type Entry = SourceConfig;

    fn read<'de, D: Deserializer<'de>>(self, entry: D) -> Result<SourceConfig, D::Error> {
        match self {
            Self::File => FileSource::deserialize(entry).map(SourceConfig::File),
            Self::Webhook => WebhookSource::deserialize(entry).map(SourceConfig::Webhook),
            Self::Stdin => StdinSource::deserialize(entry).map(SourceConfig::Stdin),
        }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum SinkKind {
    File,
    Slack,
    Webhook,
    Terminal,
}

impl Kind for SinkKind {
    type Entry = SinkConfig;

    fn read<'de, D: Deserializer<'de>>(self, entry: D) -> Result<SinkConfig, D::Error> {
        match self {
            Self::File => FileConfig::deserialize(entry).map(SinkConfig::File),
            Self::Slack => SlackConfig::deserialize(entry).map(SinkConfig::Slack),
            Self::Webhook => WebhookConfig::deserialize(entry).map(SinkConfig::Webhook),
            Self::Terminal => TerminalConfig::deserialize(entry).map(SinkConfig::Terminal),
        }
    }
}

fn default_cluster() -> String {
    "default".into()
}

fn default_store() -> PathBuf {
    "sundew.db".into()
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

/// How findings are grouped and told. Times such as `15m`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct IncidentsConfig {
    /// Findings of one actor and peer further apart than this are different incidents.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub window: SignedDuration,
    /// The shortest time between two updates about one incident; doubles with each.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub quiet: SignedDuration,
    /// How long a message that cannot be delivered is tried before it is put aside.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub give_up_after: SignedDuration,
}

impl Default for IncidentsConfig {
    fn default() -> Self {
        let grouping = Grouping::default();
        Self { window: grouping.window, quiet: grouping.quiet, give_up_after: SignedDuration::from_hours(72) }
    }
}

impl IncidentsConfig {
    pub(crate) fn grouping(&self) -> Grouping {
        let default = Grouping::default();
        let longest_quiet = default.longest_quiet.max(self.quiet);
        Grouping { window: self.window, quiet: self.quiet, longest_quiet, ..default }
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || serde::de::Error::custom(format!("`{text}` is no time; write it like 30s, 15m or 72h"));
    let duration: SignedDuration = text.parse().map_err(|_| wrong())?;
    if duration.is_positive() { Ok(duration) } else { Err(wrong()) }
}

/// What is wrong with a configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is no configuration.
    #[error("{}: {source}", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: YamlError,
    },
    /// The parts do not fit together.
    #[error("{}: {problem}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A sink's name.
    #[error("{}: {source}", path.display())]
    Sink {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: SinkError,
    },
}

impl SourceConfig {
    /// The name that it was given.
    pub fn name(&self) -> &str {
        match self {
            Self::File(s) => &s.name,
            Self::Webhook(s) => &s.name,
            Self::Stdin(s) => &s.name,
        }
    }

    /// The cluster that it was given.
    pub fn cluster(&self) -> Option<&str> {
        match self {
            Self::File(s) => s.cluster.as_deref(),
            Self::Webhook(s) => s.cluster.as_deref(),
            Self::Stdin(s) => s.cluster.as_deref(),
        }
    }
}

impl Config {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    ///
    /// Names the file, the place in it and what to do.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let read = |source| ConfigError::Read { path: path.to_owned(), source };
        let size = std::fs::metadata(path).map_err(read)?.len();
        if size > yaml::MAX_BYTES {
            let problem = format!("{size} bytes are more than a configuration has; is this another file?");
            return Err(ConfigError::Value { path: path.to_owned(), problem });
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        Self::read(&text, path)
    }

    /// Reads and checks a configuration's text; `path` is where it stands.
    ///
    /// # Errors
    ///
    /// As [`Config::load`].
    pub fn read(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let wrong = |problem| ConfigError::Value { path: path.to_owned(), problem };
        if let Ok(Version { version }) = yaml::read(text)
            && version != VERSION
        {
            return Err(wrong(format!("`version` is {version}, and this program reads version {VERSION}")));
        }
        let mut config =
            Self::parse(text).map_err(|source| ConfigError::Yaml { path: path.to_owned(), source })?;
        config.check().map_err(wrong)?;
        sundew_notify::check_names(&config.sinks)
            .map_err(|source| ConfigError::Sink { path: path.to_owned(), source })?;
        config.resolve(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    fn parse(text: &str) -> Result<Self, YamlError> {
        let Head { version, cluster, inventory, posture, store, sources, sinks, incidents } =
            yaml::read(text)?;
        let sources = entries::read(text, "sources", &sources)?;
        let sinks = entries::read(text, "sinks", &sinks)?;
        Ok(Self { version, cluster, inventory, posture, store, sources, sinks, incidents })
    }

    /// The JSON Schema of the file.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Config).to_value()
    }

    /// The cluster of a source.
    pub fn cluster_of<'c>(&'c self, source: &'c SourceConfig) -> &'c str {
        source.cluster().unwrap_or(&self.cluster)
    }

    /// The cluster that the posture report is of: the configuration's, or the only one that sources name.
    pub fn posture_cluster(&self) -> &str {
        let mut clusters = self.sources.iter().map(|source| self.cluster_of(source));
        match clusters.next() {
            Some(first) if clusters.all(|other| other == first) => first,
            _ => &self.cluster,
        }
    }

    fn check(&self) -> Result<(), String> {
        if self.sources.is_empty() {
            return Err(
                "`sources` is empty: there is nothing to watch; add a source of type file or webhook".into(),
            );
        }
        let mut names: Vec<&str> = self.sources.iter().map(SourceConfig::name).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!(
                "two sources are named `{}`; positions are kept by name, so give each its own",
                twice[0]
            ));
        }
        if self.sources.iter().filter(|s| matches!(s, SourceConfig::Stdin(_))).count() > 1 {
            return Err("standard input can be read by one source only".into());
        }
        for source in &self.sources {
            if let SourceConfig::Webhook(webhook) = source
                && webhook.token_file.is_none()
                && webhook.client_ca_file.is_none()
            {
                let name = &webhook.name;
                return Err(format!(
                    "source `{name}` would take events from anybody; give `tokenFile`, `clientCaFile` or both"
                ));
            }
        }
        Ok(())
    }

    /// Makes relative paths start at `folder`.
    fn resolve(&mut self, folder: &Path) {
        let at = |path: &mut PathBuf| *path = folder.join(&*path);
        let maybe = |path: &mut Option<PathBuf>| path.iter_mut().for_each(at);
        maybe(&mut self.inventory);
        maybe(&mut self.posture);
        at(&mut self.store);
        for source in &mut self.sources {
            match source {
                SourceConfig::File(s) => at(&mut s.path),
                SourceConfig::Webhook(s) => {
                    at(&mut s.cert_file);
                    at(&mut s.key_file);
                    maybe(&mut s.token_file);
                    maybe(&mut s.client_ca_file);
                }
                SourceConfig::Stdin(_) => {}
            }
        }
        for sink in &mut self.sinks {
            match sink {
                SinkConfig::File(s) => at(&mut s.path),
                SinkConfig::Slack(s) => maybe(&mut s.url_file),
                SinkConfig::Webhook(s) => {
                    maybe(&mut s.url_file);
                    maybe(&mut s.secret_file);
                    s.headers.iter_mut().for_each(|h| maybe(&mut h.value_file));
                }
                SinkConfig::Terminal(_) => {}
            }
        }
    }
}
