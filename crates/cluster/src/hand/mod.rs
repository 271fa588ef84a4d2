//! Requests that change single objects, or use a credential: the hand that plants, looks after and removes decoys.

mod error;
mod key;
mod may;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use form_urlencoded::Serializer;
use http::{HeaderValue, Method, Request, header};
use jiff::Timestamp;
use kube::client::Body;
use serde_json::{Value, json};

pub use self::{error::HandError, key::ObjectKey};
use crate::{
    Connection,
    ask::{Agent, Asker, Call, JSON, METADATA, METADATA_OF_ONE, Refusal},
    list::{Pages, read_pages},
    trouble::{Reason, cut, where_broken},
};

/// RFC 7386.
const MERGE_PATCH: &str = "application/merge-patch+json";
/// The most bytes that one object may have: etcd takes 1.5 MiB, and the server adds to it.
const OBJECT_BYTES: usize = 8 << 20;
/// The most bytes of a page of a list.
const PAGE_BYTES: usize = 32 << 20;

/// What became of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone, or going.
    Done,
    /// It was gone already.
    WasGone,
    /// Another object has the name now: it was left alone.
    Other {
        /// Its uid.
        uid: String,
    },
}

/// Sends requests about single objects, under a client name of its own.
///
/// What reads or deletes is sent again where the connection broke; what makes or changes only where the server said
/// that it did not take the request up (429 or 503 with `Retry-After`), because else it may have been done: who gets
/// [`HandError::Failed`] looks with [`Hand::get`].
#[derive(Clone)]
pub struct Hand {
    connection: Connection,
    agent: Agent,
}

/// The user agent holds what only the store should know.
impl fmt::Debug for Hand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hand").field("connection", &self.connection).finish_non_exhaustive()
    }
}

impl Connection {
    /// A hand whose requests show `agent` as their user agent.
    pub fn hand(&self, agent: &str) -> Hand {
        let agent = agent.to_owned();
        Hand { connection: self.clone(), agent: Arc::new(move || agent.clone()) }
    }
}

/// A request about one object.
struct Deed<'d> {
    verb: &'static str,
    method: Method,
    object: &'d ObjectKey,
    path: String,
    accept: &'static str,
    body: Option<(&'static str, Bytes)>,
}

/// Names all objects of a kind.
fn of_list(api_version: &str, kind: &str, namespace: &str) -> ObjectKey {
    ObjectKey {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: String::new(),
    }
}

impl Hand {
    /// Makes `object`, with strict validation of its fields; with `dry_run` the server only says whether it would.
    /// Gives the object as the server has it, with its uid (with `dry_run`, one that is nobody's).
    ///
    /// # Errors
    ///
    /// Nothing is made then, unless the connection broke or the server's own time ran out
    /// ([`HandError::Failed`]).
    pub async fn create(
        &self,
        object: &Value,
        field_manager: &str,
        dry_run: bool,
    ) -> Result<Value, HandError> {
        let key = ObjectKey::of(object);
        let method = Method::POST;
        // Checks the name too.
        key.path(&method)?;
        let path = format!("{}?{}", key.list_path(&method)?, writing(field_manager, dry_run));
        let body = Some((JSON, Bytes::from(object.to_string())));
        let deed = Deed { verb: "create", method, object: &key, path, accept: JSON, body };
        self.whole(deed).await
    }

    /// The object, whole; none where it is not there.
    ///
    /// # Errors
    ///
    /// Where the server does not answer with it.
    pub async fn get(&self, key: &ObjectKey) -> Result<Option<Value>, HandError> {
        let path = key.path(&Method::GET)?;
        found(self.whole(reading(key, path, JSON)).await)
    }

