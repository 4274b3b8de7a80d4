//! Where values come from: a file, the environment, arguments; later ones win.

use std::path::PathBuf;

use figment::providers::{Format as _, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Error, Figment, Metadata, Profile, Provider};

use super::nearest::nearest;
use super::problem::Problem;

/// What the names of all variables of the environment begin with.
const PREFIX: &str = "COUNTERSIGN_";

/// Variables of the client commands and of the file's own name; roles pass over
/// them.
const ELSEWHERE: [&str; 6] = [
    "COUNTERSIGN_CONFIG",
    "COUNTERSIGN_URL",
    "COUNTERSIGN_READ_URL",
    "COUNTERSIGN_AUTH_KEY",
    "COUNTERSIGN_ACCOUNT",
    "COUNTERSIGN_WEBHOOKS_URL",
];

/// Variables of `dev` alone, and what a role has in their place. A role that
/// passed over them would not do what their giver meant.
const OF_DEV: [(&str, &str); 4] = [
    (
        "COUNTERSIGN_LISTEN",
        "COUNTERSIGN_COMMANDS_LISTEN or COUNTERSIGN_READ_API_LISTEN",
    ),
    ("COUNTERSIGN_READ_LISTEN", "COUNTERSIGN_READ_API_LISTEN"),
    ("COUNTERSIGN_LOG", "COUNTERSIGN_LOG_FILTER"),
    ("COUNTERSIGN_DATA_DIR", "COUNTERSIGN_PARTY_VAULT"),
];

/// A value given as an argument.
#[derive(Debug, Clone)]
pub struct Argument {
    /// The field, such as `nats.urls`.
    pub field: String,
    /// The value.
    pub value: String,
    /// The argument's name, such as `--set`.
    pub flag: &'static str,
}

/// Where a configuration comes from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The TOML file.
    pub file: Option<PathBuf>,
    /// Names and values; only those that begin with `COUNTERSIGN_` matter.
    pub environment: Vec<(String, String)>,
    /// What the command line says.
    pub arguments: Vec<Argument>,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File(PathBuf),
    Environment(String),
    Argument(&'static str),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Argument(flag) => f.write_str(flag),
        }
    }
}

impl Sources {
    /// The environment of this process, a file and arguments.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>, arguments: Vec<Argument>) -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| {
                let name = name.into_string().ok()?;
                let ours = name.starts_with(PREFIX);
                ours.then(|| (name, value.to_string_lossy().into_owned()))
            })
            .collect();
        Self {
            file,
            environment,
            arguments,
        }
    }

    /// Merges them. `known` are the fields that there are.
    pub(super) fn merge(&self, known: &[String], problems: &mut Vec<Problem>) -> Figment {
        let mut figment = Figment::new();
        if let Some(path) = &self.file {
            let file = Figment::from(Toml::file_exact(path));
            match file.data() {
                Ok(data) => {
                    unknown_in_file(&data, known, path, problems);
                    figment = figment.merge(file);
                }
                Err(error) => problems.push(Problem::new("", unreadable(path, &error))),
            }
        }
        let environment = self.environment(known, problems);
        let arguments = self.arguments(known, problems);
        figment.merge(environment).merge(arguments)
    }

    fn environment(&self, known: &[String], problems: &mut Vec<Problem>) -> Layer {
        let mut values = vec![];
        for (name, value) in &self.environment {
            let field = known.iter().find(|field| variable(field) == *name);
            match field {
                Some(field) => values.push((field.clone(), value.clone())),
                None => problems.extend(unknown_variable(name, known)),
            }
        }
        Layer {
            name: "environment",
            values,
        }
    }

    fn arguments(&self, known: &[String], problems: &mut Vec<Problem>) -> Layer {
        let mut values = vec![];
        for argument in &self.arguments {
            let Argument { field, value, flag } = argument;
            if !known.contains(field) {
                let near = nearest_of(field, known.iter().map(String::as_str));
                problems.push(Problem::new(
                    field,
                    format!("there is no such field ({flag}){near}"),
                ));
            } else if known.contains(&format!("{field}_file")) {
                problems.push(Problem::new(
                    field,
                    format!(
                        "a secret in {flag} would be seen by everybody on this machine: give it \
                         with {} or {field}_file",
                        variable(field)
                    ),
                ));
            } else {
                values.push((field.clone(), value.clone()));
            }
        }
        Layer {
            name: "arguments",
            values,
        }
    }

    /// Where the value of a field came from.
    pub(super) fn origin(&self, field: &str, figment: &Figment, value: &Value) -> Origin {
        let layer = figment.get_metadata(value.tag());
        match layer.map(|metadata| metadata.name.as_ref()) {
            Some("environment") => Origin::Environment(variable(field)),
            Some("arguments") => self
                .arguments
                .iter()
                .rfind(|argument| argument.field == field)
                .map_or(Origin::Default, |argument| Origin::Argument(argument.flag)),
            _ => self.file.clone().map_or(Origin::Default, Origin::File),
        }
    }
}

