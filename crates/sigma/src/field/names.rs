//! The names of all fields, and which place each means.

use rsigma_parser::fieldpath::{first_unescaped, unescape_brackets};

use super::{Body, Path, Place, Reckoned, Slot, Texts, Whole, Whose};

/// A field of audit.k8s.io/v1, with its place.
type Entry<T> = (&'static str, T);

/// What a plain name means.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Named {
    Text(Slot),
    Texts(Texts),
    Whole(Whole),
    Code,
    Body(Body),
}

/// The fields of audit.k8s.io/v1 that have a name of their own, in the order in which the API server writes them.
pub(crate) const FIELDS: &[Entry<Named>] = &[
    ("kind", Named::Text(Slot::Kind)),
    ("apiVersion", Named::Text(Slot::ApiVersion)),
    ("level", Named::Text(Slot::Level)),
    ("auditID", Named::Text(Slot::AuditId)),
    ("stage", Named::Text(Slot::Stage)),
    ("requestURI", Named::Text(Slot::RequestUri)),
    ("verb", Named::Text(Slot::Verb)),
    ("user", Named::Whole(Whole::User)),
    ("user.username", Named::Text(Slot::Username)),
    ("user.uid", Named::Text(Slot::UserUid)),
    ("user.groups", Named::Texts(Texts::Groups)),
    ("user.extra", Named::Whole(Whole::UserExtra)),
    ("impersonatedUser", Named::Whole(Whole::ImpersonatedUser)),
    ("impersonatedUser.username", Named::Text(Slot::ImpersonatedUsername)),
    ("impersonatedUser.uid", Named::Text(Slot::ImpersonatedUid)),
    ("impersonatedUser.groups", Named::Texts(Texts::ImpersonatedGroups)),
    ("impersonatedUser.extra", Named::Whole(Whole::ImpersonatedExtra)),
    ("authenticationMetadata", Named::Body(Body::Authentication)),
    ("sourceIPs", Named::Texts(Texts::SourceIps)),
    ("userAgent", Named::Text(Slot::UserAgent)),
    ("objectRef", Named::Whole(Whole::ObjectRef)),
    ("objectRef.resource", Named::Text(Slot::Resource)),
    ("objectRef.namespace", Named::Text(Slot::Namespace)),
    ("objectRef.name", Named::Text(Slot::Name)),
    ("objectRef.uid", Named::Text(Slot::ObjectUid)),
    ("objectRef.apiGroup", Named::Text(Slot::ApiGroup)),
    ("objectRef.apiVersion", Named::Text(Slot::ObjectApiVersion)),
    ("objectRef.resourceVersion", Named::Text(Slot::ResourceVersion)),
    ("objectRef.subresource", Named::Text(Slot::Subresource)),
    ("responseStatus", Named::Whole(Whole::ResponseStatus)),
    ("responseStatus.status", Named::Text(Slot::Status)),
    ("responseStatus.message", Named::Text(Slot::Message)),
    ("responseStatus.reason", Named::Text(Slot::Reason)),
    ("responseStatus.details", Named::Whole(Whole::Details)),
    ("responseStatus.details.name", Named::Text(Slot::DetailsName)),
    ("responseStatus.details.group", Named::Text(Slot::DetailsGroup)),
    ("responseStatus.details.kind", Named::Text(Slot::DetailsKind)),
    ("responseStatus.details.uid", Named::Text(Slot::DetailsUid)),
    ("responseStatus.code", Named::Code),
    ("requestObject", Named::Body(Body::Request)),
    ("responseObject", Named::Body(Body::Response)),
    ("requestReceivedTimestamp", Named::Text(Slot::RequestReceived)),
    ("stageTimestamp", Named::Text(Slot::StageTimestamp)),
    ("annotations", Named::Whole(Whole::Annotations)),
];

/// The names that are followed by a key or a path of the rule's choice.
const MAPS: &[&str] = &[
    "user.extra.",
    "impersonatedUser.extra.",
    "authenticationMetadata.",
    "requestObject.",
    "responseObject.",
    "annotations.",
    "sundew.query.",
    "sundew.pod.",
    "sundew.body.",
];

