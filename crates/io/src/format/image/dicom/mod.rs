//! DICOM (ISO 12052, PS3.3 and PS3.10): 16-bit images, one file a slice and one series a part. With its place in the
//! patient a slice is an MR Image; without, a Secondary Capture Image, which needs none: no orientation is made up.

mod deidentify;
mod metadata;
mod scale;
mod values;

use std::io::Write;
use std::path::{Path, PathBuf};

use dicom_core::chrono::Local;
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use ndarray::{Array2, ArrayView2};
use num_complex::Complex;

use self::scale::Scale;
use self::values::{fitted, numbers, text};
use super::super::atomic_file::{AtomicFile, unwritable};
use super::super::geometry::{Placement, Plane};
use super::super::reason::Reason;
use super::orientation::first_pixel;
use super::part::Part;
use super::sink::{ImageFormat, ImageSink, Series, numbered};
use super::staging::StagedImages;
use crate::error::{Error, Result};

pub(super) const FORMAT: ImageFormat = ImageFormat {
    name: "dicom",
    title: "DICOM",
    summary: "16-bit magnitude, or parts, scaled back by RescaleSlope, one file a slice",
    citation: "ISO 12052; NEMA PS3.3, PS3.10",
    extensions: &["dcm"],
    complex: false,
    parts: true,
    files: numbered,
    create,
    kspace: None,
};

fn create(path: &Path, series: &Series) -> Result<Box<dyn ImageSink>> {
    let longest = series.grid.rows.max(series.grid.cols);
    if longest > u16::MAX.into() {
        let problem = format!("images of {} are too large for DICOM", series.grid);
        return Err(Error::data(path, problem, "write HDF5 or another format"));
    }
    let names = FORMAT.names(path, &series.parts).into_iter();
    let parts = names.map(|(part, path)| {
        Ok(PartSeries {
            part,
            names: numbered(&path, series.slices),
            staged: StagedImages::create(&path, series.slices, series.grid)?,
            path,
            largest: 0.0,
        })
    });
    Ok(Box::new(Dicom {
        series: series.clone(),
        parts: parts.collect::<Result<_>>()?,
    }))
}

/// Slices that wait until all are there: one scale serves the whole series.
struct Dicom {
    series: Series,
    parts: Vec<PartSeries>,
}

/// One part of the images.
struct PartSeries {
    part: Part,
    path: PathBuf,
    names: Vec<PathBuf>,
    staged: StagedImages,
    /// Without sign.
    largest: f32,
}

impl ImageSink for Dicom {
    fn write(&mut self, slice: usize, image: ArrayView2<Complex<f32>>) -> Result<()> {
        for part in &mut self.parts {
            let values = part.part.of(&part.path, slice, image)?;
            part.largest = values.iter().map(|value| value.abs()).fold(part.largest, f32::max);
            part.staged.write(slice, values.view())?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let uids = Uids {
            study: new_uid(),
            frame_of_reference: new_uid(),
        };
        let mut files = Vec::new();
        for (index, part) in self.parts.iter_mut().enumerate() {
            let common = Common::new(&self.series, &uids, index, Scale::of(part.part, part.largest.into()));
            for (slice, name) in part.names.iter().enumerate() {
                let bytes = common.encode(slice, &part.staged.read(slice)?);
                let bytes = bytes.map_err(|why| unwritable(name, why))?;
                let mut file = AtomicFile::create(name)?;
                file.write_all(&bytes).map_err(|e| unwritable(name, e))?;
                file.close()?;
                files.push(file);
            }
        }
        AtomicFile::commit_all(files)
    }
}

/// What the series of all parts share.
struct Uids {
    study: String,
    frame_of_reference: String,
}

/// What the slices of a series share.
struct Common<'a> {
    series: &'a Series,
    uids: &'a Uids,
    /// Number of its part among those that are written.
    index: usize,
    scale: Scale,
    voxel: Option<[f64; 3]>,
    class: &'static str,
    shared: InMemDicomObject,
}

impl<'a> Common<'a> {
    fn new(series: &'a Series, uids: &'a Uids, index: usize, scale: Scale) -> Self {
        let voxel = series.geometry.voxel_mm;
        let placed = voxel.is_some() && !series.geometry.placements.is_empty();
        let class = if placed {
            uids::MR_IMAGE_STORAGE
        } else {
            uids::SECONDARY_CAPTURE_IMAGE_STORAGE
        };
        let mut common = Self {
            series,
            uids,
            index,
            scale,
            voxel,
            class,
            shared: InMemDicomObject::new_empty(),
        };
        common.shared = common.shared();
        common
    }

