//! The flags of an API server, read from a static pod's manifest, from a file of k3s or RKE2, or as they are.

use crate::read::node::{Node, Value};

/// One flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flag {
    /// The line it stands on, from 1.
    pub(super) line: usize,
    /// Without the dashes.
    pub(super) name: String,
    /// `true` where none is given.
    pub(super) value: String,
}

impl Flag {
    /// Whether it is turned on, as Go reads booleans.
    pub(super) fn is_true(&self) -> bool {
        ["true", "1", "t", "T", "TRUE", "True"].contains(&self.value.as_str())
    }

    /// As it is written.
    pub(super) fn said(&self) -> String {
        format!("`--{}={}`", self.name, self.value)
    }
}

/// A place of a pod's container that is outside of it.
#[derive(Debug, Clone)]
pub(super) struct Mount {
    pub(super) line: usize,
    pub(super) path: String,
    pub(super) read_only: bool,
    /// The kind of its volume, such as `hostPath`; none where there is no such volume.
    pub(super) volume: Option<String>,
}

/// What a pod's manifest says besides.
#[derive(Debug, Clone, Default)]
pub(super) struct Pod {
    pub(super) mounts: Vec<Mount>,
}

/// The flags of an API server.
#[derive(Debug, Clone, Default)]
pub(super) struct Flags {
    pub(super) list: Vec<Flag>,
    pub(super) pod: Option<Pod>,
}

impl Flags {
    /// Reads them, or says why there are none.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let flags = match Node::read(text) {
            Ok(node) if matches!(node.value, Value::Map(_)) => of_yaml(&node)?,
            _ => Self { list: of_lines(text), pod: None },
        };
        if flags.list.is_empty() {
            return Err(
                "there is no flag in it: give the manifest of the API server's pod, or one flag a line"
                    .into(),
            );
        }
        Ok(flags)
    }

    /// A flag that has a value. The last of several counts.
    pub(super) fn value(&self, name: &str) -> Option<&Flag> {
        self.list.iter().rev().find(|flag| flag.name == name).filter(|flag| !flag.value.is_empty())
    }
}

fn of_yaml(node: &Node) -> Result<Flags, String> {
    if let Some(args) = node.get("kube-apiserver-arg") {
        let words = args.items().iter().filter_map(|item| Some((item.line, format!("--{}", item.text()?))));
        return Ok(Flags { list: parse(words.collect()), pod: None });
    }
    let spec = node.get("spec").ok_or("it has neither `spec.containers` nor `kube-apiserver-arg`")?;
    let containers = spec.get("containers").map(Node::items).unwrap_or_default();
    let is_server = |of: &&Node| {
        let words = words_of(of);
        words.iter().any(|(_, word)| word.ends_with("kube-apiserver") || word.starts_with("--etcd-servers"))
    };
    let server = containers.iter().find(is_server).ok_or("no container of it runs kube-apiserver")?;
    let volumes = spec.get("volumes").map(Node::items).unwrap_or_default();
    let mounts = server.get("volumeMounts").map(Node::items).unwrap_or_default();
    let mounts = mounts.iter().filter_map(|mount| mount_of(mount, volumes)).collect();
    Ok(Flags { list: parse(words_of(server)), pod: Some(Pod { mounts }) })
}

/// The words of a container's command and arguments. Where one is a whole line of a shell, its words.
fn words_of(container: &Node) -> Vec<(usize, String)> {
    let lists = ["command", "args"].into_iter().filter_map(|key| container.get(key));
    let mut words = Vec::new();
    for item in lists.flat_map(Node::items) {
        let Some(text) = item.text() else { continue };
        if text.contains(" --") {
            words.extend(text.split_whitespace().map(|word| (item.line, word.to_owned())));
        } else {
            words.push((item.line, text.to_owned()));
        }
    }
    words
}

fn mount_of(mount: &Node, volumes: &[Node]) -> Option<Mount> {
    let name = mount.get("name").and_then(Node::text);
    let volume =
        volumes.iter().find(|volume| name.is_some() && volume.get("name").and_then(Node::text) == name);
    let kind = volume.map(|volume| {
        let kinds = volume.members().iter().map(|member| member.key.as_str());
        kinds.into_iter().find(|key| *key != "name").unwrap_or("emptyDir").to_owned()
    });
    Some(Mount {
        line: mount.line,
        path: mount.get("mountPath")?.text()?.to_owned(),
        read_only: mount.get("readOnly").is_some_and(|value| value.value == Value::Bool(true)),
        volume: kind,
    })
}

fn of_lines(text: &str) -> Vec<Flag> {
    let mut words = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim().trim_start_matches("- ");
        if line.starts_with('#') {
            continue;
        }
        let line = line.trim_end_matches(['\\', ',']);
        words.extend(line.split_whitespace().map(|word| (at + 1, word.trim_matches(['"', '\'']).to_owned())));
    }
    parse(words)
}

/// Flags from the words of a command line. An underscore is as good as a dash (`component-base/cli/flag/flags.go`).
fn parse(words: Vec<(usize, String)>) -> Vec<Flag> {
    let mut list = Vec::new();
    let mut words = words.into_iter().peekable();
    while let Some((line, word)) = words.next() {
        let Some(flag) = word.strip_prefix("--").filter(|flag| !flag.is_empty()) else { continue };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, value.trim_matches(['"', '\'']).to_owned()),
            None => {
                let next = words.next_if(|(_, next)| !next.starts_with("--"));
                (flag, next.map_or_else(|| "true".to_owned(), |(_, next)| next))
            }
        };
        list.push(Flag { line, name: name.replace('_', "-"), value });
    }
    list
}