/// What an extension means.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Extension {
    Reckoned(Reckoned),
    Pod,
    Body,
    Query,
}

/// The extensions.
pub(crate) const EXTENSIONS: &[Entry<Extension>] = &[
    ("sundew.peer", Extension::Reckoned(Reckoned::Peer)),
    ("sundew.peer.private", Extension::Reckoned(Reckoned::PeerPrivate)),
    ("sundew.actor.kind", Extension::Reckoned(Reckoned::ActorKind)),
    ("sundew.actor.namespace", Extension::Reckoned(Reckoned::ActorNamespace)),
    ("sundew.actor.name", Extension::Reckoned(Reckoned::ActorName)),
    ("sundew.allowed", Extension::Reckoned(Reckoned::Allowed)),
    ("sundew.path", Extension::Reckoned(Reckoned::Path)),
    ("sundew.query", Extension::Query),
    ("sundew.exec.argv", Extension::Reckoned(Reckoned::Argv)),
    ("sundew.exec.command", Extension::Reckoned(Reckoned::Command)),
    ("sundew.exec.stdin", Extension::Reckoned(Reckoned::Stdin)),
    ("sundew.exec.tty", Extension::Reckoned(Reckoned::Tty)),
    ("sundew.pod", Extension::Pod),
    ("sundew.body", Extension::Body),
];

/// The place that `name` means.
pub(super) fn place(name: &str) -> Place {
    let (plain, index) = trailing_index(name);
    if let Some((_, named)) = FIELDS.iter().find(|(known, _)| *known == plain) {
        return named_place(*named, index);
    }
    if index.is_none()
        && let Some((_, extension)) = EXTENSIONS.iter().find(|(known, _)| *known == name)
    {
        return extension_place(*extension);
    }
    keyed_place(name)
}

fn named_place(named: Named, index: Option<i64>) -> Place {
    match (named, index) {
        (Named::Texts(texts), index) => Place::Texts(texts, index),
        (Named::Body(body), index) => Place::Body(body, Path::at(index)),
        (_, Some(_)) => Place::Nowhere,
        (Named::Text(slot), None) => Place::Text(slot),
        (Named::Whole(whole), None) => Place::Whole(whole),
        (Named::Code, None) => Place::Code,
    }
}

fn extension_place(extension: Extension) -> Place {
    match extension {
        Extension::Reckoned(reckoned) => Place::Reckoned(reckoned),
        Extension::Pod => Place::Pod(Path::default()),
        Extension::Body => Place::Body(Body::Sent, Path::default()),
        // Of the query only its keys can be asked for.
        Extension::Query => Place::Nowhere,
    }
}

/// A name with a key or a path of the rule's choice behind it.
fn keyed_place(name: &str) -> Place {
    let Some(map) = MAPS.iter().find(|map| name.starts_with(**map) && name.len() > map.len()) else {
        return Place::Nowhere;
    };
    let rest = &name[map.len()..];
    let key = || unescape_brackets(rest).into();
    match *map {
        "user.extra." => Place::Extra(Whose::User, key()),
        "impersonatedUser.extra." => Place::Extra(Whose::Impersonated, key()),
        "annotations." => Place::Annotation(key()),
        "sundew.query." => Place::Query(key()),
        "sundew.pod." => Place::Pod(Path::parse(rest)),
        "sundew.body." => Place::Body(Body::Sent, Path::parse(rest)),
        "authenticationMetadata." => Place::Body(Body::Authentication, Path::parse(rest)),
        "requestObject." => Place::Body(Body::Request, Path::parse(rest)),
        _ => Place::Body(Body::Response, Path::parse(rest)),
    }
}

/// Takes one `[N]` off the end of a name.
fn trailing_index(name: &str) -> (&str, Option<i64>) {
    let index = || {
        let open = first_unescaped(name, b'[')?;
        let number = name[open + 1..].strip_suffix(']')?.parse().ok()?;
        Some((&name[..open], Some(number)))
    };
    index().unwrap_or((name, None))
}
