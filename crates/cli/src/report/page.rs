//! The skeleton of every page: head, theme, contents, sections.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Serialize;
use sha2::{Digest, Sha256};

use pvdamp_io::error::{Error, Result};

const THEME: &str = include_str!("theme.css");

/// A part of a page with its own heading.
pub struct Section {
    /// Anchor, unique on the page.
    pub id: &'static str,
    pub title: &'static str,
    pub body: Markup,
}

/// Style, script and data of one page.
#[derive(Default)]
pub struct PageAssets<'a> {
    /// Follows the theme and uses its colours.
    pub style: &'a str,
    /// The only script that may run.
    pub script: &'a str,
    /// Elements that the script reads and fills.
    pub data: Option<Markup>,
}

/// The whole page. `introduction` comes before the table of contents. `data-theme="light"` or `"dark"` on the root
/// forces a theme, which otherwise follows the browser. Whatever the text holds, a browser fetches nothing and runs
/// only the script of `assets`.
pub fn page(title: &str, introduction: &Markup, sections: &[Section], assets: &PageAssets) -> String {
    let body = html! {
        header { h1 { (title) } (introduction) }
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
                meta http-equiv="Content-Security-Policy" content=(content_security_policy(assets.script));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "pvdamp " (env!("CARGO_PKG_VERSION")) };
                title { (title) }
                style { (PreEscaped(THEME)) (PreEscaped(assets.style)) }
            }
            body {
                main { (body) }
                @if let Some(data) = &assets.data { (data) }
                @if !assets.script.is_empty() { script { (PreEscaped(assets.script)) } }
            }
        }
    };
    page.into_string()
}

fn content_security_policy(script: &str) -> String {
    let script_source = match script {
        "" => String::new(),
        script => format!("; script-src 'sha256-{}'", STANDARD.encode(Sha256::digest(script))),
    };
    format!("default-src 'none'; img-src data:; style-src 'unsafe-inline'{script_source}")
}

/// A JSON block that the script of the page parses.
///
/// # Errors
/// None are known.
pub fn json_element(id: &str, value: &impl Serialize) -> Result<Markup> {
    let json = serde_json::to_string(value);
    let json = json.map_err(|e| Error::internal(format!("the data of the page cannot be put as JSON ({e})")))?;
    // these occur only in strings, where they could end the element
    let json = if json.contains(['<', '\u{2028}', '\u{2029}']) {
        json.replace('<', "\\u003c")
            .replace('\u{2028}', "\\u2028")
            .replace('\u{2029}', "\\u2029")
    } else {
        json
    };
    Ok(html! { script type="application/json" id=(id) { (PreEscaped(json)) } })
}

/// A block that the reader can expand. It is always open in print.
pub fn collapsible(open: bool, summary: &str, content: &Markup) -> Markup {
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
        let introduction = html! { p { "lead" } };
        let sections = [section("one", "First"), section("two", "Second")];
        let page = page("a < \"b\"", &introduction, &sections, &PageAssets::default());
        assert!(page.starts_with("<!DOCTYPE html>"));
        assert!(page.contains("<h1>a &lt; &quot;b&quot;</h1>"));
        assert!(page.contains(r##"<a href="#two">Second</a>"##));
        assert!(page.contains(r#"<section id="two">"#));
    }

    #[test]
    fn only_the_script_of_the_page_may_run() {
        let assets = PageAssets {
            script: "alert(1)",
            ..PageAssets::default()
        };
        let with = page("x", &html! {}, &[], &assets);
        // printf 'alert(1)' | openssl dgst -sha256 -binary | base64
        assert!(with.contains("script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"));
        assert!(with.ends_with("<script>alert(1)</script></body></html>"));
        let without = page("x", &html! {}, &[], &PageAssets::default());
        assert!(!without.contains("script"));
    }

    #[test]
    fn data_cannot_leave_their_element() {
        let hostile = "</script><!-- \u{2028} & 'x' \"y\" \\";
        let element = json_element("d", &hostile).unwrap().into_string();
        let json = element
            .strip_prefix(r#"<script type="application/json" id="d">"#)
            .unwrap();
        let json = json.strip_suffix("</script>").unwrap();
        assert!(!json.contains('<') && !json.contains('\u{2028}'));
        assert_eq!(serde_json::from_str::<String>(json).unwrap(), hostile);
    }

    #[test]
    fn the_theme_fetches_nothing() {
        for word in ["url(", "@import", "http", "</"] {
            assert!(!THEME.contains(word), "{word}");
        }
    }
}
