//! Field names: what a rule calls a thing, and where in an event that thing stands.
//!
//! The names are those of `audit.k8s.io/v1`, dots between the levels, and the extensions that begin with `sundew.`.
//! What follows the name of a map (`annotations.`, `user.extra.`, `sundew.query.`) is one key, dots and all. Inside
//! the bodies the longest key that the rest of the path begins with is tried first, and a path through a list means any
//! of its elements.
//!
//! Not kept by [`sundew_audit::Event`], and so never there for a rule: `responseStatus.metadata`,
//! `responseStatus.details.causes` and `responseStatus.details.retryAfterSeconds`.

mod actor;
mod address;
mod body;
mod look;
mod names;
mod patch;
mod path;
mod pod;
mod request;
pub(crate) mod value;

pub(crate) use actor::{KINDS, kind as kind_of};
pub(crate) use body::Node;
pub(crate) use look::Look;
pub(crate) use names::{EXTENSIONS, FIELDS};
pub(crate) use path::Path;
pub(crate) use value::{Found, Value};

use crate::AuditLevel;

/// What begins the names of the extensions.
pub(crate) const EXTENSION: &str = "sundew.";

/// The keys of a query that differ between two requests that are otherwise alike.
pub(crate) const VOLATILE_IN_QUERIES: [&str; 2] = ["resourceVersion", "timeoutSeconds"];

/// A field of an event, by its name in rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) place: Place,
}

/// An extension that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoSuchExtension {
    /// The name as the rule has it.
    pub(crate) name: String,
    /// The extension that looks most like it.
    pub(crate) nearest: Option<&'static str>,
}

/// Where a field stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A single text; empty and absent are one, as the API server leaves out what is empty.
    Text(Slot),
    /// A list of texts, or the element of it that `[N]` names.
    Texts(Texts, Option<i64>),
    /// The values under one key of a user's `extra`.
    Extra(Whose, Box<str>),
    /// One annotation.
    Annotation(Box<str>),
    /// Something that has fields of its own: it is there or it is not.
    Whole(Whole),
    /// `responseStatus.code`.
    Code,
    /// Inside a piece of JSON.
    Body(Body, Path),
    /// Inside a pod's spec, wherever that stands in the request's body.
    Pod(Path),
    /// An extension that is reckoned from other fields.
    Reckoned(Reckoned),
    /// A key of the query.
    Query(Box<str>),
    /// No field of an audit event: never there.
    Nowhere,
}

/// The fields that hold one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Slot {
    Kind,
    ApiVersion,
    Level,
    AuditId,
    Stage,
    RequestUri,
    Verb,
    Username,
    UserUid,
    ImpersonatedUsername,
    ImpersonatedUid,
    UserAgent,
    Resource,
    Namespace,
    Name,
    ObjectUid,
    ApiGroup,
    ObjectApiVersion,
    ResourceVersion,
    Subresource,
    Status,
    Message,
    Reason,
    DetailsName,
    DetailsGroup,
    DetailsKind,
    DetailsUid,
    RequestReceived,
    StageTimestamp,
}

/// The fields that hold several texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Texts {
    SourceIps,
    Groups,
    ImpersonatedGroups,
}

/// Who an extra belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Whose {
    User,
    Impersonated,
}

/// The fields that have fields of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Whole {
    User,
    UserExtra,
    ImpersonatedUser,
    ImpersonatedExtra,
    ObjectRef,
    ResponseStatus,
    Details,
    Annotations,
}

/// The pieces of JSON that an event carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Body {
    /// `authenticationMetadata`.
    Authentication,
    /// `requestObject` as it stands.
    Request,
    /// `responseObject`.
    Response,
    /// `sundew.body`: the request's, with a JSON patch read as the object that it builds.
    Sent,
}

/// The extensions that are reckoned from other fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reckoned {
    Peer,
    PeerPrivate,
    ActorKind,
    ActorNamespace,
    ActorName,
    Allowed,
    Path,
    Argv,
    Command,
    Stdin,
    Tty,
}

impl Field {
    /// The field that a rule calls `name`. A name that is no field of an audit event is never there: such a rule loads,
    /// and the lint tells.
    ///
    /// # Errors
    ///
    /// An extension that does not exist: nobody but us could have meant anything by it.
    pub(crate) fn parse(name: &str) -> Result<Self, NoSuchExtension> {
        let place = names::place(name);
        if place == Place::Nowhere && (name.starts_with(EXTENSION) || name == "sundew") {
            return Err(NoSuchExtension { name: name.to_owned(), nearest: nearest_extension(name) });
        }
        Ok(Self { place })
    }

    /// Whether an audit event can have it.
    pub(crate) fn is_known(&self) -> bool {
        self.place != Place::Nowhere
    }

    /// The least level at which the API server logs it.
    pub(crate) fn audit_level(&self) -> AuditLevel {
        match &self.place {
            Place::Body(Body::Request | Body::Sent, _) | Place::Pod(_) => AuditLevel::Request,
            Place::Body(Body::Response, _) => AuditLevel::RequestResponse,
            _ => AuditLevel::Metadata,
        }
    }

    /// True for what differs between two requests that are otherwise alike: what [`sundew_audit::print`] passes over.
    pub(crate) fn is_volatile(&self) -> bool {
        match &self.place {
            Place::Text(slot) => slot.is_volatile(),
            Place::Query(key) => VOLATILE_IN_QUERIES.contains(&&**key),
            _ => false,
        }
    }

    /// The known field whose name looks most like `name`, for advice.
    pub(crate) fn nearest(name: &str) -> Option<&'static str> {
        let known = FIELDS.iter().map(|(name, _)| *name).chain(EXTENSIONS.iter().map(|(name, _)| *name));
        nearest_of(name, known)
    }
}

impl Slot {
    /// True for what differs between two requests that are otherwise alike.
    pub(crate) fn is_volatile(self) -> bool {
        matches!(self, Self::AuditId | Self::RequestReceived | Self::StageTimestamp | Self::ResourceVersion)
    }
}

fn nearest_extension(name: &str) -> Option<&'static str> {
    nearest_of(name, EXTENSIONS.iter().map(|(name, _)| *name))
}

/// The one of `known` that looks most like `name`, if any does.
fn nearest_of(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let alike = |known: &str| strsim::jaro_winkler(&name.to_lowercase(), &known.to_lowercase());
    known
        .map(|known| (known, alike(known)))
        .filter(|(_, alike)| *alike > 0.8)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(known, _)| known)
}
