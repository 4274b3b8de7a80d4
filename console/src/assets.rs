//! The files beside the pages: style, script and mark. They are part of the program, and
//! their names change with what they hold, so that browsers may keep them for good.

use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

/// A file.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// What is in it.
    pub bytes: &'static [u8],
    /// Its media type.
    pub media_type: &'static str,
}

/// A file and where it is found.
#[derive(Debug)]
struct Placed {
    name: String,
    asset: Asset,
}

/// Where they are served.
pub const FOLDER: &str = "/console/assets/";

static STYLE: LazyLock<Placed> = LazyLock::new(|| {
    let bytes = include_bytes!("../assets/console.css");
    place("console", "css", bytes, "text/css; charset=utf-8")
});
static SCRIPT: LazyLock<Placed> = LazyLock::new(|| {
    let bytes = include_bytes!("../assets/console.js");
    place("console", "js", bytes, "text/javascript; charset=utf-8")
});
static MARK: LazyLock<Placed> = LazyLock::new(|| {
    let bytes = include_bytes!("../assets/mark.svg");
    place("mark", "svg", bytes, "image/svg+xml")
});

/// The file of this name, if there is one.
#[must_use]
pub fn find(name: &str) -> Option<Asset> {
    let all = [&*STYLE, &*SCRIPT, &*MARK].into_iter();
    let mut named = all.filter(|placed| placed.name == name);
    named.next().map(|placed| placed.asset)
}

pub(crate) fn style() -> String {
    path(&STYLE)
}

pub(crate) fn script() -> String {
    path(&SCRIPT)
}

pub(crate) fn mark() -> String {
    path(&MARK)
}

fn path(placed: &Placed) -> String {
    format!("{FOLDER}{}", placed.name)
}

fn place(stem: &str, ending: &str, bytes: &'static [u8], media_type: &'static str) -> Placed {
    let hash = hex::encode(&Sha256::digest(bytes)[..8]);
    Placed {
        name: format!("{stem}-{hash}.{ending}"),
        asset: Asset { bytes, media_type },
    }
}
