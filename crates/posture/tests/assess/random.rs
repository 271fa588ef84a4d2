//! Random small clusters: a naive search agrees on who reaches the whole cluster and in how many steps, each step names
//! bindings that grant it, and the first cut is true.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use sundew_posture::{Settings, report::Report, scan};

use crate::given::{cluster, namespace, now, pod, rights, token};

const SPACES: [&str; 3] = ["one", "two", "three"];
const NAMES: [&str; 3] = ["a", "b", "c"];

/// What a grant lets its holder do, in a namespace or, where that is none, in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    Everything,
    Secrets,
    Tokens,
    NamedToken(usize),
    NewPods,
    Exec,
    NamedExec(usize),
    Impersonate,
    Groups,
    NamedUser(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Account(usize, usize),
    User(usize),
    /// The accounts of a namespace.
    Group(usize),
}

#[derive(Debug, Clone)]
struct Grant {
    to: Who,
    at: Option<usize>,
    right: Right,
}

#[derive(Debug, Clone)]
struct World {
    grants: Vec<Grant>,
    /// Namespace, account and node of each pod, and whether it is privileged.
    pods: Vec<(usize, usize, usize, bool)>,
    /// Namespace and account of each long-lived token.
    secrets: Vec<(usize, usize)>,
    guarded: [bool; 3],
}

impl Who {
    fn text(self) -> String {
        match self {
            Self::Account(at, name) => format!("ServiceAccount {}/{}", SPACES[at], NAMES[name]),
            Self::User(name) => format!("User {}", NAMES[name]),
            Self::Group(at) => format!("Group system:serviceaccounts:{}", SPACES[at]),
        }
    }
}

impl Right {
    fn rule(self) -> Vec<String> {
        let rule = match self {
            Self::Everything => "* * of *".to_owned(),
            Self::Secrets => "get secrets".to_owned(),
            Self::Tokens => "create serviceaccounts/token".to_owned(),
            Self::NamedToken(of) => format!("create serviceaccounts/token only {}", NAMES[of]),
            Self::NewPods => "create pods".to_owned(),
            Self::Exec => "create pods/exec".to_owned(),
            Self::NamedExec(of) => format!("create pods/exec only p{of}"),
            Self::Impersonate => "impersonate serviceaccounts".to_owned(),
            Self::Groups => {
                return vec!["impersonate groups".to_owned(), "impersonate users only nobody".to_owned()];
            }
            Self::NamedUser(of) => format!("impersonate users only {}", NAMES[of]),
        };
        vec![rule]
    }

    fn is_of_cluster(self) -> bool {
        matches!(self, Self::Groups | Self::NamedUser(_))
    }
}

impl World {
    fn documents(&self) -> Vec<String> {
        let mut documents: Vec<String> = Vec::new();
        for (at, guarded) in self.guarded.iter().enumerate() {
            documents.push(namespace(SPACES[at], if *guarded { "baseline" } else { "" }));
            documents.extend(NAMES.map(|name| crate::given::account(&format!("{}/{name}", SPACES[at]))));
        }
        // So that Secrets and nodes are known to be read.
        documents.push(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: one}\ntype: Opaque".to_owned(),
        );
        for (number, grant) in self.grants.iter().enumerate() {
            let at = grant.at.map_or("cluster", |at| SPACES[at]);
            let rules = grant.right.rule();
            let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
            documents.push(rights(&format!("g{number}"), at, &grant.to.text(), &rules));
        }
        for (number, (at, account, node, privileged)) in self.pods.iter().enumerate() {
            let text = pod(&format!("{}/p{number}", SPACES[*at]), NAMES[*account], &format!("n{node}"), "");
            let context = "- name: main\n    securityContext: {privileged: true}";
            documents.push(if *privileged { text.replace("- name: main", context) } else { text });
        }
        for (number, (at, account)) in self.secrets.iter().enumerate() {
            documents.push(token(&format!("{}/t{number}", SPACES[*at]), NAMES[*account], ""));
        }
        documents
    }
}

/// Where an intruder can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Be(Who),
    InPod(usize),
    OnNode(usize),
    All,
}

