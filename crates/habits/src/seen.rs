//! What of an event the habits and the token checks read.

use std::borrow::Cow;

use sundew_audit::Event;

/// What kind of identity: each has habits of its own kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// A ServiceAccount that some workload uses.
    Workload,
    /// Part of the control plane: `system:kube-…`, `system:apiserver`, the controllers' accounts in kube-system.
    Controller,
    /// `system:node:…`.
    Node,
    /// Somebody with a client certificate, a token of an identity provider or a cloud's.
    Human,
}

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
    /// (RequestReceived) or nothing new (ResponseComplete of a watch whose ResponseStarted was seen counts once).
    pub fn of(event: &Event<'a>) -> Option<Self> {
        let _ = event;
        None
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
            pod_uid: self.pod_uid.map(own),
            pod: self.pod.map(own),
            node: self.node.map(own),
            credential: self.credential.map(own),
        }
    }
}