    /// Its metadata alone (`PartialObjectMetadata`): of a Secret, no value crosses the wire.
    ///
    /// # Errors
    ///
    /// As [`Hand::get`]; [`Reason::ValuesSent`] where the server sends the whole Secret nevertheless.
    pub async fn metadata(&self, key: &ObjectKey) -> Result<Option<Value>, HandError> {
        let path = key.path(&Method::GET)?;
        let object = found(self.whole(reading(key, path, METADATA_OF_ONE)).await)?;
        let Some(object) = object else { return Ok(None) };
        if object["kind"] == "PartialObjectMetadata" {
            return Ok(Some(object));
        }
        let why = match key.kind.as_str() {
            "Secret" => Reason::ValuesSent,
            _ => Reason::Damaged { what: "it is no PartialObjectMetadata".into() },
        };
        Err(HandError::Failed { verb: "get", object: key.to_string(), why })
    }

    /// Everything of a kind, in one namespace or (where `namespace` is empty) in all: metadata alone.
    ///
    /// # Errors
    ///
    /// Where the server does not answer with all of it.
    pub async fn list_metadata(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
    ) -> Result<Vec<Value>, HandError> {
        let key = of_list(api_version, kind, namespace);
        let path = key.list_path(&Method::GET)?;
        let pages = Pages { path: &path, accept: METADATA, kind: "PartialObjectMetadata", limit: PAGE_BYTES };
        let (asker, mut items) = (self.asker(), Vec::new());
        let read = read_pages(&asker, &pages, |page| {
            let Some(page) = page else {
                items.clear();
                return Ok(());
            };
            for item in page {
                items.push(serde_json::from_str(item.get())?);
            }
            Ok(())
        });
        match read.await {
            Ok(_) => Ok(items),
            Err(refusal) => {
                let all = match namespace {
                    "" => format!("each {kind}"),
                    namespace => format!("each {kind} of {namespace}"),
                };
                Err(HandError::of("list", all, refusal, PAGE_BYTES))
            }
        }
    }

    /// The first `limit` objects of a kind in a namespace, whole, in the server's order: enough to see what is usual
    /// there. Not for Secrets, whose values nobody needs.
    ///
    /// # Errors
    ///
    /// Where the server does not answer with them.
    pub async fn list(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        limit: u32,
    ) -> Result<Vec<Value>, HandError> {
        let key = of_list(api_version, kind, namespace);
        if kind == "Secret" {
            let why = "Secrets are listed by their metadata alone";
            return Err(HandError::BadKey { object: key.to_string(), why });
        }
        let path = format!("{}?limit={limit}", key.list_path(&Method::GET)?);
        let all = format!("each {kind} of {namespace}");
        let answer = self.asker().get(&path, JSON, PAGE_BYTES).await;
        let answer = answer.map_err(|refusal| HandError::of("list", all.clone(), refusal, PAGE_BYTES))?;
        let list: Result<Value, _> = serde_json::from_slice(&answer);
        match list {
            Ok(mut list) => match list["items"].take() {
                Value::Array(items) => Ok(items),
                _ => Ok(Vec::new()),
            },
            Err(error) => {
                let why = Reason::Damaged { what: where_broken(&error) };
                Err(HandError::Failed { verb: "list", object: all, why })
            }
        }
    }

    /// Changes it by a merge patch (RFC 7386). To make sure that it is still the same object, put its uid and, if
    /// need be, its resourceVersion into the patch's metadata. Gives it as it is now; of a Secret, its metadata alone.
    ///
    /// # Errors
    ///
    /// [`HandError::Conflict`] where it is another by now.
    pub async fn patch(
        &self,
        key: &ObjectKey,
        patch: &Value,
        field_manager: &str,
    ) -> Result<Value, HandError> {
        let method = Method::PATCH;
        let path = format!("{}?{}", key.path(&method)?, writing(field_manager, false));
        let body = Some((MERGE_PATCH, Bytes::from(patch.to_string())));
        let accept = if key.kind == "Secret" { METADATA_OF_ONE } else { JSON };
        self.whole(Deed { verb: "patch", method, object: key, path, accept, body }).await
    }

