//! One `audit.k8s.io/v1` event, borrowed from the line it was read from.
//!
//! Field names and meanings: `staging/src/k8s.io/apiserver/pkg/apis/audit/v1/types.go` of Kubernetes.

use jiff::Timestamp;

use crate::{
    list::{ListPairs, Pairs, Texts},
    text::Text,
};

/// The annotations and extra keys that name a credential.
pub mod keys {
    /// `user.extra`: `JTI=…` of a TokenRequest token (1.30 on), `X509SHA256=…` of a client certificate (1.32 on).
    pub const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";
    /// Annotation of the event that issued a token.
    pub const ISSUED_CREDENTIAL_ID: &str = "authentication.kubernetes.io/issued-credential-id";
    /// What the annotations of a legacy token's use begin with.
    pub const LEGACY_TOKEN_PREFIX: &str = "authentication.k8s.io/legacy-token";
}

/// One audit event. Every text borrows from the input; an absent field is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event<'a> {
    /// `Event`, or empty inside an EventList, whose items have no kind of their own.
    pub kind: Text<'a>,
    /// `audit.k8s.io/v1`, or empty inside an EventList.
    pub api_version: Text<'a>,
    /// `Metadata`, `Request` or `RequestResponse`.
    pub level: Text<'a>,
    /// The request's id. The client may choose it (header `Audit-ID`): no key to trust.
    pub audit_id: Text<'a>,
    /// `RequestReceived`, `ResponseStarted`, `ResponseComplete` or `Panic`.
    pub stage: Text<'a>,
    /// Path and query as the client sent them.
    pub request_uri: Text<'a>,
    /// `get`, `list`, `create` … for resources, the lower-case HTTP method otherwise.
    pub verb: Text<'a>,
    /// Who authenticated. Empty for a 401.
    pub user: User<'a>,
    /// Who the user acted as. There only where that was allowed.
    pub impersonated_user: Option<User<'a>>,
    /// The raw JSON of `authenticationMetadata`.
    pub authentication_metadata: Option<&'a str>,
    /// Addresses. All but the last may be the client's invention: see [`Event::peer`].
    pub source_ips: Texts<'a>,
    /// The client's own words about itself.
    pub user_agent: Text<'a>,
    /// The object, where the request is about one.
    pub object_ref: Option<ObjectRef<'a>>,
    /// The answer; absent at stage RequestReceived.
    pub response_status: Option<Status<'a>>,
    /// The raw JSON of the request body, at level Request and over.
    pub request_object: Option<&'a str>,
    /// The raw JSON of the response body, at level RequestResponse.
    pub response_object: Option<&'a str>,
    /// When the request arrived, RFC 3339 with microseconds.
    pub request_received: Text<'a>,
    /// When this stage was reached.
    pub stage_timestamp: Text<'a>,
    /// What admission, authorization and authentication noted.
    pub annotations: Pairs<'a>,
}

/// `UserInfo` of authentication.k8s.io/v1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User<'a> {
    /// The name, such as `system:serviceaccount:NAMESPACE:ACCOUNT`.
    pub username: Text<'a>,
    /// The uid of the account.
    pub uid: Text<'a>,
    /// The groups.
    pub groups: Texts<'a>,
    /// What the authenticator added, such as the credential id and the pod a token is bound to.
    pub extra: ListPairs<'a>,
}

/// `ObjectReference`: what the request was about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ObjectRef<'a> {
    /// The plural resource name.
    pub resource: Text<'a>,
    /// The namespace, empty for the whole cluster.
    pub namespace: Text<'a>,
    /// The name, empty for a collection.
    pub name: Text<'a>,
    /// The object's uid, where the request named it.
    pub uid: Text<'a>,
    /// The API group, empty for the core one.
    pub api_group: Text<'a>,
    /// The API version.
    pub api_version: Text<'a>,
    /// The resource version, where the request named it.
    pub resource_version: Text<'a>,
    /// `exec`, `token`, `status` and so on.
    pub subresource: Text<'a>,
}

/// `metav1.Status`: the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Status<'a> {
    /// `Success` or `Failure`, often absent.
    pub status: Text<'a>,
    /// Words for people.
    pub message: Text<'a>,
    /// `Forbidden`, `NotFound`, `Unauthorized` …
    pub reason: Text<'a>,
    /// The HTTP status, 0 where absent.
    pub code: i32,
    /// What the answer is about.
    pub details: Option<Details<'a>>,
}

/// `metav1.StatusDetails`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Details<'a> {
    /// The name of the object that was refused or missing.
    pub name: Text<'a>,
    /// Its API group.
    pub group: Text<'a>,
    /// Its resource, in spite of the name.
    pub kind: Text<'a>,
    /// Its uid.
    pub uid: Text<'a>,
}

impl<'a> Event<'a> {
    /// The peer: the last of `sourceIPs`. The entries before it come from headers that the client wrote
    /// (`k8s.io/apimachinery/pkg/util/net/http.go`, `SourceIPs`).
    pub fn peer(&self) -> Text<'a> {
        self.source_ips.last().copied().unwrap_or_default()
    }

    /// The value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<Text<'a>> {
        self.annotations.iter().find(|(k, _)| *k == key).map(|(_, value)| *value)
    }

    /// The HTTP status of the answer, where there is an answer yet.
    pub fn code(&self) -> Option<u16> {
        self.response_status.and_then(|s| u16::try_from(s.code).ok()).filter(|c| *c != 0)
    }

    /// When the request arrived; where that is missing or unreadable, when the stage was reached.
    pub fn time(&self) -> Option<Timestamp> {
        let read = |text: Text<'_>| text.decode().parse().ok();
        read(self.request_received).or_else(|| read(self.stage_timestamp))
    }

    /// Whether this is an audit event at all, and not some other JSON object.
    ///
    /// Items of an EventList have no kind; an id and a stage together are had by nothing else in these streams.
    pub fn is_audit(&self) -> bool {
        if self.kind.is_empty() && self.api_version.is_empty() {
            return !self.audit_id.is_empty() && !self.stage.is_empty();
        }
        self.kind == "Event" && self.api_version.decode().starts_with("audit.k8s.io/")
    }
}

impl<'a> User<'a> {
    /// The values under a key of `extra`.
    pub fn extra(&self, key: &str) -> &[Text<'a>] {
        self.extra.iter().find(|(k, _)| *k == key).map_or(&[], |(_, values)| values.as_slice())
    }
}
