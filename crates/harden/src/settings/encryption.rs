//! Encryption at rest: what an EncryptionConfiguration encrypts, and with what.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, Visitor},
};
use sundew_decoy::yaml;
use sundew_posture::Severity;

use super::{
    Fact, Seen, Server, SettingsError,
    declared::{Head, described, documents},
    how::What,
};

/// What an EncryptionConfiguration says (apiserver.config.k8s.io `types_encryption.go`). No key is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    /// The file.
    pub seen: String,
    /// Lists of resources with their providers, in their order.
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    resources: Vec<String>,
    providers: Vec<Provider>,
}

/// What values are written with, if it is the first; read with, if not.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Provider {
    Identity,
    /// `aescbc`, `aesgcm` or `secretbox`, with the lengths of its keys in bytes.
    Local(&'static str, Vec<usize>),
    /// A service for keys, with the version of its API.
    Kms(String),
}

#[derive(Deserialize)]
struct File {
    resources: Option<Vec<EntryPart>>,
}

#[derive(Deserialize)]
struct EntryPart {
    resources: Option<Vec<String>>,
    providers: Option<Vec<ProviderPart>>,
}

#[derive(Deserialize)]
struct ProviderPart {
    #[serde(default)]
    identity: Present,
    aescbc: Option<Keys>,
    aesgcm: Option<Keys>,
    secretbox: Option<Keys>,
    kms: Option<KmsPart>,
}

/// Whether a field is there, even as `null`, as in `identity:`.
#[derive(Default)]
struct Present(bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

#[derive(Deserialize)]
struct Keys {
    keys: Option<Vec<KeyPart>>,
}

#[derive(Deserialize)]
struct KeyPart {
    secret: Length,
}

/// How many bytes a key has, from its base64; nothing else of it is kept.
struct Length(usize);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl Visitor<'_> for Visit {
            type Value = Length;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key in base64")
            }
            fn visit_str<E>(self, key: &str) -> Result<Length, E> {
                Ok(Length(key.trim().trim_end_matches('=').len() * 3 / 4))
            }
        }
        deserializer.deserialize_str(Visit)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KmsPart {
    api_version: Option<String>,
}

const KIND: &str = "EncryptionConfiguration";
const WANTED: &str = "an EncryptionConfiguration";
const INSTEAD: &str = "the file that --encryption-provider-config of the API server names";
const VERSION: &str = "apiserver.config.k8s.io/v1";

/// Reads an EncryptionConfiguration.
///
/// # Errors
///
/// Where it is none. No error holds anything of a value that stands in the file.
pub fn encryption(file: &str, text: &str) -> Result<Encryption, SettingsError> {
    let Some(document) = documents(text).first().copied() else {
        let (file, found) = (file.to_owned(), "empty".into());
        return Err(SettingsError::Kind { file, found, wanted: WANTED, instead: INSTEAD });
    };
    let head: Head = read(file, document)?;
    if head.kind != KIND {
        let (file, found) = (file.to_owned(), described(&head.kind));
        return Err(SettingsError::Kind { file, found, wanted: WANTED, instead: INSTEAD });
    }
    if head.api_version != VERSION {
        let (file, found) = (file.to_owned(), head.api_version);
        return Err(SettingsError::Version { file, kind: KIND, found, known: VERSION });
    }
    let read: File = read(file, document)?;
    let entries = read.resources.unwrap_or_default().into_iter().map(entry).collect();
    Ok(Encryption { seen: format!("file {file}"), entries })
}

/// The parser's own words can quote what stands in the file: only the place is told.
fn read<T: serde::de::DeserializeOwned>(file: &str, document: &str) -> Result<T, SettingsError> {
    yaml::read(document).map_err(|error| SettingsError::Broken {
        file: file.to_owned(),
        place: error.place.map_or(String::new(), |(line, column)| format!("line {line}, column {column}: ")),
        problem: "this cannot be read as YAML of an EncryptionConfiguration".into(),
        wanted: WANTED,
    })
}

fn entry(part: EntryPart) -> Entry {
    let providers = part.providers.unwrap_or_default().into_iter().filter_map(|part| {
        let local = [("aescbc", part.aescbc), ("aesgcm", part.aesgcm), ("secretbox", part.secretbox)];
        let local = local.into_iter().find_map(|(name, keys)| keys.map(|keys| (name, keys)));
        match (local, part.kms) {
            (Some((name, keys)), _) => {
                let lengths = keys.keys.unwrap_or_default().into_iter().map(|key| key.secret.0).collect();
                Some(Provider::Local(name, lengths))
            }
            (None, Some(kms)) => Some(Provider::Kms(kms.api_version.unwrap_or_else(|| "v1".into()))),
            (None, None) => part.identity.0.then_some(Provider::Identity),
        }
    });
    Entry { providers: providers.collect(), resources: part.resources.unwrap_or_default() }
}

