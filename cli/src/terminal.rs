//! What the terminal can show.

use std::env;

/// The narrowest line that is drawn for.
const NARROWEST: usize = 60;

/// The widest.
const WIDEST: usize = 160;

/// Columns where there is no terminal to ask.
const COLUMNS: usize = 80;

/// What can be drawn with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    /// How long a line may be, in characters.
    pub(crate) width: usize,
    /// Whether there are colours.
    pub(crate) colour: bool,
    /// Whether there are more characters than those of ASCII.
    pub(crate) unicode: bool,
}

impl Terminal {
    /// Where stdout goes. Colours are for terminals, and not where `NO_COLOR` is set.
    pub(crate) fn stdout() -> Self {
        let terminal = console::Term::stdout();
        let given = || env::var("COLUMNS").ok()?.parse().ok();
        let width = match terminal.size_checked() {
            Some((_, columns)) => usize::from(columns),
            None => given().unwrap_or(COLUMNS),
        };
        Self {
            width: width.clamp(NARROWEST, WIDEST),
            colour: terminal.is_term() && console::colors_enabled(),
            unicode: is_utf8(|name| env::var(name).ok()),
        }
    }
}

/// Whether the locale's characters are UTF-8: the first of these variables that is set
/// and not empty decides (POSIX, 8.2).
fn is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let mut set = names.into_iter().filter_map(variable);
    let locale = set.find(|value| !value.is_empty()).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_of_the_locale_that_is_set_decides() {
        let of = |set: &[(&str, &str)]| {
            is_utf8(|name| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(of(&[("LANG", "en_GB.UTF-8")]));
        assert!(of(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")]));
        assert!(!of(&[("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")]));
        assert!(!of(&[("LANG", "de_DE.ISO-8859-1")]));
        assert!(!of(&[]));
    }
}
