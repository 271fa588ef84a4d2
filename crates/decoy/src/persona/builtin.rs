//! The personas that come with the program.

use std::sync::LazyLock;

use super::Persona;

/// Each file of `personas/`, by name, those that are believed most easily first. A test holds this list against the
/// folder.
const FILES: &[(&str, &str)] = &[
    ("argocd-manager.yaml", include_str!("../../personas/argocd-manager.yaml")),
    ("ci-deployer-gitlab.yaml", include_str!("../../personas/ci-deployer-gitlab.yaml")),
    ("ci-deployer-github.yaml", include_str!("../../personas/ci-deployer-github.yaml")),
    ("ci-deployer-jenkins.yaml", include_str!("../../personas/ci-deployer-jenkins.yaml")),
    ("ci-deployer-azure.yaml", include_str!("../../personas/ci-deployer-azure.yaml")),
    ("dashboard-admin.yaml", include_str!("../../personas/dashboard-admin.yaml")),
    ("vault-reviewer.yaml", include_str!("../../personas/vault-reviewer.yaml")),
    ("kubeconfig.yaml", include_str!("../../personas/kubeconfig.yaml")),
    ("backup.yaml", include_str!("../../personas/backup.yaml")),
    ("monitoring.yaml", include_str!("../../personas/monitoring.yaml")),
    ("tiller.yaml", include_str!("../../personas/tiller.yaml")),
];

static BUILT_IN: LazyLock<Vec<Persona>> = LazyLock::new(|| {
    FILES.iter().map(|(_, text)| Persona::read(text).expect("a test reads every file of this list")).collect()
});

/// The personas that come with the program, those that are believed most easily first.
pub fn built_in() -> &'static [Persona] {
    &BUILT_IN
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{FILES, Persona};

    #[test]
    fn every_file_of_the_folder_is_in_the_list_and_none_other() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/personas");
        let there: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let listed: BTreeSet<String> = FILES.iter().map(|(file, _)| (*file).to_owned()).collect();
        assert_eq!(listed, there);
        assert_eq!(listed.len(), FILES.len(), "a file is listed twice");
    }

    #[test]
    fn every_file_is_read_and_named_after_the_id_in_it() {
        for (file, text) in FILES {
            let persona = Persona::read(text).unwrap_or_else(|problem| panic!("{file}: {problem}"));
            assert_eq!(format!("{}.yaml", persona.id), *file);
        }
    }

    #[test]
    fn every_text_is_short_and_every_sentence_ends() {
        for (file, text) in FILES {
            let persona = Persona::read(text).unwrap();
            assert!(persona.title.len() <= 72 && !persona.title.ends_with('.'), "{file}: {}", persona.title);
            let lists = [&persona.wary, &persona.believable, &persona.avoid];
            assert!(lists.iter().all(|list| !list.is_empty()), "{file}");
            for text in lists.into_iter().flatten().chain([&persona.tempts]) {
                assert!(text.starts_with(char::is_uppercase) && text.ends_with('.'), "{file}: {text}");
                assert!(!text.contains('\n') && text.len() < 280, "{file}: {text}");
            }
        }
    }
}
