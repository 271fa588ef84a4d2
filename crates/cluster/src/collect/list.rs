//! One list, from its first page to its last.

use bytes::Bytes;
use serde::{Deserialize, de::IgnoredAny};
use tokio::sync::mpsc::Sender;

use super::{Page, Said, Shared, plan::Wanted};
use crate::{
    ask::{JSON, METADATA, Refusal},
    resource::ADMISSION,
    trouble::{Reason, where_broken},
};

/// How often a list is begun that grows too old while it is read. The last time it is gone on with, if the server
/// says how, from a newer state: better a list of two moments than none.
const ATTEMPTS: u32 = 3;

/// What became of a list.
pub(super) enum Outcome {
    Read { version: &'static str, attempt: u32, items: usize, mixed: bool },
    NotServed,
    Failed { reason: Reason, pages: u32 },
}

/// How one reading of a list ended.
enum End {
    Whole {
        items: usize,
        mixed: bool,
    },
    NotFound,
    TooOld,
    Failed(Reason),
    /// Nobody listens any more.
    Unheard,
}

/// What is read of a page: enough to go on from, and to know that it is whole.
#[derive(Deserialize)]
struct Envelope<'b> {
    #[serde(borrow)]
    kind: std::borrow::Cow<'b, str>,
    #[serde(default)]
    metadata: Meta,
    /// An empty list is `null` where the server's code made none. The elements have no size: only counted.
    items: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize, Default)]
struct Meta {
    #[serde(rename = "continue", default)]
    token: Option<String>,
}

/// Reads the list, from the best version that the server has.
pub(super) async fn read(shared: &Shared, list: usize, wanted: &Wanted, say: &Sender<Said>) -> Outcome {
    for version in wanted.versions.iter().copied() {
        for attempt in 1..=ATTEMPTS {
            let mut reading = Reading { shared, list, wanted, version, attempt, pages: 0, say };
            let reason = match reading.run().await {
                End::Whole { items: 0, .. } if wanted.must_exist => Reason::NoSuchNamespace,
                End::Whole { items, mixed } => return Outcome::Read { version, attempt, items, mixed },
                End::NotFound if wanted.resource.group == ADMISSION => break,
                End::NotFound => {
                    Reason::Refused { status: 404, message: "the server has no such list".into() }
                }
                End::TooOld if attempt < ATTEMPTS => continue,
                End::TooOld => Reason::Expired,
                End::Failed(reason) => reason,
                End::Unheard => Reason::NotAsked,
            };
            return Outcome::Failed { reason, pages: reading.pages };
        }
    }
    Outcome::NotServed
}

/// One reading of a list.
struct Reading<'r> {
    shared: &'r Shared,
    list: usize,
    wanted: &'r Wanted,
    version: &'static str,
    attempt: u32,
    /// How many pages were handed over.
    pages: u32,
    say: &'r Sender<Said>,
}

impl Reading<'_> {
    async fn run(&mut self) -> End {
        let mut size = self.shared.options.page_size.max(1);
        let (mut token, mut items, mut mixed) = (None::<String>, 0, false);
        // Pages since the server last called the list too old: it must not do so again and again for one page.
        let mut fresh = true;
        loop {
            let bytes = match self.ask(size, token.as_deref()).await {
                Ok(bytes) => bytes,
                Err(Refusal::TooLarge) if size > 1 => {
                    size /= 2;
                    continue;
                }
                Err(Refusal::Gone { token: Some(newer) }) if self.attempt == ATTEMPTS && fresh => {
                    (token, mixed, fresh) = (Some(newer), true, false);
                    continue;
                }
                Err(refusal) => return self.refused(refusal),
            };
            let (count, next) = match self.open(&bytes) {
                Ok(opened) => opened,
                Err(reason) => return End::Failed(reason),
            };
            items += count;
            fresh = true;
            if self.say.send(Said::Page(self.page(bytes))).await.is_err() {
                return End::Unheard;
            }
            self.pages += 1;
            match next {
                None => return End::Whole { items, mixed },
                Some(next) if token.as_ref() == Some(&next) => {
                    let what = "a page names itself as the next one".into();
                    return End::Failed(Reason::Damaged { what });
                }
                next => token = next,
            }
        }
    }

    async fn ask(&self, size: u32, token: Option<&str>) -> Result<Bytes, Refusal> {
        let accept = if self.wanted.resource.metadata_only() { METADATA } else { JSON };
        self.shared.asker.get(&self.path(size, token), accept, self.shared.options.page_bytes).await
    }

    fn path(&self, size: u32, token: Option<&str>) -> String {
        let Wanted { resource, namespace, field_selector, .. } = self.wanted;
        let namespace = namespace.as_deref().filter(|_| resource.namespaced);
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &size.to_string());
        if let Some(selector) = field_selector {
            query.append_pair("fieldSelector", selector);
        }
        if let Some(token) = token {
            query.append_pair("continue", token);
        }
        format!("{}?{}", resource.path(self.version, namespace), query.finish())
    }

    fn refused(&self, refusal: Refusal) -> End {
        match refusal {
            // A list does not vanish while it is read; a server that says so is not to be believed.
            Refusal::NotFound { .. } if self.pages == 0 => End::NotFound,
            Refusal::NotFound { .. } => {
                End::Failed(Reason::Refused { status: 404, message: "in the middle of the list".into() })
            }
            Refusal::Gone { .. } => End::TooOld,
            other => End::Failed(other.into_reason(self.shared.options.page_bytes)),
        }
    }

    /// How many objects a page has, and what to go on from.
    fn open(&self, bytes: &[u8]) -> Result<(usize, Option<String>), Reason> {
        let damaged = |what: String| Reason::Damaged { what };
        let envelope: Envelope<'_> =
            serde_json::from_slice(bytes).map_err(|error| damaged(where_broken(&error)))?;
        let resource = self.wanted.resource;
        let expected = match resource.metadata_only() {
            true => "PartialObjectMetadataList".to_owned(),
            false => format!("{}List", resource.kind),
        };
        if envelope.kind == expected {
            let token = envelope.metadata.token.filter(|token| !token.is_empty());
            return Ok((envelope.items.map_or(0, |items| items.len()), token));
        }
        if resource.metadata_only() && envelope.kind == "SecretList" {
            return Err(Reason::ValuesSent);
        }
        Err(damaged(format!("its kind is `{}` instead of `{expected}`", crate::trouble::cut(&envelope.kind))))
    }

    fn page(&self, bytes: Bytes) -> Page {
        let Wanted { resource, namespace, secret_type, .. } = self.wanted;
        let (namespace, secret_type) = (namespace.clone(), *secret_type);
        let (version, list, attempt) = (self.version, self.list, self.attempt);
        Page { resource, version, namespace, secret_type, list, attempt, bytes }
    }
}
