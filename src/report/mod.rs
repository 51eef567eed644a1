//! Pages for the eye: tables, plots and pictures as one self-contained HTML file.
