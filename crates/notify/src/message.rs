//! A message: one change of one incident, in the form that receivers get.

use serde::{Deserialize, Serialize, Serializer, de};
use sundew_detect::{Change, Incident};

/// The name and version of the wire form. A change that a receiver must know of makes a new version.
pub const SCHEMA: &str = "sundew.incident/v1";

/// One change of one incident, as a sink gets it.
///
/// Serialised, it is the wire form for receivers:
/// `{"schema": "sundew.incident/v1", "id": …, "revision": …, "change": "opened"|"updated", "incident": {…}}`.
/// `id` and `revision` repeat those of the incident; together they tell a repeated delivery from news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The incident as it stands.
    pub incident: Incident,
    /// Why the message is sent.
    pub change: Change,
}

impl Message {
    /// The same for every delivery of this message, and for no other: `<incident>-<revision>`.
    pub fn key(&self) -> String {
        format!("{}-{}", self.incident.id, self.incident.revision)
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            schema: &'static str,
            id: &'a str,
            revision: u32,
            change: Change,
            incident: &'a Incident,
        }
        let Self { incident, change } = self;
        Wire { schema: SCHEMA, id: &incident.id, revision: incident.revision, change: *change, incident }
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            schema: String,
            change: Change,
            incident: Incident,
        }
        let Wire { schema, change, incident } = Wire::deserialize(deserializer)?;
        if schema != SCHEMA {
            return Err(de::Error::custom(format!("schema is `{schema}`, this version reads `{SCHEMA}`")));
        }
        Ok(Self { incident, change })
    }
}