    /// Deletes it if it still has this uid, with what it owns (background propagation).
    ///
    /// # Errors
    ///
    /// Where the server does not do it, or does not say which object has the name now.
    pub async fn delete(&self, key: &ObjectKey, uid: &str) -> Result<Deleted, HandError> {
        let method = Method::DELETE;
        let options = json!({
            "kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        });
        let body = Some((JSON, Bytes::from(options.to_string())));
        let path = key.path(&method)?;
        match self.send(&Deed { verb: "delete", method, object: key, path, accept: JSON, body }).await {
            Ok(_) => Ok(Deleted::Done),
            Err(HandError::Missing { .. }) => Ok(Deleted::WasGone),
            Err(conflict @ HandError::Conflict { .. }) => match self.metadata(key).await? {
                None => Ok(Deleted::WasGone),
                Some(there) => match there["metadata"]["uid"].as_str() {
                    Some(other) if other != uid => Ok(Deleted::Other { uid: other.to_owned() }),
                    _ => Err(conflict),
                },
            },
            Err(other) => Err(other),
        }
    }

    /// Sends one GET for `path` with `token` as its only credential, once, over a connection of its own, and gives
    /// the answer's status.
    ///
    /// # Errors
    ///
    /// Where no answer came. The token is in no error.
    pub async fn use_token(&self, token: &str, path: &str) -> Result<u16, HandError> {
        let failed =
            |why| HandError::Failed { verb: "use", object: format!("a token on {}", cut(path)), why };
        let unusable = |why: &str| failed(Reason::Credential { why: why.into() });
        let mut bearer = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| unusable("the token has characters that no HTTP header can have"))?;
        bearer.set_sensitive(true);
        let request = Request::get(path)
            .header(header::ACCEPT, JSON)
            .header(header::USER_AGENT, (self.agent)())
            .header(header::AUTHORIZATION, bearer)
            .body(Body::empty())
            .map_err(|_| unusable("the path or the user agent is none that can be sent"))?;
        let nobody = self.connection.nobody(Arc::clone(&self.agent)).await;
        let nobody = nobody.map_err(|error| failed(Reason::Unreachable { why: cut(&error.to_string()) }))?;
        nobody.status(request).await.map(|status| status.as_u16()).map_err(failed)
    }

    /// What the server's clock shows, as [`Connection::now`].
    pub fn server_time(&self) -> Option<Timestamp> {
        self.connection.now()
    }

    fn asker(&self) -> Asker {
        self.connection.asker_as(Arc::clone(&self.agent))
    }

    async fn send(&self, deed: &Deed<'_>) -> Result<Bytes, HandError> {
        let Deed { verb, method, object, path, accept, body } = deed;
        let call = Call {
            method,
            path,
            accept,
            body: body.as_ref().map(|(kind, bytes)| (*kind, bytes)),
            limit: OBJECT_BYTES,
            // A deletion names the uid, so a second one can hit no other object.
            repeatable: matches!(*method, Method::GET | Method::DELETE),
        };
        let answer = self.asker().call(call).await;
        answer.map_err(|refusal: Refusal| HandError::of(verb, object.to_string(), refusal, OBJECT_BYTES))
    }

    async fn whole(&self, deed: Deed<'_>) -> Result<Value, HandError> {
        let answer = self.send(&deed).await?;
        serde_json::from_slice(&answer).map_err(|error| HandError::Failed {
            verb: deed.verb,
            object: deed.object.to_string(),
            why: Reason::Damaged { what: where_broken(&error) },
        })
    }
}

fn reading<'d>(object: &'d ObjectKey, path: String, accept: &'static str) -> Deed<'d> {
    Deed { verb: "get", method: Method::GET, object, path, accept, body: None }
}

/// The query of what makes or changes something.
fn writing(field_manager: &str, dry_run: bool) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("fieldManager", field_manager).append_pair("fieldValidation", "Strict");
    if dry_run {
        query.append_pair("dryRun", "All");
    }
    query.finish()
}

fn found(answer: Result<Value, HandError>) -> Result<Option<Value>, HandError> {
    match answer {
        Ok(object) => Ok(Some(object)),
        Err(HandError::Missing { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}
