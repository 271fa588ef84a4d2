//! One event while rules look at it: what has to be reckoned or parsed is so once, and only where a rule asks.

use std::{borrow::Cow, cell::OnceCell};

use sundew_audit::{Event, Text, User};

use super::{
    Body, Field, Found, Node, Path, Place, Reckoned, Slot, Texts, Value, Whole, Whose, actor, address, body,
    patch, path::position, pod, request,
};

/// One event while rules look at it.
pub(crate) struct Look<'l, 'e> {
    event: &'l Event<'e>,
    authentication: OnceCell<Option<Node<'e>>>,
    request: OnceCell<Option<Node<'e>>>,
    response: OnceCell<Option<Node<'e>>>,
    /// What a JSON patch builds; none where the request's body is no such patch.
    patched: OnceCell<Option<Node<'e>>>,
    uri: OnceCell<Cow<'e, str>>,
}

impl<'l, 'e> Look<'l, 'e> {
    pub(crate) fn new(event: &'l Event<'e>) -> Self {
        Self {
            event,
            authentication: OnceCell::new(),
            request: OnceCell::new(),
            response: OnceCell::new(),
            patched: OnceCell::new(),
            uri: OnceCell::new(),
        }
    }

    pub(crate) fn event(&self) -> &'l Event<'e> {
        self.event
    }

