//! The configuration of `sundew watch`.

mod detection;
mod entries;
mod error;
mod rules;
mod sources;
mod times;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use sundew_decoy::yaml::{self, YamlError};
use sundew_notify::{FileConfig, SinkConfig, SlackConfig, TerminalConfig, WebhookConfig};

pub use self::{
    detection::{ExceptionConfig, HabitsConfig, RulesConfig, Until},
    error::ConfigError,
    rules::{habits_settings, read_rules, rule_files, rule_sources, rulebook},
    sources::{ClusterSource, FileSource, SourceConfig, Start, StdinSource, WebhookSource},
    times::{DrillConfig, IncidentsConfig, Silence},
};
use self::{
    entries::{Kind, Tagged},
    sources::SourceKind,
};

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
    /// Drills that the sensor runs by itself.
    #[schemars(default)]
    pub drill: Option<DrillConfig>,
    /// Which rules are used, and how.
    #[schemars(default)]
    pub rules: RulesConfig,
    /// What is learnt of identities.
    #[schemars(default)]
    pub habits: HabitsConfig,
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
    #[serde(default)]
    drill: Option<DrillConfig>,
    #[serde(default)]
    rules: RulesConfig,
    #[serde(default)]
    habits: HabitsConfig,
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
        let head: Head = yaml::read(text)?;
        Ok(Self {
            sources: entries::read(text, "sources", &head.sources)?,
            sinks: entries::read(text, "sinks", &head.sinks)?,
            version: head.version,
            cluster: head.cluster,
            inventory: head.inventory,
            posture: head.posture,
            store: head.store,
            incidents: head.incidents,
            drill: head.drill,
            rules: head.rules,
            habits: head.habits,
        })
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
        self.check_webhooks()?;
        self.check_clusters()?;
        let decoys = |source: &SourceConfig| !source.is_audit() && source.sees_decoys();
        if self.drill.is_some() && !self.sources.iter().any(decoys) {
            return Err(
                "`drill` needs a source of type cluster, whose API server the decoys are used at; add one, or run `sundew drill` elsewhere"
                    .into(),
            );
        }
        Ok(())
    }

    fn check_webhooks(&self) -> Result<(), String> {
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

    fn check_clusters(&self) -> Result<(), String> {
        let mut seen = HashSet::new();
        for source in &self.sources {
            let SourceConfig::Cluster(cluster) = source else { continue };
            let name = &cluster.name;
            if !cluster.pods && !cluster.secrets {
                return Err(format!("source `{name}` would watch nothing; leave `pods` or `secrets` on"));
            }
            let of = self.cluster_of(source);
            if !seen.insert(of) {
                return Err(format!(
                    "source `{name}` is the second of type cluster that is of cluster `{of}`; one sees all of it, so leave one out or give it another `cluster`"
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
        self.rules.paths.iter_mut().for_each(at);
        self.sources.iter_mut().for_each(|source| source.resolve(folder));
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
