//! Requests that enter a pod, through the API server or through the kubelet behind it.

use sundew_audit::Event;

use super::rules;
use crate::rule::Rule;

/// Whether the request goes into a pod by the pod itself: over SPDY that is `create`, over WebSocket `get`.
pub(super) fn is_into_pod(event: &Event<'_>) -> bool {
    let Some(object) = event.object_ref.filter(|o| o.resource == "pods") else { return false };
    match &*object.subresource.decode() {
        "exec" | "attach" | "portforward" => event.verb == "create" || event.verb == "get",
        "ephemeralcontainers" => event.verb == "update" || event.verb == "patch",
        _ => false,
    }
}

/// Namespace and name of the pod that the request enters, whether through the pod itself or through the kubelet.
pub(super) fn pod(event: &Event<'_>) -> Option<(String, String)> {
    let object = event.object_ref?;
    if is_into_pod(event) {
        return Some((object.namespace.decode().into_owned(), object.name.decode().into_owned()));
    }
    if object.resource != "nodes" || object.subresource != "proxy" {
        return None;
    }
    // `/api/v1/nodes/NODE/proxy/exec/NAMESPACE/POD/…`: the kubelet's own way in
    // (`pkg/kubelet/server/server.go`, `InstallDebuggingHandlers`), which needs only `nodes/proxy`.
    let uri = event.request_uri.decode();
    let path = uri.split('?').next().unwrap_or_default();
    let mut parts = path.split('/').filter(|part| !part.is_empty()).skip(5).map(unescape);
    let way = parts.next()?;
    let enters = ["exec", "attach", "run", "portForward"].contains(&way.as_str());
    parts.next().zip(parts.next()).filter(|_| enters)
}

/// A part of a path without its percent escapes.
fn unescape(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after.first_chunk::<2>().and_then(|hex| std::str::from_utf8(hex).ok());
        match code.filter(|_| *first == b'%').and_then(|hex: &str| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The rule for such a request; a tunnel is a technique of its own.
pub(super) fn rule(event: &Event<'_>) -> Rule {
    let tunnel = event.object_ref.is_some_and(|o| o.subresource == "portforward");
    Rule {
        attack: if tunnel { &["T1572", "T1609"] } else { rules::POD_ENTERED.attack },
        ..rules::POD_ENTERED
    }
}
