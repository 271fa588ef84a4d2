//! What of an event the habits and the token checks read.

use std::borrow::Cow;

use sundew_audit::{Event, ObjectRef, Text, event::keys};

pub use crate::class::Class;
use crate::tokens::is_forced;

/// Keys of `user.extra` (`k8s.io/apiserver/pkg/authentication/serviceaccount/util.go`).
const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
const POD_UID: &str = "authentication.kubernetes.io/pod-uid";
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";

/// What of an event the habits and the token checks read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Seen<'a> {
    /// `user.username`: who authenticated, also where they acted as somebody else.
    pub user: Cow<'a, str>,
    /// What kind of identity that is.
    pub class: Class,
    /// The user agent.
    pub client: Cow<'a, str>,
    /// The last source address.
    pub peer: Cow<'a, str>,
    /// The verb.
    pub verb: Cow<'a, str>,
    /// `RESOURCE[.GROUP][/SUBRESOURCE]`; the path without its query where the request names no resource.
    pub resource: Cow<'a, str>,
    /// The namespace, empty for the whole cluster.
    pub namespace: Cow<'a, str>,
    /// The object's name, empty for a collection.
    pub name: Cow<'a, str>,
    /// Whether the request was refused (401, 403).
    pub refused: bool,
    /// The HTTP status, 0 where there is none yet.
    pub code: u16,
    /// Whether a pod is deleted without waiting for its containers, as far as the log shows.
    pub forced: bool,
    /// `user.extra` pod-uid of a token that is bound to a pod.
    pub pod_uid: Option<Cow<'a, str>>,
    /// `user.extra` pod-name of such a token.
    pub pod: Option<Cow<'a, str>>,
    /// `user.extra` node-name of such a token.
    pub node: Option<Cow<'a, str>>,
    /// `user.extra` credential-id, such as `JTI=…` or `X509SHA256=…`.
    pub credential: Option<Cow<'a, str>>,
}

impl<'a> Seen<'a> {
    /// None for what nobody's habits can be learnt from: no user, an anonymous one, or a stage that says nothing yet
    /// (RequestReceived). A long request is seen when it begins, so that a shell is told of while it is open, and again
    /// when it ends, since a policy may leave out either: a watch counts as two where it leaves out none.
    pub fn of(event: &Event<'a>) -> Option<Self> {
        if event.stage == "RequestReceived" {
            return None;
        }
        let user = event.user.username.decode();
        let class = Class::of(&user)?;
        let extra = |key| event.user.extra(key).first().filter(|text| !text.is_empty()).map(|t| t.decode());
        let code = event.code().unwrap_or(0);
        let object = event.object_ref.unwrap_or_default();
        Some(Self {
            class,
            client: event.user_agent.decode(),
            peer: event.peer().decode(),
            verb: event.verb.decode(),
            resource: if object.resource.is_empty() { path(event.request_uri) } else { resource(&object) },
            namespace: object.namespace.decode(),
            name: object.name.decode(),
            refused: matches!(code, 401 | 403),
            code,
            forced: is_forced(event, &object),
            pod_uid: extra(POD_UID),
            pod: extra(POD_NAME),
            node: extra(NODE_NAME),
            credential: extra(keys::CREDENTIAL_ID),
            user,
        })
    }

    /// The same without borrowing.
    pub fn into_owned(self) -> Seen<'static> {
        let own = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        Seen {
            user: own(self.user),
            class: self.class,
            client: own(self.client),
            peer: own(self.peer),
            verb: own(self.verb),
            resource: own(self.resource),
            namespace: own(self.namespace),
            name: own(self.name),
            refused: self.refused,
            code: self.code,
            forced: self.forced,
            pod_uid: self.pod_uid.map(own),
            pod: self.pod.map(own),
            node: self.node.map(own),
            credential: self.credential.map(own),
        }
    }
}

/// `RESOURCE[.GROUP][/SUBRESOURCE]`.
fn resource<'a>(object: &ObjectRef<'a>) -> Cow<'a, str> {
    let resource = object.resource.decode();
    if object.api_group.is_empty() && object.subresource.is_empty() {
        return resource;
    }
    let (group, subresource) = (object.api_group.decode(), object.subresource.decode());
    let mut whole = String::with_capacity(resource.len() + group.len() + subresource.len() + 2);
    whole.push_str(&resource);
    for (mark, part) in [('.', group), ('/', subresource)] {
        if !part.is_empty() {
            whole.push(mark);
            whole.push_str(&part);
        }
    }
    Cow::Owned(whole)
}

/// The path of a request, without its query.
fn path(uri: Text<'_>) -> Cow<'_, str> {
    let end = |uri: &str| uri.find('?').unwrap_or(uri.len());
    match uri.decode() {
        Cow::Borrowed(uri) => Cow::Borrowed(&uri[..end(uri)]),
        Cow::Owned(mut uri) => {
            uri.truncate(end(&uri));
            Cow::Owned(uri)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(json: &str) -> Option<Seen<'static>> {
        Seen::of(&sundew_audit::parse::event(json).unwrap()).map(Seen::into_owned)
    }

    #[test]
    fn a_request_of_a_workload_is_seen() {
        let seen = seen(
            r#"{"stage":"ResponseComplete","requestURI":"/x","verb":"update","user":{"username":"system:serviceaccount:shop:a",
            "extra":{"authentication.kubernetes.io/credential-id":["JTI=1"],"authentication.kubernetes.io/node-name":["n"],
            "authentication.kubernetes.io/pod-name":["a-1"],"authentication.kubernetes.io/pod-uid":["u"]}},
            "sourceIPs":["1.2.3.4","10.0.0.1"],"userAgent":"a/1","objectRef":{"resource":"deployments","namespace":"shop",
            "name":"web","apiGroup":"apps","subresource":"scale"},"responseStatus":{"code":403}}"#,
        );
        let seen = seen.unwrap();
        assert_eq!(
            (&*seen.resource, &*seen.namespace, &*seen.name),
            ("deployments.apps/scale", "shop", "web")
        );
        assert_eq!((&*seen.peer, &*seen.client, seen.code, seen.refused), ("10.0.0.1", "a/1", 403, true));
        let token = [seen.credential, seen.node, seen.pod, seen.pod_uid].map(Option::unwrap);
        assert_eq!(token, ["JTI=1", "n", "a-1", "u"]);
    }

    #[test]
    fn a_request_that_names_no_resource_is_seen_by_its_path() {
        let seen = seen(
            r#"{"stage":"ResponseComplete","requestURI":"/met\u0072ics?x=/y","verb":"get","user":{"username":"bob"},
            "responseStatus":{"code":200}}"#,
        );
        let seen = seen.unwrap();
        assert_eq!((&*seen.resource, seen.class), ("/metrics", Class::Human));
    }

    #[test]
    fn an_impersonated_request_is_that_of_the_impersonator() {
        let seen = seen(
            r#"{"stage":"ResponseComplete","verb":"get","user":{"username":"bob"},
            "impersonatedUser":{"username":"system:serviceaccount:a:b"}}"#,
        );
        assert_eq!(seen.unwrap().user, "bob");
    }

    #[test]
    fn nobody_learns_from_nobody() {
        for json in [
            r#"{"stage":"RequestReceived","verb":"get","user":{"username":"bob"}}"#,
            r#"{"stage":"ResponseStarted","verb":"get","user":{},"responseStatus":{"code":401}}"#,
            r#"{"stage":"ResponseComplete","verb":"get","user":{"username":"system:anonymous"}}"#,
        ] {
            assert_eq!(seen(json), None, "{json}");
        }
    }
}
