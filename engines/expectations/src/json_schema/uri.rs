//! Addresses of schemas, relative to others.

/// A reference and its fragment.
pub(super) fn split(reference: &str) -> (&str, &str) {
    reference.split_once('#').unwrap_or((reference, ""))
}

/// A reference without a fragment, seen from an address.
pub(super) fn join(base: &str, reference: &str) -> String {
    if reference.is_empty() {
        return base.to_owned();
    }
    if scheme(reference).is_some() || base.is_empty() {
        return reference.to_owned();
    }
    let (prefix, path) = match base.find("://") {
        Some(end) => {
            let host = end + 3;
            let path = base[host..].find('/').map_or(base.len(), |slash| host + slash);
            base.split_at(path)
        }
        None => base.split_at(scheme(base).map_or(0, |scheme| scheme + 1)),
    };
    if reference.starts_with("//") {
        let scheme = scheme(base).map_or("", |end| &base[..=end]);
        return format!("{scheme}{reference}");
    }
    let path = match reference.strip_prefix('/') {
        Some(_) => reference.to_owned(),
        None => {
            let folder = path.rfind('/').map_or("", |slash| &path[..=slash]);
            let folder = if folder.is_empty() && prefix.contains("://") {
                "/"
            } else {
                folder
            };
            format!("{folder}{reference}")
        }
    };
    format!("{prefix}{}", without_dots(&path))
}

/// The length of the scheme of an address, if it has one.
fn scheme(address: &str) -> Option<usize> {
    let colon = address.find(':')?;
    let mut letters = address[..colon].chars();
    let first = letters.next()?.is_ascii_alphabetic();
    (first && letters.all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))).then_some(colon)
}

/// A path without `.` and `..`.
fn without_dots(path: &str) -> String {
    if !path.contains("./") && !path.ends_with('.') {
        return path.to_owned();
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "." => {}
            ".." if kept.len() > 1 => drop(kept.pop()),
            ".." => {}
            segment => kept.push(segment),
        }
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        kept.push("");
    }
    kept.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_relative_to_an_address() {
        for (base, reference, expected) in [
            ("", "item.json", "item.json"),
            ("http://a.b/c/d.json", "", "http://a.b/c/d.json"),
            ("http://a.b/c/d.json", "e.json", "http://a.b/c/e.json"),
            ("http://a.b/c/d.json", "../e.json", "http://a.b/e.json"),
            ("http://a.b/c/d.json", "/e.json", "http://a.b/e.json"),
            ("http://a.b/c/d.json", "urn:x:y", "urn:x:y"),
            ("http://a.b/c/d.json", "//x.y/z", "http://x.y/z"),
            ("http://a.b", "e.json", "http://a.b/e.json"),
            ("c/d.json", "e.json", "c/e.json"),
        ] {
            assert_eq!(join(base, reference), expected, "{base} {reference}");
        }
        assert_eq!(split("a.json#/b"), ("a.json", "/b"));
    }
}
