//! The same event read with `serde_json`: slower, plainly right, and the oracle for [`crate::parse`].

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    event::{Details, Event, ObjectRef, Status, User},
    text::Text,
};

/// An event that owns its texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlainEvent {
    /// `kind`.
    pub kind: String,
    /// `apiVersion`.
    pub api_version: String,
    /// `level`.
    pub level: String,
    /// `auditID`.
    pub audit_id: String,
    /// `stage`.
    pub stage: String,
    /// `requestURI`.
    pub request_uri: String,
    /// `verb`.
    pub verb: String,
    /// `user`.
    pub user: PlainUser,
    /// `impersonatedUser`.
    pub impersonated_user: Option<PlainUser>,
    /// `authenticationMetadata`, raw.
    pub authentication_metadata: Option<String>,
    /// `sourceIPs`.
    pub source_ips: Vec<String>,
    /// `userAgent`.
    pub user_agent: String,
    /// `objectRef`: resource, namespace, name, uid, apiGroup, apiVersion, resourceVersion, subresource.
    pub object_ref: Option<[String; 8]>,
    /// `responseStatus`.
    pub response_status: Option<PlainStatus>,
    /// `requestObject`, raw.
    pub request_object: Option<String>,
    /// `responseObject`, raw.
    pub response_object: Option<String>,
    /// `requestReceivedTimestamp`.
    pub request_received: String,
    /// `stageTimestamp`.
    pub stage_timestamp: String,
    /// `annotations`.
    pub annotations: BTreeMap<String, String>,
}

/// `UserInfo`, owned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlainUser {
    /// `username`.
    pub username: String,
    /// `uid`.
    pub uid: String,
    /// `groups`.
    pub groups: Vec<String>,
    /// `extra`.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// `metav1.Status`, owned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlainStatus {
    /// `status`.
    pub status: String,
    /// `message`.
    pub message: String,
    /// `reason`.
    pub reason: String,
    /// `code`.
    pub code: i32,
    /// `details`: name, group, kind, uid.
    pub details: Option<[String; 4]>,
}

/// Reads the event that `json` holds.
///
/// # Errors
///
/// Where `serde_json` refuses it.
pub fn event(json: &str) -> serde_json::Result<PlainEvent> {
    serde_json::from_str(json)
}

/// Null and absent are one: the empty value.
#[derive(Default)]
struct OrNull<T>(T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for OrNull<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::deserialize(deserializer)?.unwrap_or_default()))
    }
}

/// Implements `Deserialize` for a struct by reading each known key with the last duplicate winning, which derived
/// code refuses, and passing unknown ones.
macro_rules! read_object {
    ($type:ident, $($key:literal => |$target:ident, $map:ident| $read:expr),+ $(,)?) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields;
                impl<'de> Visitor<'de> for Fields {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }
                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<$type, A::Error> {
                        let mut value = $type::default();
                        while let Some(key) = map.next_key::<String>()? {
                            match key.as_str() {
                                $($key => { let ($target, $map) = (&mut value, &mut map); $read; })+
                                _ => { map.next_value::<IgnoredAny>()?; }
                            }
                        }
                        Ok(value)
                    }
                }
                deserializer.deserialize_map(Fields)
            }
        }
    };
}

fn text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<String, A::Error> {
    Ok(map.next_value::<OrNull<String>>()?.0)
}

fn raw<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<String>, A::Error> {
    let raw: Box<RawValue> = map.next_value()?;
    Ok((raw.get() != "null").then(|| raw.get().to_owned()))
}

fn texts<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Vec<String>, A::Error> {
    let list: OrNull<Vec<OrNull<String>>> = map.next_value()?;
    Ok(list.0.into_iter().map(|t| t.0).collect())
}

#[derive(Default)]
struct PlainRef([String; 8]);
#[derive(Default)]
struct PlainDetails([String; 4]);

