//! What files declare of the API server: its manifest or its flags, and the configurations that its flags name.

use serde::Deserialize;
use sundew_decoy::yaml::{self, YamlError};
use sundew_posture::{
    Cluster, Reader,
    read::{Assume, server_flags},
};

use super::{Server, SettingsError, anonymous::Authentication};

/// What files declare of the API server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// API servers with their flags.
    pub servers: Vec<Server>,
    /// The AuthenticationConfiguration, where one was given.
    pub authentication: Option<Authentication>,
    /// The AuthorizationConfiguration, where one was given.
    pub authorization: Option<Authorization>,
}

/// What an AuthorizationConfiguration says (apiserver.config.k8s.io `types.go`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The file.
    pub seen: String,
    /// The types of the authorizers in their order, as `Node` and `RBAC`.
    pub types: Vec<String>,
}

/// What every document says of itself.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    #[serde(default)]
    pub(super) api_version: String,
    #[serde(default)]
    pub(super) kind: String,
}

#[derive(Deserialize)]
struct AuthenticationFile {
    anonymous: Option<AnonymousPart>,
}

#[derive(Deserialize)]
struct AnonymousPart {
    #[serde(default)]
    enabled: bool,
    #[serde(default)]
    conditions: Option<Vec<ConditionPart>>,
}

#[derive(Deserialize)]
struct ConditionPart {
    path: String,
}

#[derive(Deserialize)]
struct AuthorizationFile {
    authorizers: Vec<AuthorizerPart>,
}

#[derive(Deserialize)]
struct AuthorizerPart {
    #[serde(rename = "type")]
    kind: String,
}

const WANTED: &str = "an API server's manifest";
const INSTEAD: &str = "the manifest of the API server's static pod, a file with one flag a line, or the \
                       AuthenticationConfiguration or AuthorizationConfiguration that a flag names";
/// Versions of the configurations, oldest last.
const VERSIONS: [&str; 3] =
    ["apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v1beta1", "apiserver.config.k8s.io/v1alpha1"];
const KNOWN_VERSIONS: &str =
    "apiserver.config.k8s.io/v1, apiserver.config.k8s.io/v1beta1, apiserver.config.k8s.io/v1alpha1";

/// Reads what `--apiserver` names: the static pod's manifest, an AuthenticationConfiguration, an
/// AuthorizationConfiguration, several of them as documents of one file, or a file of flags.
///
/// # Errors
///
/// Where it is none of these; the error names the place.
pub fn apiserver(file: &str, text: &str) -> Result<Declared, SettingsError> {
    if looks_like_flags(text) {
        let servers = vec![Server::new(format!("file {file}"), flags(file, text)?)];
        return Ok(Declared { servers, ..Declared::default() });
    }
    let mut declared = Declared::default();
    for document in documents(text) {
        take(&mut declared, file, document)?;
    }
    if declared == Declared::default() {
        return Err(SettingsError::NoFlags { file: file.to_owned() });
    }
    Ok(declared)
}

