//! GKE's LogEntry as an audit event: the same facts under other names.
//!
//! Groups, uid, extra and the request's path are not in a LogEntry. Names follow
//! `google.cloud.audit.AuditLog` and `google.logging.v2.LogEntry`.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;

use super::Item;
use crate::{
    event::{Event, ObjectRef, Status, User},
    list::put,
    reject::{Reason, Reject},
    text::Text,
};

type Words<'a> = Cow<'a, str>;

#[derive(Deserialize)]
struct LogEntry<'a> {
    #[serde(borrow, default, rename = "insertId")]
    insert_id: Words<'a>,
    #[serde(borrow, default)]
    timestamp: Words<'a>,
    #[serde(borrow, default, rename = "receiveTimestamp")]
    receive_timestamp: Words<'a>,
    #[serde(borrow, rename = "protoPayload")]
    payload: Payload<'a>,
    #[serde(borrow, default)]
    labels: BTreeMap<Words<'a>, Words<'a>>,
    #[serde(borrow, default)]
    operation: Operation<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Operation<'a> {
    #[serde(borrow)]
    id: Words<'a>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow, default, rename = "serviceName")]
    service: Words<'a>,
    #[serde(borrow, default, rename = "methodName")]
    method: Words<'a>,
    #[serde(borrow, default, rename = "resourceName")]
    resource: Words<'a>,
    #[serde(borrow, default, rename = "authenticationInfo")]
    authentication: Authentication<'a>,
    #[serde(borrow, default, rename = "requestMetadata")]
    metadata: RequestMetadata<'a>,
    #[serde(borrow, default)]
    status: RpcStatus<'a>,
    #[serde(borrow, default)]
    request: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow, default)]
    response: Option<&'a serde_json::value::RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Authentication<'a> {
    #[serde(borrow, rename = "principalEmail")]
    principal: Words<'a>,
    #[serde(borrow, rename = "authoritySelector")]
    authority: Words<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RequestMetadata<'a> {
    #[serde(borrow, rename = "callerIp")]
    ip: Words<'a>,
    #[serde(borrow, rename = "callerSuppliedUserAgent")]
    user_agent: Words<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RpcStatus<'a> {
    code: i32,
    #[serde(borrow)]
    message: Words<'a>,
}

/// Reads `text` as a LogEntry. True if it was one of Kubernetes; other services' entries are no events.
pub(super) fn open(text: &str, each: &mut dyn FnMut(Item<'_, '_>)) -> bool {
    let Ok(entry) = serde_json::from_str::<LogEntry<'_>>(text) else { return false };
    let of_kubernetes = entry.payload.service == "k8s.io" || entry.payload.method.starts_with("io.k8s.");
    if !of_kubernetes {
        let reject = Reject::new(Reason::NotAnEvent, 0, "a LogEntry of another service");
        each(Item::Reject { reject, raw: text.as_bytes(), partial: None });
        return true;
    }
    let event = event(&entry);
    each(Item::Event(&event, text));
    true
}

fn event<'e>(entry: &'e LogEntry<'_>) -> Event<'e> {
    let payload = &entry.payload;
    let id = if entry.operation.id.is_empty() { &entry.insert_id } else { &entry.operation.id };
    let received = if entry.timestamp.is_empty() { &entry.receive_timestamp } else { &entry.timestamp };
    let mut event = Event {
        kind: Text::literal("Event"),
        api_version: Text::literal("audit.k8s.io/v1"),
        level: Text::literal(if payload.request.is_some() { "Request" } else { "Metadata" }),
        audit_id: Text::literal(id),
        stage: Text::literal("ResponseComplete"),
        request_uri: Text::default(),
        verb: Text::literal(payload.method.rsplit('.').next().unwrap_or_default()),
        user: User { username: Text::literal(&payload.authentication.principal), ..User::default() },
        user_agent: Text::literal(&payload.metadata.user_agent),
        object_ref: object_ref(&payload.resource),
        response_status: Some(Status {
            code: http_status(payload.status.code),
            message: Text::literal(&payload.status.message),
            ..Status::default()
        }),
        request_object: payload.request.map(serde_json::value::RawValue::get),
        response_object: payload.response.map(serde_json::value::RawValue::get),
        request_received: Text::literal(received),
        stage_timestamp: Text::literal(received),
        ..Event::default()
    };
    if !payload.authentication.authority.is_empty() {
        let username = Text::literal(&payload.authentication.authority);
        event.impersonated_user = Some(User { username, ..User::default() });
    }
    if !payload.metadata.ip.is_empty() {
        event.source_ips.push(Text::literal(&payload.metadata.ip));
    }
    for (key, value) in &entry.labels {
        put(&mut event.annotations, Text::literal(key), Text::literal(value));
    }
    event
}

/// `GROUP/VERSION[/namespaces/NS]/RESOURCE[/NAME[/SUBRESOURCE]]`, the empty group written `core`. What has fewer
/// parts is a path and no resource, such as `readyz`.
fn object_ref(resource_name: &str) -> Option<ObjectRef<'_>> {
    let mut parts = resource_name.split('/').filter(|p| !p.is_empty()).map(Text::literal);
    let (group, version) = (parts.next()?, parts.next()?);
    let rest: Vec<Text<'_>> = parts.collect();
    let (namespace, rest) = match rest.as_slice() {
        // What is about a namespace itself also lies in it, as the API server has it.
        [ns, name, more @ ..] if *ns == "namespaces" && is_namespace_itself(more) => (*name, &rest[..]),
        [ns, name, more @ ..] if *ns == "namespaces" => (*name, more),
        all => (Text::default(), all),
    };
    let part = |i: usize| rest.get(i).copied().unwrap_or_default();
    if part(0).is_empty() {
        return None;
    }
    Some(ObjectRef {
        resource: part(0),
        namespace,
        name: part(1),
        subresource: part(2),
        api_group: if group == "core" { Text::default() } else { group },
        api_version: version,
        ..ObjectRef::default()
    })
}

/// `namespaces/NS`, and its subresources, are about the namespace and not about a resource in it.
fn is_namespace_itself(rest: &[Text<'_>]) -> bool {
    matches!(rest, []) || matches!(rest, [one] if *one == "finalize" || *one == "status")
}

/// The HTTP status for a code of `google.rpc.Code`.
fn http_status(code: i32) -> i32 {
    match code {
        0 => 200,
        3 | 9 | 11 => 400,
        16 => 401,
        7 => 403,
        5 => 404,
        6 | 10 => 409,
        8 => 429,
        1 => 499,
        12 => 501,
        14 => 503,
        4 => 504,
        _ => 500,
    }
}