/// The name of a field in the environment.
pub(super) fn variable(field: &str) -> String {
    format!("{PREFIX}{}", field.replace('.', "_").to_uppercase())
}

/// Every variable that some command takes, besides those of the fields.
pub(super) fn other_variables() -> impl Iterator<Item = &'static str> {
    ELSEWHERE
        .into_iter()
        .chain(OF_DEV.into_iter().map(|(name, _)| name))
}

/// Texts by field; the type of a field decides what they mean.
struct Layer {
    name: &'static str,
    values: Vec<(String, String)>,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let mut root = Dict::new();
        for (field, value) in &self.values {
            put(&mut root, field, Value::from(value.as_str()));
        }
        Ok(Profile::Default.collect(root))
    }
}

fn put(dict: &mut Dict, field: &str, value: Value) {
    let Some((section, rest)) = field.split_once('.') else {
        dict.insert(field.to_owned(), value);
        return;
    };
    let inner = dict
        .entry(section.to_owned())
        .or_insert_with(|| Value::from(Dict::new()));
    if let Value::Dict(_, inner) = inner {
        put(inner, rest, value);
    }
}

fn unknown_variable(name: &str, known: &[String]) -> Option<Problem> {
    if ELSEWHERE.contains(&name) {
        return None;
    }
    if let Some((_, instead)) = OF_DEV.iter().find(|(of_dev, _)| *of_dev == name) {
        let message = format!("this variable is for `countersign dev`: set {instead}, or unset it");
        return Some(Problem::new(name, message));
    }
    let variables: Vec<_> = known.iter().map(|field| variable(field)).collect();
    let near = nearest_of(name, variables.iter().map(String::as_str));
    Some(Problem::new(
        name,
        format!("there is no such variable{near}, or unset it"),
    ))
}

fn unknown_in_file(
    data: &Map<Profile, Dict>,
    known: &[String],
    path: &std::path::Path,
    problems: &mut Vec<Problem>,
) {
    let mut given = vec![];
    for dict in data.values() {
        names(dict, "", &mut given);
    }
    for name in given {
        let inner = format!("{name}.");
        if known.contains(&name) {
            continue;
        }
        let message = if known.iter().any(|field| field.starts_with(&inner)) {
            format!(
                "must be a section: write [{name}] in {} and its fields below",
                path.display()
            )
        } else {
            let near = nearest_of(&name, known.iter().map(String::as_str));
            format!("there is no such field ({}){near}", path.display())
        };
        problems.push(Problem::new(name, message));
    }
}

fn names(dict: &Dict, prefix: &str, into: &mut Vec<String>) {
    for (name, value) in dict {
        let path = format!("{prefix}{name}");
        match value {
            Value::Dict(_, inner) if !inner.is_empty() => names(inner, &format!("{path}."), into),
            // A section with nothing in it says nothing.
            Value::Dict(..) => {}
            _ => into.push(path),
        }
    }
}

fn nearest_of<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |near| format!(": did you mean `{near}`?"))
}

fn unreadable(path: &std::path::Path, error: &Error) -> String {
    if !path.exists() {
        return format!(
            "there is no file {}: name another with --config, or leave it out",
            path.display()
        );
    }
    let text = error.to_string();
    // What the parser quotes from the file may be a secret.
    let quote = |line: &&str| line.is_empty() || line.contains('|');
    let text = text.lines().map(str::trim).filter(|line| !quote(line));
    let text = text.collect::<Vec<_>>().join(" ");
    format!("{} is no TOML that can be read: {text}", path.display())
}