impl Encryption {
    /// The entry that Secrets fall under: the first that names them, as the API server takes it.
    fn of_secrets(&self) -> Option<&Entry> {
        let names =
            |entry: &&Entry| entry.resources.iter().any(|of| matches!(of.as_str(), "secrets" | "*." | "*.*"));
        self.entries.iter().find(names)
    }
}

const ID: &str = "encryption-at-rest";
const ENABLE: &str = "Write an EncryptionConfiguration whose first provider for `secrets` is kms v2, or secretbox with a \
                      key of 32 random bytes, and `identity: {}` last; name it in --encryption-provider-config of every \
                      API server; then write all Secrets anew: `kubectl get secrets -A -o json | kubectl replace -f -`";

pub(super) fn fact(seen: &Seen<'_>, servers: &[Server]) -> Fact {
    let flag = "encryption-provider-config";
    let evidence: Vec<String> =
        servers.iter().map(|server| server.shows(flag, "that nothing is encrypted")).collect();
    if servers.iter().any(|server| !server.has(flag)) {
        let title = match &seen.encryption {
            Some(_) => "Secrets lie in etcd as they are: no API server uses the file that was given",
            None => "Secrets lie in etcd as they are: whoever has its disk or a backup of it reads them",
        };
        return Fact::bad(ID, Severity::Medium, title).seen(evidence).fix(ENABLE);
    }
    let Some(given) = &seen.encryption else {
        let title = match (servers.is_empty(), seen.is_service()) {
            (true, true) => "Whether Secrets are encrypted in etcd could not be seen from the cluster",
            (true, false) => "Whether Secrets are encrypted in etcd could not be seen",
            (false, _) => {
                "Encryption at rest is declared; what it encrypts, and with what, could not be seen"
            }
        };
        return Fact::unknown(ID, title, seen.how(What::Encryption)).seen(evidence);
    };
    judge(given).seen(evidence)
}

fn judge(given: &Encryption) -> Fact {
    let Some(entry) = given.of_secrets() else {
        let evidence = format!("{}: no entry names secrets, `*.` or `*.*`", given.seen);
        let title = "Encryption at rest leaves Secrets out";
        return Fact::bad(ID, Severity::High, title)
            .seen([evidence])
            .fix("Add `secrets` to the resources of an entry whose first provider encrypts");
    };
    let listed: Vec<String> = entry.providers.iter().map(words).collect();
    let evidence = format!("{}: {} by {}", given.seen, entry.resources.join(", "), listed.join(", then "));
    match entry.providers.first() {
        None | Some(Provider::Identity) => {
            let title = "Secrets are declared to be encrypted and are not: the first provider is `identity`";
            Fact::bad(ID, Severity::High, title).seen([evidence]).fix(
                "Put the provider that encrypts before `identity`, wait until every API server has taken it up, and \
                 write all Secrets anew: `kubectl get secrets -A -o json | kubectl replace -f -`",
            )
        }
        Some(Provider::Kms(version)) if version == "v1" => Fact::bad(
            ID,
            Severity::Low,
            "Secrets are encrypted by a key service of API v1, which is deprecated",
        )
        .seen([evidence])
        .fix("Let the key service speak v2: `apiVersion: v2` under kms; write all Secrets anew afterwards"),
        Some(Provider::Kms(_)) => {
            Fact::good(ID, "Secrets are encrypted in etcd by a key service").seen([evidence])
        }
        Some(Provider::Local(name, _)) => {
            let title = format!(
                "Secrets are encrypted in etcd with {name}, whose key lies in a file of the control plane's nodes"
            );
            Fact::bad(ID, Severity::Info, title)
                .seen([evidence])
                .fix("It protects backups and disks of etcd, not a control plane node; a key service (kms v2) does more")
        }
    }
}

fn words(provider: &Provider) -> String {
    match provider {
        Provider::Identity => "identity (not encrypted)".into(),
        Provider::Kms(version) => format!("kms {version}"),
        Provider::Local(name, lengths) => {
            let lengths: Vec<String> = lengths.iter().map(|length| format!("{} bits", length * 8)).collect();
            format!("{name} ({})", if lengths.is_empty() { "no key".to_owned() } else { lengths.join(", ") })
        }
    }
}