read_object!(PlainRef,
    "resource" => |r, m| r.0[0] = text(m)?, "namespace" => |r, m| r.0[1] = text(m)?,
    "name" => |r, m| r.0[2] = text(m)?, "uid" => |r, m| r.0[3] = text(m)?,
    "apiGroup" => |r, m| r.0[4] = text(m)?, "apiVersion" => |r, m| r.0[5] = text(m)?,
    "resourceVersion" => |r, m| r.0[6] = text(m)?, "subresource" => |r, m| r.0[7] = text(m)?,
);
read_object!(PlainDetails,
    "name" => |d, m| d.0[0] = text(m)?, "group" => |d, m| d.0[1] = text(m)?,
    "kind" => |d, m| d.0[2] = text(m)?, "uid" => |d, m| d.0[3] = text(m)?,
);
read_object!(PlainStatus,
    "status" => |s, m| s.status = text(m)?, "message" => |s, m| s.message = text(m)?,
    "reason" => |s, m| s.reason = text(m)?,
    "code" => |s, m| s.code = m.next_value::<OrNull<i32>>()?.0,
    "details" => |s, m| s.details = m.next_value::<Option<PlainDetails>>()?.map(|d| d.0),
);
read_object!(PlainUser,
    "username" => |u, m| u.username = text(m)?, "uid" => |u, m| u.uid = text(m)?,
    "groups" => |u, m| u.groups = texts(m)?,
    "extra" => |u, m| {
        let extra: OrNull<BTreeMap<String, OrNull<Vec<OrNull<String>>>>> = m.next_value()?;
        u.extra = extra.0.into_iter().map(|(k, v)| (k, v.0.into_iter().map(|t| t.0).collect())).collect();
    },
);
read_object!(PlainEvent,
    "kind" => |e, m| e.kind = text(m)?, "apiVersion" => |e, m| e.api_version = text(m)?,
    "level" => |e, m| e.level = text(m)?, "auditID" => |e, m| e.audit_id = text(m)?,
    "stage" => |e, m| e.stage = text(m)?, "requestURI" => |e, m| e.request_uri = text(m)?,
    "verb" => |e, m| e.verb = text(m)?,
    "user" => |e, m| e.user = m.next_value::<OrNull<PlainUser>>()?.0,
    "impersonatedUser" => |e, m| e.impersonated_user = m.next_value()?,
    "authenticationMetadata" => |e, m| e.authentication_metadata = raw(m)?,
    "sourceIPs" => |e, m| e.source_ips = texts(m)?,
    "userAgent" => |e, m| e.user_agent = text(m)?,
    "objectRef" => |e, m| e.object_ref = m.next_value::<Option<PlainRef>>()?.map(|r| r.0),
    "responseStatus" => |e, m| e.response_status = m.next_value()?,
    "requestObject" => |e, m| e.request_object = raw(m)?,
    "responseObject" => |e, m| e.response_object = raw(m)?,
    "requestReceivedTimestamp" => |e, m| e.request_received = text(m)?,
    "stageTimestamp" => |e, m| e.stage_timestamp = text(m)?,
    "annotations" => |e, m| {
        let map: OrNull<BTreeMap<String, OrNull<String>>> = m.next_value()?;
        e.annotations = map.0.into_iter().map(|(k, v)| (k, v.0)).collect();
    },
);

impl PlainEvent {
    /// The same event as the borrowed view that detectors take.
    pub fn view(&self) -> Event<'_> {
        Event {
            kind: lit(&self.kind),
            api_version: lit(&self.api_version),
            level: lit(&self.level),
            audit_id: lit(&self.audit_id),
            stage: lit(&self.stage),
            request_uri: lit(&self.request_uri),
            verb: lit(&self.verb),
            user: self.user.view(),
            impersonated_user: self.impersonated_user.as_ref().map(PlainUser::view),
            authentication_metadata: self.authentication_metadata.as_deref(),
            source_ips: self.source_ips.iter().map(|t| Text::literal(t)).collect(),
            user_agent: lit(&self.user_agent),
            object_ref: self.object_ref.as_ref().map(view_ref),
            response_status: self.response_status.as_ref().map(PlainStatus::view),
            request_object: self.request_object.as_deref(),
            response_object: self.response_object.as_deref(),
            request_received: lit(&self.request_received),
            stage_timestamp: lit(&self.stage_timestamp),
            annotations: self.annotations.iter().map(|(k, v)| (Text::literal(k), Text::literal(v))).collect(),
        }
    }
}

