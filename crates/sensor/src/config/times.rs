//! What a configuration says about time: how findings are told, when drills are due, how long a source may be silent.

use std::{borrow::Cow, time::Duration};

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de::Error};
use sundew_detect::Grouping;

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

pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || D::Error::custom(format!("`{text}` is no time; write it like 30s, 15m or 72h"));
    length(&text).ok_or_else(wrong)
}

/// More than nothing.
fn length(text: &str) -> Option<SignedDuration> {
    text.parse().ok().filter(SignedDuration::is_positive)
}

/// How long a source may bring nothing before that is an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence(Option<SignedDuration>);

impl Silence {
    /// As long as it likes.
    pub const NEVER: Self = Self(None);

    /// The longest that it may bring nothing; none where that is never an alert.
    pub fn longest(self) -> Option<SignedDuration> {
        self.0
    }
}

impl Default for Silence {
    fn default() -> Self {
        Self(Some(SignedDuration::from_mins(30)))
    }
}

impl<'de> Deserialize<'de> for Silence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "never" {
            return Ok(Self::NEVER);
        }
        let wrong = || D::Error::custom(format!("`{text}` is no time; write it like 10m or 2h, or `never`"));
        length(&text).map(|longest| Self(Some(longest))).ok_or_else(wrong)
    }
}

impl JsonSchema for Silence {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Silence".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

/// Drills that the sensor runs by itself: a quiet cluster told from a dead alarm. Needs a source of type `cluster`, and
/// an account that may get the decoys' Secrets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DrillConfig {
    /// How far apart, such as `24h`: one placement at a time, in turns.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub every: SignedDuration,
    /// Only these placements, by name; all where none is named.
    #[serde(default)]
    pub placements: Vec<String>,
    /// How long each alert may take until every sink has it.
    #[serde(default = "a_minute", deserialize_with = "waiting")]
    #[schemars(with = "String", default = "a_minute_text")]
    pub patience: Duration,
}

fn a_minute() -> Duration {
    Duration::from_mins(1)
}

fn a_minute_text() -> &'static str {
    "60s"
}

fn waiting<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let waiting = duration(deserializer)?;
    Duration::try_from(waiting).map_err(D::Error::custom)
}