fn take(declared: &mut Declared, file: &str, document: &str) -> Result<(), SettingsError> {
    let head: Head = yaml::read(document).map_err(|error| broken(file, WANTED, &error))?;
    match head.kind.as_str() {
        "Pod" | "List" | "PodList" => {
            let mut reader = Reader::new();
            let added = reader.add(file, document.as_bytes(), &Assume::default());
            added.map_err(|error| SettingsError::Broken {
                file: file.to_owned(),
                place: String::new(),
                problem: error.to_string().trim_start_matches(file).trim_start_matches(':').trim().to_owned(),
                wanted: WANTED,
            })?;
            let mut cluster: Cluster = reader.finish();
            // The file is named once, and has one server mostly.
            cluster
                .workloads
                .iter_mut()
                .for_each(|pod| pod.meta.place = sundew_posture::model::Place::default());
            cluster.files.clear();
            let servers = Server::of_cluster(&cluster).into_iter();
            declared.servers.extend(servers.map(|server| server.seen_in(format!("file {file}"))));
        }
        "AuthenticationConfiguration" => {
            must_be(file, "AuthenticationConfiguration", &head)?;
            let read: AuthenticationFile =
                yaml::read(document).map_err(|e| broken(file, "an AuthenticationConfiguration", &e))?;
            let anonymous = read.anonymous.map(|part| {
                (part.enabled, part.conditions.unwrap_or_default().into_iter().map(|of| of.path).collect())
            });
            declared.authentication = Some(Authentication { seen: format!("file {file}"), anonymous });
        }
        "AuthorizationConfiguration" => {
            must_be(file, "AuthorizationConfiguration", &head)?;
            let read: AuthorizationFile =
                yaml::read(document).map_err(|e| broken(file, "an AuthorizationConfiguration", &e))?;
            let types = read.authorizers.into_iter().map(|of| of.kind).collect();
            declared.authorization = Some(Authorization { seen: format!("file {file}"), types });
        }
        other => {
            let found = described(other);
            return Err(SettingsError::Kind {
                file: file.to_owned(),
                found,
                wanted: WANTED,
                instead: INSTEAD,
            });
        }
    }
    Ok(())
}

/// `a Deployment`, or that it names no kind.
pub(super) fn described(kind: &str) -> String {
    if kind.is_empty() { "YAML that names no kind".into() } else { format!("of kind `{kind}`") }
}

fn must_be(file: &str, kind: &'static str, head: &Head) -> Result<(), SettingsError> {
    if VERSIONS.contains(&head.api_version.as_str()) {
        return Ok(());
    }
    let (file, found) = (file.to_owned(), head.api_version.clone());
    Err(SettingsError::Version { file, kind, found, known: KNOWN_VERSIONS })
}

pub(super) fn broken(file: &str, wanted: &'static str, error: &YamlError) -> SettingsError {
    let place = error.place.map_or(String::new(), |(line, column)| format!("line {line}, column {column}: "));
    SettingsError::Broken { file: file.to_owned(), place, problem: error.problem.clone(), wanted }
}

/// The documents of a text, those without anything in them aside.
pub(super) fn documents(text: &str) -> Vec<&str> {
    let mut documents = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        if line.trim_end() == "---" {
            documents.push(&text[start..at]);
            start = at + line.len();
        }
        at += line.len();
    }
    documents.push(&text[start..]);
    let is_empty =
        |text: &&str| text.lines().all(|line| matches!(line.trim().as_bytes().first(), None | Some(b'#')));
    documents.retain(|document| !is_empty(document));
    documents
}

/// Whether the first line that says anything is one of a command line.
fn looks_like_flags(text: &str) -> bool {
    let first =
        text.split(['\n', '\0']).map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    first.is_some_and(is_of_command)
}

fn is_of_command(line: &str) -> bool {
    (line.starts_with("--") && line.len() > 3)
        || line.starts_with('/')
        || line.contains("kube-apiserver ")
        || line.ends_with("kube-apiserver")
}

fn flags<'t>(file: &str, text: &'t str) -> Result<Vec<(&'t str, &'t str)>, SettingsError> {
    let mut words = Vec::new();
    // What /proc/PID/cmdline holds has a zero where a line would end.
    for (number, line) in (1..).zip(text.split(['\n', '\0'])) {
        let line = line.trim().trim_end_matches('\\').trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // A value of the flag before it, where it stands in a line of its own.
        let is_value = words.last().is_some_and(|word: &&str| word.starts_with("--") && !word.contains('='));
        if !is_of_command(line) && !is_value {
            return Err(SettingsError::Line { file: file.to_owned(), line: number });
        }
        words.extend(line.split_whitespace());
    }
    let flags = server_flags(words);
    if flags.is_empty() { Err(SettingsError::NoFlags { file: file.to_owned() }) } else { Ok(flags) }
}
