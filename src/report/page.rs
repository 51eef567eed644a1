//! The skeleton of every page: head, theme, contents, sections.

use maud::{DOCTYPE, Markup, PreEscaped, html};

const THEME: &str = include_str!("theme.css");

/// A part of a page with a heading of its own.
pub struct Section {
    /// Anchor, unique on the page.
    pub id: &'static str,
    pub title: &'static str,
    pub body: Markup,
}

/// The whole page. `lead` comes before the table of contents; `data-theme="light"` or `"dark"` on the root forces a
/// theme, which otherwise is the reader's.
pub fn page(title: &str, lead: &Markup, sections: &[Section]) -> String {
    let body = html! {
        header { h1 { (title) } (lead) }
        @if sections.len() > 1 {
            nav aria-label="Contents" {
                ol { @for section in sections { li { a href={ "#" (section.id) } { (section.title) } } } }
            }
        }
        @for section in sections {
            section id=(section.id) { h2 { (section.title) } (section.body) }
        }
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "pvdamp " (env!("CARGO_PKG_VERSION")) };
                title { (title) }
                style { (PreEscaped(THEME)) }
            }
            body { main { (body) } }
        }
    };
    page.into_string()
}

/// What a reader can unfold; on paper it is always open.
pub fn fold(open: bool, summary: &str, content: &Markup) -> Markup {
    html! {
        details open=[open.then_some("open")] {
            summary { (summary) }
            div.folded { (content) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_listed_and_text_is_escaped() {
        let section = |id, title| Section {
            id,
            title,
            body: html! { p { "text" } },
        };
        let lead = html! { p { "lead" } };
        let page = page("a < \"b\"", &lead, &[section("one", "First"), section("two", "Second")]);
        assert!(page.starts_with("<!DOCTYPE html>"));
        assert!(page.contains("<h1>a &lt; &quot;b&quot;</h1>"));
        assert!(page.contains(r##"<a href="#two">Second</a>"##));
        assert!(page.contains(r#"<section id="two">"#));
    }

    #[test]
    fn the_theme_fetches_nothing() {
        for word in ["url(", "@import", "http", "</"] {
            assert!(!THEME.contains(word), "{word}");
        }
    }
}
