//! Reads fields one by one, and collects what is wrong instead of stopping at the
//! first.

use figment::Figment;
use figment::value::Value;
use secrecy::SecretString;

use super::problem::Problem;
use super::setting::Setting;
use super::sources::{Origin, Sources, variable};

/// A field as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// What it is; none when it is not set, or wrong.
    pub(crate) shown: Option<String>,
    pub(crate) origin: Origin,
}

/// Reads the fields of one section after the other.
pub(crate) struct Reader<'a> {
    sources: &'a Sources,
    figment: &'a Figment,
    section: &'static str,
    pub(crate) fields: Vec<Field>,
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(sources: &'a Sources, figment: &'a Figment) -> Self {
        Self {
            sources,
            figment,
            section: "",
            fields: vec![],
            problems: vec![],
        }
    }

    /// What follows is in this section.
    pub(crate) fn section(&mut self, name: &'static str) -> &mut Self {
        self.section = name;
        self
    }

    /// A field that need not be there.
    pub(crate) fn optional<T: Setting>(&mut self, key: &str) -> Option<T> {
        let name = self.name(key);
        let (value, origin) = self.find(&name)?;
        let read = match &value {
            // Empty is what a template leaves of a variable that is not set.
            Value::String(_, text) if text.trim().is_empty() => {
                self.wrong(&name, &origin, "is empty: give a value or leave it out");
                return None;
            }
            Value::String(_, text) if from_text(&origin) => T::from_text(text.trim()),
            value => T::from_value(value),
        };
        if let Some(read) = read {
            self.note(name, Some(read.shown()), origin);
            Some(read)
        } else {
            let said = format!("{} is not {}", quoted(&value), T::WHAT);
            self.wrong(&name, &origin, &said);
            None
        }
    }

    /// A field with a default.
    pub(crate) fn or<T: Setting>(&mut self, key: &str, default: T) -> T {
        self.checked(key, default, |_| true, "")
    }

    /// A field with a default whose value must fit; `rule` follows "must be".
    pub(crate) fn checked<T: Setting>(
        &mut self,
        key: &str,
        default: T,
        fits: impl Fn(&T) -> bool,
        rule: &str,
    ) -> T {
        match self.optional::<T>(key) {
            Some(value) if fits(&value) => value,
            Some(value) => {
                let said = format!("is {}, and must be {rule}", value.shown());
                self.wrong_as_read(key, &said);
                default
            }
            None => {
                let name = self.name(key);
                let field = self.fields.iter_mut().find(|field| field.name == name);
                if let Some(field) = field.filter(|field| field.origin == Origin::Default) {
                    field.shown = Some(default.shown());
                }
                default
            }
        }
    }

    /// A secret, itself or the content of the file that its twin `…_file` names.
    pub(crate) fn secret(&mut self, key: &str) -> Option<SecretString> {
        let (name, twin) = (self.name(key), self.name(&format!("{key}_file")));
        let given = self.find(&name);
        let file = self.find(&twin);
        match (given, file) {
            (Some((_, origin)), Some((_, other))) => {
                let said = format!("is given twice, by {origin} and by {other}: leave one out");
                self.problems.push(Problem::new(&name, said));
                None
            }
            (Some((value, origin)), None) => {
                let text = value
                    .as_str()
                    .map(str::trim)
                    .filter(|text| !text.is_empty());
                if let Some(text) = text {
                    let secret = SecretString::from(text);
                    self.note(name, Some(REDACTED.to_owned()), origin);
                    return Some(secret);
                }
                self.wrong(&name, &origin, "is empty, or not a text");
                None
            }
            (None, Some((value, origin))) => {
                let path = value.as_str().unwrap_or_default().to_owned();
                match std::fs::read_to_string(&path).map(zeroize::Zeroizing::new) {
                    Ok(text) if !text.trim().is_empty() => {
                        self.note(twin, Some(path), origin);
                        Some(SecretString::from(text.trim()))
                    }
                    Ok(_) => {
                        self.wrong(&twin, &origin, &format!("the file {path} is empty"));
                        None
                    }
                    Err(error) => {
                        let said = format!("cannot read the file {path:?}: {error}");
                        self.wrong(&twin, &origin, &said);
                        None
                    }
                }
            }
            (None, None) => None,
        }
    }

    /// Says what is wrong with the value of a field that was read.
    pub(crate) fn wrong_as_read(&mut self, key: &str, said: &str) {
        let name = self.name(key);
        let given = |field: &&Field| {
            field.origin != Origin::Default
                && (field.name == name || field.name == format!("{name}_file"))
        };
        let origin = self.fields.iter().find(given);
        let origin = origin.map_or(Origin::Default, |field| field.origin.clone());
        self.wrong(&name, &origin, said);
    }

    /// Whether a value was given for the field.
    fn find(&mut self, name: &str) -> Option<(Value, Origin)> {
        if let Ok(value) = self.figment.find_value(name) {
            let origin = self.sources.origin(name, self.figment, &value);
            Some((value, origin))
        } else {
            self.note(name.to_owned(), None, Origin::Default);
            None
        }
    }

    fn note(&mut self, name: String, shown: Option<String>, origin: Origin) {
        self.fields.push(Field {
            name,
            shown,
            origin,
        });
    }

    fn wrong(&mut self, name: &str, origin: &Origin, said: &str) {
        if !self.fields.iter().any(|field| field.name == name) {
            self.note(name.to_owned(), None, origin.clone());
        }
        let source = match origin {
            Origin::Default => String::new(),
            Origin::Environment(variable) => format!(" ({variable})"),
            other => format!(" ({other}; in the environment {})", variable(name)),
        };
        self.problems
            .push(Problem::new(name, format!("{said}{source}")));
    }

    fn name(&self, key: &str) -> String {
        match self.section {
            "" => key.to_owned(),
            section => format!("{section}.{key}"),
        }
    }
}

/// What stands for a secret.
const REDACTED: &str = "(secret)";

fn from_text(origin: &Origin) -> bool {
    matches!(origin, Origin::Environment(_) | Origin::Argument(_))
}

fn quoted(value: &Value) -> String {
    match value {
        Value::String(_, text) => {
            let shown: String = text.chars().take(80).collect();
            format!("{shown:?}")
        }
        Value::Dict(..) => "a section".to_owned(),
        Value::Array(..) => "a list".to_owned(),
        Value::Bool(_, value) => value.to_string(),
        Value::Num(_, number) => match (number.to_i128(), number.to_f64()) {
            (Some(number), _) => number.to_string(),
            (None, Some(number)) => number.to_string(),
            (None, None) => "a number".to_owned(),
        },
        _ => "this".to_owned(),
    }
}
