//! The configuration of sinks.

use std::{collections::HashSet, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error};
use sundew_detect::Severity;

use crate::{
    duration,
    error::SinkError,
    secret::{Env, Secret, SecretSource},
};

/// One sink, told apart by `type`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum SinkConfig {
    /// Appends to a file.
    File(FileConfig),
    /// Posts to a Slack channel through an incoming webhook.
    Slack(SlackConfig),
    /// Posts JSON to a URL.
    Webhook(WebhookConfig),
    /// Prints to standard output.
    Terminal(TerminalConfig),
}

/// Appends each message to a file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileConfig {
    /// Names the sink; unique.
    pub name: String,
    /// Sends nothing below this severity.
    #[serde(default = "everything")]
    pub min_severity: Severity,
    /// The file. Its folder must exist. A new file is readable only by its owner.
    pub path: PathBuf,
    /// How a message is written.
    #[serde(default)]
    pub format: FileFormat,
}

/// How a message is written to a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FileFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// A block of text for people.
    Text,
}

/// Posts to a Slack channel. The URL of an incoming webhook is a secret: give exactly one of `urlFile` and `urlEnv`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SlackConfig {
    /// Names the sink; unique.
    pub name: String,
    /// Sends nothing below this severity.
    #[serde(default = "worth_a_look")]
    pub min_severity: Severity,
    /// A file that holds the URL. It is read for each message, so a new URL takes hold at once.
    #[serde(default)]
    pub url_file: Option<PathBuf>,
    /// The variable of the environment that holds the URL.
    #[serde(default)]
    pub url_env: Option<String>,
    /// How long one delivery may take, such as `10s`.
    #[serde(default = "ten_seconds", deserialize_with = "duration::deserialize")]
    #[schemars(with = "String", default = "ten_seconds_text")]
    pub timeout: Duration,
    /// Only here to be refused with a better word than "unknown field".
    #[serde(default, rename = "url", deserialize_with = "refuse_inline_url")]
    #[schemars(skip)]
    #[doc(hidden)]
    pub inline_url: (),
}

/// Posts each message as JSON to a URL: give exactly one of `url`, `urlFile` and `urlEnv`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookConfig {
    /// Names the sink; unique.
    pub name: String,
    /// Sends nothing below this severity.
    #[serde(default = "worth_a_look")]
    pub min_severity: Severity,
    /// The URL itself, where it is no secret.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub url: Option<Secret>,
    /// A file that holds the URL. It is read for each message, so a new URL takes hold at once.
    #[serde(default)]
    pub url_file: Option<PathBuf>,
    /// The variable of the environment that holds the URL.
    #[serde(default)]
    pub url_env: Option<String>,
    /// A file that holds the key to sign with (HMAC-SHA256). At most one of `secretFile` and `secretEnv`.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// The variable of the environment that holds the key to sign with.
    #[serde(default)]
    pub secret_env: Option<String>,
    /// More headers to send, such as `Authorization`.
    #[serde(default)]
    pub headers: Vec<HeaderConfig>,
    /// JSON to send instead of the wire form. `{{ incident.title }}` inside a string stands for that value; a string
    /// of one placeholder and nothing else becomes the value itself.
    #[serde(default)]
    pub body: Option<String>,
    /// How long one delivery may take, such as `10s`.
    #[serde(default = "ten_seconds", deserialize_with = "duration::deserialize")]
    #[schemars(with = "String", default = "ten_seconds_text")]
    pub timeout: Duration,
}

/// A header with a secret value: give exactly one of `valueFile` and `valueEnv`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeaderConfig {
    /// The name of the header.
    pub name: String,
    /// A file that holds the value. It is read for each message.
    #[serde(default)]
    pub value_file: Option<PathBuf>,
    /// The variable of the environment that holds the value.
    #[serde(default)]
    pub value_env: Option<String>,
}

/// Prints each message to standard output, coloured where that is a terminal and `NO_COLOR` is not set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TerminalConfig {
    /// Names the sink; unique.
    pub name: String,
    /// Sends nothing below this severity.
    #[serde(default = "worth_a_look")]
    pub min_severity: Severity,
}

/// A file is where people look things up.
fn everything() -> Severity {
    Severity::Info
}

/// What people are told of should be worth their look: what is `low` adds to an incident, and is no news alone.
fn worth_a_look() -> Severity {
    Severity::Medium
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn ten_seconds_text() -> String {
    "10s".to_owned()
}

fn refuse_inline_url<'de, D: Deserializer<'de>>(_: D) -> Result<(), D::Error> {
    Err(D::Error::custom(
        "a Slack webhook's URL is a secret and may not stand in the configuration; \
         write it to a file and name that with urlFile, or name a variable of the environment with urlEnv",
    ))
}

impl SinkConfig {
    /// The name that it was given.
    pub fn name(&self) -> &str {
        match self {
            Self::File(config) => &config.name,
            Self::Slack(config) => &config.name,
            Self::Webhook(config) => &config.name,
            Self::Terminal(config) => &config.name,
        }
    }

    /// The severity below which it wants to hear nothing.
    pub fn min_severity(&self) -> Severity {
        match self {
            Self::File(config) => config.min_severity,
            Self::Slack(config) => config.min_severity,
            Self::Webhook(config) => config.min_severity,
            Self::Terminal(config) => config.min_severity,
        }
    }
}

/// Checks that every name can be used and that no two sinks share one.
///
/// # Errors
///
/// Names the first name at fault.
pub fn check_names(configs: &[SinkConfig]) -> Result<(), SinkError> {
    let mut seen = HashSet::new();
    for config in configs {
        check_name(config.name())?;
        if !seen.insert(config.name()) {
            return Err(SinkError::Twice { name: config.name().to_owned() });
        }
    }
    Ok(())
}

// Names become keys of the outbox and labels of metrics.
pub(crate) fn check_name(name: &str) -> Result<(), SinkError> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
        return Err(SinkError::Name { name: crate::text::clean(name, 80) });
    }
    Ok(())
}

/// A secret that stands in a file or in the environment, given by two fields of which at most one may be set.
pub(crate) struct Given<'a> {
    pub(crate) sink: &'a str,
    /// The names of the two fields, file first.
    pub(crate) fields: (&'static str, &'static str),
    pub(crate) file: Option<&'a PathBuf>,
    pub(crate) env: Option<&'a String>,
    /// Both names, for the error.
    pub(crate) choice: &'static str,
}

impl Given<'_> {
    pub(crate) fn optional(&self, env: Env<'_>) -> Result<Option<SecretSource>, SinkError> {
        match (self.file, self.env) {
            (Some(_), Some(_)) => Err(self.wrong_choice()),
            (Some(path), None) => SecretSource::file(self.sink, self.fields.0, path).map(Some),
            (None, Some(variable)) => SecretSource::env(self.sink, self.fields.1, variable, env).map(Some),
            (None, None) => Ok(None),
        }
    }

    pub(crate) fn required(&self, env: Env<'_>) -> Result<SecretSource, SinkError> {
        self.optional(env)?.ok_or_else(|| self.wrong_choice())
    }

    fn wrong_choice(&self) -> SinkError {
        SinkError::Choice { sink: self.sink.to_owned(), fields: self.choice }
    }
}
