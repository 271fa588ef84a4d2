//! What a configuration says about rules and habits.

use std::{borrow::Cow, path::PathBuf};

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de::Error};
use sundew_detect::{Exception, RuleSettings};
use sundew_habits::Settings;

use super::times::duration;

/// Which rules are used, and how.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct RulesConfig {
    /// Whether the built-in rules are used.
    pub builtin: bool,
    /// Your own rules: Sigma files, and folders of them with all that is below. One with the name or id of a built-in
    /// rule takes its place. Looked at once a second for changes.
    pub paths: Vec<PathBuf>,
    /// Names or ids of rules that are not told. Correlations of them go on.
    pub off: Vec<String>,
    /// Who may do what a rule tells of.
    pub exceptions: Vec<ExceptionConfig>,
    /// How many findings of one rule about one actor are told an hour, in each cluster. That a rule fires more often is told once an hour,
    /// and the rest is counted.
    #[serde(deserialize_with = "at_least_one")]
    #[schemars(range(min = 1))]
    pub hourly: u32,
}

impl Default for RulesConfig {
    fn default() -> Self {
        let RuleSettings { builtin, off, hourly, .. } = RuleSettings::default();
        Self { builtin, paths: Vec::new(), off, exceptions: Vec::new(), hourly }
    }
}

impl RulesConfig {
    /// The same as the rules take it.
    pub fn settings(&self) -> RuleSettings {
        RuleSettings {
            builtin: self.builtin,
            off: self.off.clone(),
            exceptions: self.exceptions.iter().map(ExceptionConfig::exception).collect(),
            hourly: self.hourly,
        }
    }
}

/// Somebody may do what a rule tells of. All that is given must agree; one of `rule`, `actor` and `namespace` is needed.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
pub struct ExceptionConfig {
    /// The rule's name or id, as `shell_opened`; of habits and token checks what findings say, as `habits.new_client`.
    /// All of them where none is given.
    #[schemars(default)]
    pub rule: Option<String>,
    /// The user name, such as `system:serviceaccount:ci:runner`; a `*` at its end stands for any characters.
    #[schemars(default)]
    pub actor: Option<String>,
    /// The namespace of what was asked for.
    #[schemars(default)]
    pub namespace: Option<String>,
    /// Why.
    pub reason: String,
    /// The last day, as `2027-03-31` (UTC), or the last moment, as `2027-03-31T18:00:00Z`; what comes after is told again.
    #[schemars(default)]
    pub until: Option<Until>,
}

/// An exception as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Given {
    #[serde(default)]
    rule: Option<String>,
    #[serde(default, deserialize_with = "actor")]
    actor: Option<String>,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(deserialize_with = "reason")]
    reason: String,
    #[serde(default)]
    until: Option<Until>,
}

impl<'de> Deserialize<'de> for ExceptionConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Given { rule, actor, namespace, reason, until } = Given::deserialize(deserializer)?;
        if rule.is_none() && actor.is_none() && namespace.is_none() {
            return Err(D::Error::custom(
                "an exception of everybody from every rule; give it a `rule`, an `actor` or a `namespace`",
            ));
        }
        Ok(Self { rule, actor, namespace, reason, until })
    }
}

impl ExceptionConfig {
    fn exception(&self) -> Exception {
        let Self { rule, actor, namespace, reason, until } = self.clone();
        Exception { rule, actor, namespace, reason, until: until.map(|until| until.0) }
    }
}

fn actor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let is_wrong = |actor: &String| actor.strip_suffix('*').unwrap_or(actor).contains('*');
    if let Some(actor) = text.as_ref().filter(|actor| is_wrong(actor)) {
        return Err(D::Error::custom(format!(
            "the `*` of `{actor}` does not stand at its end, where alone it can"
        )));
    }
    Ok(text)
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = u32::deserialize(deserializer)?;
    if number == 0 { Err(D::Error::custom("0 is too few; give 1 or more")) } else { Ok(number) }
}

fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        return Err(D::Error::custom("the `reason` is empty; say why, for whoever reads it next year"));
    }
    Ok(text)
}

/// The last moment of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Until(pub Timestamp);

impl<'de> Deserialize<'de> for Until {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let moment = text.parse::<Timestamp>().ok().or_else(|| end_of_day(&text));
        let wrong = || {
            D::Error::custom(format!(
                "`{text}` is no day or moment; write it as 2027-03-31 or 2027-03-31T18:00:00Z"
            ))
        };
        moment.map(Self).ok_or_else(wrong)
    }
}

/// The last moment of a day.
fn end_of_day(text: &str) -> Option<Timestamp> {
    // Not by parsing it as a day: that passes over a time that stands behind it.
    let day = civil::Date::strptime("%Y-%m-%d", text).ok()?;
    Some(day.to_datetime(civil::Time::MAX).to_zoned(TimeZone::UTC).ok()?.timestamp())
}

impl JsonSchema for Until {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Until".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

/// Whether and how it is learnt what each identity normally does, and where each token is used from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct HabitsConfig {
    /// Whether it is.
    pub enabled: bool,
    /// How long an identity must have been watched before anything new is told of it, such as `24h`.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "String")]
    pub learn: SignedDuration,
    /// How many requests of it must have been seen.
    pub requests: u64,
    /// How many identities are remembered; over this, those that were silent longest and least used are forgotten.
    #[serde(deserialize_with = "at_least_one")]
    #[schemars(range(min = 1))]
    pub identities: u32,
}

impl Default for HabitsConfig {
    fn default() -> Self {
        let Settings { learn_for, least_requests, identities, .. } = Settings::default();
        let identities = u32::try_from(identities).unwrap_or(u32::MAX);
        Self { enabled: true, learn: learn_for, requests: least_requests, identities }
    }
}

impl HabitsConfig {
    /// The same as habits take it; none where they are switched off.
    pub fn settings(&self) -> Option<Settings> {
        let Self { enabled, learn, requests, identities } = self;
        enabled.then(|| Settings {
            learn_for: *learn,
            least_requests: *requests,
            identities: usize::try_from(*identities).unwrap_or(usize::MAX),
            ..Settings::default()
        })
    }
}