    /// All values of `field`.
    pub(crate) fn values(&self, field: &Field) -> Found<'_> {
        match &field.place {
            Place::Text(slot) => text(slot.of(self.event)),
            Place::Texts(list, index) => texts(list.of(self.event), *index),
            Place::Extra(whose, key) => {
                whose.of(self.event).map_or_else(Found::new, |u| texts(u.extra(key), None))
            }
            Place::Annotation(key) => self.event.annotation(key).map_or_else(Found::new, whole_text),
            Place::Whole(whole) => whole.is_in(self.event).then_some(Value::Whole).into_iter().collect(),
            Place::Code => self.code().map(Value::Int).into_iter().collect(),
            Place::Body(body, path) => self.body(*body).map_or_else(Found::new, |node| walked(node, path)),
            Place::Pod(path) => self.pod_spec().map_or_else(Found::new, |spec| pod::values(spec, path)),
            Place::Reckoned(reckoned) => self.reckoned(*reckoned),
            Place::Query(key) => request::found(request::query(self.uri(), key)),
            Place::Nowhere => Found::new(),
        }
    }

    /// The values of `field` as one text: several with a comma between them, empty where there is none.
    pub(crate) fn text(&self, field: &Field) -> Box<str> {
        if let Place::Text(slot) = field.place {
            return slot.of(self.event).decode().into();
        }
        let mut all = String::new();
        for value in self.values(field) {
            value.any(&mut |scalar| {
                if !all.is_empty() {
                    all.push(',');
                }
                all.push_str(&scalar.text());
                false
            });
        }
        all.into()
    }

    /// Calls `test` with every text of the event, until it says true; keys are no texts. Left out is what differs between
    /// two requests that are otherwise alike (the audit id, times, the resource version): no keyword is meant for those,
    /// and the client may choose the audit id.
    pub(crate) fn any_text(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        let event = self.event;
        let mut test_text = |text: Text<'_>| !text.is_empty() && test(&text.decode());
        let plain = Slot::ALL.iter().filter(|slot| !slot.is_volatile()).map(|slot| slot.of(event));
        let lists = [Texts::SourceIps, Texts::Groups, Texts::ImpersonatedGroups];
        let extras = [Whose::User, Whose::Impersonated].into_iter().filter_map(|whose| whose.of(event));
        plain.into_iter().any(&mut test_text)
            || lists.iter().flat_map(|list| list.of(event)).any(|text| test_text(*text))
            || extras.flat_map(|u| u.extra.iter().flat_map(|(_, list)| list)).any(|text| test_text(*text))
            || event.annotations.iter().any(|(_, text)| test_text(*text))
            || [Body::Authentication, Body::Request, Body::Response]
                .iter()
                .filter_map(|body| self.body(*body))
                .any(|node| any_text_in(node, test))
    }

    /// Whether the event has this body.
    pub(crate) fn has_body(&self, body: Body) -> bool {
        self.json(body).is_some()
    }

    pub(crate) fn code(&self) -> Option<i64> {
        self.event.response_status.map(|status| i64::from(status.code)).filter(|code| *code != 0)
    }

    fn json(&self, body: Body) -> Option<&'e str> {
        match body {
            Body::Authentication => self.event.authentication_metadata,
            Body::Request | Body::Sent => self.event.request_object,
            Body::Response => self.event.response_object,
        }
    }

    fn body(&self, body: Body) -> Option<&Node<'_>> {
        let cell = match body {
            Body::Authentication => &self.authentication,
            Body::Request => &self.request,
            Body::Response => &self.response,
            Body::Sent => return self.sent(),
        };
        cell.get_or_init(|| self.json(body).and_then(body::read)).as_ref()
    }

    /// The request's body, and where that is a JSON patch what it builds.
    fn sent(&self) -> Option<&Node<'_>> {
        self.body(Body::Request)?;
        // Anew from the cell, as the patch shares the event's lifetime and not that of this look.
        let request = self.request.get().and_then(Option::as_ref);
        let patched = self.patched.get_or_init(|| request.and_then(patch::build));
        patched.as_ref().or(request).map(|node| -> &Node<'_> { node })
    }

    fn pod_spec(&self) -> Option<&Node<'_>> {
        let resource = Slot::Resource.of(self.event);
        pod::spec(self.sent()?, &resource.decode())
    }

    fn uri(&self) -> &str {
        self.uri.get_or_init(|| self.event.request_uri.decode())
    }

    fn reckoned(&self, what: Reckoned) -> Found<'_> {
        let value = match what {
            Reckoned::Peer => return text(self.event.peer()),
            Reckoned::PeerPrivate => address::is_private(&self.event.peer().decode()).map(Value::Bool),
            Reckoned::ActorKind => Some(Value::Text(Cow::Borrowed(self.actor_kind().as_str()))),
            Reckoned::ActorNamespace => self.account().map(|(namespace, _)| Value::Text(namespace.into())),
            Reckoned::ActorName => self.account().map(|(_, name)| Value::Text(name.into())),
            Reckoned::Allowed => self.allowed().map(Value::Bool),
            Reckoned::Path => {
                let path = request::path(self.uri());
                (!path.is_empty()).then_some(Value::Text(path))
            }
            Reckoned::Argv => return request::found(request::argv(self.uri())),
            Reckoned::Command => {
                let argv: Vec<_> = request::argv(self.uri()).collect();
                (!argv.is_empty()).then(|| Value::Text(argv.join(" ").into()))
            }
            Reckoned::Stdin => self.flag("stdin").map(Value::Bool),
            Reckoned::Tty => self.flag("tty").map(Value::Bool),
        };
        value.into_iter().collect()
    }

    pub(crate) fn actor_kind(&self) -> actor::Kind {
        actor::kind(&self.event.user.username.decode())
    }

    fn account(&self) -> Option<(String, String)> {
        let username = self.event.user.username.decode();
        actor::account(&username).map(|(namespace, name)| (namespace.to_owned(), name.to_owned()))
    }

    pub(crate) fn allowed(&self) -> Option<bool> {
        self.code().map(|code| code < 400)
    }

    /// A truth value of an exec or attach, false where the query does not have it; of other requests only where it has.
    fn flag(&self, key: &str) -> Option<bool> {
        let subresource = Slot::Subresource.of(self.event);
        let opens = subresource == "exec" || subresource == "attach";
        request::flag(self.uri(), key).or(opens.then_some(false))
    }
}

fn walked<'v>(node: &'v Node<'v>, path: &Path) -> Found<'v> {
    let mut found = Found::new();
    path.walk(node, &mut found);
    found
}

fn text(text: Text<'_>) -> Found<'_> {
    if text.is_empty() { Found::new() } else { whole_text(text) }
}

/// The same, where an empty text is there nevertheless: an annotation's key says so.
fn whole_text(text: Text<'_>) -> Found<'_> {
    std::iter::once(Value::Text(text.decode())).collect()
}

fn texts<'v>(list: &[Text<'v>], index: Option<i64>) -> Found<'v> {
    let list = match index {
        None => list,
        Some(index) => position(index, list.len()).map_or(&[][..], |at| &list[at..=at]),
    };
    list.iter().map(|text| Value::Text(text.decode())).collect()
}

fn any_text_in(node: &Node<'_>, test: &mut dyn FnMut(&str) -> bool) -> bool {
    match node {
        Node::Object(members) => members.iter().any(|(_, node)| any_text_in(node, test)),
        Node::List(list) => list.iter().any(|node| any_text_in(node, test)),
        Node::Text(text) => test(text),
        _ => false,
    }
}

