//! What a row of ISMRMRD's table of acquisitions says of its readout.

use serde::{Deserialize, Serialize};

/// `EncodingCounters` of ISMRMRD, those used here; HDF5 matches them by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, hdf5::H5Type)]
#[repr(C)]
pub(in crate::format) struct Counters {
    pub kspace_encode_step_1: u16,
    pub kspace_encode_step_2: u16,
    pub slice: u16,
    pub contrast: u16,
    pub phase: u16,
    pub repetition: u16,
    pub set: u16,
    pub user: [u16; 8],
}

/// `AcquisitionHeader` of ISMRMRD, the fields used here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, hdf5::H5Type)]
#[repr(C)]
pub(in crate::format) struct Head {
    pub flags: u64,
    pub number_of_samples: u16,
    pub active_channels: u16,
    pub discard_pre: u16,
    pub discard_post: u16,
    pub center_sample: u16,
    pub encoding_space_ref: u16,
    pub trajectory_dimensions: u16,
    pub sample_time_us: f32,
    pub position: [f32; 3],
    pub read_dir: [f32; 3],
    pub phase_dir: [f32; 3],
    pub slice_dir: [f32; 3],
    pub idx: Counters,
}

impl Head {
    /// Whether a flag of `ISMRMRD_AcquisitionFlags` is set; they count from 1.
    pub fn is(&self, flag: u32) -> bool {
        self.flags >> (flag - 1) & 1 == 1
    }

    /// Counters of the slice of the scan that it belongs to, those that change slowest first.
    pub fn frame(&self) -> [u16; 5] {
        let idx = &self.idx;
        [idx.contrast, idx.phase, idx.repetition, idx.set, idx.slice]
    }

    /// Samples that are not to be discarded.
    pub fn usable_samples(&self) -> usize {
        let discarded = usize::from(self.discard_pre) + usize::from(self.discard_post);
        usize::from(self.number_of_samples).saturating_sub(discarded)
    }
}

/// What is known of a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::format) enum TableInfo {
    Rows {
        shape: Vec<usize>,
        /// In the file, in bytes.
        stored: u64,
        /// Whether these can be as many rows.
        sound: bool,
        /// The length of the file that it lies in.
        file: u64,
        /// How many numbers each row holds, where that can be looked up.
        lengths: Option<Vec<u32>>,
    },
    /// It is none: what its rows are, and the first field of them that is not there.
    Lacking { held: String, field: String },
}
