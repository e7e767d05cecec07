//! Which vector instructions the processor has, found out at run time, and how work is handed to
//! code that was compiled for them.

use std::fmt;
use std::str::FromStr;

/// A family of kernels. Each can be forced, so that the users of the others are tested too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernels {
    /// AVX-512 with dot products of bfloat16 and of bytes (AMD Zen 4 and later, Intel Cooper Lake
    /// and later).
    Avx512Bf16,
    /// AVX-512 in f32.
    Avx512,
    /// AVX2 with fused multiply–add, in f32.
    Avx2,
    /// Rust without intrinsics, for every other processor.
    Plain,
}

impl Kernels {
    /// All families, the fastest first.
    pub const ALL: [Kernels; 4] = [
        Kernels::Avx512Bf16,
        Kernels::Avx512,
        Kernels::Avx2,
        Kernels::Plain,
    ];

    /// Whether this processor can run them.
    pub fn supported(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c");
            let avx512 = avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            match self {
                Kernels::Avx512Bf16 => {
                    avx512
                        && is_x86_feature_detected!("avx512bf16")
                        && is_x86_feature_detected!("avx512vnni")
                }
                Kernels::Avx512 => avx512,
                Kernels::Avx2 => avx2,
                Kernels::Plain => true,
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            self == Kernels::Plain
        }
    }

    /// The families that this processor can run, the fastest first.
    pub fn available() -> Vec<Kernels> {
        Kernels::ALL
            .into_iter()
            .filter(|kernels| kernels.supported())
            .collect()
    }

    /// The fastest family that this processor can run.
    pub fn detect() -> Kernels {
        Kernels::available()[0]
    }

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Kernels::Avx512Bf16 => "avx512bf16",
            Kernels::Avx512 => "avx512",
            Kernels::Avx2 => "avx2",
            Kernels::Plain => "plain",
        }
    }
}

impl fmt::Display for Kernels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Kernels {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Kernels::ALL.into_iter().find(|k| k.name() == name);
        let kernels = found.ok_or_else(|| {
            let names = Kernels::ALL.map(Kernels::name).join(", ");
            format!("there are no kernels called {name:?}; choose one of {names}")
        })?;
        if !kernels.supported() {
            let names: Vec<_> = Kernels::available().iter().map(|k| k.name()).collect();
            return Err(format!(
                "this processor has no {name} instructions; it can run {}",
                names.join(", ")
            ));
        }
        Ok(kernels)
    }
}
