//! The explorer's script and style.

/// The bundle of `web/`, with the licence of what is bundled.
pub(crate) const SCRIPT: &str = include_str!("../../web/dist/explore.js");
/// Its style.
pub(crate) const STYLE: &str = include_str!("../../web/dist/explore.css");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundle_can_stand_in_a_page_and_carries_its_licences() {
        for text in ["</script", "<!--", "http:"] {
            assert!(!SCRIPT.to_lowercase().contains(text), "{text}");
        }
        for text in ["</style", "<!--", "url(", "@import"] {
            assert!(!STYLE.to_lowercase().contains(text), "{text}");
        }
        for text in ["uPlot", "The MIT License", "Copyright (c) 2022 Leon Sorokin"] {
            assert!(SCRIPT.contains(text), "{text}");
        }
    }
}