impl World {
    /// Every state that one act leads to.
    fn next(&self, state: State) -> BTreeSet<State> {
        let mut next = BTreeSet::new();
        match state {
            State::All => {}
            State::InPod(number) => {
                let (at, account, node, privileged) = self.pods[number];
                next.insert(State::Be(Who::Account(at, account)));
                if privileged {
                    next.insert(State::OnNode(node));
                }
            }
            State::OnNode(node) => {
                next.extend((0..self.pods.len()).filter(|p| self.pods[*p].2 == node).map(State::InPod));
            }
            State::Be(who) => {
                let as_member = |to: Who| matches!((who, to), (Who::Account(a, _), Who::Group(b)) if a == b);
                for grant in self.grants.iter().filter(|grant| grant.to == who || as_member(grant.to)) {
                    next.extend(self.by(grant));
                }
            }
        }
        next
    }

    fn by(&self, grant: &Grant) -> Vec<State> {
        let here = |at: &usize| grant.at.is_none_or(|of| of == *at);
        let account = |at: usize, name: usize| State::Be(Who::Account(at, name));
        let mut found = Vec::new();
        for at in (0..3).filter(here) {
            let pods = (0..self.pods.len()).filter(|p| self.pods[*p].0 == at);
            let tokens =
                self.secrets.iter().filter(|(of, _)| *of == at).map(|(of, name)| account(*of, *name));
            let accounts = (0..3).map(|name| account(at, name));
            let takes_nodes = if self.guarded[at] { 0..0 } else { 0..3 };
            match grant.right {
                Right::Everything => {
                    found.extend(accounts);
                    found.extend(pods.map(State::InPod));
                    // The label of the namespace is among everything.
                    found.extend((0..3).map(State::OnNode));
                }
                Right::Secrets => found.extend(tokens),
                Right::Tokens | Right::Impersonate => found.extend(accounts),
                Right::NamedToken(name) => found.push(account(at, name)),
                Right::NewPods => {
                    found.extend(accounts);
                    found.extend(takes_nodes.map(State::OnNode));
                }
                Right::Exec => found.extend(pods.map(State::InPod)),
                Right::NamedExec(of) => found.extend(pods.filter(|p| *p == of).map(State::InPod)),
                Right::Groups | Right::NamedUser(_) => {}
            }
        }
        match (grant.right, grant.at) {
            (Right::Everything | Right::Groups, None) => found.push(State::All),
            (Right::NamedUser(name), None) => found.push(State::Be(Who::User(name))),
            _ => {}
        }
        found
    }

    /// The fewest acts from a state to the whole cluster, by trying every act.
    fn acts(&self, from: State) -> Option<usize> {
        let mut seen = BTreeSet::from([from]);
        let mut reached = seen.clone();
        for acts in 0.. {
            if reached.contains(&State::All) {
                return Some(acts);
            }
            let next: BTreeSet<State> = reached.iter().flat_map(|state| self.next(*state)).collect();
            reached = next.difference(&seen).copied().collect();
            if reached.is_empty() {
                return None;
            }
            seen.extend(&reached);
        }
        None
    }

    /// Every place where one could start, by the name that a report gives it.
    fn starts(&self) -> Vec<(String, State)> {
        let bound = |who: Who| self.grants.iter().any(|grant| grant.to == who);
        let mut starts = Vec::new();
        for at in 0..3 {
            starts.extend((0..3).map(|name| Who::Account(at, name)));
            starts.extend(Some(Who::Group(at)).filter(|who| bound(*who)));
            starts.extend(Some(Who::User(at)).filter(|who| bound(*who)));
        }
        let mut starts: Vec<_> = starts.into_iter().map(|who| (who.text(), State::Be(who))).collect();
        for (number, (at, ..)) in self.pods.iter().enumerate() {
            starts.push((format!("Pod {}/p{number}", SPACES[*at]), State::InPod(number)));
        }
        let nodes: BTreeSet<usize> = self.pods.iter().map(|pod| pod.2).collect();
        starts.extend(nodes.into_iter().map(|node| (format!("Node n{node}"), State::OnNode(node))));
        starts
    }
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![
        4 => (0..3usize, 0..3usize).prop_map(|(at, name)| Who::Account(at, name)),
        2 => (0..3usize).prop_map(Who::User),
        1 => (0..3usize).prop_map(Who::Group),
    ]
}

fn right() -> impl Strategy<Value = Right> {
    prop_oneof![
        1 => Just(Right::Everything),
        2 => Just(Right::Secrets),
        1 => Just(Right::Tokens),
        2 => (0..3usize).prop_map(Right::NamedToken),
        2 => Just(Right::NewPods),
        2 => Just(Right::Exec),
        2 => (0..4usize).prop_map(Right::NamedExec),
        1 => Just(Right::Impersonate),
        1 => Just(Right::Groups),
        2 => (0..3usize).prop_map(Right::NamedUser),
    ]
}