impl Slot {
    /// All of them.
    pub(crate) const ALL: [Self; 29] = [
        Self::Kind,
        Self::ApiVersion,
        Self::Level,
        Self::AuditId,
        Self::Stage,
        Self::RequestUri,
        Self::Verb,
        Self::Username,
        Self::UserUid,
        Self::ImpersonatedUsername,
        Self::ImpersonatedUid,
        Self::UserAgent,
        Self::Resource,
        Self::Namespace,
        Self::Name,
        Self::ObjectUid,
        Self::ApiGroup,
        Self::ObjectApiVersion,
        Self::ResourceVersion,
        Self::Subresource,
        Self::Status,
        Self::Message,
        Self::Reason,
        Self::DetailsName,
        Self::DetailsGroup,
        Self::DetailsKind,
        Self::DetailsUid,
        Self::RequestReceived,
        Self::StageTimestamp,
    ];

    /// The text that stands there; empty where there is none.
    #[inline]
    pub(crate) fn of<'e>(self, event: &Event<'e>) -> Text<'e> {
        match self {
            Self::Kind => event.kind,
            Self::ApiVersion => event.api_version,
            Self::Level => event.level,
            Self::AuditId => event.audit_id,
            Self::Stage => event.stage,
            Self::RequestUri => event.request_uri,
            Self::Verb => event.verb,
            Self::Username => event.user.username,
            Self::UserUid => event.user.uid,
            Self::ImpersonatedUsername => {
                event.impersonated_user.as_ref().map(|u| u.username).unwrap_or_default()
            }
            Self::ImpersonatedUid => event.impersonated_user.as_ref().map(|u| u.uid).unwrap_or_default(),
            Self::UserAgent => event.user_agent,
            Self::RequestReceived => event.request_received,
            Self::StageTimestamp => event.stage_timestamp,
            Self::Status | Self::Message | Self::Reason => self.of_status(event),
            Self::DetailsName | Self::DetailsGroup | Self::DetailsKind | Self::DetailsUid => {
                self.of_status(event)
            }
            _ => self.of_object(event),
        }
    }

    fn of_object<'e>(self, event: &Event<'e>) -> Text<'e> {
        let Some(object) = &event.object_ref else { return Text::default() };
        match self {
            Self::Resource => object.resource,
            Self::Namespace => object.namespace,
            Self::Name => object.name,
            Self::ObjectUid => object.uid,
            Self::ApiGroup => object.api_group,
            Self::ObjectApiVersion => object.api_version,
            Self::ResourceVersion => object.resource_version,
            _ => object.subresource,
        }
    }

    fn of_status<'e>(self, event: &Event<'e>) -> Text<'e> {
        let Some(status) = &event.response_status else { return Text::default() };
        match self {
            Self::Status => return status.status,
            Self::Message => return status.message,
            Self::Reason => return status.reason,
            _ => {}
        }
        let details = status.details.unwrap_or_default();
        match self {
            Self::DetailsName => details.name,
            Self::DetailsGroup => details.group,
            Self::DetailsKind => details.kind,
            _ => details.uid,
        }
    }
}

impl Texts {
    fn of<'l, 'e>(self, event: &'l Event<'e>) -> &'l [Text<'e>] {
        match self {
            Self::SourceIps => &event.source_ips,
            Self::Groups => &event.user.groups,
            Self::ImpersonatedGroups => event.impersonated_user.as_ref().map_or(&[], |u| &u.groups),
        }
    }
}

impl Whose {
    fn of<'l, 'e>(self, event: &'l Event<'e>) -> Option<&'l User<'e>> {
        match self {
            Self::User => Some(&event.user),
            Self::Impersonated => event.impersonated_user.as_ref(),
        }
    }
}

impl Whole {
    fn is_in(self, event: &Event<'_>) -> bool {
        match self {
            // The API server writes `"user":{}` where it knows nobody.
            Self::User => true,
            Self::UserExtra => !event.user.extra.is_empty(),
            Self::ImpersonatedUser => event.impersonated_user.is_some(),
            Self::ImpersonatedExtra => event.impersonated_user.as_ref().is_some_and(|u| !u.extra.is_empty()),
            Self::ObjectRef => event.object_ref.is_some(),
            Self::ResponseStatus => event.response_status.is_some(),
            Self::Details => event.response_status.is_some_and(|status| status.details.is_some()),
            Self::Annotations => !event.annotations.is_empty(),
        }
    }
}