impl PlainUser {
    fn view(&self) -> User<'_> {
        User {
            username: Text::literal(&self.username),
            uid: Text::literal(&self.uid),
            groups: self.groups.iter().map(|t| Text::literal(t)).collect(),
            extra: self.extra.iter().map(|(k, v)| (lit(k), v.iter().map(|t| lit(t)).collect())).collect(),
        }
    }
}

impl PlainStatus {
    fn view(&self) -> Status<'_> {
        Status {
            status: Text::literal(&self.status),
            message: Text::literal(&self.message),
            reason: Text::literal(&self.reason),
            code: self.code,
            details: self.details.as_ref().map(view_details),
        }
    }
}

fn view_details(fields: &[String; 4]) -> Details<'_> {
    let [name, group, kind, uid] = fields.each_ref().map(|t| lit(t));
    Details { name, group, kind, uid }
}

fn lit(text: &str) -> Text<'_> {
    Text::literal(text)
}

fn view_ref(fields: &[String; 8]) -> ObjectRef<'_> {
    let [resource, namespace, name, uid, api_group, api_version, resource_version, subresource] =
        fields.each_ref().map(|t| Text::literal(t));
    ObjectRef { resource, namespace, name, uid, api_group, api_version, resource_version, subresource }
}

fn own(text: Text<'_>) -> String {
    text.decode().into_owned()
}

impl From<&Event<'_>> for PlainEvent {
    fn from(e: &Event<'_>) -> Self {
        Self {
            kind: own(e.kind),
            api_version: own(e.api_version),
            level: own(e.level),
            audit_id: own(e.audit_id),
            stage: own(e.stage),
            request_uri: own(e.request_uri),
            verb: own(e.verb),
            user: (&e.user).into(),
            impersonated_user: e.impersonated_user.as_ref().map(Into::into),
            authentication_metadata: e.authentication_metadata.map(str::to_owned),
            source_ips: e.source_ips.iter().map(|t| own(*t)).collect(),
            user_agent: own(e.user_agent),
            object_ref: e.object_ref.map(plain_ref),
            response_status: e.response_status.map(Into::into),
            request_object: e.request_object.map(str::to_owned),
            response_object: e.response_object.map(str::to_owned),
            request_received: own(e.request_received),
            stage_timestamp: own(e.stage_timestamp),
            annotations: e.annotations.iter().map(|(k, v)| (own(*k), own(*v))).collect(),
        }
    }
}

fn plain_ref(r: ObjectRef<'_>) -> [String; 8] {
    [r.resource, r.namespace, r.name, r.uid, r.api_group, r.api_version, r.resource_version, r.subresource]
        .map(own)
}

impl From<&User<'_>> for PlainUser {
    fn from(u: &User<'_>) -> Self {
        Self {
            username: own(u.username),
            uid: own(u.uid),
            groups: u.groups.iter().map(|t| own(*t)).collect(),
            extra: u.extra.iter().map(|(k, v)| (own(*k), v.iter().map(|t| own(*t)).collect())).collect(),
        }
    }
}

impl From<Status<'_>> for PlainStatus {
    fn from(s: Status<'_>) -> Self {
        let details = |d: Details<'_>| [d.name, d.group, d.kind, d.uid].map(own);
        Self {
            status: own(s.status),
            message: own(s.message),
            reason: own(s.reason),
            code: s.code,
            details: s.details.map(details),
        }
    }
}