    /// The file of one slice.
    fn encode(&self, slice: usize, image: &Array2<f32>) -> std::result::Result<Vec<u8>, Reason> {
        let mut object = self.shared.clone();
        let instance = new_uid();
        text(&mut object, tags::SOP_INSTANCE_UID, VR::UI, &instance);
        text(&mut object, tags::INSTANCE_NUMBER, VR::IS, &(slice + 1).to_string());
        let name = self.series.geometry.names.get(slice);
        if let Some(name) = name.and_then(|name| fitted(VR::LT, name)) {
            text(&mut object, tags::IMAGE_COMMENTS, VR::LT, &name);
        }
        if let (Some(voxel), Some(placement)) = (self.voxel, self.series.geometry.placements.get(slice)) {
            self.place(&mut object, placement, voxel);
        }
        let pixels: Vec<u16> = image.iter().map(|&value| self.scale.stored(value)).collect();
        let pixels = PrimitiveValue::U16(pixels.into());
        object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, pixels));
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
            .media_storage_sop_class_uid(self.class)
            .media_storage_sop_instance_uid(instance);
        let file = object.with_meta(meta).map_err(Reason::of)?;
        let mut bytes = Vec::new();
        file.write_all(&mut bytes).map_err(Reason::of)?;
        Ok(bytes)
    }

    /// Image Plane Module: rows of the image run along its columns' index.
    fn place(&self, object: &mut InMemDicomObject, placement: &Placement, voxel: [f64; 3]) {
        let position = first_pixel(placement, self.series, voxel);
        let along = placement.cols.into_iter().chain(placement.rows);
        numbers(object, tags::IMAGE_POSITION_PATIENT, position);
        numbers(object, tags::IMAGE_ORIENTATION_PATIENT, along);
    }

    /// The part that the series was asked for.
    fn part(&self) -> Option<Part> {
        self.series.parts.get(self.index).copied()
    }

    fn shared(&self) -> InMemDicomObject {
        let mut object = InMemDicomObject::new_empty();
        self.study(&mut object);
        self.image(&mut object);
        if self.class == uids::MR_IMAGE_STORAGE {
            self.acquisition(&mut object);
        } else {
            text(&mut object, tags::CONVERSION_TYPE, VR::CS, "WSD");
        }
        if let Some(header) = &self.series.header {
            metadata::put(&mut object, header, self.class, self.index);
        }
        if self.series.anonymized {
            deidentify::apply(&mut object);
        }
        object
    }

    /// Patient, General Study, General Series, General Equipment and SOP Common Modules.
    fn study(&self, object: &mut InMemDicomObject) {
        let now = Local::now();
        let (date, time) = (now.format("%Y%m%d").to_string(), now.format("%H%M%S").to_string());
        let version = env!("CARGO_PKG_VERSION");
        // a converted file may call its method anything
        let part = self.part().map_or(String::new(), |part| format!(" {}", part.name()));
        let series = fitted(VR::LO, &format!("pvdamp{part} {}", self.series.method)).unwrap_or_default();
        for (tag, vr, value) in [
            (tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192"),
            (tags::SOP_CLASS_UID, VR::UI, self.class),
            (tags::INSTANCE_CREATION_DATE, VR::DA, &date),
            (tags::INSTANCE_CREATION_TIME, VR::TM, &time),
            (tags::CONTENT_DATE, VR::DA, &date),
            (tags::CONTENT_TIME, VR::TM, &time),
            (tags::SERIES_DATE, VR::DA, &date),
            (tags::SERIES_TIME, VR::TM, &time),
            (tags::PATIENT_NAME, VR::PN, "Anonymous"),
            (tags::PATIENT_ID, VR::LO, "anonymous"),
            (tags::PATIENT_BIRTH_DATE, VR::DA, ""),
            (tags::PATIENT_SEX, VR::CS, ""),
            (tags::STUDY_INSTANCE_UID, VR::UI, &self.uids.study),
            (tags::STUDY_DATE, VR::DA, ""),
            (tags::STUDY_TIME, VR::TM, ""),
            (tags::REFERRING_PHYSICIAN_NAME, VR::PN, ""),
            (tags::STUDY_ID, VR::SH, ""),
            (tags::ACCESSION_NUMBER, VR::SH, ""),
            (tags::SERIES_INSTANCE_UID, VR::UI, &new_uid()),
            (tags::SERIES_NUMBER, VR::IS, &(1 + self.index).to_string()),
            (tags::SERIES_DESCRIPTION, VR::LO, &series),
            (tags::MODALITY, VR::CS, "MR"),
            (tags::MANUFACTURER, VR::LO, ""),
            (tags::SOFTWARE_VERSIONS, VR::LO, &format!("pvdamp {version}")),
        ] {
            text(object, tag, vr, value);
        }
    }

    /// General Image, Image Pixel, Modality LUT and VOI LUT Modules.
    fn image(&self, object: &mut InMemDicomObject) {
        let grid = self.series.grid;
        let description = fitted(VR::ST, &self.series.description).unwrap_or_default();
        for (tag, value) in [
            (tags::SAMPLES_PER_PIXEL, 1),
            (tags::ROWS, grid.rows as u16),
            (tags::COLUMNS, grid.cols as u16),
            (tags::BITS_ALLOCATED, 16),
            (tags::BITS_STORED, 16),
            (tags::HIGH_BIT, 15),
            (tags::PIXEL_REPRESENTATION, 0),
        ] {
            object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
        }
        // as scanners name the parts
        let kind = match self.part() {
            None => "OTHER",
            Some(Part::Magnitude) => "M",
            Some(Part::Phase) => "P",
            Some(Part::Real) => "R",
            Some(Part::Imaginary) => "I",
        };
        let units = if self.part() == Some(Part::Phase) { "rad" } else { "US" };
        for (tag, vr, value) in [
            (tags::IMAGE_TYPE, VR::CS, &*format!("DERIVED\\PRIMARY\\{kind}")),
            (tags::DERIVATION_DESCRIPTION, VR::ST, &description),
            (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
            (tags::BURNED_IN_ANNOTATION, VR::CS, "NO"),
            (tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00"),
            (tags::PATIENT_ORIENTATION, VR::CS, ""),
            (tags::RESCALE_TYPE, VR::LO, units),
            // a width below 1, as of images in small units, is allowed by this function alone
            (tags::VOILUT_FUNCTION, VR::CS, "LINEAR_EXACT"),
        ] {
            text(object, tag, vr, value);
        }
        let (low, high) = self.scale.window();
        numbers(object, tags::RESCALE_INTERCEPT, [self.scale.intercept()]);
        numbers(object, tags::RESCALE_SLOPE, [self.scale.slope]);
        numbers(object, tags::WINDOW_CENTER, [(low + high) / 2.0]);
        numbers(object, tags::WINDOW_WIDTH, [high - low]);
        if let Some([rows, cols, _]) = self.voxel {
            numbers(object, tags::PIXEL_SPACING, [rows, cols]);
        }
    }

    /// MR Image and Frame of Reference Modules.
    fn acquisition(&self, object: &mut InMemDicomObject) {
        let dimensions = match self.series.geometry.plane {
            Plane::Xy => "2D",
            Plane::Yz => "3D",
        };
        for (tag, vr, value) in [
            (tags::SCANNING_SEQUENCE, VR::CS, "RM"),
            (tags::SEQUENCE_VARIANT, VR::CS, "NONE"),
            (tags::SCAN_OPTIONS, VR::CS, ""),
            (tags::MR_ACQUISITION_TYPE, VR::CS, dimensions),
            (tags::REPETITION_TIME, VR::DS, ""),
            (tags::ECHO_TIME, VR::DS, ""),
            (tags::ECHO_TRAIN_LENGTH, VR::IS, ""),
            (tags::PATIENT_POSITION, VR::CS, ""),
            (tags::FRAME_OF_REFERENCE_UID, VR::UI, &self.uids.frame_of_reference),
            (tags::POSITION_REFERENCE_INDICATOR, VR::LO, ""),
        ] {
            text(object, tag, vr, value);
        }
        if let Some([.., thickness]) = self.voxel {
            numbers(object, tags::SLICE_THICKNESS, [thickness]);
        }
    }
}

/// Under the root for UUIDs, which nobody has to be asked for (PS3.5, B.2).
fn new_uid() -> String {
    format!("2.25.{}", uuid::Uuid::new_v4().as_u128())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_digits_and_dots() {
        let (a, b) = (new_uid(), new_uid());
        assert_ne!(a, b);
        assert!(a.len() <= 64 && a.chars().all(|c| c.is_ascii_digit() || c == '.'));
    }
}