fn world() -> impl Strategy<Value = World> {
    let grant = (who(), prop::option::weighted(0.8, 0..3usize), right()).prop_map(|(to, at, right)| Grant {
        to,
        at: at.filter(|_| !right.is_of_cluster()),
        right,
    });
    let grants = prop::collection::vec(grant, 1..9);
    // Nodes 0 to 2 are always there, so that a new pod can take each.
    let pod = (0..3usize, 0..3usize, prop::bool::weighted(0.3));
    let pods = prop::collection::vec(pod, 3..5).prop_map(|pods| {
        pods.into_iter().enumerate().map(|(n, (at, account, privileged))| (at, account, n % 3, privileged))
    });
    (grants, pods, prop::collection::vec((0..3usize, 0..3usize), 0..3), any::<[bool; 3]>())
        .prop_map(|(grants, pods, secrets, guarded)| World { grants, pods: pods.collect(), secrets, guarded })
}

fn scan_of(world: &World) -> Report {
    scan(&cluster(&world.documents()), &Settings::new(now()))
}

/// The number of the grant that a binding of this name is.
fn number_of(binding: &str) -> Option<usize> {
    let name = binding.rsplit([' ', '/']).next()?;
    name.strip_prefix('g')?.parse().ok()
}

/// How many of the world's starts have a way.
fn reaching(world: &World) -> usize {
    world.starts().iter().filter(|(_, state)| world.acts(*state).is_some()).count()
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(96))]

    #[test]
    fn a_naive_search_agrees_on_who_gets_there_and_in_how_many_steps(world in world()) {
        let report = scan_of(&world);
        let told: BTreeMap<String, usize> =
            report.paths.iter().map(|path| (path.from.to_string(), path.steps.len())).collect();
        for (name, state) in world.starts() {
            let acts = world.acts(state);
            if let Some(steps) = told.get(&name) {
                prop_assert_eq!(Some(*steps), acts, "{}", name);
                continue;
            }
            // Who gets there first as one of a group is told with the group.
            let as_member = match state {
                State::Be(Who::Account(at, _)) => world.acts(State::Be(Who::Group(at))),
                _ => None,
            };
            prop_assert_eq!(acts, as_member, "{} is not told", name);
        }
        let starts: BTreeSet<String> = world.starts().into_iter().map(|(name, _)| name).collect();
        prop_assert!(told.keys().all(|name| starts.contains(name)), "{:?}", told);
    }

    #[test]
    fn each_step_names_bindings_that_are_there_and_grant_it(world in world()) {
        for path in scan_of(&world).paths {
            let mut at = path.from.to_string();
            for step in &path.steps {
                let who = world.starts().into_iter().find(|(name, _)| *name == at).map(|(_, state)| state);
                for because in &step.because {
                    let number = number_of(&because.binding);
                    let grant = number.and_then(|n| world.grants.get(n));
                    prop_assert!(grant.is_some(), "{:?}", because);
                    let grant = grant.unwrap();
                    let is_holder = who == Some(State::Be(grant.to))
                        || matches!((who, grant.to), (Some(State::Be(Who::Account(a, _))), Who::Group(b)) if a == b);
                    prop_assert!(is_holder, "{} has no {:?}", at, grant);
                }
                let needs = matches!(who, Some(State::Be(_)));
                prop_assert_eq!(needs, !step.because.is_empty(), "{}: {:?}", at, step);
                at = step.becomes.to_string();
            }
            prop_assert_eq!(at, crate::given::CLUSTER);
        }
    }

    #[test]
    fn without_the_first_cut_exactly_those_are_left_that_it_says(world in world()) {
        let report = scan_of(&world);
        let mut before = world;
        let mut left = reaching(&before);
        for cut in &report.cuts {
            let number = number_of(&cut.binding.to_string()).unwrap();
            // Taken away, with the others keeping their numbers.
            before.grants[number].right = Right::NamedUser(2);
            before.grants[number].to = Who::User(2);
            before.grants[number].at = None;
            let after = reaching(&before);
            prop_assert_eq!((left - after, after), (cut.cuts, cut.left), "{:?}", cut);
            let rescanned = scan_of(&before);
            prop_assert_eq!(rescanned.cuts.first().map_or(after, |next| next.cuts + next.left), after);
            left = after;
        }
    }
}
