//! Pages for the eye: tables, plots and pictures as one self-contained HTML file.
//!
//! [`page`](self) is the skeleton and the theme that every page shares; [`bench_page`] fills it with what a bench
//! found.
//! Nothing is fetched when a page is opened, and nothing on it needs a script.

mod bench;
mod number;
mod page;
mod picture;
mod plot;
mod table;

pub use bench::bench_page;
