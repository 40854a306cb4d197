//! Where moved files may come from. This is about the text of the paths alone: the gate itself follows no link out of
//! its move roots.

use sluice_sdk::{Bundle, Glob, Mistakes};

use crate::config;

/// A folder that moved files may come from.
#[derive(Debug)]
pub(crate) struct Source {
    root: Path,
    users: Option<Vec<Glob>>,
    projects: Option<Vec<Glob>>,
    instruments: Option<Vec<Glob>>,
}

/// An absolute path, as its parts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Path(Vec<String>);

impl Path {
    /// Reads an absolute path. Empty parts and `.` mean nothing; `..` is refused, for what it means depends on links.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as the end of a sentence about it.
    pub(crate) fn new(text: &str) -> Result<Self, &'static str> {
        let Some(relative) = text.strip_prefix('/') else { return Err("is not absolute: it must begin with a slash") };
        let parts: Vec<&str> = relative.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.contains(&"..") {
            return Err("has a part \"..\"");
        }
        if text.chars().any(char::is_control) {
            return Err("has a control character");
        }
        Ok(Self(parts.into_iter().map(str::to_owned).collect()))
    }

    fn is_below(&self, root: &Self) -> bool {
        self.0.len() > root.0.len() && self.0.starts_with(&root.0)
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "/{}", self.0.join("/"))
    }
}

impl Source {
    /// Compiles a source. Mistakes are named below `key`.
    pub(crate) fn new(key: &str, config: config::Source, mistakes: &mut Mistakes) -> Option<Self> {
        let root = mistakes.ok(
            format_args!("{key}.root"),
            Path::new(&config.root).map_err(|objection| format!("{:?} {objection}", config.root)),
        );
        let users = globs(&format!("{key}.users"), config.users, mistakes);
        let projects = globs(&format!("{key}.projects"), config.projects, mistakes);
        let instruments = globs(&format!("{key}.instruments"), config.instruments, mistakes);
        Some(Self { root: root?, users, projects, instruments })
    }

    /// Whether files of the bundle may be moved from here.
    pub(crate) fn is_open_to(&self, bundle: &Bundle<'_>) -> bool {
        matches(self.users.as_deref(), Some(bundle.user()))
            && matches(self.projects.as_deref(), bundle.project())
            && matches(self.instruments.as_deref(), bundle.instrument())
    }

    /// Whether the path lies below.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        path.is_below(&self.root)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }
}

fn globs(key: &str, patterns: Option<Vec<String>>, mistakes: &mut Mistakes) -> Option<Vec<Glob>> {
    let patterns = patterns?;
    if patterns.is_empty() {
        mistakes.add(key, "an empty list allows none; leave it out to allow all");
    }
    let compiled = patterns.iter().enumerate();
    Some(
        compiled
            .filter_map(|(index, pattern)| mistakes.ok(format_args!("{key}[{index}]"), Glob::new(pattern)))
            .collect(),
    )
}

/// No list allows everything, and what is missing too.
fn matches(globs: Option<&[Glob]>, value: Option<&str>) -> bool {
    globs.is_none_or(|globs| value.is_some_and(|value| globs.iter().any(|glob| glob.matches(value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_below_a_folder_by_its_parts_and_not_by_its_letters() {
        let root = Path::new("/srv//data/").unwrap();
        assert_eq!(root, Path::new("/srv/./data").unwrap());
        for (path, below) in [
            ("/srv/data/a", true),
            ("//srv/data/./a/b", true),
            ("/srv/data", false),
            ("/srv/data/", false),
            ("/srv/database/a", false),
            ("/srv", false),
            ("/", false),
        ] {
            assert_eq!(Path::new(path).unwrap().is_below(&root), below, "{path}");
        }
        assert!(Path::new("/a").unwrap().is_below(&Path::new("/").unwrap()));
    }

    #[test]
    fn a_path_that_depends_on_anything_is_refused() {
        for path in ["", "a/b", "./a", "/srv/data/../secret", "/..", "/a\0b", "/a\nb"] {
            assert!(Path::new(path).is_err(), "{path:?}");
        }
        assert!(Path::new("/srv/..data/a..b").is_ok());
    }
}
